//! What a courier keeps in mind between one round and the next.

use crate::types::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Pause after the spool did not answer; while it takes no settlements, the first one.
pub(super) const AFTER_FAULT: Duration = Duration::from_secs(1);

/// What the spool refused last, each told once when it begins and once when it is over.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    pub(super) claim: Mutex<Option<Arc<str>>>,
    pub(super) settle: Mutex<Option<Arc<str>>>,
    pub(super) look: Mutex<Option<Arc<str>>>,
}

/// What a courier keeps in mind from one round to the next.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Since when it waits for more slots to come free.
    pub(super) gathering: Option<Instant>,
    /// How long it waited, and until when, before it asks the spool again to take settlements.
    pub(super) settling: Option<(Duration, Timestamp)>,
}
