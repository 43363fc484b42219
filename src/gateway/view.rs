//! What the admin room may see of the others.

use super::World;
use crate::admin::answer::{
    Caller, Certificate, Learned, LearnedRequest, Refreshed, Renewed, Route, SetupWindow, Source,
    TargetState,
};
use crate::admin::{Running, Target, View};
use crate::edge::source::{From, Origin};
use crate::gate::service::Memory;
use crate::github::meta;
use crate::publish::{self, Allow};
use crate::spool::Spool;
use crate::webhook::Mode;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[async_trait]
impl View for Arc<World> {
    fn status(&self) -> Running {
        Running {
            started: self.started,
            listeners: self.listeners.clone(),
        }
    }

    fn routes(&self) -> Vec<Route> {
        let config = self.config.load();
        let route = |hook: &crate::webhook::Route| Route {
            key: hook.key.to_string(),
            from: named(&hook.from),
            mode: match hook.mode {
                Mode::Store => "store".to_owned(),
                Mode::Through => "through".to_owned(),
            },
            events: hook.events.iter().map(ToString::to_string).collect(),
            targets: hook
                .to
                .iter()
                .map(|target| target.name.to_string())
                .collect(),
            allow: Vec::new(),
            setup_until: None,
        };
        let hooks = config.webhooks.iter().map(route);
        let published = config.published.iter().map(|route| self.published(route));
        hooks.chain(published).collect()
    }

    fn learned(&self, route: &str) -> Option<Learned> {
        let config = self.config.load();
        let found = config
            .published
            .iter()
            .find(|it| it.key.as_str() == route)?;
        let known = self.memories.load().get(&found.key).cloned()?;
        Some(learned(found, &known.memory))
    }

    fn open_setup(&self, route: &str, lasting: Duration) -> Option<SetupWindow> {
        let memories = self.memories.load();
        let (key, known) = memories.iter().find(|(key, _)| key.as_str() == route)?;
        let until = known.memory.open_setup(&*self.clock, lasting);
        Some(SetupWindow {
            route: key.to_string(),
            until: until.map(|until| until.to_string()),
        })
    }

    fn sources(&self) -> Vec<Source> {
        let config = self.config.load();
        let watchers = self.watchers.load();
        let source = |source: &crate::edge::source::Source| {
            let watcher = watchers
                .iter()
                .find(|watcher| *watcher.name() == source.name);
            let list = watcher.map(|watcher| watcher.current());
            let health = watcher.map(meta::Watcher::health);
            let (origin, written) = match &source.origin {
                Origin::Networks(networks) => ("configuration".to_owned(), networks.len()),
                Origin::Meta(meta) => (meta.url.to_string(), 0),
            };
            Source {
                name: source.name.to_string(),
                origin,
                networks: list.as_ref().map_or(written, |list| list.networks.len()),
                fetched: list
                    .and_then(|list| list.confirmed)
                    .map(|at| at.to_string()),
                age_seconds: health
                    .as_ref()
                    .and_then(|health| health.age)
                    .map(|age| age.as_secs()),
                stale: health.as_ref().is_some_and(|health| health.stale),
                last_error: health
                    .and_then(|health| health.last_error)
                    .map(|text| text.to_string()),
            }
        };
        config.sources.iter().map(source).collect()
    }

    fn callers(&self) -> Vec<Caller> {
        self.office
            .in_force()
            .map_or_else(Vec::new, |desk| super::callers::listed(&desk))
    }

    fn certificates(&self) -> Vec<Certificate> {
        self.served()
    }

    fn targets(&self) -> Vec<Target> {
        let config = self.config.load();
        let mut found: BTreeMap<String, Target> = BTreeMap::new();
        for hook in &config.webhooks {
            for target in &hook.to {
                let up = self.dispatch.is_up(&target.name).unwrap_or(true);
                let entry = found
                    .entry(target.name.to_string())
                    .or_insert_with(|| Target {
                        name: target.name.to_string(),
                        url: target.url.to_string(),
                        routes: Vec::new(),
                        state: if up {
                            TargetState::Up
                        } else {
                            TargetState::Down
                        },
                    });
                entry.routes.push(hook.key.to_string());
            }
        }
        found.into_values().collect()
    }

    fn spool(&self) -> Arc<dyn Spool> {
        self.spool.clone()
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if self.draining.load(Ordering::Acquire) {
            return Err(vec!["draining: the gateway is about to stop".to_owned()]);
        }
        Ok(())
    }

    async fn reload(&self) -> Result<String, String> {
        self.reload_now().await
    }

    async fn refresh_sources(&self) -> Vec<Refreshed> {
        let mut refreshed = Vec::new();
        for watcher in self.watchers.load_full().iter() {
            let outcome = watcher.refresh().await;
            refreshed.push(Refreshed {
                source: watcher.name().to_string(),
                networks: watcher.current().networks.len(),
                changed: matches!(outcome, Ok(meta::Refreshed::Changed { .. })),
                error: outcome.err().map(|fault| fault.to_string()),
            });
        }
        refreshed
    }

    async fn renew_certificates(&self, host: Option<&str>) -> Vec<Renewed> {
        self.renew(host).await
    }
}

impl World {
    fn published(&self, route: &publish::Route) -> Route {
        let known = self.memories.load().get(&route.key).cloned();
        let until = known.and_then(|known| known.memory.setup_until(&*self.clock));
        let inside = route.places.iter().map(|place| place.internal.to_string());
        Route {
            key: route.key.to_string(),
            from: named(&route.from),
            mode: "publish".to_owned(),
            events: Vec::new(),
            targets: inside.collect(),
            allow: match &route.allow {
                Allow::Everything => vec!["everything".to_owned()],
                Allow::Profiles(names) => names.iter().map(ToString::to_string).collect(),
            },
            setup_until: until.map(|until| until.to_string()),
        }
    }
}

fn named(from: &From) -> Vec<String> {
    match from {
        From::Anywhere => vec!["anywhere".to_owned()],
        From::Sources(names) => names.iter().map(ToString::to_string).collect(),
    }
}

/// What was learned of a route, the most frequent first, and the profile that it makes.
fn learned(route: &publish::Route, memory: &Memory) -> Learned {
    let entries = memory.learned.entries();
    let overflow = memory.learned.left_out();
    let profile = match "learned".parse() {
        Ok(name) => publish::learn::render(&name, &entries, overflow),
        Err(_) => String::new(),
    };
    let mut requests: Vec<LearnedRequest> = entries
        .into_iter()
        .map(|entry| LearnedRequest {
            rule: entry.rule,
            count: entry.count,
            first: entry.first.to_string(),
            last: entry.last.to_string(),
        })
        .collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.count));
    Learned {
        route: route.key.to_string(),
        learning: route.learn,
        requests,
        overflow,
        profile,
    }
}
