//! `[[certificate]].acme`.

use schemars::JsonSchema;
use serde::Deserialize;

/// An authority that issues certificates by itself (ACME, RFC 8555). It must be able to reach a
/// listener: one with `only = "redirect"` on port 80 of every host, or one with TLS on port 443.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Acme {
    /// `"letsencrypt"`, `"letsencrypt-staging"`, or the https address of a directory. Its terms of
    /// service are agreed to.
    #[schemars(required)]
    pub(in crate::config) directory: Option<String>,
    /// An e-mail address that the authority may write to.
    #[schemars(required)]
    pub(in crate::config) contact: Option<String>,
    /// A PEM file of the authorities that the directory's own certificate may come from. Absent:
    /// the system's. A relative path starts at this file's directory.
    pub(in crate::config) ca: Option<String>,
    /// What binds the account to one that the authority knows already, where it wants that.
    pub(in crate::config) eab: Option<Eab>,
}

/// External account binding (RFC 8555 section 7.3.4).
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Eab {
    /// The key's name, as the authority gave it.
    #[schemars(required)]
    pub(in crate::config) kid: Option<String>,
    /// The key in base64url, as the authority gave it, as a secret.
    #[schemars(required, regex(pattern = "^(file|env|inline):"))]
    pub(in crate::config) key: Option<String>,
}
