//! What there is on the server: accounts, repositories, Apps, installations, tokens, hooks.

use super::keys::AppKey;
use super::permissions::Permissions;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Clone)]
pub struct Account {
    pub id: u64,
    pub login: String,
    pub organization: bool,
}

#[derive(Debug, Clone)]
pub struct Repository {
    pub id: u64,
    /// The account's id.
    pub owner: u64,
    pub name: String,
    pub private: bool,
    /// Titles; the first has number 1.
    pub issues: Vec<String>,
    pub pulls: Vec<String>,
    pub files: BTreeMap<String, Vec<u8>>,
    /// By tag and name.
    pub releases: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Of each issue, by its number.
    pub comments: BTreeMap<usize, Vec<String>>,
}

/// What a hook is told to do.
#[derive(Debug, Clone, Default)]
pub struct Hook {
    pub url: Option<String>,
    pub secret: Option<String>,
    pub form: bool,
    pub active: bool,
}

#[derive(Clone)]
pub struct App {
    pub id: u64,
    pub slug: String,
    pub client_id: String,
    pub client_secret: String,
    pub name: String,
    /// The account's id.
    pub owner: u64,
    pub keys: Vec<AppKey>,
    pub permissions: Permissions,
    pub events: Vec<String>,
    pub hook: Hook,
    pub setup_url: Option<String>,
}

/// Who has suspended an installation: only the same side may take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    App,
    Account,
}

/// Which repositories an installation has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    All,
    /// Their ids.
    Some(BTreeSet<u64>),
}

#[derive(Debug, Clone)]
pub struct Installation {
    pub id: u64,
    pub app: u64,
    /// The account's id.
    pub account: u64,
    pub repositories: Chosen,
    /// What was granted; the App may want more by now.
    pub permissions: Permissions,
    pub events: Vec<String>,
    pub suspended: Option<(Side, Timestamp)>,
    pub created: Timestamp,
}

/// An installation token that was given out.
#[derive(Debug, Clone)]
pub struct Token {
    pub text: String,
    pub app: u64,
    pub installation: u64,
    /// The body of the request that asked for it.
    pub asked: Value,
    /// The ids of those it is for; none: whatever the installation has.
    pub repositories: Option<BTreeSet<u64>>,
    pub permissions: Permissions,
    pub minted: Timestamp,
    pub expires: Timestamp,
    pub revoked: bool,
    /// How often it was shown.
    pub shown: u64,
}

/// A user's token for an App, and what renews it.
#[derive(Debug, Clone)]
pub struct UserToken {
    pub app: u64,
    /// The account's id.
    pub user: u64,
    pub access: String,
    pub refresh: Option<String>,
    /// None where expiry is off.
    pub expires: Option<Timestamp>,
    pub refresh_expires: Option<Timestamp>,
    pub gone: bool,
}

/// Somebody who may not install an App has asked those who may.
#[derive(Debug, Clone)]
pub struct InstallationRequest {
    pub id: u64,
    pub app: u64,
    pub account: u64,
    pub requester: u64,
    pub created: Timestamp,
}

/// An App made from a manifest whose credentials nobody has fetched yet.
#[derive(Debug, Clone)]
pub(super) struct Unfetched {
    pub(super) app: u64,
    pub(super) made: Timestamp,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) repositories: BTreeMap<u64, Repository>,
    /// Names that repositories once had, in small letters.
    pub(super) former: HashMap<String, u64>,
    pub(super) apps: BTreeMap<u64, App>,
    pub(super) installations: BTreeMap<u64, Installation>,
    pub(super) requests: Vec<InstallationRequest>,
    pub(super) tokens: Vec<Token>,
    pub(super) user_tokens: Vec<UserToken>,
    /// Codes by which people sign in: the App, and who, once that is known.
    pub(super) codes: HashMap<String, (u64, Option<u64>)>,
    pub(super) unfetched: HashMap<String, Unfetched>,
    pub(super) hooks: BTreeMap<u64, (super::deliveries::Place, Hook)>,
    pub(super) deliveries: Vec<super::deliveries::Delivery>,
    /// Keys that Apps made from manifests were given so far.
    pub(super) keys_given: usize,
    last: u64,
}

impl State {
    /// An id that nothing else has.
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        1000 + self.last
    }

    pub(super) fn account(&self, login: &str) -> Option<&Account> {
        let mut all = self.accounts.values();
        all.find(|account| account.login.eq_ignore_ascii_case(login))
    }

    pub(super) fn full_name(&self, repository: &Repository) -> String {
        format!(
            "{}/{}",
            self.accounts[&repository.owner].login, repository.name
        )
    }

    /// The repository that has this name now.
    pub(super) fn named(&self, owner: &str, name: &str) -> Option<&Repository> {
        let owner = self.account(owner)?.id;
        let mut all = self.repositories.values();
        all.find(|one| one.owner == owner && one.name.eq_ignore_ascii_case(name))
    }

    /// The repository that once had this name.
    pub(super) fn once_named(&self, owner: &str, name: &str) -> Option<&Repository> {
        let name = format!("{owner}/{name}").to_ascii_lowercase();
        self.repositories.get(self.former.get(&name)?)
    }

    /// The ids of what an installation has.
    pub(super) fn covered(&self, installation: &Installation) -> BTreeSet<u64> {
        let owned = self.repositories.values();
        let owned = owned.filter(|one| one.owner == installation.account);
        let owned = owned.map(|one| one.id);
        match &installation.repositories {
            Chosen::All => owned.collect(),
            Chosen::Some(chosen) => owned.filter(|id| chosen.contains(id)).collect(),
        }
    }

    /// What a token may reach now: never more than its installation.
    pub(super) fn reach(&self, token: &Token) -> (BTreeSet<u64>, Permissions) {
        let Some(installation) = self.installations.get(&token.installation) else {
            return Default::default();
        };
        let covered = self.covered(installation);
        let covered = match &token.repositories {
            Some(chosen) => covered.intersection(chosen).copied().collect(),
            None => covered,
        };
        let granted = installation.permissions.clone().with_metadata();
        (covered, token.permissions.common(&granted))
    }
}
