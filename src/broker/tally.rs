//! What each caller has asked, for those who watch the gateway. Counted since the process began, by
//! the caller's name, whatever a reload changes.

use crate::types::{Name, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One caller's.
#[derive(Debug, Default)]
pub struct Tally {
    /// In milliseconds; 0: never.
    last: AtomicI64,
    requests: AtomicU64,
    limited: AtomicU64,
    tokens: AtomicU64,
}

/// What a tally says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// When it asked last.
    pub last: Option<Timestamp>,
    /// How often it was known, refused requests included.
    pub requests: u64,
    /// How often it asked more than its rate.
    pub limited: u64,
    /// How many tokens were handed to it.
    pub tokens: u64,
}

impl Tally {
    /// It asked.
    pub fn asked(&self, now: Timestamp) {
        self.last.fetch_max(now.as_millis(), Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// It asked more often than it may.
    pub fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    /// It was handed a token.
    pub fn handed(&self) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let last = self.last.load(Ordering::Relaxed);
        Counts {
            last: (last != 0).then(|| Timestamp::from_millis(last)),
            requests: self.requests.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }
}

/// Everybody's. Callers that no configuration in force has are forgotten.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<Name, Weak<Tally>>>);

impl Tallies {
    /// Those of these callers, in this order.
    pub fn of<'a>(&self, names: impl IntoIterator<Item = &'a Name>) -> Vec<Arc<Tally>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, tally| tally.strong_count() > 0);
        let mut all = Vec::new();
        for name in names {
            let tally = known.get(name).and_then(Weak::upgrade).unwrap_or_default();
            known.insert(name.clone(), Arc::downgrade(&tally));
            all.push(tally);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_counts_go_on_as_long_as_a_configuration_has_it() {
        let names = ["a", "b"].map(|name| name.parse::<Name>().unwrap());
        let tallies = Tallies::default();
        let first = tallies.of(&names);
        assert_eq!(first[0].counts().last, None);
        first[0].asked(Timestamp::from_millis(5));
        first[0].asked(Timestamp::from_millis(4));
        first[0].limited();
        first[0].handed();
        let second = tallies.of(&names[..1]);
        drop(first);
        let counts = Counts {
            last: Some(Timestamp::from_millis(5)),
            requests: 2,
            limited: 1,
            tokens: 1,
        };
        assert_eq!(second[0].counts(), counts);
        drop(second);
        assert_eq!(tallies.of(&names)[0].counts().requests, 0);
    }
}
