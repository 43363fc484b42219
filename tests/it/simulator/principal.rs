//! Who asks: an App by its JWT, an installation or a user by their token, or nobody.

use super::answer::Reply;
use super::state::{App, State, Token};
use super::{Shape, Simulator};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde_json::Value;

/// How far beyond now a JWT may last.
const LONGEST: i64 = 600;

#[derive(Debug, Clone)]
pub(super) enum Principal {
    Nobody,
    /// By id.
    App(u64),
    Installation(Box<Token>),
    /// By the account's id, with the App that the token is for.
    User {
        user: u64,
        app: u64,
    },
}

impl Principal {
    /// Whose budget a request is taken from.
    pub(super) fn purse(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::App(id) => format!("app ID {id}"),
            Self::Installation(token) => format!("installation ID {}", token.installation),
            Self::User { user, .. } => format!("user ID {user}"),
        }
    }
}

impl Simulator {
    pub(super) fn principal(&self, headers: &HeaderMap) -> Result<Principal, Reply> {
        let Some(shown) = shown(headers) else {
            return Ok(Principal::Nobody);
        };
        let now = self.0.clock.now();
        let young = self.0.moods.borrow().young;
        let mut state = self.state();
        if shown.starts_with("ghs_") {
            return installed(&mut state, &shown, now, young)
                .map(|token| Principal::Installation(Box::new(token)));
        }
        if shown.starts_with("ghu_") {
            let known = state.user_tokens.iter().find(|token| token.access == shown);
            let alive =
                known.filter(|token| !token.gone && token.expires.is_none_or(|end| now < end));
            let alive = alive.ok_or_else(Reply::bad_credentials)?;
            return Ok(Principal::User {
                user: alive.user,
                app: alive.app,
            });
        }
        if shown.split('.').count() == 3 {
            return self.app_of(&state, &shown, now).map(Principal::App);
        }
        Err(Reply::bad_credentials())
    }

    fn app_of(&self, state: &State, jwt: &str, now: Timestamp) -> Result<u64, Reply> {
        let undecodable = || Reply::no(401, "A JSON web token could not be decoded");
        let (text, signature) = jwt.rsplit_once('.').ok_or_else(undecodable)?;
        let (head, claims) = text.split_once('.').ok_or_else(undecodable)?;
        let (head, claims) = (decoded(head), decoded(claims));
        if head["alg"] != "RS256" {
            return Err(undecodable());
        }
        let issuer = match &claims["iss"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let is_it = |app: &&App| {
            let by_client = self.0.shape == Shape::Dotcom && app.client_id == issuer;
            app.id.to_string() == issuer || by_client
        };
        let app = state.apps.values().find(is_it);
        let app = app.ok_or_else(|| Reply::no(404, "Integration not found"))?;
        if app.keys.is_empty() {
            return Err(Reply::no(401, "Integration must generate a public key"));
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| undecodable())?;
        if !app.keys.iter().any(|key| key.signed(text, &signature)) {
            return Err(undecodable());
        }
        let now = now.as_second();
        if claims["iat"].as_i64().is_none_or(|issued| issued > now) {
            return Err(Reply::no(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            ));
        }
        match claims["exp"].as_i64() {
            Some(end) if end > now + LONGEST => Err(Reply::no(
                401,
                "'Expiration time' claim ('exp') is too far in the future",
            )),
            Some(end) if end > now => Ok(app.id),
            _ => Err(Reply::no(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            )),
        }
    }
}

fn installed(
    state: &mut State,
    shown: &str,
    now: Timestamp,
    young: Option<super::Young>,
) -> Result<Token, Reply> {
    let here = |id: &u64| state.installations.contains_key(id);
    let found = state
        .tokens
        .iter()
        .position(|token| token.text == shown && here(&token.installation));
    let token = found.map(|place| &mut state.tokens[place]);
    let token = token.filter(|token| !token.revoked && now < token.expires);
    let token = token.ok_or_else(Reply::bad_credentials)?;
    token.shown += 1;
    let token = token.clone();
    if let Some(young) = young {
        let age = now.as_second() - token.minted.as_second();
        if token.shown <= young.requests || age < young.seconds {
            return Err(match young.status {
                403 => Reply::inaccessible(),
                _ => Reply::bad_credentials(),
            });
        }
    }
    if state.installations[&token.installation].suspended.is_some() {
        return Err(Reply::suspended());
    }
    Ok(token)
}

/// The credential of a request, however it is written.
pub(super) fn shown(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Some(rest.trim().to_owned());
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    let password = if password == "x-oauth-basic" {
        user
    } else {
        password
    };
    Some(password.to_owned())
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
