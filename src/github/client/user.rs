//! User-to-server tokens that expire, renewed.

use super::{Ask, Client, some_secret};
use crate::github::Fault;
use crate::types::Secret;
use http::Method;
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

/// A user-to-server token and the one that renews it. Both replace those before.
#[derive(Debug, Clone)]
pub struct UserTokens {
    /// The token.
    pub access: Secret,
    /// How long it lasts; absent where it does not end.
    pub expires_in: Option<Duration>,
    /// What renews it.
    pub refresh: Option<Secret>,
    /// How long that lasts.
    pub refresh_expires_in: Option<Duration>,
}

impl Client {
    /// `POST /login/oauth/access_token` with a refresh token.
    ///
    /// # Errors
    /// [`Fault::Unauthorized`] where GitHub takes the refresh token or the App's secret for wrong.
    pub async fn renew(
        &self,
        client_id: &str,
        client_secret: &Secret,
        refresh: &Secret,
    ) -> Result<UserTokens, Fault> {
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client_id)
            .append_pair("client_secret", &Zeroizing::new(text(client_secret)))
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", &Zeroizing::new(text(refresh)))
            .finish();
        let body = Zeroizing::new(body.into_bytes());
        let ask = Ask {
            method: Method::POST,
            path: String::new(),
            credential: None,
            accept: "application/json",
            body: Some(("application/x-www-form-urlencoded", body)),
        };
        let url = format!("{}/login/oauth/access_token", self.site().root());
        let answer = self.exchange(&url, &ask).await?;
        let answer = answer.success(self.clock.now())?;
        let raw: Raw = answer.read("a token should have come")?;
        // A refusal is answered 200 too.
        let Some(access) = raw.access_token.filter(|_| raw.error.is_none()) else {
            let date = super::super::fault::date(&answer.headers);
            return Err(Fault::Unauthorized { date });
        };
        Ok(UserTokens {
            access,
            expires_in: raw.expires_in.map(Duration::from_secs),
            refresh: raw.refresh_token,
            refresh_expires_in: raw.refresh_token_expires_in.map(Duration::from_secs),
        })
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "some_secret")]
    access_token: Option<Secret>,
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "some_secret")]
    refresh_token: Option<Secret>,
    refresh_token_expires_in: Option<u64>,
    error: Option<String>,
}
