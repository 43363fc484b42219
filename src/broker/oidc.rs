//! Tokens of OIDC issuers: GitHub Actions, GitLab, Kubernetes and others. Issuers come from the
//! configuration only, never from a token.

mod keys;

pub use keys::{Documents, Keys, Silence};

use super::credential::SignedToken;
use super::refusal::Refusal;
use crate::types::{Clock, ParseError};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use url::Url;

/// What is signed with anything else is not taken: no shared secrets, and nothing unsigned.
const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 60;

/// Whom a caller's tokens come from, and what they must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The issuer, exactly as its tokens name it.
    pub issuer: Url,
    /// The issuer's text, as it is compared.
    pub name: Box<str>,
    /// The audience that a token must be for.
    pub audience: Box<str>,
    /// What else it must say. Never empty: an issuer alone is half the world.
    pub claims: BTreeMap<Box<str>, ClaimPattern>,
}

/// What a claim must be: a text, in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPattern(Box<str>);

impl FromStr for ClaimPattern {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.bytes().all(|byte| byte == b'*') {
            let expected =
                "a claim's value, with `*` for a run of characters but not for all of it";
            return Err(ParseError::new(text, expected));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ClaimPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClaimPattern {
    /// Whether the whole of `text` fits. Letters' case counts.
    fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// What a verified token says.
#[derive(Debug, Clone)]
pub struct Claims {
    issuer: Box<str>,
    audiences: Vec<Box<str>>,
    all: HashMap<String, Value>,
}

impl Trust {
    /// Whether a token that was verified is one of this caller's.
    #[must_use]
    pub fn fits(&self, claims: &Claims) -> bool {
        claims.issuer == self.name
            && claims.audiences.contains(&self.audience)
            && self.claims.iter().all(|(name, pattern)| {
                let found = claims.all.get(&**name).and_then(text);
                found.is_some_and(|found| pattern.fits(&found))
            })
    }
}

/// A claim as text; lists and objects are none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The issuers and their keys.
#[derive(Debug)]
pub struct Issuers {
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Issuers {
    /// Issuers whose documents are fetched by `documents`.
    #[must_use]
    pub fn new(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys: Keys::new(documents),
            clock,
        }
    }

    /// Verifies a token of one of these issuers: signature, issuer, time, audience.
    ///
    /// # Errors
    /// Where it is none, or where the issuer's keys cannot be had.
    pub async fn verify<'a>(
        &self,
        token: &SignedToken,
        trusts: impl Iterator<Item = &'a Trust>,
    ) -> Result<Claims, Refusal> {
        let text = token.expose();
        let unknown = |why: &str| {
            tracing::debug!("an OIDC token is refused: {why}");
            Refusal::Caller
        };
        let head = decode_header(text)
            .ok()
            .ok_or_else(|| unknown("its head cannot be read"))?;
        if !ALGORITHMS.contains(&head.alg) {
            return Err(unknown("its algorithm is not taken"));
        }
        let named = unverified_issuer(text).ok_or_else(|| unknown("it names no issuer"))?;
        let trusts: Vec<&Trust> = trusts.filter(|trust| *trust.name == *named).collect();
        let issuer = trusts
            .first()
            .ok_or_else(|| unknown("its issuer is not one of ours"))?;
        let now = tokio::time::Instant::now();
        let key = self
            .keys
            .find(&issuer.issuer, head.kid.as_deref(), head.alg, now);
        let key = key.await.map_err(|Silence| Refusal::Unreachable)?;
        let key: DecodingKey = key.ok_or_else(|| unknown("its key is not one of its issuer's"))?;
        let mut rules = Validation::new(head.alg);
        rules.set_issuer(&[&*issuer.name]);
        let audiences: Vec<&str> = trusts.iter().map(|trust| &*trust.audience).collect();
        rules.set_audience(&audiences);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        // By our clock below, which tests turn.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let found = decode::<HashMap<String, Value>>(text, &key, &rules);
        let all = found.map_err(|why| unknown(&why.to_string()))?.claims;
        if !self.is_now(&all) {
            return Err(unknown("it is not good now"));
        }
        let audiences = match all.get("aud") {
            Some(Value::String(one)) => vec![one.as_str().into()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(Box::from)
                .collect(),
            _ => Vec::new(),
        };
        Ok(Claims {
            issuer: issuer.name.clone(),
            audiences,
            all,
        })
    }

    fn is_now(&self, claims: &HashMap<String, Value>) -> bool {
        let now = u64::try_from(self.clock.now().as_millis() / 1000).unwrap_or(0);
        let moment = |name: &str| claims.get(name).and_then(Value::as_u64);
        let ended = moment("exp").is_none_or(|end| end.saturating_add(LEEWAY) <= now);
        let begun = ["nbf", "iat"].iter().all(|name| match claims.get(*name) {
            None => true,
            Some(_) => moment(name).is_some_and(|begin| begin <= now.saturating_add(LEEWAY)),
        });
        !ended && begun
    }
}

/// The issuer that a token names, to choose among those that are known; nothing of it is believed.
fn unverified_issuer(token: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    value.get("iss")?.as_str().map(str::to_owned)
}

#[cfg(test)]
pub(in crate::broker) mod tests;
