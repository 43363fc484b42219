//! What the trail holds: one type for each kind of thing that happens. How they reach the disk is
//! not here.

use crate::types::{ClientAddr, DeliveryId, Name, Permissions, RequestId, Timestamp};

/// One thing that happened.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A request was answered.
    Request(Request),
    /// An attempt to deliver ended.
    Delivery(Delivery),
    /// A connection was dropped before a request could be read.
    Connection(Connection),
    /// A token of an App was minted or revoked.
    Token(Token),
    /// A person or a signal changed something: a reload, a redelivery.
    Control(Control),
}

/// A request and what was decided.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Request {
    /// When its head was read.
    pub time: Timestamp,
    /// Its id, as in the answer.
    #[serde(serialize_with = "text")]
    pub request_id: RequestId,
    /// The listener it came by.
    pub listener: Name,
    /// Who came.
    #[serde(serialize_with = "text_or_null")]
    pub client: Option<ClientAddr>,
    /// The source whose network the address is in, if one that the route names.
    pub source: Option<Name>,
    /// The host asked for, as it came.
    pub host: Option<String>,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The route, where one matched.
    pub route: Option<Box<str>>,
    /// `allow` or `deny`.
    pub decision: Decision,
    /// The reason's stable code: `accepted`, `delivered`, `signature_mismatch`, …
    pub reason: &'static str,
    /// The status answered.
    pub status: u16,
    /// `X-GitHub-Event`, where it is well formed.
    pub event: Option<Box<str>>,
    /// The payload's action.
    pub action: Option<Box<str>>,
    /// The payload's repository.
    pub repository: Option<Box<str>>,
    /// `X-GitHub-Delivery`, where it is well formed.
    pub guid: Option<Box<str>>,
    /// Which of the route's secrets matched, from 0.
    pub secret: Option<usize>,
    /// The spool's number, where it was stored.
    #[serde(serialize_with = "number_or_null")]
    pub delivery: Option<DeliveryId>,
    /// What was asked of a published service: an operation of GitHub's, `git:read`, …
    pub operation: Option<Box<str>>,
    /// The rule that decided, and the profile it stands in.
    pub rule: Option<Box<str>>,
    /// The caller who asked for an App's token or used one.
    pub caller: Option<Name>,
    /// The App.
    pub app: Option<Name>,
    /// The token, as GitHub's audit log names it: base64 of its SHA-256.
    pub token: Option<Box<str>>,
    /// Bytes of body read.
    pub bytes: u64,
    /// Bytes of body answered.
    pub sent: u64,
    /// From the end of the head to the answer, in microseconds.
    pub took_us: u64,
}

/// Whether it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It did.
    Allow,
    /// It did not.
    Deny,
}

/// An attempt to deliver.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Delivery {
    /// When it ended.
    pub time: Timestamp,
    /// The spool's number; absent in `through` mode.
    #[serde(serialize_with = "number_or_null")]
    pub delivery: Option<DeliveryId>,
    /// The request that brought it.
    #[serde(serialize_with = "text")]
    pub request_id: RequestId,
    /// GitHub's GUID.
    pub guid: String,
    /// Its route.
    pub route: String,
    /// The target.
    pub target: Name,
    /// The address that was dialled.
    pub address: Option<std::net::SocketAddr>,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// What became of it: `delivered`, `retry`, `dead`, `probe_failed`; in `through` mode
    /// `answered` or `failed`.
    pub outcome: &'static str,
    /// What the target answered.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A connection that never came to a request.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Connection {
    /// When.
    pub time: Timestamp,
    /// The listener.
    pub listener: Name,
    /// Who came, as far as is known.
    #[serde(serialize_with = "text_or_null")]
    pub client: Option<ClientAddr>,
    /// Why it was dropped: `source_not_allowed`, `proxy_header`, `too_many_connections`, …
    pub reason: &'static str,
    /// How many more like it there were in the minute before that have no record of their own.
    pub unreported: u64,
}

/// A token of an App's installation. What callers did with it is in their requests' records, under
/// the same `token`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Token {
    /// When.
    pub time: Timestamp,
    /// `minted`, `revoked`.
    pub action: &'static str,
    /// The App.
    pub app: Name,
    /// Whose installation, where that is known.
    pub owner: Option<String>,
    /// The installation's number at GitHub.
    pub installation: Option<u64>,
    /// The repositories that it is for; `all` of the installation's.
    pub repositories: Option<Vec<Box<str>>>,
    /// What it may do.
    pub permissions: Option<Permissions>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// What GitHub's audit log calls it: base64 of its SHA-256.
    pub token: Option<String>,
    /// `ok`, or the code of why not.
    pub outcome: &'static str,
}

/// Something that was done to the gateway.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Control {
    /// When.
    pub time: Timestamp,
    /// What: `start`, `reload`, `redeliver`, `setup_window`, `stop`.
    pub action: &'static str,
    /// By what way: `signal`, `admin_socket`, `admin_api`.
    pub by: &'static str,
    /// `ok`, or what went wrong.
    pub outcome: String,
}

fn text<T: std::fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn text_or_null<T: std::fmt::Display, S: serde::Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn number_or_null<S: serde::Serializer>(
    value: &Option<DeliveryId>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_some(&value.number()),
        None => serializer.serialize_none(),
    }
}
