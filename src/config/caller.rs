//! `[[caller]]` and `[broker]`.

use super::file::{self, GrantedPermissions, OneOrMany, Use};
use super::key::Key;
use super::layers::Layers;
use super::mistake::{did_you_mean, shown};
use super::publish::Found as Published;
use super::source::Sources;
use super::translation::{Taken, Translation};
use super::url::RouteUrl;
use crate::apps::Settings;
use crate::broker::oidc::{ClaimPattern, Trust};
use crate::broker::{Caller, Grant, KeyDigest, Proof, Rate, Reach, Uses};
use crate::edge::source::From;
use crate::github::Allowed;
use crate::publish::profile::{Policy, Profiles};
use crate::publish::{Allow, Service};
use crate::types::{ByteSize, Level, Name, Permissions, RepositoryPattern, RouteKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The word for all repositories and all permissions.
const ALL: &str = "all";

/// `[broker]`, checked.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Where callers are answered.
    pub url: url::Url,
    /// Its host.
    pub host: crate::types::Host,
    /// Who may ask at all.
    pub from: From,
    /// Memory for answers of GitHub's API.
    pub cache: ByteSize,
}

impl Broker {
    /// The memory where nothing is said of it.
    pub const CACHE: ByteSize = ByteSize::new(64 << 20);
    /// The most that makes sense.
    const MOST_CACHE: ByteSize = ByteSize::new(16 << 30);
}

/// A caller, and what its grants let through.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The caller.
    pub caller: Caller,
    /// For each of its grants, in their order.
    pub policies: Vec<Arc<Policy>>,
}

/// The names of Apps in the files, right or wrong otherwise, and of those that were made here.
fn names_of_apps(layers: &Layers, made_here: &[Name]) -> BTreeSet<String> {
    let apps = layers.list("app", |file| &file.app);
    let made = made_here.iter().map(ToString::to_string);
    apps.filter_map(|(_, app)| app.name.clone())
        .chain(made)
        .collect()
}

impl Translation<'_> {
    /// `[broker]`: where it answers, and what it is.
    pub(super) fn broker(
        &mut self,
        layers: &Layers,
        sources: &mut Sources,
        taken: &mut Taken,
    ) -> (Option<(Key, RouteUrl)>, Option<Broker>) {
        let section = layers.table("broker", |file| &file.broker);
        let (at, url) = section.key("url", |broker| &broker.url);
        let (from_key, from) = section.key("from", |broker| &broker.from);
        let (cache_key, cache) = section.key("cache", |broker| &broker.cache);
        if url.is_none() && from.is_none() && cache.is_none() {
            return (None, None);
        }
        let cache = self.size(
            (cache_key, cache),
            Broker::CACHE,
            ByteSize::new(0)..=Broker::MOST_CACHE,
        );
        let expected = "an address such as `https://broker.corp.internal:8443/`";
        let found = self
            .required(&at, url, expected)
            .and_then(|text| match super::url::published(text) {
                Ok(found) => Some(found),
                Err(why) => {
                    self.wrong(&at, why);
                    None
                }
            });
        let from = match from {
            None => Some(From::Anywhere),
            Some(from) => self.from(&from_key, Some(from), sources),
        };
        let Some((route, url)) = found else {
            return (None, None);
        };
        if !route.https {
            self.warn(&at, "is http: keys and tokens travel in clear");
        }
        for below in ["v1", "github"] {
            let path = format!("{}/{below}", route.path.trim_end_matches('/'));
            taken.take(self, &at, RouteKey::new(&route.host, &path).as_str());
        }
        let broker = from.map(|from| Broker {
            url,
            host: route.host.clone(),
            from,
            cache,
        });
        (Some((at, route)), broker)
    }

    /// `[[caller]]`.
    pub(super) fn callers(
        &mut self,
        layers: &Layers,
        made_here: &[Name],
        profiles: Option<&Profiles>,
    ) -> Vec<Granted> {
        let apps = &names_of_apps(layers, made_here);
        let mut names = Taken::default();
        let mut proofs = Taken::default();
        let mut callers = Vec::new();
        for (key, caller) in layers.list("caller", |file| &file.caller) {
            let name = self.name(&key, caller.name.as_ref(), &mut names);
            let proofs = self.proofs(&key, caller, &mut proofs);
            let at = key.child("rate");
            let rate = caller.rate.as_ref();
            let rate = rate.map_or(Some(Rate::DEFAULT), |text| self.parse(&at, text));
            let grants = self.grants(&key.child("grant"), caller.grant.as_ref(), apps, profiles);
            if let (Some(name), Some(rate)) = (name, rate) {
                let (grants, policies) = grants.into_iter().unzip();
                callers.push(Granted {
                    caller: Caller {
                        name,
                        proofs,
                        rate,
                        grants,
                    },
                    policies,
                });
            }
        }
        callers
    }

    /// A service that is published as an App has to be where the App is.
    pub(super) fn judge_apps(
        &mut self,
        layers: &Layers,
        made_here: &[Name],
        published: &[Published],
        apps: &[Settings],
    ) {
        let names = names_of_apps(layers, made_here);
        for found in published {
            let Some((route, name)) = found
                .route
                .as_ref()
                .and_then(|route| Some((route, route.app.as_ref()?)))
            else {
                continue;
            };
            let key = found.key.child("credentials");
            if self
                .granted_app(&key, Some(&name.to_string()), &names)
                .is_none()
            {
                continue;
            }
            let app = apps.iter().find(|app| app.name == *name);
            let to = route.places.first().map(|place| &place.internal);
            if let (Some(app), Some(to)) = (app, to)
                && app.site.web.origin() != to.origin()
            {
                let at = app.site.web.origin().ascii_serialization();
                let text = format!("App `{name}` is at {at}, and `to` is another server");
                self.wrong(&key, text);
            }
        }
    }

    fn proofs(&mut self, key: &Key, caller: &file::Caller, taken: &mut Taken) -> Vec<Proof> {
        let mut proofs = Vec::new();
        if let Some(name) = &caller.certificate {
            let at = key.child("certificate");
            let fits = !name.is_empty()
                && name.len() <= 2048
                && name.bytes().all(|byte| byte.is_ascii_graphic());
            if fits {
                // DNS names have no case.
                let name = if name.contains("://") {
                    name.clone()
                } else {
                    name.to_ascii_lowercase()
                };
                taken.take(self, &at, &name);
                proofs.push(Proof::Certificate(name.into()));
            } else {
                let expected = "a URI or DNS name such as `spiffe://corp/build-bot`";
                self.wrong(&at, format!("found {}, expected {expected}", shown(name)));
            }
        }
        let keys = match &caller.key {
            None => &[][..],
            Some(OneOrMany::One(one)) => std::slice::from_ref(one),
            Some(OneOrMany::Many(many)) => many,
        };
        for text in keys {
            let at = key.child("key");
            if let Ok(digest) = text.parse::<KeyDigest>() {
                taken.take(self, &at, &digest.to_string());
                proofs.push(Proof::Key(digest));
            } else {
                // What stands here may be the key itself.
                let text = "is no digest of a key; expected `sha256:` and 64 hexadecimal digits, \
                            as `hubgate caller key` prints them";
                self.wrong(&at, text);
            }
        }
        if let Some(oidc) = &caller.oidc {
            proofs.extend(self.oidc(&key.child("oidc"), oidc).map(Proof::Oidc));
        }
        if caller.certificate.is_none() && keys.is_empty() && caller.oidc.is_none() {
            let text = "cannot prove who it is; expected `certificate`, `key` or `oidc`";
            self.mistakes.note_lack(key, text);
        }
        proofs
    }

    fn oidc(&mut self, key: &Key, oidc: &file::Oidc) -> Option<Trust> {
        let at = key.child("issuer");
        let expected = "an address such as `https://token.actions.githubusercontent.com`";
        let name = self.required(&at, oidc.issuer.as_ref(), expected)?;
        let issuer = match super::url::document(name) {
            Ok(issuer) => Some(issuer),
            Err(why) => {
                self.wrong(&at, why);
                None
            }
        };
        let at = key.child("audience");
        let audience = self.required(&at, oidc.audience.as_ref(), "an audience such as `hubgate`");
        let audience = audience.filter(|audience| !audience.is_empty()).cloned();
        let at = key.child("claims");
        let expected = "claims such as `{ repository_owner_id = \"1234\" }`";
        let given = self.required(&at, oidc.claims.as_ref(), expected)?;
        if given.is_empty() {
            let text = format!("is empty: everybody of this issuer would fit; expected {expected}");
            self.wrong(&at, text);
        }
        let mut claims = BTreeMap::new();
        for (claim, text) in given {
            let pattern = self.parse::<ClaimPattern>(&at.child(claim), text)?;
            claims.insert(claim.as_str().into(), pattern);
        }
        Some(Trust {
            issuer: issuer?,
            name: name.as_str().into(),
            audience: audience?.into(),
            claims,
        })
    }

    fn grants(
        &mut self,
        key: &Key,
        grants: Option<&Vec<file::CallerGrant>>,
        apps: &BTreeSet<String>,
        profiles: Option<&Profiles>,
    ) -> Vec<(Grant, Arc<Policy>)> {
        let Some(grants) = grants.filter(|grants| !grants.is_empty()) else {
            let text = "there is none, so that it may have nothing; expected a `[[caller.grant]]`";
            self.mistakes.note_lack(key, text);
            return Vec::new();
        };
        let each = grants.iter().enumerate();
        each.filter_map(|(index, grant)| self.grant(&key.item(index), grant, apps, profiles))
            .collect()
    }

    fn grant(
        &mut self,
        key: &Key,
        grant: &file::CallerGrant,
        apps: &BTreeSet<String>,
        profiles: Option<&Profiles>,
    ) -> Option<(Grant, Arc<Policy>)> {
        let app = self.granted_app(&key.child("app"), grant.app.as_ref(), apps);
        let at = key.child("owner");
        let expected = "an organization or a user such as `acme`";
        let owner = self
            .required(&at, grant.owner.as_ref(), expected)
            .and_then(|text| self.parse(&at, text));
        let at = key.child("repositories");
        let reach = self.reach(&at, grant.owner.as_deref(), grant.repositories.as_ref());
        let at = key.child("permissions");
        let permissions = self.granted(&at, grant.permissions.as_ref());
        let at = key.child("as");
        let expected = "`[\"proxy\"]`, `[\"token\"]` or both";
        let uses = self.required(&at, grant.uses.as_ref(), expected);
        if uses.is_some_and(Vec::is_empty) {
            self.wrong(&at, format!("is empty; expected {expected}"));
        }
        let uses = uses.map(|uses| Uses {
            proxy: uses.contains(&Use::Proxy),
            token: uses.contains(&Use::Token),
        });
        let at = key.child("allow");
        let policy = match &grant.allow {
            None => self.policy(&at, &Allow::Everything, Service::Github, profiles),
            Some(allow) => self
                .allowed(&at, Some(allow), false)
                .and_then(|allow| self.policy(&at, &allow, Service::Github, profiles)),
        };
        let grant = Grant {
            app: app?,
            owner: owner?,
            reach: reach?,
            permissions: permissions?,
            uses: uses?,
        };
        Some((grant, policy?))
    }

    /// An App that is not in the file may be one that `hubgate app create` made, unless its name
    /// is nearly one that is.
    fn granted_app(
        &mut self,
        key: &Key,
        app: Option<&String>,
        apps: &BTreeSet<String>,
    ) -> Option<Name> {
        let app = self.required(key, app, "the name of an App")?;
        let name = self.parse::<Name>(key, app)?;
        if !apps.contains(app) {
            match did_you_mean(app, apps.iter().map(String::as_str)) {
                Some(meant) => {
                    self.wrong(key, format!("there is no App {}{meant}", shown(app)));
                }
                None => self.warn(
                    key,
                    format!(
                        "no `[[app]]` is called {}: nothing is granted unless `hubgate app create` \
                         makes one",
                        shown(app)
                    ),
                ),
            }
        }
        Some(name)
    }

    fn reach(
        &mut self,
        key: &Key,
        owner: Option<&str>,
        repositories: Option<&OneOrMany>,
    ) -> Option<Reach> {
        let expected = "a list of repositories such as `[\"web-*\"]`, or `\"all\"`";
        let names = match self.required(key, repositories, expected)? {
            OneOrMany::One(word) if word == ALL => return Some(Reach::All),
            OneOrMany::One(word) => {
                let text = format!("found {}, expected {expected}", shown(word));
                self.wrong(key, text);
                return None;
            }
            OneOrMany::Many(names) => names,
        };
        if names.is_empty() {
            let text = format!("is empty, which is no repository; expected {expected}");
            self.wrong(key, text);
        }
        let owner = owner?;
        let mut patterns = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let at = key.item(index);
            let full = format!("{owner}/{name}");
            if name.contains('/') {
                let text = format!("found {}, expected a name without its owner", shown(name));
                self.wrong(&at, text);
            } else if name == "*" {
                self.wrong(&at, "is all of them; expected `repositories = \"all\"`");
            } else if let Ok(pattern) = full.parse::<RepositoryPattern>() {
                patterns.push(pattern);
            } else {
                let expected = "a repository's name, with `*` for a run of characters";
                self.wrong(&at, format!("found {}, expected {expected}", shown(name)));
            }
        }
        Some(Reach::Some(patterns))
    }

    fn granted(&mut self, key: &Key, given: Option<&GrantedPermissions>) -> Option<Allowed> {
        let expected = "permissions such as `{ contents = \"read\" }`, or `\"all\"`";
        let given = match self.required(key, given, expected)? {
            GrantedPermissions::One(word) if word == ALL => return Some(Allowed::All),
            GrantedPermissions::One(word) => {
                let text = format!("found {}, expected {expected}", shown(word));
                self.wrong(key, text);
                return None;
            }
            GrantedPermissions::Each(given) => given,
        };
        if given.is_empty() {
            let text = format!("is empty, which GitHub would take for all; expected {expected}");
            self.wrong(key, text);
            return None;
        }
        let mut permissions = Permissions::none();
        for (kind, level) in given {
            let at = key.child(kind);
            let level = self.parse::<Level>(&at, level)?;
            if let Err(why) = permissions.set(kind, level) {
                self.wrong(&at, why.to_string());
                return None;
            }
        }
        Some(Allowed::Only(permissions))
    }
}
