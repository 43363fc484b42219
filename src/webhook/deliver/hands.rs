//! What a courier has in hand: claimed from the spool, its end not recorded there yet.
//!
//! It outlives the courier's panics, so that the one who takes over gives back what nobody carries
//! any more, and it keeps what the spool had no room to record.

use crate::spool::{Claimed, Settlement};
use crate::types::{DeliveryId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The deliveries in a courier's hands; never more than its target's `concurrency`, since nothing
/// is claimed while an end waits to be recorded.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<BTreeMap<DeliveryId, Held>>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
    /// When its target first failed on it, where it has.
    pub(super) failing_since: Option<Timestamp>,
    /// How the attempt ended, where it has and the spool did not take that.
    end: Option<Settlement>,
}

impl Hands {
    /// Takes what was claimed.
    pub(super) fn take(&self, claimed: &[Claimed]) {
        self.held().extend(claimed.iter().map(|delivery| {
            let held = Held {
                attempt: delivery.attempt,
                failing_since: delivery.failing_since,
                end: None,
            };
            (delivery.id, held)
        }));
    }

    /// Keeps the end of an attempt until the spool takes it.
    pub(super) fn keep(&self, end: Settlement) {
        if let Some(held) = self.held().get_mut(&end.id) {
            held.end = Some(end);
        }
    }

    /// Lets go of one whose end is recorded.
    pub(super) fn let_go(&self, id: DeliveryId) {
        self.held().remove(&id);
    }

    /// The ends that the spool has not taken.
    pub(super) fn ends(&self) -> Vec<Settlement> {
        let held = self.held();
        held.values().filter_map(|held| held.end.clone()).collect()
    }

    /// Those whose attempts have no end.
    pub(super) fn open(&self) -> Vec<(DeliveryId, Held)> {
        let held = self.held();
        held.iter()
            .filter(|(_, held)| held.end.is_none())
            .map(|(id, held)| (*id, held.clone()))
            .collect()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<DeliveryId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
