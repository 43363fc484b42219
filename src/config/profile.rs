//! `[[profile]]`.

use super::key::Key;
use super::layers::Layers;
use super::translation::Translation;
use crate::publish::profile::{Declared, Place, Profiles};

impl Translation<'_> {
    /// `[[profile]]`, beside those that are built in; `None` where one is wrong.
    pub(super) fn profiles(&mut self, layers: &Layers) -> Option<Profiles> {
        let mut keys: Vec<Key> = Vec::new();
        let mut declared = Vec::new();
        let mut named = true;
        for (key, profile) in layers.list("profile", |file| &file.profile) {
            let at = key.child("name");
            let expected = "a name of lower-case letters, digits and `-`";
            let name = self
                .required(&at, profile.name.as_ref(), expected)
                .and_then(|name| self.parse(&at, name));
            let Some(name) = name else {
                named = false;
                continue;
            };
            keys.push(key);
            let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
            declared.push(Declared {
                name,
                base: list(&profile.base),
                allow: list(&profile.allow),
                deny: list(&profile.deny),
            });
        }
        match Profiles::check(&declared) {
            Ok(profiles) => named.then_some(profiles),
            Err(mistakes) => {
                for mistake in mistakes {
                    let Some(key) = keys.get(mistake.profile) else {
                        continue;
                    };
                    let at = match mistake.place {
                        Place::Name => key.child("name"),
                        Place::Base(index) => key.child("base").item(index),
                        Place::Allow(index) => key.child("allow").item(index),
                        Place::Deny(index) => key.child("deny").item(index),
                    };
                    self.wrong(&at, mistake.text);
                }
                None
            }
        }
    }
}
