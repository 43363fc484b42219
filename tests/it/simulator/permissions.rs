//! What may be done: how the kinds of access are ordered, and what a path of the API asks for.

use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    Write,
    Admin,
}

impl Access {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(pub BTreeMap<String, Access>);

impl Permissions {
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(name, access)| ((*name).to_owned(), Access::parse(access).unwrap()));
        Self(pairs.collect())
    }

    /// None where a level is not one.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let levels = value.as_object()?.iter();
        levels
            .map(|(name, level)| Some((name.clone(), Access::parse(level.as_str()?)?)))
            .collect::<Option<_>>()
            .map(Self)
    }

    pub fn json(&self) -> Value {
        let levels = self.0.iter();
        levels
            .map(|(name, level)| (name.clone(), json!(level.text())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    pub fn allow(&self, name: &str, access: Access) -> bool {
        self.0.get(name).is_some_and(|has| *has >= access)
    }

    /// Whether nothing in it goes beyond the other.
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, level)| other.allow(name, *level))
    }

    /// What both allow.
    pub(super) fn common(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(name, level)| {
            let there = other.0.get(name)?;
            Some((name.clone(), *level.min(there)))
        });
        Self(both.collect())
    }

    /// Whoever may do anything in a repository may read about it.
    pub(super) fn with_metadata(mut self) -> Self {
        let metadata = self.0.entry("metadata".to_owned());
        metadata.or_insert(Access::Read);
        self
    }
}

/// What a request within a repository asks for.
pub(super) fn in_repository(method: &str, rest: &[&str]) -> (&'static str, Access) {
    let reads = matches!(method, "GET" | "HEAD");
    let access = if reads { Access::Read } else { Access::Write };
    let name = match rest {
        [] if reads => "metadata",
        []
        | [
            "collaborators" | "teams" | "topics" | "transfer" | "keys" | "autolinks" | "rulesets"
            | "traffic",
            ..,
        ] => "administration",
        ["issues" | "labels" | "milestones" | "assignees", ..] => "issues",
        ["pulls", ..] => "pull_requests",
        ["actions", "secrets", ..] => "secrets",
        ["actions", ..] => "actions",
        ["check-runs" | "check-suites", ..] | ["commits", _, "check-runs" | "check-suites"] => {
            "checks"
        }
        ["statuses", ..] | ["commits", _, "status" | "statuses"] => "statuses",
        [
            "contents" | "git" | "commits" | "branches" | "releases" | "compare" | "tarball"
            | "zipball" | "merges" | "readme",
            ..,
        ] => "contents",
        ["deployments", ..] => "deployments",
        ["environments", ..] => "environments",
        ["hooks", ..] => "repository_hooks",
        ["pages", ..] => "pages",
        ["code-scanning", ..] => "security_events",
        ["dependabot" | "vulnerability-alerts", ..] => "vulnerability_alerts",
        ["secret-scanning", ..] => "secret_scanning_alerts",
        ["installation", ..] => "none",
        _ if reads => "metadata",
        _ => "administration",
    };
    (name, access)
}

/// What a request about an organisation asks for; none where anybody may.
pub(super) fn in_organization(method: &str, rest: &[&str]) -> Option<(&'static str, Access)> {
    let reads = matches!(method, "GET" | "HEAD");
    let access = if reads { Access::Read } else { Access::Write };
    match rest {
        [] | ["repos"] if reads => None,
        [
            "members" | "memberships" | "teams" | "invitations" | "public_members",
            ..,
        ] => Some(("members", access)),
        ["hooks", ..] => Some(("organization_hooks", access)),
        ["actions", "secrets", ..] => Some(("organization_secrets", access)),
        _ => Some(("organization_administration", access)),
    }
}
