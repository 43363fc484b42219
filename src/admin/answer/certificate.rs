//! Certificates: what TLS listeners show, and having it renewed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The names it is chosen for.
    pub hosts: Vec<String>,
    /// `files`, `self_signed`, or `acme` where an authority issues it by itself.
    pub origin: String,
    /// Who issued what is served.
    #[serde(default)]
    pub issuer: String,
    /// True where what is served only stands in until the authority has issued one.
    #[serde(default)]
    pub stands_in: bool,
    /// When it ends, RFC 3339.
    pub not_after: Option<String>,
    /// Days until then; negative where it is over.
    pub days_left: Option<i64>,
    /// Seconds since it began to be good.
    #[serde(default)]
    pub age_seconds: Option<u64>,
    /// When the authority is asked for another, RFC 3339; absent where none is asked.
    #[serde(default)]
    pub next_attempt: Option<String>,
    /// Why then: `missing` (none was issued yet, or it is over), `life` (most of it is over),
    /// `authority` (it wants it renewed) or `retry` (the last try failed).
    #[serde(default)]
    pub next_attempt_reason: Option<String>,
    /// How many tries failed since the last that did not.
    #[serde(default)]
    pub failures: Option<u32>,
    /// Why the authority did not issue one when it was asked last.
    pub last_error: Option<String>,
    /// Why what is served was asked for: as above, or `by_hand`; absent where that was before the
    /// last start.
    #[serde(default)]
    pub issued_reason: Option<String>,
    /// When the authority wants what is served renewed, where it says so.
    #[serde(default)]
    pub window: Option<Window>,
    /// Why the last question for that came to nothing.
    #[serde(default)]
    pub window_error: Option<String>,
}

/// When an authority wants a certificate renewed (RFC 9773).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// The earliest moment, RFC 3339.
    pub start: String,
    /// The latest, RFC 3339.
    pub end: String,
    /// A page that says why.
    pub explanation: Option<String>,
}

/// Which certificates are to be renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewCertificates {
    /// The one that has this host; absent: all that authorities issue.
    #[serde(default)]
    pub host: Option<String>,
}

/// What became of a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Renewed {
    /// The names of the certificate.
    pub hosts: Vec<String>,
    /// When what is served now ends, RFC 3339.
    pub not_after: Option<String>,
    /// Why there is no new one.
    pub error: Option<String>,
}
