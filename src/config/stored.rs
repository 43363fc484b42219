//! The Apps that `hubgate app create` made: they stand in the state directory, and count like those
//! of the file.

use super::github::Sites;
use super::layers::Layers;
use super::mistake::shown;
use super::translation::Translation;
use crate::apps::store::{Place, Store, Stored};
use crate::apps::{Key, Settings};
use crate::types::Name;
use std::path::Path;

/// The file with the key that seals them, where it is given as a credential.
const KEY: &str = "apps-key";

impl Translation<'_> {
    /// Where they are.
    pub(super) fn app_place(&self, state: &Path) -> Place {
        let key = self.secrets.join(KEY);
        Place {
            directory: state.join("apps"),
            key: key.is_file().then_some(key),
        }
    }

    /// Adds them to those of the file; says which they are.
    pub(super) fn stored_apps(
        &mut self,
        layers: &Layers,
        place: &Place,
        sites: &Sites,
        apps: &mut Vec<Settings>,
    ) -> Vec<Name> {
        let mut made_here = Vec::new();
        let key = layers.root().child("app");
        let found = match Store::open(place) {
            Ok(None) => return made_here,
            Ok(Some(store)) => store.apps(),
            Err(why) => Err(why),
        };
        let found = match found {
            Ok(found) => found,
            Err(why) => {
                self.wrong(&key, format!("the Apps that were made here: {why}"));
                return made_here;
            }
        };
        for stored in found {
            let name = stored.name.clone();
            let site = sites.all.iter().find(|site| site.name == stored.github);
            let Some(site) = site else {
                let host = shown(stored.github.as_str());
                let text = format!(
                    "the App `{name}` was made here for the `[[github]]` {host}, which is not \
                     there: it is left out"
                );
                self.warn(&key, text);
                continue;
            };
            let taken = |app: &Settings| {
                app.name == name || (app.id == stored.id && app.site.name == site.name)
            };
            if apps.iter().any(taken) {
                let text = format!(
                    "the App `{name}` was made here and stands in the file too; take it out of \
                     the file, or `hubgate app remove` it"
                );
                self.wrong(&key, text);
                continue;
            }
            let keys: Result<Vec<Key>, _> = keys(&stored).collect();
            match keys {
                Ok(keys) => {
                    made_here.push(name.clone());
                    apps.push(Settings {
                        name,
                        site: site.clone(),
                        id: stored.id,
                        keys,
                        apart: None,
                        webhook_secret: stored.webhook_secret,
                        recover: true,
                        user_tokens: false,
                    });
                }
                Err(why) => self.wrong(&key, why.to_string()),
            }
        }
        made_here
    }
}

fn keys(stored: &Stored) -> impl Iterator<Item = Result<Key, crate::apps::KeyError>> {
    let label = format!("the App `{}` that was made here", stored.name);
    let keys = stored.keys.iter();
    keys.map(move |pem| Key::parse(&label, pem))
}
