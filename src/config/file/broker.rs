//! The shape of `[[caller]]` and `[broker]`.

use super::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Who may use Apps through the gateway, and how it proves who it is: by `certificate`, `key` or
/// `oidc`, one of which is enough.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Caller {
    /// Its name, unique among callers: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(in crate::config) name: Option<String>,
    /// A URI or DNS name of its client certificate, exactly, such as `"spiffe://corp/build-bot"`;
    /// issued by the listener's `client_ca`.
    pub(in crate::config) certificate: Option<String>,
    /// The SHA-256 of its gateway key, `"sha256:HEX"`, as `hubgate caller key` prints it; a list
    /// while one is changed.
    pub(in crate::config) key: Option<OneOrMany>,
    /// The tokens of an OIDC issuer, such as GitHub Actions, that are its.
    pub(in crate::config) oidc: Option<Oidc>,
    /// How often it may ask: requests per second, minute or hour, such as `"60/m"`.
    #[schemars(extend("default" = "600/m"))]
    pub(in crate::config) rate: Option<String>,
    /// What it may have. At least one.
    #[schemars(required)]
    pub(in crate::config) grant: Option<Vec<CallerGrant>>,
}

/// The tokens of an OIDC issuer that are a caller's.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Oidc {
    /// The issuer, exactly as its tokens name it: https, or http from this machine.
    #[schemars(required)]
    pub(in crate::config) issuer: Option<String>,
    /// The audience that a token must be for.
    #[schemars(required)]
    pub(in crate::config) audience: Option<String>,
    /// What else a token must say: each claim exactly, or with `*` for a run of characters. At
    /// least one.
    #[schemars(required)]
    pub(in crate::config) claims: Option<BTreeMap<String, String>>,
}

/// What a caller may have of an App.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CallerGrant {
    /// The App, by its name here.
    #[schemars(required)]
    pub(in crate::config) app: Option<String>,
    /// The organization or user in whose installation.
    #[schemars(required)]
    pub(in crate::config) owner: Option<String>,
    /// Which of the owner's repositories, by name, with `*` for a run of characters; or `"all"`.
    #[schemars(required)]
    pub(in crate::config) repositories: Option<OneOrMany>,
    /// Which permissions, each `"read"`, `"write"` or `"admin"`; or `"all"` that the installation
    /// has.
    #[schemars(required)]
    pub(in crate::config) permissions: Option<GrantedPermissions>,
    /// What for: `"proxy"`, the API and git through the gateway; `"token"`, a token in the caller's
    /// own hands. At least one.
    #[serde(rename = "as")]
    #[schemars(required)]
    pub(in crate::config) uses: Option<Vec<Use>>,
    /// What may be done through the gateway: a list of access profiles, or `"everything"` that the
    /// permissions allow.
    #[schemars(extend("default" = "everything"))]
    pub(in crate::config) allow: Option<OneOrMany>,
}

/// What a grant is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Use {
    /// The API and git through the gateway.
    Proxy,
    /// A token in the caller's own hands.
    Token,
}

/// Permissions of a grant.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum GrantedPermissions {
    /// `"all"`
    One(String),
    /// `{ contents = "read" }`
    Each(BTreeMap<String, String>),
}

/// Where callers are answered.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Broker {
    /// The address: `/v1` and `/github` below it are the broker's.
    #[schemars(required)]
    pub(in crate::config) url: Option<String>,
    /// Who may ask at all: a list of source names, or `"anywhere"`; callers prove who they are
    /// besides.
    #[schemars(extend("default" = "anywhere"))]
    pub(in crate::config) from: Option<OneOrMany>,
    /// Memory for answers of GitHub's API, which are served where GitHub says that they are still
    /// so, and then cost nothing of its limits; `"0"`: none is held.
    #[schemars(extend("default" = "64MiB"))]
    pub(in crate::config) cache: Option<String>,
}

impl<'de> Deserialize<'de> for GrantedPermissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Granted;
        impl<'de> serde::de::Visitor<'de> for Granted {
            type Value = GrantedPermissions;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of permissions, or the word `all`")
            }

            fn visit_str<E>(self, word: &str) -> Result<GrantedPermissions, E> {
                Ok(GrantedPermissions::One(word.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<GrantedPermissions, A::Error> {
                let mut each = BTreeMap::new();
                while let Some((kind, level)) = map.next_entry()? {
                    each.insert(kind, level);
                }
                Ok(GrantedPermissions::Each(each))
            }
        }
        deserializer.deserialize_any(Granted)
    }
}
