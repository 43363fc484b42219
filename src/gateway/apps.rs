//! The Apps of the running gateway, for the admin room: shown, made, given other keys, removed.

mod shown;

use super::World;
use crate::admin::answer::{AddKey, App, AppState, CreateApp, RemovedApp};
use crate::admin::{NotDone, Workshop};
use crate::apps::manifest::{self, Unmade, Wanted};
use crate::apps::store::{Pending, Stage, Store, StoreError, Stored};
use crate::apps::{Apps, Condition, Key, Refusal, Settings};
use crate::config::Config;
use crate::github::{Client, Site};
use crate::types::{Name, Secret};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// What the making of Apps needs beyond a reload.
#[derive(Debug)]
pub(super) struct Bench {
    /// The Apps of the configuration that is in force.
    pub(super) apps: Arc<ArcSwap<Apps>>,
    /// Where the admin API is served over TCP, and so the pages.
    pages: Option<SocketAddr>,
    /// Held by whoever changes what is stored.
    storing: Mutex<()>,
}

impl Bench {
    /// A bench with these Apps; `pages` is where the admin API is served.
    pub(super) const fn new(apps: Arc<ArcSwap<Apps>>, pages: Option<SocketAddr>) -> Self {
        Self {
            apps,
            pages,
            storing: Mutex::new(()),
        }
    }

    /// How a browser on this machine reaches the pages.
    fn base(&self) -> Option<String> {
        let address = self.pages?;
        let ip = address.ip();
        Some(if ip.is_unspecified() {
            format!("http://127.0.0.1:{}", address.port())
        } else {
            format!("http://{address}")
        })
    }
}

impl World {
    pub(super) fn apps(&self) -> Arc<Apps> {
        self.bench.apps.load_full()
    }

    /// Whether the App stands in the configuration itself.
    fn is_in_file(&self, name: &Name) -> bool {
        let config = self.config.load();
        !config.made_here.contains(name)
    }

    /// Works on what is stored, where blocking is allowed, one at a time.
    async fn storing<T, W>(self: &Arc<Self>, work: W) -> Result<T, NotDone>
    where
        T: Send + 'static,
        W: FnOnce(&Self, &Config) -> Result<T, NotDone> + Send + 'static,
    {
        let world = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let held = world.bench.storing.lock();
            let _storing = held.unwrap_or_else(PoisonError::into_inner);
            let config = world.config.load_full();
            work(&world, &config)
        });
        let cut = |fault| NotDone::Away(format!("the gateway broke off: {fault}"));
        done.await.map_err(cut)?
    }

    /// Has what is stored now take effect.
    async fn take_up(self: &Arc<Self>) -> Result<(), NotDone> {
        match self.reload_now().await {
            Ok(_) => Ok(()),
            Err(why) => Err(NotDone::Refused(format!(
                "it is stored, and takes effect when the configuration is right again: {why}"
            ))),
        }
    }
}

fn lost(why: StoreError) -> NotDone {
    NotDone::Away(why.to_string())
}

fn site<'a>(config: &'a Config, name: &str) -> Result<&'a Arc<Site>, NotDone> {
    let mut sites = config.sites.iter();
    let found = sites.find(|site| site.name.as_str() == name);
    found.ok_or_else(|| {
        let names = config.sites.iter().map(|site| format!("`{}`", site.name));
        let names: Vec<String> = names.collect();
        let known = if names.is_empty() {
            "none is configured".to_owned()
        } else {
            format!("expected {}", names.join(" or "))
        };
        NotDone::Refused(format!("there is no `[[github]]` named `{name}`: {known}"))
    })
}

fn wanted(name: &str, asked: &CreateApp, base: Option<String>) -> Result<Wanted, NotDone> {
    let refused = |fault: crate::types::ParseError| NotDone::Refused(fault.to_string());
    let mut permissions = crate::types::Permissions::none();
    for (kind, level) in &asked.permissions {
        let level = level.parse().map_err(refused)?;
        permissions.set(kind, level).map_err(refused)?;
    }
    let url = |text: &String| match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) | Err(_) => Err(NotDone::Refused(format!(
            "found `{}`, expected an address such as `https://hooks.example.com/jira`",
            text.escape_debug()
        ))),
    };
    let at = asked.at.as_ref().map(url).transpose()?;
    let at = at.map(|url| url.as_str().trim_end_matches('/').to_owned());
    let base = at.or(base).ok_or_else(|| {
        let text = "a browser has to come back to this gateway: set `[admin].address`, such as \
            `127.0.0.1:9180`, and restart";
        NotDone::Refused(text.to_owned())
    })?;
    let title = asked.title.trim();
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        let text = format!("an App's title has 1 to {LONGEST_TITLE} characters");
        return Err(NotDone::Refused(text));
    }
    let owner = asked.organization.as_ref().map(|owner| owner.parse());
    let events = asked.events.iter().map(|event| event.parse());
    Ok(Wanted {
        name: name.parse().map_err(refused)?,
        organization: owner.transpose().map_err(refused)?,
        title: title.to_owned(),
        permissions,
        events: events.collect::<Result<_, _>>().map_err(refused)?,
        webhook: asked.webhook.as_ref().map(url).transpose()?,
        base,
    })
}

#[async_trait]
impl Workshop for Arc<World> {
    async fn apps(&self) -> Vec<App> {
        let (pending, apps) = self.pending().await;
        let mut all: Vec<App> = apps.iter().map(|app| shown::app(app, self)).collect();
        all.extend(pending.iter().map(|one| shown::pending(one, self)));
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    async fn app(&self, name: &str) -> Option<App> {
        let parsed: Name = name.parse().ok()?;
        let (pending, apps) = self.pending().await;
        let Some(app) = apps.app(&parsed).cloned() else {
            let found = pending.iter().find(|pending| pending.name == parsed)?;
            return Some(shown::pending(found, self));
        };
        let mut answer = shown::app(&app, self);
        let looked = app.known().reconciled;
        let stale = looked.is_none_or(|at| self.clock.now().since(at) >= SOON);
        // Somebody waits for a change that no webhook may tell of.
        if answer.state != AppState::Installed && stale {
            if let Err(why) = app.reconcile().await {
                tracing::debug!(app = %parsed, "asked for by name: {why}");
            }
            answer = shown::app(&app, self);
        }
        for installation in answer.installations.iter_mut().take(MOST_LISTED) {
            if let Ok(owner) = installation.owner.parse()
                && installation.state == AppState::Installed
                && let Ok(list) = app.repositories(&owner).await
            {
                let names = list.iter().map(|listed| listed.name.to_string());
                installation.repositories = Some(names.collect());
            }
        }
        Some(answer)
    }

    async fn create(&self, name: &str, asked: CreateApp) -> Result<App, NotDone> {
        let wanted = wanted(name, &asked, self.bench.base())?;
        if World::apps(self).app(&wanted.name).is_some() {
            let text = format!("there is an App `{name}` already; `hubgate app show {name}`");
            return Err(NotDone::Refused(text));
        }
        let pending = self.storing(move |world, config| {
            let site = site(config, &asked.github)?;
            let store = Store::make(&config.app_place).map_err(lost)?;
            let now = world.clock.now();
            let begun = store.pending().map_err(lost)?;
            let begun = begun.into_iter().find(|begun| begun.name == wanted.name);
            let no_chance = || NotDone::Away("the system gives no random bytes".to_owned());
            let state = manifest::fresh_state().ok_or_else(no_chance)?;
            let fresh = wanted.begin(site, &state, now);
            match begun {
                // The same, asked for once more: it goes on where it was.
                Some(begun) if begun.is_open(now) && begun.manifest == fresh.manifest => Ok(begun),
                Some(begun) if begun.stage == Stage::Converting => Err(NotDone::Refused(format!(
                    "the key of `{}` was lost while it was made: see whether the App is at \
                         GitHub, then `hubgate app remove {}`",
                    begun.name, begun.name
                ))),
                Some(_) | None => {
                    store.put_pending(&fresh).map_err(lost)?;
                    Ok(fresh)
                }
            }
        });
        Ok(shown::pending(&pending.await?, self))
    }

    async fn add_key(&self, name: &str, key: AddKey) -> Result<App, NotDone> {
        let none = || NotDone::None(name.to_owned());
        let parsed: Name = name.parse().ok().ok_or_else(none)?;
        let pem = Secret::new(key.pem.into_bytes());
        let fresh = Key::parse("the key", &pem);
        let fresh = fresh.map_err(|why| NotDone::Refused(why.to_string()))?;
        let config = self.config.load_full();
        let app = config.apps.iter().find(|app| app.name == parsed);
        let app = app.ok_or_else(none)?;
        let fingerprint = fresh.fingerprint();
        if app.keys.iter().any(|key| key.fingerprint() == fingerprint) {
            let text = format!("{fingerprint} is a key of `{name}` already");
            return Err(NotDone::Refused(text));
        }
        self.try_key(app, fresh).await?;
        let own = parsed.clone();
        let stored = self.storing(move |_, config| {
            let (store, mut stored) = made(config, &own)?;
            stored.keys.insert(0, pem);
            stored.keys.truncate(MOST_KEYS);
            store.put(&stored).map_err(lost)
        });
        stored.await?;
        self.take_up().await?;
        let app = World::apps(self).app(&parsed).cloned();
        let app = app.ok_or_else(none)?;
        if let Err(why) = app.reconcile().await {
            tracing::warn!(app = %parsed, "after its key was changed: {why}");
        }
        Ok(shown::app(&app, self))
    }

    async fn remove(&self, name: &str) -> Result<RemovedApp, NotDone> {
        let none = || NotDone::None(name.to_owned());
        let parsed: Name = name.parse().ok().ok_or_else(none)?;
        let (pending, apps) = self.pending().await;
        let begun = pending.iter().any(|pending| pending.name == parsed);
        let app = apps.app(&parsed).cloned();
        // What was lost in the making goes before an App of the file that took its name.
        let Some(app) = app.filter(|_| !begun) else {
            if !begun {
                return Err(none());
            }
            let own = parsed.clone();
            let wiped = self.storing(move |_, config| {
                let store = Store::make(&config.app_place).map_err(lost)?;
                store.forget_pending(&own).map_err(lost)
            });
            wiped.await?;
            return Ok(RemovedApp {
                name: name.to_owned(),
                uninstalled: Vec::new(),
                wiped: true,
                delete: None,
            });
        };
        app.close().await;
        let uninstalled = uninstall(&app).await?;
        let delete = shown::app(&app, self).settings;
        let own = parsed.clone();
        let wiped = self.storing(move |_, config| match made(config, &own) {
            Ok((store, _)) => {
                store.forget_pending(&own).map_err(lost)?;
                store.forget(&own).map(|()| true).map_err(lost)
            }
            Err(NotDone::Refused(_)) => Ok(false),
            Err(why) => Err(why),
        });
        let wiped = wiped.await?;
        if wiped {
            self.take_up().await?;
        }
        Ok(RemovedApp {
            name: name.to_owned(),
            uninstalled,
            wiped,
            delete,
        })
    }

    async fn page(&self, state: &str) -> Option<String> {
        let now = self.clock.now();
        let (pending, _) = self.pending().await;
        let mut pending = pending.iter();
        let found = pending.find(|pending| pending.is_of(state) && pending.is_open(now))?;
        Some(found.page())
    }

    async fn finish(&self, code: &str, state: &str) -> Result<String, String> {
        let said = |why: &dyn std::fmt::Display| manifest::unmade_page(&why.to_string());
        let asked = state.to_owned();
        let begun = self.storing(move |world, config| begin_converting(world, config, &asked));
        let (mut pending, client) = begun.await.map_err(|why| said(&why))?;
        let outcome = pending.convert(&client, code).await;
        let install = outcome
            .as_ref()
            .map(|made| client.site().install_page(&made.slug));
        let install = install.unwrap_or_default();
        let ended = self.storing(move |_, config| {
            let store = Store::make(&config.app_place).map_err(lost)?;
            match outcome {
                Ok(stored) => store.put(&stored).map_err(lost).map(|()| Ok(stored)),
                Err(why) => {
                    match &why {
                        Unmade::Spent => store.forget_pending(&pending.name),
                        Unmade::Again(_) => {
                            pending.stage = Stage::Waiting;
                            store.put_pending(&pending)
                        }
                        // It stays as it is, so that it is seen.
                        Unmade::Lost(_) => Ok(()),
                    }
                    .map_err(lost)?;
                    Ok(Err(why))
                }
            }
        });
        let stored = ended.await.map_err(|why| said(&why))?;
        let stored = stored.map_err(|why| said(&why))?;
        let taken_up = self.take_up().await;
        // Until then it is what whoever waits is shown.
        let own = stored.name.clone();
        let forgotten = self.storing(move |_, config| {
            let store = Store::make(&config.app_place).map_err(lost)?;
            store.forget_pending(&own).map_err(lost)
        });
        forgotten.await.map_err(|why| said(&why))?;
        taken_up.map_err(|why| said(&why))?;
        Ok(manifest::made_page(&stored, &install))
    }
}

impl World {
    /// The Apps that are being made, and those that are there: one of both that is just made is
    /// among the latter at least.
    async fn pending(self: &Arc<Self>) -> (Vec<Pending>, Arc<Apps>) {
        let found = self.storing(|_, config| {
            let store = Store::open(&config.app_place).map_err(lost)?;
            store.map_or(Ok(Vec::new()), |store| store.pending().map_err(lost))
        });
        let mut found = found.await.unwrap_or_else(|why| {
            tracing::error!("the Apps that are being made cannot be read: {why}");
            Vec::new()
        });
        let apps = Self::apps(self);
        // One that is made by now may stand there yet, where the gateway was killed.
        found.retain(|one| apps.app(&one.name).is_none() || self.is_in_file(&one.name));
        (found, apps)
    }

    /// Asks GitHub what the App is with this key alone.
    async fn try_key(&self, app: &Settings, key: Key) -> Result<(), NotDone> {
        let fingerprint = key.fingerprint();
        let trial = Settings {
            keys: vec![key],
            ..app.clone()
        };
        let trial = Apps::build(vec![trial], &self.clock, None);
        let trial = trial.map_err(|why| NotDone::Refused(why.to_string()))?;
        let Some(trial) = trial.iter().next() else {
            return Err(NotDone::None(app.name.to_string()));
        };
        let asked = trial.as_app(|jwt| async move { trial.client().registration(&jwt).await });
        match asked.await.map_err(Refusal::from) {
            Ok(_) => Ok(()),
            Err(Refusal::KeyRefused | Refusal::NotGranted) => Err(NotDone::Refused(format!(
                "GitHub does not take the key {fingerprint} for App {}; make one in its settings \
                 and give the file that GitHub hands out",
                app.id
            ))),
            Err(why) => Err(NotDone::Away(format!("the key cannot be tried: {why}"))),
        }
    }
}

/// An App that was made here.
fn made(config: &Config, name: &Name) -> Result<(Store, Stored), NotDone> {
    let in_file = || {
        NotDone::Refused(format!(
            "`{name}` stands in the configuration: change its `keys` there, newest first, and \
             `hubgate reload`"
        ))
    };
    let store = Store::open(&config.app_place).map_err(lost)?;
    let store = store.ok_or_else(in_file)?;
    let stored = store.apps().map_err(lost)?;
    let stored = stored.into_iter().find(|stored| stored.name == *name);
    Ok((store, stored.ok_or_else(in_file)?))
}

fn begin_converting(
    world: &World,
    config: &Config,
    state: &str,
) -> Result<(Pending, Client), NotDone> {
    let over = || {
        let text = "this address works once, and for an hour; run `hubgate app create` again";
        NotDone::Refused(text.to_owned())
    };
    let store = Store::open(&config.app_place).map_err(lost)?;
    let store = store.ok_or_else(over)?;
    let begun = store.pending().map_err(lost)?;
    let mut begun = begun.into_iter();
    let mut pending = begun.find(|begun| begun.is_of(state)).ok_or_else(over)?;
    if !pending.is_open(world.clock.now()) {
        return Err(over());
    }
    let site = site(config, pending.github.as_str())?;
    let client = Client::new(Arc::clone(site), Arc::clone(&world.clock));
    let client = client.map_err(|why| NotDone::Refused(why.to_string()))?;
    pending.stage = Stage::Converting;
    store.put_pending(&pending).map_err(lost)?;
    Ok((pending, client))
}

/// Uninstalls it everywhere; an App that GitHub does not have is installed nowhere.
async fn uninstall(app: &crate::apps::App) -> Result<Vec<String>, NotDone> {
    let away = |why: &dyn std::fmt::Display| {
        NotDone::Away(format!(
            "it cannot be uninstalled, and nothing is wiped: {why}"
        ))
    };
    match app.reconcile().await {
        Ok(_) => {}
        Err(_)
            if matches!(
                app.known().condition,
                Condition::Gone | Condition::KeyRefused
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(why) => return Err(away(&why)),
    }
    let mut uninstalled = Vec::new();
    for (owner, standing) in app.known().standings {
        let Some(id) = standing.any_installation() else {
            continue;
        };
        let asked = app.as_app(|jwt| async move { app.client().uninstall(&jwt, id).await });
        asked.await.map_err(|why| away(&why))?;
        uninstalled.push(owner.to_string());
    }
    Ok(uninstalled)
}

/// Whoever waits asks every two seconds; GitHub is not asked for each of several.
const SOON: Duration = Duration::from_secs(2);
/// GitHub's own limit.
const LONGEST_TITLE: usize = 34;
/// The new one and the one before.
const MOST_KEYS: usize = 2;
/// Installations whose repositories are listed for a person.
const MOST_LISTED: usize = 20;
