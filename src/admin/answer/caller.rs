//! What the API says of the broker's callers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A caller of the broker. Counts are since the process began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// Its name.
    pub name: String,
    /// The kinds of proof by which it is known: `key`, `certificate`, `oidc`.
    pub proofs: Vec<String>,
    /// What it may have.
    pub grants: Vec<CallerGrant>,
    /// How often it may ask, such as `600/m`.
    pub rate: String,
    /// How many more requests it may make at once, now.
    pub remaining: u32,
    /// When it asked last, RFC 3339.
    pub last_seen: Option<String>,
    /// How often it was known by what it presented.
    pub requests: u64,
    /// How often it asked more than its rate.
    pub rate_limited: u64,
    /// How many tokens were handed to it.
    pub tokens: u64,
}

/// A grant of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallerGrant {
    /// The App.
    pub app: String,
    /// In whose installation.
    pub owner: String,
    /// The owner's repositories; `all` alone: all that the installation has.
    pub repositories: Vec<String>,
    /// Permissions and their levels; absent: all that the installation has.
    pub permissions: Option<BTreeMap<String, String>>,
    /// What it is for: `proxy`, `token`.
    #[serde(rename = "as")]
    pub uses: Vec<String>,
}
