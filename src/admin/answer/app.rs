//! What the API says of GitHub Apps, and what it is asked about them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A GitHub App whose keys are held here, or one that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its name here.
    pub name: String,
    /// The name of its host.
    pub github: String,
    /// Its number there.
    pub id: Option<u64>,
    /// How it is doing.
    pub state: AppState,
    /// What a person can do about it.
    pub advice: Option<String>,
    /// Whether it was made here; otherwise it stands in the configuration.
    pub made_here: bool,
    /// Its name in addresses at GitHub.
    pub slug: Option<String>,
    /// The page on which it is changed and deleted.
    pub settings: Option<String>,
    /// The page on which it is installed.
    pub install: Option<String>,
    /// While it is being made: the page that goes on with it.
    pub open: Option<String>,
    /// Until when that works, RFC 3339.
    pub until: Option<String>,
    /// What it wants to be allowed.
    pub permissions: BTreeMap<String, String>,
    /// Which events it wants.
    pub events: Vec<String>,
    /// Its keys, newest first.
    pub keys: Vec<AppKey>,
    /// Where it is installed.
    pub installations: Vec<AppInstallation>,
    /// When GitHub last said all of it, RFC 3339.
    pub checked: Option<String>,
}

/// How an App is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// A person is to make it at GitHub.
    Waiting,
    /// Nobody did, in time.
    Expired,
    /// GitHub was asked for its key, and what it said was lost.
    Lost,
    /// GitHub was not asked about it yet.
    Unasked,
    /// It is there, and installed nowhere.
    Created,
    /// It works.
    Installed,
    /// It is suspended wherever it is installed.
    Suspended,
    /// It was installed, and is no more.
    Removed,
    /// GitHub takes none of its keys.
    KeyRefused,
    /// GitHub has no such App.
    Gone,
    /// GitHub could not be asked.
    Away,
}

/// An App's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppKey {
    /// What GitHub shows beside it.
    pub fingerprint: String,
    /// Whether GitHub takes it, where it was tried.
    pub accepted: Option<bool>,
    /// Whether it is the one in use.
    pub active: bool,
    /// Whether it should be deleted at GitHub, since a newer one works.
    pub delete: bool,
}

/// An App's installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppInstallation {
    /// The account.
    pub owner: String,
    /// Its number.
    pub id: u64,
    /// `installed`, `suspended` or `removed`.
    pub state: AppState,
    /// Who suspended it and so can end that: `app`, `account` or `unknown`.
    pub suspended_by: Option<String>,
    /// Whether it is for selected repositories only.
    pub selected: bool,
    /// What it was granted.
    pub granted: BTreeMap<String, String>,
    /// What the App wants and was not granted.
    pub lacking: BTreeMap<String, String>,
    /// The page on which it is changed and removed.
    pub page: Option<String>,
    /// Its repositories, where they were asked for and could be had.
    pub repositories: Option<Vec<String>>,
}

/// An App that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateApp {
    /// The name of its host.
    pub github: String,
    /// Whose it is to be; absent: the one who goes to GitHub.
    pub organization: Option<String>,
    /// Its name for people.
    pub title: String,
    /// What it is to be allowed.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Which events it is to get.
    #[serde(default)]
    pub events: Vec<String>,
    /// Where its deliveries are to be sent.
    pub webhook: Option<String>,
    /// By which address a browser reaches the admin address; absent: as it is configured.
    pub at: Option<String>,
}

/// A new key.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AddKey {
    /// The private key in PEM, as downloaded from GitHub.
    pub pem: String,
}

impl std::fmt::Debug for AddKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddKey(..)")
    }
}

/// What became of an App that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedApp {
    /// Its name here.
    pub name: String,
    /// Where it was uninstalled.
    pub uninstalled: Vec<String>,
    /// Whether its credentials were here and are wiped; otherwise they stand in the configuration.
    pub wiped: bool,
    /// The page on which a person deletes the App itself: GitHub has no other way.
    pub delete: Option<String>,
}
