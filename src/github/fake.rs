//! A GitHub of a few lines, for the tests of this room and of those above: it answers what a test
//! says, and tells what it was asked.

use super::{Product, Site};
use crate::telemetry::Tasks;
use crate::types::{Clock, Timestamp};
use axum::body::Body;
use axum::response::Response;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where clocks begin.
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// A clock that a test turns.
#[derive(Debug)]
pub(crate) struct Turned(AtomicI64);

impl Turned {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW)))
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.0
            .fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `GET /api/v3/app`
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The claims of the JWT that it carries.
    pub(crate) fn claims(&self) -> serde_json::Value {
        use base64::Engine as _;
        let jwt = self
            .header("authorization")
            .strip_prefix("Bearer ")
            .unwrap();
        let claims = jwt.split('.').nth(1).unwrap();
        let claims = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(claims);
        serde_json::from_slice(&claims.unwrap()).unwrap()
    }
}

/// A running one.
pub(crate) struct Fake {
    pub(crate) address: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    tasks: Tasks,
}

impl Fake {
    pub(crate) async fn answering(
        answer: impl Fn(&Seen) -> Response + Send + Sync + 'static,
    ) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, seen) = (Tasks::new(), Arc::new(Mutex::new(Vec::new())));
        let (answer, heard) = (Arc::new(answer), Arc::clone(&seen));
        let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let seen = Seen {
                    line: format!("{} {}", head.method, head.uri),
                    headers: head.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let reply = answer(&seen);
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(seen);
                reply
            }
        });
        let stop = tasks.stopping();
        tasks.spawn("fake", async move {
            let server = axum::serve(listener, router);
            server
                .with_graceful_shutdown(async move { stop.cancelled().await })
                .await
                .unwrap();
        });
        Self {
            address,
            seen,
            tasks,
        }
    }

    /// What it was asked, oldest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// The first lines of what it was asked.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn site(&self) -> Arc<Site> {
        Arc::new(Site {
            name: "ghes".parse().unwrap(),
            product: Product::Server,
            web: format!("http://{}/", self.address).parse().unwrap(),
            ca: None,
            via: None,
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

/// An answer.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    if !headers.iter().any(|(name, _)| *name == "date") {
        response = response.header("date", date(0));
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

/// `Date` so many seconds after where clocks begin.
pub(crate) fn date(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(NOW + seconds * 1000).unwrap();
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&moment).unwrap()
}
