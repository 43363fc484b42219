//! The end of the manifest flow: a code becomes an App with its key.

use super::{Ask, Client, GITHUB_JSON, secret, some_secret};
use crate::github::Fault;
use crate::types::{AppId, Secret};
use http::Method;
use serde::Deserialize;

/// A new App, and all that is only told once.
#[derive(Debug, Clone, Deserialize)]
pub struct Created {
    /// Its number.
    #[serde(deserialize_with = "id")]
    pub id: AppId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Its public page.
    pub html_url: String,
    /// What it is called in OAuth.
    pub client_id: String,
    /// Its secret in OAuth.
    #[serde(deserialize_with = "secret")]
    pub client_secret: Secret,
    /// What its deliveries are signed with, where it has a webhook.
    #[serde(default, deserialize_with = "some_secret")]
    pub webhook_secret: Option<Secret>,
    /// Its private key.
    #[serde(deserialize_with = "secret")]
    pub pem: Secret,
}

impl Client {
    /// `POST /app-manifests/{code}/conversions`, which works once, within an hour.
    ///
    /// # Errors
    /// [`Fault::NotFound`] where the code is not one, was used, or is too old.
    pub async fn convert(&self, code: &str) -> Result<Created, Fault> {
        let fits = (1..=100).contains(&code.len())
            && code
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !fits {
            return Err(Fault::NotFound);
        }
        let ask = Ask {
            method: Method::POST,
            path: format!("/app-manifests/{code}/conversions"),
            credential: None,
            accept: GITHUB_JSON,
            body: None,
        };
        self.ask(ask).await?.read("a new App should have come")
    }
}

fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AppId, D::Error> {
    u64::deserialize(deserializer).map(AppId)
}
