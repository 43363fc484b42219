//! What is known of the connection that a request came by, for whoever serves the request.

use crate::types::{ClientAddr, Name};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

tokio::task_local! {
    static CONNECTION: Arc<Connection>;
}

/// What is known of a connection.
#[derive(Debug)]
pub struct Connection {
    /// The listener it came by.
    pub listener: Name,
    /// Who came: the client, not the load balancer in between.
    pub client: ClientAddr,
    /// Our end of it.
    pub local: Option<SocketAddr>,
    /// The version of TLS, such as `TLSv1.3`; none on a plain listener.
    pub tls: Option<&'static str>,
    /// The host that the client asked for in its handshake.
    pub sni: Option<Box<str>>,
    /// The URI and DNS names of the client's certificate, which the listener's authorities issued;
    /// none where it showed none.
    pub names: Box<[Box<str>]>,
    /// Whether it speaks HTTP/2.
    pub h2: bool,
    pub(super) requests: AtomicU64,
    pub(super) together: AtomicU8,
    pub(super) shutdown: pingora::server::ShutdownWatch,
}

impl Connection {
    /// How many requests came by it, this one included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether it ends with the answer that is given now, because the gateway stops: say
    /// `Connection: close` then.
    #[must_use]
    pub fn closing(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// Has what is written next leave with what is written after it: a head with the first of its
    /// body, the last of a body with its end. Only for what is followed by something at once. Over
    /// HTTP/2 it does nothing.
    pub fn together(&self) {
        self.together.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work` as part of a request on this connection.
    pub(super) async fn serve<W: Future>(self: Arc<Self>, work: W) -> W::Output {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.together.store(0, Ordering::Relaxed);
        CONNECTION.scope(self, work).await
    }
}

/// Whether what was written waits for what is written next: once for each
/// [`Connection::together`], so that nothing waits for ever.
pub(super) fn waits() -> bool {
    CONNECTION
        .try_with(|connection| {
            let left = connection.together.load(Ordering::Relaxed);
            connection
                .together
                .store(left.saturating_sub(1), Ordering::Relaxed);
            left > 0
        })
        .unwrap_or_default()
}

/// The connection that the request served by this task came by; `None` elsewhere.
#[must_use]
pub fn connection() -> Option<Arc<Connection>> {
    CONNECTION.try_with(Arc::clone).ok()
}
