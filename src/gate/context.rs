//! What is known of a request while it passes, and what audit says of it afterwards.

use super::Snapshot;
use super::refuse::Refusal;
use crate::edge;
use crate::telemetry::audit::{self, Decision};
use crate::types::{
    Action, Clock, DeliveryId, EventName, Guid, Name, Repository, RequestId, Timestamp,
};
use http::StatusCode;
use std::sync::Arc;
use tokio::time::Instant;

/// A request whose head was read. Lives from there to its last byte.
#[derive(Debug)]
pub struct Context {
    /// Its id.
    pub request: RequestId,
    /// When its head was read.
    pub received: Timestamp,
    /// The same, for deadlines.
    pub started: Instant,
    /// What the edge knows of its connection.
    pub connection: Option<Arc<edge::Connection>>,
    /// The state of the world that it is judged by, to its end.
    pub snapshot: Arc<Snapshot>,
    /// What is learned on the way.
    pub note: Note,
}

/// What audit is told besides.
#[derive(Debug, Default)]
pub struct Note {
    /// The source that admitted it.
    pub source: Option<Name>,
    /// The host it asked for.
    pub host: Option<String>,
    /// The route it found.
    pub route: Option<String>,
    /// Its event.
    pub event: Option<EventName>,
    /// Its action.
    pub action: Option<Action>,
    /// Its repository.
    pub repository: Option<Repository>,
    /// GitHub's GUID.
    pub guid: Option<Guid>,
    /// Which secret it was signed with.
    pub secret: Option<usize>,
    /// What the spool calls it.
    pub delivery: Option<DeliveryId>,
    /// What was asked of a published service: an operation, `git:read`, …
    pub operation: Option<Box<str>>,
    /// The rule that decided, and the profile it stands in.
    pub rule: Option<Box<str>>,
    /// The caller who asked for an App's token or used it.
    pub caller: Option<Name>,
    /// The App.
    pub app: Option<Name>,
    /// The token that the request went on with, or that was handed out: base64 of its SHA-256.
    pub token: Option<Box<str>>,
    /// Bytes of body read.
    pub bytes: u64,
    /// Bytes of body answered.
    pub sent: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it came in.
    pub decision: Decision,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// What was answered.
    pub status: StatusCode,
}

impl Outcome {
    /// It came in.
    #[must_use]
    pub const fn allow(reason: &'static str, status: StatusCode) -> Self {
        Self {
            decision: Decision::Allow,
            reason,
            status,
        }
    }

    /// It did not.
    #[must_use]
    pub const fn deny(refusal: &Refusal) -> Self {
        Self {
            decision: Decision::Deny,
            reason: refusal.code(),
            status: refusal.status(),
        }
    }
}

impl Context {
    /// A request that begins now.
    #[must_use]
    pub fn begin(clock: &dyn Clock, snapshot: Arc<Snapshot>) -> Self {
        Self {
            request: RequestId::fresh(),
            received: clock.now(),
            started: Instant::now(),
            connection: edge::connection(),
            snapshot,
            note: Note::default(),
        }
    }

    /// The audit record of how it ended.
    #[must_use]
    pub fn record(&mut self, method: &http::Method, path: &str, outcome: Outcome) -> audit::Record {
        let note = std::mem::take(&mut self.note);
        let connection = self.connection.as_ref();
        audit::Record::Request(audit::Request {
            time: self.received,
            request_id: self.request,
            listener: connection.map_or_else(unknown, |connection| connection.listener.clone()),
            client: connection.map(|connection| connection.client),
            source: note.source,
            host: note.host,
            method: method.to_string(),
            path: shown(path),
            route: note.route.map(Into::into),
            decision: outcome.decision,
            reason: outcome.reason,
            status: outcome.status.as_u16(),
            event: note.event.map(|event| event.to_string().into()),
            action: note.action.map(|action| action.to_string().into()),
            repository: note
                .repository
                .map(|repository| repository.to_string().into()),
            guid: note.guid.map(|guid| guid.to_string().into()),
            secret: note.secret,
            delivery: note.delivery,
            operation: note.operation,
            rule: note.rule,
            caller: note.caller,
            app: note.app,
            token: note.token,
            bytes: note.bytes,
            sent: note.sent,
            took_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        })
    }
}

/// A path as logs and audit have it: without the code that whoever reads it could turn into an
/// App's private key, and no longer than strangers may make it.
pub(super) fn shown(path: &str) -> String {
    const MANIFESTS: &str = "app-manifests/";
    let code = path.to_ascii_lowercase().find(MANIFESTS);
    let before = code.and_then(|at| path.get(..at + MANIFESTS.len()));
    match before {
        Some(before) => before.chars().chain(['…']).take(LONGEST_PATH).collect(),
        None => path.chars().take(LONGEST_PATH).collect(),
    }
}

/// Paths longer than this are cut in audit, which must not be filled by strangers.
const LONGEST_PATH: usize = 512;

fn unknown() -> Name {
    static UNKNOWN: std::sync::LazyLock<Option<Name>> =
        std::sync::LazyLock::new(|| "unknown".parse().ok());
    #[expect(clippy::expect_used, reason = "`unknown` is a name")]
    UNKNOWN.clone().expect("a name")
}
