//! Where people's tokens are given and renewed.

use super::{Ask, Client, some_secret};
use crate::github::Credential;
use crate::github::Fault;
use crate::types::Secret;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
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
    /// Where GitHub does not answer.
    pub async fn renew(
        &self,
        client_id: &str,
        client_secret: &Secret,
        refresh: &Secret,
    ) -> Result<Renewed, Fault> {
        let body = Zeroizing::new(renewal(client_id, client_secret, refresh).into_bytes());
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
        let code = raw.error.clone();
        Ok(match raw.tokens() {
            Some((tokens, _)) => Renewed::Tokens(tokens),
            None => Renewed::Refused(code.unwrap_or_default()),
        })
    }

    /// Whether GitHub knows a person's token: a 401 may be about something else.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn knows(&self, token: &Secret) -> Result<bool, Fault> {
        match self.ask(Ask::get("/user", Credential::Token(token))).await {
            Ok(_) | Err(Fault::Forbidden { .. } | Fault::NotFound) => Ok(true),
            Err(Fault::Unauthorized { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// The token endpoint, asked as somebody else asked it: with their method, query, body and
    /// what they said of these.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn sign_in(&self, asked: SignIn<'_>) -> Result<SignedIn, Fault> {
        let query = asked
            .query
            .map_or_else(String::new, |query| format!("?{query}"));
        let url = format!("{}/login/oauth/access_token{query}", self.site().root());
        let mut request = self.http.request(asked.method, url);
        for name in [ACCEPT, AUTHORIZATION, CONTENT_TYPE] {
            if let Some(value) = asked.headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let mut answer = request
            .body(asked.body.to_vec())
            .send()
            .await
            .map_err(Fault::of)?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = answer.chunk().await.map_err(Fault::of)? {
            if body.len() + piece.len() > LARGEST {
                return Err(Fault::Unreadable(
                    "a token should have come, of less than 64 KiB",
                ));
            }
            body.extend_from_slice(&piece);
        }
        Ok(SignedIn {
            status: answer.status(),
            kind: answer.headers_mut().remove(CONTENT_TYPE),
            body,
        })
    }
}

fn renewal(client_id: &str, client_secret: &Secret, refresh: &Secret) -> String {
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let mut form = form_urlencoded::Serializer::new(String::new());
    // Who signed in with a code on a device has none.
    if !client_secret.expose().is_empty() {
        form.append_pair("client_secret", &Zeroizing::new(text(client_secret)));
    }
    form.append_pair("client_id", client_id)
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", &Zeroizing::new(text(refresh)))
        .finish()
}

/// The longest answer of the token endpoint.
const LARGEST: usize = 64 << 10;

/// What becomes of renewing.
#[derive(Debug, Clone)]
pub enum Renewed {
    /// New ones; the old ones are good no more.
    Tokens(UserTokens),
    /// The code of OAuth's with which GitHub refuses.
    Refused(String),
}

/// A question to the token endpoint.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// `POST`, or `GET` as older clients ask.
    pub method: Method,
    /// Its query.
    pub query: Option<&'a str>,
    /// Its headers, of which those count that say what the body is, what is wanted, and who asks.
    pub headers: HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

/// What the token endpoint answered. The body may hold tokens.
pub struct SignedIn {
    /// The status; 200 for most refusals too.
    pub status: StatusCode,
    /// The body's type.
    pub kind: Option<HeaderValue>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedIn({}, ..)", self.status)
    }
}

impl SignedIn {
    /// The tokens that JSON holds, and what was said besides: the scope.
    #[must_use]
    pub fn tokens(&self) -> Option<(UserTokens, String)> {
        serde_json::from_slice::<Raw>(&self.body).ok()?.tokens()
    }
}

impl Raw {
    fn tokens(self) -> Option<(UserTokens, String)> {
        let access = self.access_token.filter(|_| self.error.is_none())?;
        let tokens = UserTokens {
            access,
            expires_in: self.expires_in.map(Duration::from_secs),
            refresh: self.refresh_token,
            refresh_expires_in: self.refresh_token_expires_in.map(Duration::from_secs),
        };
        Some((tokens, self.scope.unwrap_or_default()))
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
    scope: Option<String>,
    error: Option<String>,
}
