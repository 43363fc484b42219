//! What is done when somebody asks for a change, and how it is recorded.

use super::Parts;
use super::failure::Refusal;
use super::guard::Door;
use crate::telemetry::audit::{Control, Record};
use std::future::Future;

/// The way a request came, as the audit trail names it.
pub(super) const fn by(door: Door) -> &'static str {
    match door {
        Door::Socket => "admin_socket",
        Door::Tcp { .. } => "admin_api",
    }
}

/// Runs what changes something to its end, whether the one who asked stays or not.
pub(super) async fn to_its_end<T, F>(parts: &Parts, work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (done, ended) = tokio::sync::oneshot::channel();
    parts.tasks.spawn("admin-action", async move {
        // The one who asked may be gone.
        let _unheard = done.send(work.await);
    });
    ended.await.ok().ok_or(Refusal::CutShort)
}

/// Records what a person did.
pub(super) async fn record(parts: &Parts, action: &'static str, door: Door, outcome: String) {
    let control = Control {
        time: parts.clock.now(),
        action,
        by: by(door),
        outcome,
    };
    parts.audit.record(Record::Control(control)).await;
}
