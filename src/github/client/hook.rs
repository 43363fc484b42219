//! Where webhooks lead: an App's own, and those of organizations and repositories.

use super::page::next;
use super::{Ask, Client};
use crate::github::{Credential, Fault, Jwt};
use crate::types::{Owner, Repository, Secret};
use http::Method;
use serde::{Deserialize, Serialize};

/// The settings of an App's webhook. GitHub does not show its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    /// Where deliveries are sent.
    pub url: Option<String>,
    /// `json` or `form`.
    pub content_type: Option<String>,
}

/// What is to change in them; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct HookChange {
    /// Where deliveries are sent.
    pub url: Option<String>,
    /// What they are signed with.
    pub secret: Option<Secret>,
}

/// A hook of an organization or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEntry {
    /// Its number.
    pub id: u64,
    /// Where deliveries are sent.
    pub url: Option<String>,
}

impl Client {
    /// `GET /orgs/{org}/hooks`, all pages.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn organization_hooks(
        &self,
        token: &Secret,
        owner: &Owner,
    ) -> Result<Vec<HookEntry>, Fault> {
        self.hooks(token, format!("/orgs/{owner}/hooks")).await
    }

    /// `GET /repos/{owner}/{repo}/hooks`, all pages.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn repository_hooks(
        &self,
        token: &Secret,
        repository: &Repository,
    ) -> Result<Vec<HookEntry>, Fault> {
        if matches!(repository.name(), "." | "..") {
            return Err(Fault::NotFound);
        }
        self.hooks(token, format!("/repos/{repository}/hooks"))
            .await
    }

    async fn hooks(&self, token: &Secret, root: String) -> Result<Vec<HookEntry>, Fault> {
        let mut all = Vec::new();
        let mut path = format!("{root}?per_page={PER_PAGE}");
        for _ in 0..MOST_PAGES {
            let answer = self.ask(Ask::get(path, Credential::Token(token))).await?;
            let page: Vec<Raw> = answer.read("hooks should have come")?;
            all.extend(page.into_iter().map(|raw| HookEntry {
                id: raw.id,
                url: raw.config.and_then(|config| config.url),
            }));
            match next(&answer.headers, "page") {
                None => return Ok(all),
                Some(page) => {
                    path = format!("{root}?per_page={PER_PAGE}&page={}", page.encoded());
                }
            }
        }
        Err(Fault::Unreadable("it has more than 1,000 hooks"))
    }

    /// `GET /app/hook/config`.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn hook_config(&self, jwt: &Jwt) -> Result<HookConfig, Fault> {
        let ask = Ask::get("/app/hook/config", Credential::App(jwt));
        self.ask(ask)
            .await?
            .read("a hook's settings should have come")
    }

    /// `PATCH /app/hook/config`; deliveries are always JSON, and their TLS is always checked.
    ///
    /// # Errors
    /// Where GitHub does not do it.
    pub async fn set_hook_config(&self, jwt: &Jwt, change: &HookChange) -> Result<(), Fault> {
        let secret = change.secret.as_ref().map(Secret::expose);
        let secret = secret.map(std::str::from_utf8).transpose();
        let body = Body {
            url: change.url.as_deref(),
            content_type: "json",
            insecure_ssl: "0",
            secret: secret
                .ok()
                .ok_or(Fault::Unreadable("the secret is no text"))?,
        };
        let ask = Ask::new(Method::PATCH, "/app/hook/config", Credential::App(jwt));
        self.ask(ask.json(&body)?).await?;
        Ok(())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    content_type: &'a str,
    insecure_ssl: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

#[derive(Deserialize)]
struct Raw {
    id: u64,
    config: Option<HookConfig>,
}

const PER_PAGE: u32 = 100;
const MOST_PAGES: usize = 10;
