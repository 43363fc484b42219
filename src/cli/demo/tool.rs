//! The sample internal tool: takes whatever is posted to it, answers 200, and tells.

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// A payload as the tool got it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    headers: HeaderMap,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Debug)]
pub(super) struct Tool {
    pub(super) address: SocketAddr,
    got: mpsc::Receiver<Got>,
}

impl Tool {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .context("cannot listen on 127.0.0.1")?;
        let address = socket.local_addr()?;
        let (tell, got) = mpsc::channel(64);
        let app = axum::Router::new().fallback(take).with_state(tell);
        let serve = async move {
            if let Err(fault) = axum::serve(socket, app).await {
                tracing::error!("the sample tool stopped: {fault}");
            }
        };
        crate::telemetry::Tasks::new().spawn("sample-tool", serve);
        Ok(Self { address, got })
    }

    /// The next payload.
    pub(super) async fn next(&mut self) -> Option<Got> {
        self.got.recv().await
    }
}

async fn take(State(tell): State<mpsc::Sender<Got>>, head: Parts, body: Bytes) -> &'static str {
    let got = Got {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        body: body.to_vec(),
        headers: head.headers,
    };
    // Nobody reads on after the first: a full queue only means that it is not shown.
    if tell.try_send(got).is_err() {
        tracing::debug!("a payload was not shown");
    }
    "thank you\n"
}
