//! Installation tokens: minted, revoked, and what one of them reaches.

use super::page::next;
use super::{Answer, Ask, Client, moment, secret};
use crate::github::{Allowed, Credential, Fault, Jwt, Minted, Repositories, Scope};
use crate::types::{InstallationId, Permissions, Repository, Secret, Timestamp};
use http::Method;
use serde::{Deserialize, Serialize};

/// A repository that a token reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number, which outlives renames.
    pub id: u64,
    /// Its full name.
    pub name: Repository,
}

impl Client {
    /// `POST /app/installations/{id}/access_tokens`. What comes back is as GitHub says, and still
    /// to be held against what was asked for: [`Minted::is_within`].
    ///
    /// # Errors
    /// Where the scope is not definite (nothing is sent then), GitHub refuses, or its answer
    /// cannot be read; a token in such an answer is revoked.
    pub async fn mint(
        &self,
        jwt: &Jwt,
        installation: InstallationId,
        scope: &Scope,
    ) -> Result<Minted, Fault> {
        if !scope.is_definite() {
            return Err(Fault::Indefinite);
        }
        let path = format!("/app/installations/{installation}/access_tokens");
        let ask = Ask::new(Method::POST, path, Credential::App(jwt)).json(&Body::of(scope))?;
        let answer = self.ask(ask).await?;
        match read(&answer, installation) {
            Ok(minted) => Ok(minted),
            Err(fault) => {
                if let Ok(Bare { token }) = answer.read("a token should have come") {
                    self.revoke(&token).await.ok();
                }
                Err(fault)
            }
        }
    }

    /// `DELETE /installation/token`. One that GitHub does not know is gone already.
    ///
    /// # Errors
    /// Where it is not known to be gone.
    pub async fn revoke(&self, token: &Secret) -> Result<(), Fault> {
        let path = "/installation/token";
        let ask = Ask::new(Method::DELETE, path, Credential::Token(token));
        match self.ask(ask).await {
            Ok(_) | Err(Fault::Unauthorized { .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// `GET /installation/repositories`, all pages.
    ///
    /// # Errors
    /// Where GitHub does not say, or there are more than 50,000.
    pub async fn repositories(&self, token: &Secret) -> Result<Vec<Listed>, Fault> {
        let mut all = Vec::new();
        let mut path = format!("/installation/repositories?per_page={PER_PAGE}");
        for _ in 0..MOST_PAGES {
            let answer = self.ask(Ask::get(path, Credential::Token(token))).await?;
            let page: List = answer.read("repositories should have come")?;
            all.extend(page.repositories.into_iter().filter_map(Raw::checked));
            match next(&answer.headers, "page") {
                None => return Ok(all),
                Some(page) => {
                    let page = page.encoded();
                    path = format!("/installation/repositories?per_page={PER_PAGE}&page={page}");
                }
            }
        }
        Err(Fault::Unreadable("it has more than 50,000 repositories"))
    }

    /// `GET /repositories/{id}`: which repository a number is.
    ///
    /// # Errors
    /// [`Fault::NotFound`] where the token reaches none with this number, or GitHub does not say.
    pub async fn repository(&self, token: &Secret, id: u64) -> Result<Listed, Fault> {
        let path = format!("/repositories/{id}");
        let answer = self.ask(Ask::get(path, Credential::Token(token))).await?;
        let found: Raw = answer.read("a repository should have come")?;
        let found = found.checked();
        found.ok_or(Fault::Unreadable("the repository has no name"))
    }
}

impl Minted {
    /// Whether the token does no more than what was asked for, as far as GitHub says.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        let repositories = match (&scope.repositories, &self.repositories) {
            (Repositories::All, _) => true,
            (Repositories::Named(_), Repositories::All) => false,
            (Repositories::Named(asked), Repositories::Named(given)) => given.is_subset(asked),
        };
        let permissions = match &scope.permissions {
            Allowed::All => true,
            Allowed::Only(asked) => asked.covers(&self.permissions),
        };
        repositories && permissions
    }
}

/// The body of the request. GitHub takes an absent or empty list for everything, so that a list
/// is left out only where all was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    repositories: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a Permissions>,
}

impl<'a> Body<'a> {
    pub(super) fn of(scope: &'a Scope) -> Self {
        Self {
            repositories: match &scope.repositories {
                Repositories::All => None,
                Repositories::Named(names) => Some(names.iter().map(|name| &**name).collect()),
            },
            permissions: match &scope.permissions {
                Allowed::All => None,
                Allowed::Only(permissions) => Some(permissions),
            },
        }
    }
}

#[derive(Deserialize)]
struct Bare {
    #[serde(deserialize_with = "secret")]
    token: Secret,
}

#[derive(Deserialize)]
struct RawToken {
    #[serde(deserialize_with = "secret")]
    token: Secret,
    #[serde(deserialize_with = "moment")]
    expires_at: Timestamp,
    permissions: Permissions,
    repository_selection: Option<String>,
    #[serde(default)]
    repositories: Vec<Raw>,
}

fn read(answer: &Answer, installation: InstallationId) -> Result<Minted, Fault> {
    let raw: RawToken = answer.read("a token with its end and its permissions should have come")?;
    // "selected" without a list says nothing of which, and so counts as all.
    let all = raw.repository_selection.as_deref() == Some("all") || raw.repositories.is_empty();
    let repositories = if all {
        Repositories::All
    } else {
        let names = raw.repositories.into_iter().map(|found| {
            let found = found.checked()?;
            Some(found.name.name().to_ascii_lowercase().into())
        });
        let names = names.collect::<Option<_>>();
        Repositories::Named(names.ok_or(Fault::Unreadable("a repository has no name"))?)
    };
    Ok(Minted {
        token: raw.token,
        expires: raw.expires_at,
        installation,
        permissions: raw.permissions,
        repositories,
    })
}

#[derive(Deserialize)]
struct List {
    repositories: Vec<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    id: u64,
    full_name: String,
}

impl Raw {
    fn checked(self) -> Option<Listed> {
        Some(Listed {
            id: self.id,
            name: self.full_name.parse().ok()?,
        })
    }
}

const PER_PAGE: u32 = 100;
const MOST_PAGES: usize = 500;
