//! What is known of an installation's repositories, and the token that they are looked up with.

use crate::github::Listed;
use crate::types::{Secret, Timestamp};
use moka::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is known of one installation's repositories.
#[derive(Debug)]
pub(super) struct Lookout {
    pub(super) token: tokio::sync::Mutex<Option<Held>>,
    list: Mutex<Option<(Arc<[Listed]>, Timestamp)>>,
    pub(super) numbers: Cache<u64, (Option<Listed>, Timestamp)>,
    /// One lists at a time; the others have what it found.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) token: Secret,
    pub(super) minted: Timestamp,
    pub(super) expires: Timestamp,
}

impl Default for Lookout {
    fn default() -> Self {
        Self {
            token: tokio::sync::Mutex::default(),
            list: Mutex::default(),
            numbers: Cache::new(MOST_NUMBERS),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl Lookout {
    pub(super) fn list(&self, now: Timestamp, most: Duration) -> Option<Arc<[Listed]>> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (list, since) = list.as_ref()?;
        (now.since(*since) < most).then(|| Arc::clone(list))
    }

    /// Forgets which repositories there are. The token stays: it is still to be revoked.
    pub(super) fn forget(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.numbers.invalidate_all();
    }

    pub(super) fn keep(&self, list: &Arc<[Listed]>, now: Timestamp) {
        let mut kept = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Arc::clone(list), now));
    }
}

const MOST_NUMBERS: u64 = 10_000;
