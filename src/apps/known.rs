//! What is known of an App, for people: its condition, its keys, where it is installed.

use super::app::App;
use super::key::Fingerprint;
use super::memory::{Condition, Standing};
use crate::github::{Installation, Registration};
use crate::types::{Owner, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of an App.
#[derive(Debug, Clone)]
pub struct Known {
    /// How it is doing.
    pub condition: Condition,
    /// What it is on its server, where that was told.
    pub registration: Option<Arc<Registration>>,
    /// Its keys, newest first.
    pub keys: Vec<KeyState>,
    /// Where it stands with each account that is known.
    pub standings: BTreeMap<Owner, Standing>,
    /// When GitHub last said all of it.
    pub reconciled: Option<Timestamp>,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// What GitHub calls it.
    pub fingerprint: Fingerprint,
    /// Whether GitHub takes it, where it was tried.
    pub accepted: Option<bool>,
    /// When it was tried.
    pub tried: Option<Timestamp>,
    /// Whether it is the one in use.
    pub active: bool,
}

/// Who suspended an installation, and so who alone can end that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The App's owner.
    App,
    /// The account that it is installed at.
    Account,
    /// GitHub does not say in a way that tells.
    Unknown,
}

impl App {
    /// What is known of it. Asks nobody.
    #[must_use]
    pub fn known(&self) -> Known {
        let standings = self.memory.standings();
        let facts = self.memory.facts();
        let state = |fingerprint: &Fingerprint| {
            let verdict = facts.verdicts.get(fingerprint);
            KeyState {
                fingerprint: *fingerprint,
                accepted: verdict.map(|verdict| verdict.accepted),
                tried: verdict.map(|verdict| verdict.at),
                active: facts.active == Some(*fingerprint),
            }
        };
        Known {
            condition: facts.condition.clone(),
            registration: facts.registration.clone(),
            keys: self.keys.iter().map(state).collect(),
            standings,
            reconciled: facts.reconciled,
        }
    }
}

impl Known {
    /// Whether the App works and is installed nowhere yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let installed = |standing: &Standing| {
            matches!(standing, Standing::Installed(_) | Standing::Suspended(_))
        };
        self.condition == Condition::Well && !self.standings.values().any(installed)
    }

    /// The keys that GitHub still takes and that are no longer needed, since a newer one works: a
    /// person deletes them in the App's settings.
    pub fn to_delete(&self) -> impl Iterator<Item = Fingerprint> {
        let active = self.keys.iter().position(|key| key.active);
        let older = active.map_or(usize::MAX, |index| index + 1);
        let older = self.keys.iter().skip(older);
        older
            .filter(|key| key.accepted == Some(true))
            .map(|key| key.fingerprint)
    }

    /// Who suspended an installation of this App. An App's owner does it by GitHub's API, in the
    /// App's own name; an account's people do it on a page, each in theirs.
    /// <https://docs.github.com/en/apps/maintaining-github-apps/suspending-a-github-app-installation>
    #[must_use]
    pub fn suspended_by(&self, installation: &Installation) -> Option<Side> {
        let Some(by) = installation.suspended.as_ref()?.by.as_deref() else {
            return Some(Side::Unknown);
        };
        let registration = self.registration.as_ref();
        let itself = registration.map(|app| format!("{}[bot]", app.slug));
        if itself.is_some_and(|itself| by.eq_ignore_ascii_case(&itself)) {
            return Some(Side::App);
        }
        let owner = registration.and_then(|app| app.owner.as_deref());
        let owner = owner.is_some_and(|owner| by.eq_ignore_ascii_case(owner));
        let account = by.eq_ignore_ascii_case(installation.owner.as_str());
        Some(match (owner, account) {
            (true, false) => Side::App,
            (false, _) => Side::Account,
            // Both are one and the same.
            (true, true) => Side::Unknown,
        })
    }

    /// The permissions that the App wants and this installation has not granted.
    #[must_use]
    pub fn ungranted(&self, installation: &Installation) -> crate::types::Permissions {
        let mut lacking = crate::types::Permissions::none();
        let wanted = self
            .registration
            .iter()
            .flat_map(|app| app.permissions.iter());
        for (kind, level) in wanted {
            let granted = installation.permissions.level(kind);
            if granted.is_none_or(|granted| granted < level) {
                // A kind that was read is one that can be written.
                drop(lacking.set(kind, level));
            }
        }
        lacking
    }
}
