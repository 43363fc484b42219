//! What was accepted and is not yet everywhere it belongs: `put` makes a delivery durable,
//! `claim` hands it to a target's courier, `settle` says how that went.
//!
//! The trait is the contract; engines are siblings. Nothing here knows HTTP or GitHub.

#[cfg(test)]
mod contract;
pub mod sqlite;

use crate::types::{
    Action, ClientAddr, DeliveryId, EventName, Guid, Name, Repository, RequestId, RouteKey,
    Timestamp,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// `[spool]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory that holds it: `{state_dir}/spool`.
    pub directory: std::path::PathBuf,
    /// How long delivered ones are kept.
    pub keep: Duration,
    /// The most bytes it may hold on disk.
    pub max_size: crate::types::ByteSize,
}

/// A header that is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In lower case.
    pub name: Cow<'static, str>,
    /// As it came.
    pub value: Box<[u8]>,
}

/// A delivery that passed every test of its route and is to be kept.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The route that accepted it.
    pub route: RouteKey,
    /// The request that brought it.
    pub request: RequestId,
    /// When its head was read.
    pub received: Timestamp,
    /// Who brought it.
    pub client: ClientAddr,
    /// `X-GitHub-Hook-ID`, empty where there was none.
    pub hook: Box<str>,
    /// `X-GitHub-Delivery`.
    pub guid: Guid,
    /// `X-GitHub-Event`.
    pub event: EventName,
    /// The payload's `action`.
    pub action: Option<Action>,
    /// The payload's `repository.full_name`.
    pub repository: Option<Repository>,
    /// The headers to pass on, in order.
    pub headers: Arc<[Header]>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Who is to have it.
    pub targets: Arc<[Name]>,
    /// Within this time of its first arrival the same route, hook, GUID and body is a duplicate.
    pub window: Duration,
}

/// What became of an [`Intake`]. Whichever it is, it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not here before.
    Stored(DeliveryId),
    /// The same hook, GUID and body came before, longer ago than the window: sent again on
    /// purpose, and stored again for every target.
    Redelivered {
        /// The new one.
        id: DeliveryId,
        /// The newest earlier one.
        earlier: DeliveryId,
    },
    /// The same hook and GUID came before with another body: stored, and an alarm.
    Conflicting {
        /// The new one.
        id: DeliveryId,
        /// The earlier one with the other body.
        earlier: DeliveryId,
    },
    /// The same came within the window: not stored again. Targets that had given up on the
    /// earlier one are given it again.
    Duplicate(DeliveryId),
}

/// Why a delivery could not be kept. Each answers 503; none has left a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// `[spool].max_size` is reached, or the disk is full.
    #[error("the spool is full: {0}")]
    Full(Arc<str>),
    /// More bytes wait to be written than are allowed to.
    #[error("too many bytes wait for the disk")]
    Busy,
    /// The disk or the database failed: nothing can be promised any more.
    #[error("the spool is broken: {0}")]
    Broken(Arc<str>),
}

/// Why the spool could not answer something other than a `put`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("spool: cannot {tried}: {why}")]
pub struct SpoolError {
    /// What was tried, as a verb and its object.
    pub tried: &'static str,
    /// What went wrong.
    pub why: Arc<str>,
    /// Whether to try again.
    pub outlook: Outlook,
}

/// What comes of trying again what the spool could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It may go well later: there was no room.
    Passing,
    /// The same: it is closed or broken, or what was asked for is not there.
    Lasting,
}

/// In which order a target takes what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Whatever is due, oldest first.
    #[default]
    None,
    /// One at a time per repository, in the order of acceptance; one that waits to be tried
    /// again holds back the later ones of its repository, one that is parked does not.
    Repository,
}

/// A request for work by a target's courier.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose work.
    pub target: Name,
    /// At most this many.
    pub limit: usize,
    /// Only what is due by now.
    pub now: Timestamp,
    /// In which order.
    pub order: Order,
}

/// A delivery in the hands of a courier. Its attempt was counted on disk before it was handed
/// out; until it is settled nobody else gets it (a restart takes it back).
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub id: DeliveryId,
    /// Its route.
    pub route: RouteKey,
    /// The request that brought it.
    pub request: RequestId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who brought it.
    pub client: ClientAddr,
    /// GitHub's GUID.
    pub guid: Guid,
    /// The event.
    pub event: EventName,
    /// The payload's action.
    pub action: Option<Action>,
    /// The payload's repository.
    pub repository: Option<Repository>,
    /// The headers to pass on.
    pub headers: Arc<[Header]>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Which attempt this is for this target, from 1.
    pub attempt: u32,
    /// When this target first failed on it, where it has.
    pub failing_since: Option<Timestamp>,
}

/// How one attempt at one target ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery.
    pub id: DeliveryId,
    /// The target.
    pub target: Name,
    /// When the attempt ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What the target answered, where it did.
    pub status: Option<u16>,
    /// What went wrong, in words; empty where nothing did.
    pub error: String,
    /// What follows from it.
    pub fate: Fate,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The target has it.
    Delivered,
    /// It is tried again at `at`.
    Retry {
        /// When.
        at: Timestamp,
        /// False for a probe of a target that is down: the attempt is not counted.
        counts: bool,
    },
    /// It is parked as dead until a person sends it again.
    Dead,
}

/// Where a delivery stands at one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for its (next) attempt.
    Pending,
    /// A courier has it.
    Sending,
    /// The target answered 2xx.
    Delivered,
    /// Given up; only a person sends it again.
    Dead,
}

/// Which deliveries to look at. Absent fields select everything.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of this route.
    pub route: Option<String>,
    /// Of this event.
    pub event: Option<String>,
    /// With this action.
    pub action: Option<String>,
    /// Of this repository, without regard to case.
    pub repository: Option<String>,
    /// That have this state at one of their targets (or at `target`, where that is given).
    pub state: Option<State>,
    /// That go to this target.
    pub target: Option<String>,
    /// Accepted at this moment or later.
    pub since: Option<Timestamp>,
    /// Accepted before this moment.
    pub until: Option<Timestamp>,
    /// Whose GUID, hook, event or repository contains this text.
    pub text: Option<String>,
}

/// One page of deliveries, newest first.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Page {
    /// The deliveries.
    pub deliveries: Vec<Summary>,
    /// Where the next page starts, if there is one: deliveries with a number below this.
    #[serde(serialize_with = "number_or_null")]
    pub next: Option<DeliveryId>,
}

fn number_or_null<S: serde::Serializer>(
    id: &Option<DeliveryId>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.serialize_some(&id.number()),
        None => serializer.serialize_none(),
    }
}

/// A delivery in a list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// The spool's number.
    pub id: i64,
    /// Its route.
    pub route: String,
    /// When it was accepted.
    pub received: Timestamp,
    /// GitHub's GUID.
    pub guid: String,
    /// GitHub's hook id.
    pub hook: String,
    /// The event.
    pub event: String,
    /// The payload's action.
    pub action: Option<String>,
    /// The payload's repository.
    pub repository: Option<String>,
    /// The body's length in bytes.
    pub size: u64,
    /// An earlier delivery with the same hook and GUID, where there was one.
    pub earlier: Option<i64>,
    /// Where it stands at each target.
    pub targets: Vec<Standing>,
}

/// Where a delivery stands at one target.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Standing {
    /// The target.
    pub target: String,
    /// Its state there.
    pub state: State,
    /// How many attempts were counted.
    pub attempts: u32,
    /// When it is next tried, while it is pending.
    pub next: Option<Timestamp>,
    /// What the last attempt was answered.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// A delivery with all that is known of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Detail {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: Summary,
    /// Who brought it.
    pub client: String,
    /// The request that brought it.
    pub request: String,
    /// The headers that are passed on.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(skip)]
    pub body: Bytes,
    /// The newest attempts at all targets, oldest first; the spool keeps at most 50 per target.
    pub attempts: Vec<Attempt>,
}

/// One attempt that ended.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Attempt {
    /// The target.
    pub target: String,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What was answered.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
}

/// What waits for a target.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Depth {
    /// How many are pending or being sent.
    pub pending: u64,
    /// How many are parked.
    pub dead: u64,
    /// When the oldest pending one was accepted.
    pub oldest: Option<Timestamp>,
    /// What went wrong last at this target, and when.
    pub last_error: Option<(Timestamp, String)>,
}

/// Whether the spool takes deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It does.
    Ready,
    /// It is full: what is in it is safe and is delivered, nothing more is taken.
    Full(Arc<str>),
    /// It failed: the process is to stop and start again from what is on disk.
    Broken(Arc<str>),
}

/// How full the spool is.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Room {
    /// Bytes on disk.
    pub used: u64,
    /// `[spool].max_size` in bytes.
    pub limit: u64,
    /// Deliveries kept, delivered ones included.
    pub deliveries: u64,
}

/// A store of deliveries. Every method may be called from any thread; none blocks it.
#[async_trait]
pub trait Spool: Send + Sync + fmt::Debug {
    /// Keeps a delivery. When this returns `Ok`, it is on disk, synced.
    ///
    /// # Errors
    /// Where it cannot be kept; then nothing was.
    async fn put(&self, intake: Intake) -> Result<Put, PutError>;

    /// Takes what is due for a target. Each attempt is counted on disk before this returns.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, SpoolError>;

    /// Records how an attempt ended. A settlement lost in a crash means one more attempt.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn settle(&self, settlement: Settlement) -> Result<(), SpoolError>;

    /// When the next delivery becomes due for a target that can be claimed in that order, if any
    /// waits. A moment in the past means now.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn next_due(&self, target: &Name, order: Order) -> Result<Option<Timestamp>, SpoolError>;

    /// Resolves when something new may be due for `target`: it was put, sent again, or released
    /// by an earlier one of its repository. Wakes that come while nobody waits are not lost.
    async fn arrival(&self, target: &Name);

    /// A page of deliveries, newest first, below the number `before` where it is given; at least
    /// one, at most 1,000.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn find(
        &self,
        query: Query,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page, SpoolError>;

    /// One delivery with all that is known of it.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn show(&self, id: DeliveryId) -> Result<Option<Detail>, SpoolError>;

    /// Sends a delivery again, to one target or to all of its own, whatever became of it there;
    /// says to how many. One that is being sent just now is left alone.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn redeliver(&self, id: DeliveryId, target: Option<&str>) -> Result<u64, SpoolError>;

    /// Sends again all that the query selects: to `query.target`, or to all of their targets, and
    /// in either case only where they are in `query.state` (dead, where that is absent). Says to
    /// how many targets in all.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn redeliver_found(&self, query: Query) -> Result<u64, SpoolError>;

    /// What waits for each target that has ever been named.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn depths(&self) -> Result<Vec<(String, Depth)>, SpoolError>;

    /// Whether deliveries are taken.
    fn condition(&self) -> Condition;

    /// How full it is.
    fn room(&self) -> Room;

    /// Forgets deliveries that every target has, accepted before `before`; says how many. Parked
    /// ones stay: what was acknowledged and never arrived is a person's to decide on.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn forget(&self, before: Timestamp) -> Result<u64, SpoolError>;

    /// Writes what waits and closes; nothing is taken afterwards.
    async fn close(&self);
}
