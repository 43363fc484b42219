//! What is stored of an App, and of one that is being made.

use crate::types::{AppId, Name, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// An App that was made here.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What it is called here.
    pub name: Name,
    /// The name of its host.
    pub github: Name,
    /// Its number there.
    pub id: AppId,
    /// What it is called in addresses there, when it was made.
    pub slug: String,
    /// What it is called in OAuth.
    pub client_id: String,
    /// Its secret in OAuth.
    pub client_secret: Secret,
    /// What its deliveries are signed with, where it has a webhook.
    pub webhook_secret: Option<Secret>,
    /// Its private keys in PEM, newest first.
    pub keys: Vec<Secret>,
}

/// How far the making of an App is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A person is to go to GitHub.
    Waiting,
    /// GitHub was asked for the keys. One that stays so has lost them: they are told once.
    Converting,
}

/// An App that is being made.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it will be called here.
    pub name: Name,
    /// The name of its host.
    pub github: Name,
    /// Where a person's browser posts the manifest.
    pub post: String,
    /// The manifest.
    pub manifest: String,
    /// What comes back with the code, and nobody can guess.
    pub state: Secret,
    /// The page that begins it.
    pub open: String,
    /// Until when it may be finished.
    pub until: Timestamp,
    /// How far it is.
    pub stage: Stage,
}

#[derive(Serialize, Deserialize)]
struct StoredText {
    github: String,
    id: u64,
    slug: String,
    client_id: String,
    client_secret: String,
    webhook_secret: Option<String>,
    keys: Vec<String>,
}

impl Drop for StoredText {
    fn drop(&mut self) {
        self.client_secret.zeroize();
        self.webhook_secret.zeroize();
        self.keys.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
struct PendingText {
    github: String,
    post: String,
    manifest: String,
    state: String,
    open: String,
    until: i64,
    stage: Stage,
}

fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Strings and numbers alone: that cannot fail.
    Zeroizing::new(serde_json::to_vec(value).unwrap_or_default())
}

impl Stored {
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        json(&StoredText {
            github: self.github.to_string(),
            id: self.id.0,
            slug: self.slug.clone(),
            client_id: self.client_id.clone(),
            client_secret: text(&self.client_secret),
            webhook_secret: self.webhook_secret.as_ref().map(text),
            keys: self.keys.iter().map(text).collect(),
        })
    }

    pub(super) fn read(name: Name, bytes: &[u8]) -> Option<Self> {
        let found: StoredText = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            name,
            github: found.github.parse().ok()?,
            id: AppId(found.id),
            slug: found.slug.clone(),
            client_id: found.client_id.clone(),
            client_secret: secret(&found.client_secret),
            webhook_secret: found.webhook_secret.as_deref().map(secret),
            keys: found.keys.iter().map(|key| secret(key)).collect(),
        })
    }
}

impl Pending {
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        json(&PendingText {
            github: self.github.to_string(),
            post: self.post.clone(),
            manifest: self.manifest.clone(),
            state: text(&self.state),
            open: self.open.clone(),
            until: self.until.as_millis(),
            stage: self.stage,
        })
    }

    pub(super) fn read(name: Name, bytes: &[u8]) -> Option<Self> {
        let found: PendingText = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            name,
            github: found.github.parse().ok()?,
            state: secret(&found.state),
            post: found.post,
            manifest: found.manifest,
            open: found.open,
            until: Timestamp::from_millis(found.until),
            stage: found.stage,
        })
    }
}
