//! The newest deliveries in memory, so that a courier that keeps up need not read back what was
//! just written. Bounded in bytes; whatever is not here is read from disk.

use crate::spool::Intake;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of bodies kept. Couriers that keep up need far less.
const BYTES: usize = 8 << 20;
/// Bodies above this are not kept: reading one back costs little beside sending it.
const LARGEST: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: BTreeMap<i64, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    intake: Arc<Intake>,
    /// How many targets do not have it yet.
    open: usize,
}

impl Fresh {
    /// Keeps what was just stored, and lets the oldest go.
    pub(super) fn keep(&self, stored: Vec<(i64, Arc<Intake>)>) {
        let mut kept = self.lock();
        for (id, intake) in stored {
            let (bytes, open) = (weight(&intake), intake.targets.len());
            if bytes <= LARGEST && open > 0 {
                kept.bytes += bytes;
                kept.by_id.insert(id, Entry { intake, open });
            }
        }
        while kept.bytes > BYTES {
            let Some((_, entry)) = kept.by_id.pop_first() else {
                break;
            };
            kept.bytes -= weight(&entry.intake);
        }
    }

    /// The delivery, if it is still here.
    pub(super) fn find(&self, id: i64) -> Option<Arc<Intake>> {
        self.lock().by_id.get(&id).map(|entry| entry.intake.clone())
    }

    /// One more target is through with each of these.
    pub(super) fn done(&self, ids: &[i64]) {
        let mut kept = self.lock();
        for id in ids {
            let Some(entry) = kept.by_id.get_mut(id) else {
                continue;
            };
            entry.open = entry.open.saturating_sub(1);
            if entry.open == 0
                && let Some(entry) = kept.by_id.remove(id)
            {
                kept.bytes -= weight(&entry.intake);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(intake: &Intake) -> usize {
    intake.body.len() + 1024
}
