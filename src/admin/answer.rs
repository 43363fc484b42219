//! What the API answers, as data. The command line reads the same types, and the OpenAPI document
//! is made of them: a field is added freely and never renamed.

mod app;
mod caller;
mod certificate;

pub use app::{AddKey, App, AppInstallation, AppKey, AppState, CreateApp, RemovedApp};
pub use caller::{Caller, CallerGrant};
pub use certificate::{Certificate, RenewCertificates, Renewed, Window};

use crate::spool;
use crate::types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A glance at the running gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The gateway's version.
    pub version: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Whether it takes traffic, and why not.
    #[serde(flatten)]
    pub readiness: Readiness,
    /// Its listeners, with the addresses they really have.
    pub listeners: Vec<Listener>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its targets and what waits for them.
    pub targets: Vec<Target>,
    /// Its sources.
    pub sources: Vec<Source>,
    /// Its certificates.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// How full the spool is.
    pub spool: Spool,
}

/// Whether traffic is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// True where it is.
    pub ready: bool,
    /// Why it is not.
    pub reasons: Vec<String>,
    /// What a person should look at though traffic is taken.
    pub warnings: Vec<String>,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Whether TLS ends here.
    pub tls: bool,
}

/// The spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spool {
    /// Whether it takes deliveries.
    pub condition: Condition,
    /// Why it does not.
    pub why: Option<String>,
    /// Bytes on disk.
    pub used_bytes: u64,
    /// The most it may hold, in bytes.
    pub limit_bytes: u64,
    /// Deliveries kept, delivered ones included.
    pub deliveries: u64,
}

/// Whether the spool takes deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It does.
    Ready,
    /// It is full.
    Full,
    /// It failed.
    Broken,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// Host and path.
    pub key: String,
    /// The sources that may use it, or `anywhere`.
    pub from: Vec<String>,
    /// `store` or `through` for a webhook, `publish` for a service.
    pub mode: String,
    /// The events a webhook takes; none means all.
    pub events: Vec<String>,
    /// Who has what a webhook takes, or the service that is published.
    pub targets: Vec<String>,
    /// The access profiles of a published service, or `everything`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Until when it may convert an App's manifest, RFC 3339; absent where it may not.
    #[serde(default)]
    pub setup_until: Option<String>,
}

/// What a published service was asked for, and the profile that would allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Learned {
    /// Host and path of the route.
    pub route: String,
    /// Whether more is being learned.
    pub learning: bool,
    /// What was asked for, the most frequent first.
    pub requests: Vec<LearnedRequest>,
    /// Requests that there was no room to learn from.
    pub overflow: u64,
    /// A `[[profile]]` that allows all of it, in TOML.
    pub profile: String,
}

/// One kind of request that was learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LearnedRequest {
    /// The rule that would allow it.
    pub rule: String,
    /// How often it came.
    pub count: u64,
    /// When first, RFC 3339.
    pub first: String,
    /// When last, RFC 3339.
    pub last: String,
}

/// For how long an App's manifest may be converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenSetup {
    /// Seconds from now, at most a day; 0 closes the window.
    pub seconds: u64,
}

/// A setup window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupWindow {
    /// Host and path of the route.
    pub route: String,
    /// Until when it is open, RFC 3339; absent where it is closed.
    pub until: Option<String>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// `configuration`, or the URL of the document it is fetched from.
    pub origin: String,
    /// How many networks it has.
    pub networks: usize,
    /// When the document last confirmed it, RFC 3339.
    pub fetched: Option<String>,
    /// Seconds since then.
    pub age_seconds: Option<u64>,
    /// True where it is older than it should ever be.
    pub stale: bool,
    /// What went wrong at the last try.
    pub last_error: Option<String>,
}

/// A target and what waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Where it is; absent where it is no longer configured.
    pub url: Option<String>,
    /// The routes that feed it.
    pub routes: Vec<String>,
    /// How it is.
    pub state: TargetState,
    /// How many deliveries are pending or being sent.
    pub pending: u64,
    /// How many are parked.
    pub dead: u64,
    /// When the oldest pending one was accepted, RFC 3339.
    pub oldest: Option<String>,
    /// Seconds since then.
    pub oldest_age_seconds: Option<u64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When that was, RFC 3339.
    pub last_error_at: Option<String>,
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Deliveries are sent to it.
    Up,
    /// It fails: it is probed, and deliveries wait.
    Down,
    /// Deliveries wait for it, but the configuration does not name it any more.
    Unconfigured,
}

/// Where a delivery stands at one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for its (next) attempt.
    Pending,
    /// It is being sent.
    Sending,
    /// The target answered 2xx.
    Delivered,
    /// Given up; only a person sends it again.
    Dead,
}

/// One page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// The `cursor` of the next page, if there is one.
    pub next: Option<i64>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Its route.
    pub route: String,
    /// When it was accepted, RFC 3339.
    pub received: String,
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
    /// An earlier delivery with the same hook and GUID.
    pub earlier: Option<i64>,
    /// Where it stands at each target.
    pub targets: Vec<Standing>,
}

/// Where a delivery stands at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// The target.
    pub target: String,
    /// Its state there.
    pub state: State,
    /// How many attempts were counted.
    pub attempts: u32,
    /// When it is next tried, RFC 3339.
    pub next: Option<String>,
    /// What the last attempt was answered.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// A delivery with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// What a list shows.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Who brought it.
    pub client: String,
    /// The request that brought it.
    pub request: String,
    /// The headers that are passed on, name and value.
    pub headers: Vec<(String, String)>,
    /// The newest attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its body, or the beginning of a long one.
    pub body: Body,
}

/// The beginning of a body, up to 1 MiB; all of it is at `deliveries/{id}/body`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Body {
    /// How `content` is to be read.
    pub encoding: Encoding,
    /// The text, or base64 of the bytes.
    pub content: String,
    /// True where there is more of it.
    pub truncated: bool,
}

/// How a body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As it is: it is UTF-8.
    Text,
    /// Base64 with padding.
    Base64,
}

/// One attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// The target.
    pub target: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What was answered.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
}

/// How many are sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Redelivered {
    /// Of one delivery: to how many targets; by filter: how many deliveries.
    pub count: u64,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// What changed, in words.
    pub outcome: String,
}

/// What fetching a source list came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refreshed {
    /// The source.
    pub source: String,
    /// How many networks it has now.
    pub networks: usize,
    /// Whether they are others than before.
    pub changed: bool,
    /// Why the old list stays.
    pub error: Option<String>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The reason.
    pub error: Reason,
}

/// A reason for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Stable.
    pub code: String,
    /// What was tried, why it failed, what would be right.
    pub message: String,
}

impl From<spool::State> for State {
    fn from(state: spool::State) -> Self {
        match state {
            spool::State::Pending => Self::Pending,
            spool::State::Sending => Self::Sending,
            spool::State::Delivered => Self::Delivered,
            spool::State::Dead => Self::Dead,
        }
    }
}

impl From<State> for spool::State {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Sending => Self::Sending,
            State::Delivered => Self::Delivered,
            State::Dead => Self::Dead,
        }
    }
}

impl From<spool::Page> for Page {
    fn from(page: spool::Page) -> Self {
        Self {
            deliveries: page.deliveries.into_iter().map(Into::into).collect(),
            next: page.next.map(crate::types::DeliveryId::number),
        }
    }
}

impl From<spool::Summary> for Delivery {
    fn from(summary: spool::Summary) -> Self {
        Self {
            id: summary.id,
            route: summary.route,
            received: summary.received.to_string(),
            guid: summary.guid,
            hook: summary.hook,
            event: summary.event,
            action: summary.action,
            repository: summary.repository,
            size: summary.size,
            earlier: summary.earlier,
            targets: summary.targets.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<spool::Standing> for Standing {
    fn from(standing: spool::Standing) -> Self {
        Self {
            target: standing.target,
            state: standing.state.into(),
            attempts: standing.attempts,
            next: standing.next.map(rfc3339),
            status: standing.status,
            error: standing.error,
        }
    }
}

impl From<spool::Attempt> for Attempt {
    fn from(attempt: spool::Attempt) -> Self {
        Self {
            target: attempt.target,
            at: attempt.at.to_string(),
            took_ms: attempt.took_ms,
            status: attempt.status,
            error: attempt.error,
        }
    }
}

pub(super) fn rfc3339(moment: Timestamp) -> String {
    moment.to_string()
}
