//! The profiles that are built in. Each is a commented file as it could stand in the
//! configuration.

use super::Declared;
use crate::types::Name;
use serde::Deserialize;

/// A profile that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// What it is called.
    pub name: &'static str,
    /// Its file: TOML with a `[[profile]]`, and where its list comes from.
    pub text: &'static str,
}

/// All of them.
pub const BUILTIN: [Builtin; 8] = [
    Builtin {
        name: "flow",
        text: include_str!("builtin/flow.toml"),
    },
    Builtin {
        name: "heroku",
        text: include_str!("builtin/heroku.toml"),
    },
    Builtin {
        name: "gitkraken-jira",
        text: include_str!("builtin/gitkraken-jira.toml"),
    },
    Builtin {
        name: "atlassian-jira",
        text: include_str!("builtin/atlassian-jira.toml"),
    },
    Builtin {
        name: "analytics-read-only",
        text: include_str!("builtin/analytics-read-only.toml"),
    },
    Builtin {
        name: "ci-status",
        text: include_str!("builtin/ci-status.toml"),
    },
    Builtin {
        name: "git-read-only",
        text: include_str!("builtin/git-read-only.toml"),
    },
    Builtin {
        name: "read-only",
        text: include_str!("builtin/read-only.toml"),
    },
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    base: Vec<String>,
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

/// What they say.
pub(super) fn declared() -> Vec<Declared> {
    let files = BUILTIN
        .iter()
        .filter_map(|built_in| toml::from_str::<File>(built_in.text).ok());
    let entries = files.flat_map(|file| file.profile);
    let declared = entries.filter_map(|entry| {
        Some(Declared {
            name: entry.name.parse::<Name>().ok()?,
            base: entry.base,
            allow: entry.allow,
            deny: entry.deny,
        })
    });
    declared.collect()
}
