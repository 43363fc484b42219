//! What the doors count, by listener. The names stand here once.

use crate::types::Name;
use metrics::{Counter, Gauge, Histogram};

/// One listener's counters; those with another label are looked up when they are needed, which is
/// once a connection at most.
#[derive(Clone)]
pub(super) struct Meters {
    listener: Name,
    pub(super) open: Gauge,
    pub(super) handshakes: Counter,
    pub(super) handshake_seconds: Histogram,
}

impl Meters {
    pub(super) fn new(listener: &Name) -> Self {
        let name = listener.to_string();
        Self {
            listener: listener.clone(),
            open: metrics::gauge!("hubgate_connections_open", "listener" => name.clone()),
            handshakes: metrics::counter!("hubgate_tls_handshakes_total", "listener" => name.clone()),
            handshake_seconds: metrics::histogram!(
                "hubgate_tls_handshake_seconds", "listener" => name
            ),
        }
    }

    pub(super) fn handshake_failed(&self, reason: &'static str) {
        metrics::counter!(
            "hubgate_tls_handshake_failures_total",
            "listener" => self.listener.to_string(),
            "reason" => reason,
        )
        .increment(1);
    }
}

pub(super) fn dropped(listener: &Name, reason: &'static str) {
    metrics::counter!(
        "hubgate_connections_dropped_total",
        "listener" => listener.to_string(),
        "reason" => reason,
    )
    .increment(1);
}

/// A connection's task ended by a panic; the connection is gone, and nothing else is.
pub(super) fn panicked() {
    metrics::counter!("hubgate_task_panics_total", "task" => "connection").increment(1);
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meters").field(&self.listener).finish()
    }
}
