//! The GitHub Apps whose keys are held here.
//!
//! `build` from the settings → `watch`: `reconcile` what GitHub says of keys and installations,
//! again and again, and sooner when a webhook that was `observe`d says that something changed →
//! `mint` a token for part of what an App may do. What leaves this room is tokens, and what is
//! known of Apps; keys and the tokens for looking do not.

mod app;
mod key;
mod known;
mod look;
mod lookout;
pub mod manifest;
mod memory;
mod metric;
mod observe;
pub mod people;
pub mod pkcs11;
mod reconcile;
mod refusal;
pub mod seal;
mod sign;
pub mod signer;
pub mod store;

pub use app::{App, REMEMBERED};
pub use key::{Fingerprint, Key, KeyError};
pub use known::{KeyState, Known, Side};
pub use memory::{Condition, Standing};
pub use refusal::{Refusal, Trouble};
pub use sign::{Keyring, Sign, SignError};

use crate::github::client::Unusable;
use crate::github::{Client, Site};
use crate::types::{AppId, Clock, Name, Secret};
use memory::Memory;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// `[[app]]`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it is called here.
    pub name: Name,
    /// Its server.
    pub site: Arc<Site>,
    /// Its number there.
    pub id: AppId,
    /// Its keys, newest first; none where they are apart.
    pub keys: Vec<Key>,
    /// Its keys that a process of their own holds, newest first, and where that listens.
    pub apart: Option<(PathBuf, Vec<Fingerprint>)>,
    /// What its deliveries are signed with: only what is signed with it is believed about its
    /// installations. Absent: whatever a route takes.
    pub webhook_secret: Option<Secret>,
    /// Whether GitHub is asked for what it could not deliver.
    pub recover: bool,
    /// Whether people's tokens for it are held here.
    pub user_tokens: bool,
}

/// All Apps, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Apps(Arc<BTreeMap<Name, Arc<App>>>);

impl Apps {
    /// The Apps of a configuration. What `before` knew of those that stay the same App goes on;
    /// nothing changes for them yet ([`Apps::succeed`]). Reads the sites' authorities; opens no connection.
    ///
    /// # Errors
    /// Where a site's authorities or proxy cannot be used.
    pub fn build(
        settings: Vec<Settings>,
        clock: &Arc<dyn Clock>,
        before: Option<&Self>,
    ) -> Result<Self, Unusable> {
        let mut clients: BTreeMap<Name, Client> = BTreeMap::new();
        let mut apps = BTreeMap::new();
        for setting in settings {
            let client = match clients.get(&setting.site.name) {
                Some(client) => client.clone(),
                None => {
                    let client = Client::new(Arc::clone(&setting.site), Arc::clone(clock))?;
                    clients.insert(setting.site.name.clone(), client.clone());
                    client
                }
            };
            let memory = before
                .and_then(|apps| apps.memory(&setting))
                .unwrap_or_default();
            let (keys, signer) = signer(setting.keys, setting.apart);
            let app = App {
                memory,
                keys,
                signer,
                name: setting.name.clone(),
                id: setting.id,
                client,
                webhook_secret: setting.webhook_secret,
                recover: setting.recover,
                clock: Arc::clone(clock),
            };
            apps.insert(setting.name, Arc::new(app));
        }
        Ok(Self(Arc::new(apps)))
    }

    /// From now on these count, and those `before` do not: forgets what was known of their keys
    /// that are gone, and tells no more of Apps that are.
    pub fn succeed(&self, before: &Self) {
        for app in self.iter() {
            app.memory.keep_keys(&app.keys);
        }
        for app in before.iter().filter(|app| self.app(&app.name).is_none()) {
            metric::forget(&app.name);
        }
    }

    /// What is known of an App, where it is the same one on the same server.
    fn memory(&self, setting: &Settings) -> Option<Arc<Memory>> {
        let app = self.0.get(&setting.name)?;
        let same = app.is(setting.id, &setting.site);
        same.then(|| Arc::clone(&app.memory))
    }

    /// Those that are not here any more, or another App by the same name.
    pub fn gone<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a Arc<App>> {
        self.iter().filter(|app| !now.has(app))
    }

    /// Whether an App is here, as the same one on the same server.
    #[must_use]
    pub fn has(&self, app: &App) -> bool {
        let here = self.app(&app.name);
        here.is_some_and(|here| here.is(app.id, app.site()))
    }

    /// The App of this name.
    #[must_use]
    pub fn app(&self, name: &Name) -> Option<&Arc<App>> {
        self.0.get(name)
    }

    /// Every App, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.0.values()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn signer(
    keys: Vec<Key>,
    apart: Option<(PathBuf, Vec<Fingerprint>)>,
) -> (Vec<Fingerprint>, Arc<dyn Sign>) {
    match apart {
        Some((socket, keys)) => (keys, Arc::new(signer::Apart::new(socket))),
        None => {
            let names = keys.iter().map(Key::fingerprint).collect();
            (names, Arc::new(keys.into_iter().collect::<Keyring>()))
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
