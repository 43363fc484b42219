//! The way to an authority: HTTPS with every bound that it needs, and what it says of when to come
//! again, which the library that speaks the protocol does not pass on, and adds to its clock
//! without a look at how much it is.

use super::schedule::{LONGEST_ASKED, QUESTIONS_APART};
use crate::types::with_causes;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls_pki_types::CertificateDer;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// From the connection to the last byte of an answer.
const LONGEST: Duration = Duration::from_secs(20);
/// Chains are a few KiB, directories less.
const LARGEST: usize = 1 << 20;

/// A client for one order.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    told: Arc<Told>,
}

/// What the last answer was.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Last>);

#[derive(Debug, Default, Clone, Copy)]
struct Last {
    /// None where there was no answer.
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
}

impl Told {
    fn last(&self) -> Last {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, last: Last) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// For how long the last answer asked not to come again, where it was an error.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.last().retry_after.filter(|_| self.refused())
    }

    /// Whether the last answer was an error.
    pub(super) fn refused(&self) -> bool {
        let failed = |status: StatusCode| status.is_client_error() || status.is_server_error();
        self.last().status.is_some_and(failed)
    }

    /// Whether the authority is there, and takes requests, whatever it said of the last one.
    pub(super) fn takes_requests(&self) -> bool {
        let busy = |status: StatusCode| {
            status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
        };
        self.last().status.is_some_and(|status| !busy(status))
    }
}

impl Client {
    /// Trusts `roots`, or the system's authorities; goes through the proxy that `HTTPS_PROXY`
    /// names, where it does.
    pub(super) fn new(roots: Option<&[CertificateDer<'static>]>) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .timeout(LONGEST);
        if let Some(roots) = roots {
            let roots = roots
                .iter()
                .map(|root| reqwest::Certificate::from_der(root));
            let roots: Result<Vec<_>, _> = roots.collect();
            builder = builder.tls_certs_only(roots.map_err(|fault| with_causes(&fault))?);
        }
        let http = builder.build();
        Ok(Self {
            http: http.map_err(|fault| {
                format!("cannot set up an HTTPS client: {}", with_causes(&fault))
            })?,
            told: Arc::default(),
        })
    }

    pub(super) fn told(&self) -> Arc<Told> {
        Arc::clone(&self.told)
    }

    async fn exchange(
        self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Result<BytesResponse, Error> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string();
        let unanswered = |fault: reqwest::Error| {
            other(format!(
                "cannot reach `{url}`: {}",
                with_causes(&fault.without_url())
            ))
        };
        // It holds the bytes already and cannot fail.
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let mut headers = head.headers;
        // The library says who it is; we do.
        headers.remove(http::header::USER_AGENT);
        let asks = head.method == Method::GET;
        self.told.is(Last::default());
        let request = self
            .http
            .request(head.method, &url)
            .headers(headers)
            .body(body);
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let asked = retry_after(response.headers());
        self.told.is(Last {
            status: Some(status),
            retry_after: asked,
        });
        let mut answer = http::Response::new(());
        *answer.status_mut() = status;
        *answer.headers_mut() = response.headers().clone();
        // Renewal information is nothing to the library without it.
        let asked = asked.or_else(|| asks.then_some(QUESTIONS_APART));
        set_retry_after(answer.headers_mut(), asked);
        let (head, ()) = answer.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unanswered)? {
            if bytes.len() + piece.len() > LARGEST {
                return Err(other(format!("the answer of `{url}` is larger than 1 MiB")));
            }
            bytes.extend_from_slice(&piece);
        }
        // Whatever stands in between, such as a proxy, does not speak the protocol.
        if !status.is_success() && serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
            return Err(other(format!("`{url}` answers {status}")));
        }
        Ok(BytesResponse {
            parts: head,
            body: Box::new(Bytes::from(bytes)),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().exchange(request))
    }
}

fn other(what: String) -> Error {
    Error::Other(what.into())
}

/// What the library is told, which adds it to its clock.
fn set_retry_after(headers: &mut HeaderMap, asked: Option<Duration>) {
    headers.remove(RETRY_AFTER);
    if let Some(asked) = asked {
        let seconds = asked.min(LONGEST_ASKED).as_secs();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// `Retry-After` in seconds or as an HTTP date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    until.duration_since(jiff::Timestamp::now()).try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn the_pause_that_is_asked_for_is_in_seconds_or_until_a_date() {
        let asked = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let left = asked(&date).unwrap();
        assert!(
            left > Duration::from_secs(7100) && left <= Duration::from_secs(7200),
            "{left:?}"
        );
        for none in ["", "soon", "-5", "Fri, 31 Dec 1999 23:59:59 GMT"] {
            assert_eq!(asked(none), None, "{none}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn the_library_is_told_no_pause_that_its_clock_cannot_hold() {
        let told = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            let mut headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
            let asked = retry_after(&headers);
            set_retry_after(&mut headers, asked);
            Some(headers.get(RETRY_AFTER)?.to_str().unwrap().to_owned())
        };
        assert_eq!(told("120").unwrap(), "120");
        let week = LONGEST_ASKED.as_secs().to_string();
        assert_eq!(told(&u64::MAX.to_string()).unwrap(), week);
        assert_eq!(told("soon"), None);
    }

    #[test]
    fn what_the_last_answer_was_says_whether_another_may_come() {
        let told = Told::default();
        let pause = Some(Duration::from_secs(9));
        assert!(!told.takes_requests());
        for (status, takes, asked) in [
            (StatusCode::OK, true, None),
            (StatusCode::CONFLICT, true, pause),
            (StatusCode::TOO_MANY_REQUESTS, false, pause),
            (StatusCode::SERVICE_UNAVAILABLE, false, pause),
        ] {
            told.is(Last {
                status: Some(status),
                retry_after: pause,
            });
            assert_eq!(told.takes_requests(), takes, "{status}");
            assert_eq!(told.retry_after(), asked, "{status}");
            assert_eq!(told.refused(), asked.is_some(), "{status}");
        }
    }
}
