//! Who signs. A signer writes App JWTs itself, from an App's number and the time: nothing else
//! can be had signed by it.

use super::key::{Fingerprint, Key};
use crate::github::Jwt;
use crate::types::{AppId, Timestamp};
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The signer does not hold the key.
    #[error("the signer does not hold the key {0}")]
    Unknown(Fingerprint),
    /// The signer cannot be asked, or cannot sign.
    #[error("the signer does not sign: {0}")]
    Away(String),
}

/// Something that holds private keys and signs App JWTs with them, and nothing else.
#[async_trait]
pub trait Sign: Send + Sync + fmt::Debug {
    /// A JWT of the App, valid around `now`.
    ///
    /// # Errors
    /// Where the key is not held, or the signer cannot be asked.
    async fn sign(&self, key: Fingerprint, app: AppId, now: Timestamp) -> Result<Jwt, SignError>;
}

/// Keys in this process.
#[derive(Debug, Clone, Default)]
pub struct Keyring(BTreeMap<Fingerprint, Key>);

impl FromIterator<Key> for Keyring {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(
            keys.into_iter()
                .map(|key| (key.fingerprint(), key))
                .collect(),
        )
    }
}

impl Keyring {
    /// Whether it holds the key.
    #[must_use]
    pub fn holds(&self, key: Fingerprint) -> bool {
        self.0.contains_key(&key)
    }
}

#[async_trait]
impl Sign for Keyring {
    async fn sign(&self, key: Fingerprint, app: AppId, now: Timestamp) -> Result<Jwt, SignError> {
        let key = self.0.get(&key).ok_or(SignError::Unknown(key))?;
        write(key, app, now).ok_or_else(|| SignError::Away("RSA failed".to_owned()))
    }
}

fn write(key: &Key, app: AppId, now: Timestamp) -> Option<Jwt> {
    let text = unsigned(app, now);
    let signature = key.sign(text.as_bytes())?;
    Some(signed(text, &signature))
}

/// `header.claims`. The beginning lies back so that a clock somewhat ahead of GitHub's does no
/// harm, and the end stays short of GitHub's ten minutes for the same reason.
pub(super) fn unsigned(app: AppId, now: Timestamp) -> String {
    let seconds = |moment: Timestamp| moment.as_millis().div_euclid(1000);
    let (begin, end) = (seconds(now.before(BACK)), seconds(now.after(AHEAD)));
    let claims = format!(r#"{{"iat":{begin},"exp":{end},"iss":"{app}"}}"#);
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(HEADER);
    text.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}

/// `header.claims.signature`.
pub(super) fn signed(mut text: String, signature: &[u8]) -> Jwt {
    text.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Jwt::new(text)
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
const BACK: Duration = Duration::from_secs(60);
const AHEAD: Duration = Duration::from_secs(540);

#[cfg(test)]
mod tests;
