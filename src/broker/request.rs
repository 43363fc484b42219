//! The document that asks for a token.

use super::grant::{Extent, Grant};
use super::refusal::Refusal;
use crate::github::{Allowed, Repositories, Scope};
use crate::types::{Name, Owner, Permissions, Repository};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `POST /v1/token`, read. What is absent means what the grant says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Of which App.
    pub app: Name,
    /// Of whose installation.
    pub owner: Owner,
    /// For which repositories.
    pub repositories: Option<Vec<Repository>>,
    /// With which permissions.
    pub permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    app: String,
    owner: String,
    repositories: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, String>>,
}

impl TokenRequest {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it. An empty list is wrong: it could be taken for everything.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wrong = |text: String| Refusal::Request(text);
        let document: Document = serde_json::from_slice(body)
            .map_err(|why| wrong(format!("the body is not a token request: {why}")))?;
        let app = document.app.parse();
        let app = app.map_err(|why| wrong(format!("`app`: {why}")))?;
        let owner = document.owner.parse::<Owner>();
        let owner = owner.map_err(|why| wrong(format!("`owner`: {why}")))?;
        let repositories = match document.repositories {
            None => None,
            Some(names) if names.is_empty() => {
                let text = "`repositories` is empty; leave it out for all that are granted";
                return Err(wrong(text.to_owned()));
            }
            Some(names) => Some(
                names
                    .iter()
                    .map(|name| repository(&owner, name))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let permissions = match document.permissions {
            None => None,
            Some(list) if list.is_empty() => {
                let text = "`permissions` is empty; leave it out for all that are granted";
                return Err(wrong(text.to_owned()));
            }
            Some(list) => Some(permissions(&list)?),
        };
        Ok(Self {
            app,
            owner,
            repositories,
            permissions,
        })
    }
}

fn repository(owner: &Owner, name: &str) -> Result<Repository, Refusal> {
    let full = if name.contains('/') {
        name.to_owned()
    } else {
        format!("{owner}/{name}")
    };
    let found = full.parse::<Repository>();
    let found = found.map_err(|why| Refusal::Request(format!("`repositories`: {why}")))?;
    if found.owner().eq_ignore_ascii_case(owner.as_str()) {
        Ok(found)
    } else {
        let text = format!("`repositories`: `{found}` is not `{owner}`'s");
        Err(Refusal::Request(text))
    }
}

fn permissions(list: &BTreeMap<String, String>) -> Result<Permissions, Refusal> {
    let wrong = |why| Refusal::Request(format!("`permissions`: {why}"));
    let mut permissions = Permissions::none();
    for (kind, level) in list {
        let level = level.parse().map_err(wrong)?;
        permissions.set(kind, level).map_err(wrong)?;
    }
    Ok(permissions)
}

/// What a token that is asked for under a grant will be for.
///
/// # Errors
/// Where the grant does not have it.
pub fn narrowed(grant: &Grant, request: &TokenRequest) -> Result<Narrowed, Refusal> {
    let permissions = grant
        .permissions(request.permissions.as_ref())
        .ok_or(Refusal::NotGranted)?;
    let repositories = match &request.repositories {
        Some(list) => {
            if !list.iter().all(|repository| grant.admits(repository)) {
                return Err(Refusal::NotGranted);
            }
            let names: BTreeSet<Box<str>> = list
                .iter()
                .map(|repository| repository.name().to_ascii_lowercase().into())
                .collect();
            Repositories::Named(names)
        }
        None => match grant.extent() {
            Extent::Known(repositories) => repositories,
            Extent::Matching => return Ok(Narrowed::Matching(permissions)),
        },
    };
    let scope = Scope {
        repositories,
        permissions,
    };
    if scope.is_definite() {
        Ok(Narrowed::Scope(scope))
    } else {
        Err(Refusal::TooMany)
    }
}

/// What a token will be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowed {
    /// This.
    Scope(Scope),
    /// All of the installation's repositories that the grant admits, with these permissions.
    Matching(Allowed),
}

#[cfg(test)]
mod tests;
