//! `[[app]]`.

use super::file;
use super::github::Sites;
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::translation::{Taken, Translation, optional};
use crate::apps;
use crate::types::AppId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A signer's socket, and the keys that it holds.
type Apart = (PathBuf, Vec<apps::Fingerprint>);

/// How a key is written that is not here.
const APART: &str = "SHA256:";
/// As many as GitHub lets an App have.
const MOST_KEYS: usize = 25;

impl Translation<'_> {
    /// `[[app]]`.
    pub(super) fn apps(
        &mut self,
        layers: &Layers,
        sites: &Sites,
        signer: Option<&Path>,
    ) -> Vec<apps::Settings> {
        let mut names = Taken::default();
        let mut numbers = Taken::default();
        let mut all = Vec::new();
        for (key, app) in layers.list("app", |file| &file.app) {
            let name = self.name(&key, app.name.as_ref(), &mut names);
            let at = key.child("github");
            let site = self
                .required(&at, app.github.as_ref(), "the name of a `[[github]]`")
                .and_then(|name| self.site(&at, name, sites));
            let id = self.app_id(&key.child("id"), app);
            let keys = self.held(&key.child("keys"), app.keys.as_ref(), signer);
            let secret = app.webhook_secret.as_ref();
            let secret = secret.map(|text| self.held_secret(&key.child("webhook_secret"), text));
            if let (Some(site), Some(id)) = (&site, id) {
                let word = format!("{id} at {}", site.name);
                numbers.take(self, &key.child("id"), &word);
            }
            if let (Some(name), Some(site), Some(id), Some((keys, apart)), Some(webhook_secret)) =
                (name, site, id, keys, optional(secret))
            {
                all.push(apps::Settings {
                    name,
                    site,
                    id,
                    keys,
                    apart,
                    webhook_secret,
                    recover: app.recover.unwrap_or(false),
                    user_tokens: app.user_tokens.unwrap_or(false),
                });
            }
        }
        all
    }

    fn app_id(&mut self, key: &Key, app: &file::App) -> Option<AppId> {
        let expected = "the App id that its settings at GitHub show, such as `12`";
        let number = *self.required(key, app.id.as_ref(), expected)?;
        match u64::try_from(number) {
            Ok(number) if number > 0 => Some(AppId(number)),
            _ => {
                self.wrong(key, format!("found `{number}`, expected {expected}"));
                None
            }
        }
    }

    /// Keys that are here, or the fingerprints of those that a signer holds.
    fn held(
        &mut self,
        key: &Key,
        list: Option<&Vec<String>>,
        signer: Option<&Path>,
    ) -> Option<(Vec<apps::Key>, Option<Apart>)> {
        let in_hardware = |text: &String| text.starts_with(apps::pkcs11::SCHEME);
        if list.is_some_and(|list| list.iter().any(in_hardware)) {
            let text = "names a key in a hardware module, with which `hubgate signer` speaks, and \
                not the gateway; expected the key's fingerprint, `SHA256:…`, which the signer logs";
            self.wrong(key, text);
            return None;
        }
        let is_apart = |text: &String| text.starts_with(APART);
        let named = list
            .into_iter()
            .flatten()
            .filter(|text| is_apart(text))
            .count();
        if named == 0 {
            return Some((self.app_keys(key, list)?, None));
        }
        let list = list?;
        let Some(socket) = signer else {
            let text = "names a key by its fingerprint, which is one that a signer holds; expected \
                `[gateway].signer`, or the key itself";
            self.wrong(key, text);
            return None;
        };
        if named != list.len() {
            let text = "some keys are here and some are the signer's; expected all in one place";
            self.wrong(key, text);
            return None;
        }
        let keys: Vec<apps::Fingerprint> = self.parse_all(key, list);
        let whole = keys.len() == list.len();
        whole.then(|| (Vec::new(), Some((socket.to_owned(), keys))))
    }

    fn app_keys(&mut self, key: &Key, list: Option<&Vec<String>>) -> Option<Vec<apps::Key>> {
        let expected = "a list of secrets such as `[\"file:sync.pem\"]`";
        let list = self.required(key, list, expected)?;
        if list.is_empty() || list.len() > MOST_KEYS {
            let number = list.len();
            self.wrong(
                key,
                format!("has {number} keys, expected 1 to {MOST_KEYS}: {expected}"),
            );
            return None;
        }
        let mut keys = Vec::new();
        let mut taken: BTreeMap<apps::Fingerprint, Key> = BTreeMap::new();
        for (index, text) in list.iter().enumerate() {
            let at = key.item(index);
            let Some(found) = self.secret(&at, text) else {
                continue;
            };
            match apps::Key::parse(&shown(text), &found.value) {
                Ok(parsed) => {
                    if let Some(other) = taken.insert(parsed.fingerprint(), at.clone()) {
                        let other = other.seen_from(&at);
                        self.wrong(&at, format!("is the same key as {other}"));
                    }
                    keys.push(parsed);
                }
                Err(why) => self.wrong(&at, why.to_string()),
            }
        }
        (keys.len() == list.len()).then_some(keys)
    }
}
