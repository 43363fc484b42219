//! The shape of `[[github]]` and `[[app]]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A GitHub host: github.com, an enterprise with data residency, or a GitHub Enterprise Server.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Github {
    /// Its name, unique among hosts: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(in crate::config) name: Option<String>,
    /// Where its pages are: `"https://github.com"`, `"https://SUB.ghe.com"`, or that of a server.
    /// The API's place follows from it.
    #[schemars(required)]
    pub(in crate::config) url: Option<String>,
    /// A PEM file of the authorities that its certificate may come from; absent: the system's. A
    /// relative path starts at this file's directory.
    pub(in crate::config) ca: Option<String>,
    /// The proxy by which it is reached, such as `"http://proxy.corp.internal:3128"`. Absent:
    /// none, whatever the environment says.
    pub(in crate::config) via: Option<String>,
}

/// A GitHub App whose keys are held here.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct App {
    /// Its name, unique among Apps: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(in crate::config) name: Option<String>,
    /// The name of its host.
    #[schemars(required)]
    pub(in crate::config) github: Option<String>,
    /// Its App id, as its settings at GitHub show it.
    #[schemars(required, range(min = 1))]
    pub(in crate::config) id: Option<i64>,
    /// Its private keys in PEM, as secrets, newest first; two while one is changed. Or, where
    /// `[gateway].signer` holds them, their fingerprints as GitHub shows them: `"SHA256:…="`.
    #[schemars(required)]
    pub(in crate::config) keys: Option<Vec<String>>,
    /// What the deliveries of its own webhook are signed with: only those are believed about where
    /// it is installed. Absent: all that a webhook of this gateway takes.
    #[schemars(regex(pattern = "^(file|env|inline):"))]
    pub(in crate::config) webhook_secret: Option<String>,
    /// Ask GitHub for what it could not deliver, and have it sent again.
    #[schemars(extend("default" = false))]
    pub(in crate::config) recover: Option<bool>,
    /// Hold the tokens of people who sign in with it through a published GitHub, and renew them.
    #[schemars(extend("default" = false))]
    pub(in crate::config) user_tokens: Option<bool>,
}
