//! What the writer and those who ask share in memory: the condition, how full it is, what waits
//! at each target, and who is to be woken. Derived from the database, never the other way round.

use super::census::{Census, Waiting};
use super::directory::Directory;
use super::fresh::Fresh;
use super::ledger::Effects;
use super::measure;
use super::schema::PAGE;
use crate::spool::Condition;
use crate::types::{ByteSize, Clock};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Notify;

/// What is left free on the disk, so that claims, settlements and the log's way into the database
/// go on when deliveries are refused; on a small disk a twentieth of it.
const RESERVE: u64 = 64 << 20;
/// What is left free below `max_size`: the largest delivery; where that is small, a twentieth.
const HEADROOM: u64 = 25 << 20;
/// The log is moved into the database when it has grown to this; a sixteenth of a small
/// `max_size`. Puts wait meanwhile: with 16 MiB p99 at full load is 20 ms, with this 8 ms.
const LOG: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: Directory,
    /// `[spool].max_size`.
    pub(super) limit: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fresh: Fresh,
    /// Held for reading while a reader looks at the database, and for writing while the log is
    /// moved into it: SQLite starts its log anew only in a moment without readers.
    pub(super) gate: RwLock<()>,
    condition: ArcSwap<Condition>,
    used: AtomicU64,
    deliveries: AtomicU64,
    targets: Mutex<BTreeMap<String, Waiting>>,
    wakes: Mutex<HashMap<Box<str>, Arc<Notify>>>,
}

impl Shared {
    pub(super) fn new(
        directory: Directory,
        limit: u64,
        clock: Arc<dyn Clock>,
        census: Census,
    ) -> Self {
        Self {
            directory,
            limit,
            clock,
            fresh: Fresh::default(),
            gate: RwLock::new(()),
            condition: ArcSwap::from_pointee(Condition::Ready),
            used: AtomicU64::new(0),
            deliveries: AtomicU64::new(census.deliveries),
            targets: Mutex::new(census.targets),
            wakes: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn condition(&self) -> Arc<Condition> {
        self.condition.load_full()
    }

    /// Changes the condition and says so, once. Broken stays broken.
    pub(super) fn set_condition(&self, to: Condition) {
        let was = self.condition();
        let stays = match (&*was, &to) {
            (Condition::Broken(_), _) | (Condition::Ready, Condition::Ready) => true,
            (Condition::Full(_), Condition::Full(_)) => true,
            (Condition::Ready | Condition::Full(_), _) => false,
        };
        if stays {
            return;
        }
        match &to {
            Condition::Ready => tracing::info!("the spool takes deliveries again"),
            Condition::Full(why) => tracing::error!(
                "the spool is full, deliveries are refused with 503 until there is room: {why}"
            ),
            Condition::Broken(why) => tracing::error!(
                "the spool is broken, nothing is taken or delivered until the gateway starts \
                 again: {why}"
            ),
        }
        measure::condition(&to);
        self.condition.store(Arc::new(to));
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(**self.condition.load(), Condition::Full(_))
    }

    /// Why nothing goes any more, if so.
    pub(super) fn broken(&self) -> Option<Arc<str>> {
        match &**self.condition.load() {
            Condition::Broken(why) => Some(why.clone()),
            Condition::Ready | Condition::Full(_) => None,
        }
    }

    /// How far the log grows before it is moved into the database.
    pub(super) fn longest_log(&self) -> u64 {
        LOG.min(self.limit / 16).max(64 * PAGE)
    }

    /// Why there is no room for `coming` more bytes, if so. The log may have to be written once
    /// more, into the database, and what comes too.
    pub(super) fn lack(&self, coming: u64) -> Option<String> {
        let used = self.used();
        let headroom = HEADROOM.min(self.limit / 20).max(coming);
        if used.saturating_add(headroom) > self.limit {
            return Some(format!(
                "{} deliveries take {}, and `[spool].max_size` is {}; raise it, shorten \
                 `[spool].keep`, or see to the targets that do not take what waits for them",
                self.deliveries(),
                about(used),
                ByteSize::new(self.limit)
            ));
        }
        // Where the disk cannot be asked, writing will tell.
        let (free, all) = self.directory.disk().ok()?;
        let needed = RESERVE
            .min(all / 20)
            .saturating_add(self.directory.log_bytes())
            .saturating_add(coming.saturating_mul(2));
        (free < needed).then(|| {
            format!(
                "the disk that holds {} has {} left; make room on it",
                self.directory.path().display(),
                about(free)
            )
        })
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    /// Takes note of how many pages are in use.
    pub(super) fn set_used(&self, pages: u64) {
        let bytes = pages
            .saturating_mul(PAGE)
            .saturating_add(self.directory.log_bytes());
        self.used.store(bytes, Ordering::Relaxed);
        measure::room(bytes, self.deliveries());
    }

    /// What a committed transaction means for the memory, and wakes whom it concerns.
    pub(super) fn publish(&self, effects: Effects) {
        let deliveries = self.deliveries();
        self.deliveries.store(
            deliveries.saturating_add_signed(effects.deliveries),
            Ordering::Relaxed,
        );
        if !effects.fresh.is_empty() {
            self.fresh.keep(effects.fresh);
        }
        if !effects.finished.is_empty() {
            self.fresh.done(&effects.finished);
        }
        if effects.targets.is_empty() {
            return;
        }
        let mut woken = Vec::new();
        let mut targets = self.targets();
        for change in effects.targets {
            if !targets.contains_key(&*change.name) {
                targets.insert(change.name.to_string(), Waiting::default());
            }
            if let Some(waiting) = targets.get_mut(&*change.name) {
                waiting.id = change.target;
                waiting.open = waiting.open.saturating_add_signed(change.open);
                waiting.dead = waiting.dead.saturating_add_signed(change.dead);
                if let Some(id) = change.reopened {
                    waiting.from = waiting.from.min(id);
                    waiting.lowered += 1;
                }
                if change.error.is_some() {
                    waiting.error = change.error;
                }
            }
            if change.woken {
                woken.push(change.name);
            }
        }
        drop(targets);
        for name in woken {
            self.wake(&name).notify_one();
        }
    }

    /// What waits at each target.
    pub(super) fn targets(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a target's courier waits on.
    pub(super) fn wake(&self, name: &str) -> Arc<Notify> {
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        match wakes.get(name) {
            Some(wake) => wake.clone(),
            None => wakes.entry(name.into()).or_default().clone(),
        }
    }
}

/// Bytes as people read them: whole MiB.
fn about(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
