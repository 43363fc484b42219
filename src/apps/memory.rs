//! What is known of an App beyond a reload: which key works, how GitHub's clock goes, where it is
//! installed. Asks nobody.

use super::key::Fingerprint;
use super::lookout::Lookout;
use super::refusal::Refusal;
use crate::github::{Installation, Registration};
use crate::types::{InstallationId, Owner, Timestamp};
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Where an App stands with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is installed.
    Installed(Arc<Installation>),
    /// It is installed and suspended.
    Suspended(Arc<Installation>),
    /// It was installed, and is no more.
    Removed(Arc<Installation>),
    /// It is not installed.
    Absent,
}

impl Standing {
    /// The installation that tokens can be had of.
    #[must_use]
    pub fn installed(&self) -> Option<InstallationId> {
        match self {
            Self::Installed(installation) => Some(installation.id),
            Self::Suspended(_) | Self::Removed(_) | Self::Absent => None,
        }
    }

    /// The installation that is there, suspended or not.
    #[must_use]
    pub fn any_installation(&self) -> Option<InstallationId> {
        match self {
            Self::Installed(known) | Self::Suspended(known) => Some(known.id),
            Self::Removed(_) | Self::Absent => None,
        }
    }

    /// Whether it is about the installation with this number.
    pub(super) fn is_of(&self, id: u64) -> bool {
        match self {
            Self::Installed(known) | Self::Suspended(known) | Self::Removed(known) => {
                known.id.0 == id
            }
            Self::Absent => false,
        }
    }

    pub(super) fn of(installation: Installation) -> Self {
        if installation.suspended.is_some() {
            Self::Suspended(Arc::new(installation))
        } else {
            Self::Installed(Arc::new(installation))
        }
    }
}

/// How the App itself is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// GitHub has not been asked yet.
    #[default]
    Unasked,
    /// It works.
    Well,
    /// GitHub takes none of its keys: they were deleted, or it is another App's number.
    KeyRefused,
    /// GitHub has no such App: it was deleted, or the number is wrong.
    Gone,
    /// GitHub could not be asked the last time, in words.
    Away(String),
}

/// What GitHub says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) accepted: bool,
    pub(super) at: Timestamp,
}

/// One asks GitHub about an account at a time; here is what it last failed at.
pub(super) type Door = tokio::sync::Mutex<Option<(Refusal, Timestamp)>>;

#[derive(Debug)]
pub(super) struct Memory {
    /// What GitHub's clock is ahead of ours, in milliseconds.
    skew: AtomicI64,
    /// Until when GitHub wants to be left alone, in milliseconds.
    limited: AtomicI64,
    /// Limits in a row of which GitHub did not say how long they last.
    unexplained: AtomicU32,
    owners: Cache<Owner, (Standing, Timestamp)>,
    doors: Cache<Owner, Arc<Door>>,
    pub(super) lookouts: Cache<Owner, Arc<Lookout>>,
    facts: Mutex<Facts>,
    /// Goes up when something about an installation changed.
    pub(super) changes: watch::Sender<u64>,
    /// Somebody should look again soon.
    pub(super) stale: Notify,
    /// Whoever recovers deliveries.
    pub(super) recovering: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The key that works.
    pub(super) active: Option<Fingerprint>,
    pub(super) verdicts: BTreeMap<Fingerprint, Verdict>,
    pub(super) registration: Option<Arc<Registration>>,
    pub(super) condition: Condition,
    /// When GitHub last said all of it.
    pub(super) reconciled: Option<Timestamp>,
    /// What was known of accounts that are asked about anew, until that is done.
    doubted: BTreeMap<Owner, Standing>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            skew: AtomicI64::new(0),
            limited: AtomicI64::new(0),
            unexplained: AtomicU32::new(0),
            owners: Cache::new(MOST_OWNERS),
            doors: Cache::new(MOST_OWNERS),
            lookouts: Cache::new(MOST_OWNERS),
            facts: Mutex::default(),
            changes: watch::Sender::new(0),
            stale: Notify::new(),
            recovering: tokio::sync::Mutex::default(),
        }
    }
}

impl Memory {
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is known of any other key.
    pub(super) fn keep_keys(&self, keys: &[Fingerprint]) {
        let mut facts = self.facts();
        facts.verdicts.retain(|key, _| keys.contains(key));
        facts.active = facts.active.filter(|active| keys.contains(active));
    }

    /// GitHub's time, as far as it is known.
    pub(super) fn githubs(&self, now: Timestamp) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_millis(now.as_millis().saturating_add(skew))
    }

    pub(super) fn set_clock(&self, githubs: Timestamp, now: Timestamp) {
        let skew = githubs.as_millis().saturating_sub(now.as_millis());
        self.skew.store(skew, Ordering::Relaxed);
    }

    /// How long GitHub still wants to be left alone.
    pub(super) fn limited(&self, now: Timestamp) -> Option<Duration> {
        let until = Timestamp::from_millis(self.limited.load(Ordering::Relaxed));
        Some(until.since(now)).filter(|left| !left.is_zero())
    }

    /// Notes a limit and says how long it is taken to last: a pause that GitHub did not name
    /// grows as long as it does not help.
    pub(super) fn limit(&self, pause: Duration, told: bool, now: Timestamp) -> Duration {
        let pause = if told {
            pause
        } else {
            let before = self.unexplained.fetch_add(1, Ordering::Relaxed);
            let times = 1_u32.checked_shl(before.min(16)).unwrap_or(u32::MAX);
            pause.saturating_mul(times).min(LONGEST_PAUSE)
        };
        let until = now.after(pause).as_millis();
        self.limited.fetch_max(until, Ordering::Relaxed);
        pause
    }

    pub(super) fn unlimit(&self) {
        self.unexplained.store(0, Ordering::Relaxed);
    }

    /// What is known of an account, and since when.
    pub(super) fn standing(&self, owner: &Owner) -> Option<(Standing, Timestamp)> {
        self.owners.get(owner)
    }

    /// Held by the one who asks GitHub about an account.
    pub(super) fn door(&self, owner: &Owner) -> Arc<Door> {
        self.doors.get_with(owner.clone(), Arc::default)
    }

    /// All accounts, by name: what is known, or was until it came into doubt.
    pub(super) fn standings(&self) -> BTreeMap<Owner, Standing> {
        let mut all = self.facts().doubted.clone();
        for (owner, (standing, _)) in &self.owners {
            if standing != Standing::Absent || !all.contains_key(&*owner) {
                all.insert((*owner).clone(), standing);
            }
        }
        all
    }

    /// Has GitHub asked anew about an account; until all is asked, people are shown what was.
    pub(super) fn doubt(&self, owner: &Owner) {
        let before = self.owners.get(owner).map(|(standing, _)| standing);
        if let Some(standing) = before.filter(|standing| *standing != Standing::Absent) {
            self.facts().doubted.insert(owner.clone(), standing);
        }
        self.forget(owner);
    }

    /// GitHub was asked about everything.
    pub(super) fn settle(&self) {
        self.facts().doubted.clear();
    }

    /// Notes where the App stands with an account; says whether that is new.
    pub(super) fn set(&self, owner: &Owner, standing: Standing, now: Timestamp) -> bool {
        let before = self.owners.get(owner).map(|(standing, _)| standing);
        let is_new = before.as_ref() != Some(&standing);
        self.owners.insert(owner.clone(), (standing, now));
        if is_new && before.is_some() {
            self.changed(owner);
        }
        is_new
    }

    /// Forgets what is known of an account, so that GitHub is asked.
    pub(super) fn forget(&self, owner: &Owner) {
        self.owners.invalidate(owner);
        self.changed(owner);
    }

    fn changed(&self, owner: &Owner) {
        if let Some(lookout) = self.lookouts.get(owner) {
            lookout.forget();
        }
        self.changes.send_modify(|number| *number += 1);
    }
}

/// Far more than an App has installations; owners come from the configuration and from GitHub.
const MOST_OWNERS: u64 = 20_000;
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
