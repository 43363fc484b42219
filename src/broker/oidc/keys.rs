//! The keys of issuers: fetched when they are needed, remembered, and asked for again at most once
//! a minute when a token names one that is not known.

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// Keys are asked for again after this long: a key that was withdrawn is gone by then.
const FRESH: Duration = Duration::from_hours(1);
/// A key that is not known is looked for at most so often.
const AGAIN: Duration = Duration::from_mins(1);
/// Keys that were good stay so while the issuer does not answer.
const STALE: Duration = Duration::from_hours(24);
/// Most keys of one issuer: they have two to six.
const MOST_KEYS: usize = 64;

/// No answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence;

/// Fetches an issuer's documents: within bounds of time and size, and without following redirects.
#[async_trait]
pub trait Documents: Send + Sync + fmt::Debug {
    /// The document at `url`.
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, Silence>;
}

/// The keys of all issuers.
#[derive(Debug)]
pub struct Keys {
    documents: Arc<dyn Documents>,
    known: Mutex<HashMap<Url, Arc<Slot>>>,
}

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Slot {
    known: ArcSwapOption<Known>,
    /// When it was asked last. Who asks holds this; whoever has a key that is known does not wait.
    asked: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Known {
    set: JwkSet,
    since: Instant,
}

impl Known {
    fn key(&self, id: Option<&str>, algorithm: Algorithm, now: Instant) -> Option<DecodingKey> {
        (now - self.since < STALE)
            .then(|| choose(&self.set, id, algorithm))
            .flatten()
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    pub(super) fn new(documents: Arc<dyn Documents>) -> Self {
        Self {
            documents,
            known: Mutex::default(),
        }
    }

    /// The issuer's key of this id that signs with this algorithm.
    pub(super) async fn find(
        &self,
        issuer: &Url,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Instant,
    ) -> Result<Option<DecodingKey>, Silence> {
        let slot = {
            // As many as the configuration has issuers.
            let mut known = self.known.lock().await;
            Arc::clone(known.entry(issuer.clone()).or_default())
        };
        let fresh = |known: &Arc<Known>| now - known.since < FRESH;
        if let Some(known) = slot.known.load_full().filter(fresh)
            && let Some(key) = known.key(id, algorithm, now)
        {
            return Ok(Some(key));
        }
        let mut asked = slot.asked.lock().await;
        // Whoever asked while this waited may have brought it.
        let known = slot.known.load_full();
        let key = known
            .as_ref()
            .and_then(|known| known.key(id, algorithm, now));
        let is_fresh = known.as_ref().is_some_and(fresh);
        if key.is_some() && is_fresh {
            return Ok(key);
        }
        if asked.is_none_or(|asked| now.duration_since(asked) >= AGAIN) {
            *asked = Some(now);
            if let Ok(set) = self.fetch(issuer).await {
                let key = choose(&set, id, algorithm);
                slot.known.store(Some(Arc::new(Known { set, since: now })));
                return Ok(key);
            }
        }
        match key {
            Some(key) => Ok(Some(key)),
            // The issuer's keys are known, and this is none of them.
            None if is_fresh => Ok(None),
            None => Err(Silence),
        }
    }

    async fn fetch(&self, issuer: &Url) -> Result<JwkSet, Silence> {
        let silent = |why: &str| {
            tracing::warn!(%issuer, "the keys of an OIDC issuer cannot be had: {why}");
            Silence
        };
        let base = issuer.as_str().trim_end_matches('/');
        let at = format!("{base}/.well-known/openid-configuration");
        let at = at.parse().ok();
        let at = at.ok_or_else(|| silent("its address cannot be asked"))?;
        let document = self.documents.fetch(&at).await?;
        let told: Option<Discovery> = serde_json::from_slice(&document).ok();
        let told = told.ok_or_else(|| silent("its discovery document cannot be read"))?;
        if told.issuer.trim_end_matches('/') != base {
            return Err(silent("its discovery document is another issuer's"));
        }
        let at: Option<Url> = told.jwks_uri.parse().ok();
        let at = at.filter(|at| at.scheme() == issuer.scheme());
        let at = at.ok_or_else(|| silent("its keys are at no address that can be trusted"))?;
        let document = self.documents.fetch(&at).await?;
        let set: Option<JwkSet> = serde_json::from_slice(&document).ok();
        let set = set.ok_or_else(|| silent("its keys cannot be read"))?;
        if set.keys.len() > MOST_KEYS {
            return Err(silent("it has too many keys"));
        }
        Ok(set)
    }
}

/// The key of this id, where it is one for signatures by this algorithm. A token without an id is
/// taken where there is but one such key.
fn choose(set: &JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let signs = |key: &&Jwk| {
        let for_this = match key.common.public_key_use {
            Some(PublicKeyUse::Signature) | None => true,
            Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
        };
        let said = key.common.key_algorithm.map(|said| said.to_string());
        for_this && said.is_none_or(|said| said == format!("{algorithm:?}"))
    };
    let mut keys = set.keys.iter().filter(signs);
    let key = match id {
        Some(id) => keys.find(|key| key.common.key_id.as_deref() == Some(id))?,
        None => {
            let only = keys.next()?;
            if keys.next().is_some() {
                return None;
            }
            only
        }
    };
    DecodingKey::from_jwk(key).ok()
}
