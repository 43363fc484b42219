//! What an App asks as itself: what it is, and where it is installed.

use super::page::next;
use super::{Ask, Client, some_moment};
use crate::github::{Credential, Fault, Jwt};
use crate::types::{AppId, InstallationId, Level, Owner, Permissions, Repository, Timestamp};
use http::Method;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// An App as its server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its number.
    pub id: AppId,
    /// What it is called in OAuth, where that is told.
    pub client_id: Option<String>,
    /// Its name in addresses. A rename changes it.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whose it is, where that is told.
    pub owner: Option<String>,
    /// Whether that is an organization.
    pub organization: bool,
    /// Its public page.
    pub page: Option<String>,
    /// What it wants to be allowed.
    pub permissions: Permissions,
    /// Which events it wants.
    pub events: Vec<String>,
}

/// An App's installation at an organization or a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Its number.
    pub id: InstallationId,
    /// The App.
    pub app: AppId,
    /// The App's name in addresses.
    pub slug: String,
    /// Where it is installed.
    pub owner: Owner,
    /// Whether it is for selected repositories only.
    pub selected: bool,
    /// What it was granted.
    pub permissions: Permissions,
    /// Which events it gets.
    pub events: Vec<String>,
    /// Where it is suspended: since when, and by whom.
    pub suspended: Option<Suspension>,
    /// The page on which it is changed and removed.
    pub page: Option<String>,
}

/// Since when an installation is suspended, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub at: Timestamp,
    /// Whose doing it was, where that is told.
    pub by: Option<String>,
}

impl Client {
    /// `GET /app`: what the App is.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn registration(&self, jwt: &Jwt) -> Result<Registration, Fault> {
        let answer = self.ask(Ask::get("/app", Credential::App(jwt))).await?;
        let found: RawApp = answer.read("an App should have come")?;
        Ok(found.into())
    }

    /// `GET /app/installations`, all pages. Those at an enterprise as a whole are left out: they
    /// have no repositories.
    ///
    /// # Errors
    /// Where GitHub does not say, or there are more than 10,000.
    pub async fn installations(&self, jwt: &Jwt) -> Result<Vec<Installation>, Fault> {
        let mut all = Vec::new();
        let mut path = format!("/app/installations?per_page={PER_PAGE}");
        for _ in 0..MOST_PAGES {
            let answer = self.ask(Ask::get(path, Credential::App(jwt))).await?;
            let page: Vec<RawInstallation> = answer.read("installations should have come")?;
            all.extend(page.into_iter().filter_map(RawInstallation::checked));
            match next(&answer.headers, "page") {
                None => return Ok(all),
                Some(page) => {
                    let page = page.encoded();
                    path = format!("/app/installations?per_page={PER_PAGE}&page={page}");
                }
            }
        }
        Err(Fault::Unreadable("it has more than 10,000 installations"))
    }

    /// The installation at an organization, or at a user where no organization is called so.
    ///
    /// # Errors
    /// [`Fault::NotFound`] where the App is not installed there, or GitHub does not say.
    pub async fn installation_of(&self, jwt: &Jwt, owner: &Owner) -> Result<Installation, Fault> {
        let ask = |kind| {
            Ask::get(
                format!("/{kind}/{owner}/installation"),
                Credential::App(jwt),
            )
        };
        let answer = match self.ask(ask("orgs")).await {
            Err(Fault::NotFound) => self.ask(ask("users")).await?,
            answer => answer?,
        };
        one(&answer)
    }

    /// The installation that reaches a repository, which may have been renamed.
    ///
    /// # Errors
    /// [`Fault::NotFound`] where none does, or GitHub does not say.
    pub async fn installation_for(
        &self,
        jwt: &Jwt,
        repository: &Repository,
    ) -> Result<Installation, Fault> {
        // These are places in a path, and no repository has them for a name.
        if matches!(repository.owner(), "." | "..") || matches!(repository.name(), "." | "..") {
            return Err(Fault::NotFound);
        }
        let path = format!("/repos/{repository}/installation");
        let ask = Ask::get(path, Credential::App(jwt));
        one(&self.ask_through_a_rename(ask).await?)
    }

    /// `DELETE /app/installations/{id}`: uninstalls the App there. One that is gone already is no
    /// fault.
    ///
    /// # Errors
    /// Where GitHub does not do it.
    pub async fn uninstall(&self, jwt: &Jwt, id: InstallationId) -> Result<(), Fault> {
        let path = format!("/app/installations/{id}");
        let ask = Ask::new(Method::DELETE, path, Credential::App(jwt));
        match self.ask(ask).await {
            Ok(_) | Err(Fault::NotFound) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

fn one(answer: &super::Answer) -> Result<Installation, Fault> {
    let found: RawInstallation = answer.read("an installation should have come")?;
    let found = found.checked();
    found.ok_or(Fault::Unreadable("the installation is at no account"))
}

#[derive(Deserialize)]
struct RawApp {
    id: u64,
    client_id: Option<String>,
    #[serde(default)]
    slug: String,
    #[serde(default)]
    name: String,
    owner: Option<RawAccount>,
    html_url: Option<String>,
    #[serde(default, deserialize_with = "known")]
    permissions: Permissions,
    #[serde(default)]
    events: Vec<String>,
}

impl From<RawApp> for Registration {
    fn from(raw: RawApp) -> Self {
        let owner = raw.owner.as_ref();
        let kind = owner.and_then(|owner| owner.kind.as_deref());
        Self {
            id: AppId(raw.id),
            client_id: raw.client_id,
            organization: kind == Some("Organization"),
            slug: raw.slug,
            name: raw.name,
            owner: raw.owner.and_then(|owner| owner.login.or(owner.slug)),
            page: raw.html_url,
            permissions: raw.permissions,
            events: raw.events,
        }
    }
}

#[derive(Deserialize)]
struct RawAccount {
    #[serde(rename = "type")]
    kind: Option<String>,
    login: Option<String>,
    slug: Option<String>,
}

#[derive(Deserialize)]
struct RawInstallation {
    id: u64,
    app_id: u64,
    #[serde(default)]
    app_slug: String,
    account: Option<RawAccount>,
    repository_selection: Option<String>,
    #[serde(default, deserialize_with = "known")]
    permissions: Permissions,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default, deserialize_with = "some_moment")]
    suspended_at: Option<Timestamp>,
    suspended_by: Option<RawAccount>,
    html_url: Option<String>,
}

impl RawInstallation {
    fn checked(self) -> Option<Installation> {
        let by = self.suspended_by.and_then(|by| by.login);
        Some(Installation {
            id: InstallationId(self.id),
            app: AppId(self.app_id),
            slug: self.app_slug,
            owner: self.account?.login?.parse().ok()?,
            selected: self.repository_selection.as_deref() != Some("all"),
            permissions: self.permissions,
            events: self.events,
            suspended: self.suspended_at.map(|at| Suspension { at, by }),
            page: self.html_url,
        })
    }
}

/// Permissions to be shown: kinds and levels that are not known here yet are left out.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Permissions, D::Error> {
    let map = Option::<BTreeMap<String, String>>::deserialize(deserializer)?;
    let mut permissions = Permissions::none();
    for (kind, level) in map.unwrap_or_default() {
        if let Ok(level) = level.parse::<Level>() {
            // A kind with a name that no kind can have is left out like an unknown level.
            drop(permissions.set(&kind, level));
        }
    }
    Ok(permissions)
}

const PER_PAGE: u32 = 100;
const MOST_PAGES: usize = 100;
