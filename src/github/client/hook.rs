//! Where an App's own webhook leads.

use super::{Ask, Client};
use crate::github::{Credential, Fault, Jwt};
use crate::types::Secret;
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

impl Client {
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
