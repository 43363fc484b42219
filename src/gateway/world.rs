//! From a checked configuration to what requests are judged by.

use super::brokered::{self, Api, Office};
use super::published::{self, Memories, Surroundings};
use crate::config::Config;
use crate::edge::source::{self, Directory};
use crate::edge::{self, Entry};
use crate::gate::desk::Desk;
use crate::gate::route::Counts;
use crate::gate::{Hook, Route, Snapshot, Table, Way};
use crate::github::meta::{self, Watcher};
use crate::publish;
use crate::types::{Clock, Entropy, Host, Secret};
use crate::webhook::deliver::{Resolve, Staff};
use crate::webhook::receive::Receiver;
use crate::webhook::{self, Mode};
use std::sync::Arc;

/// The directory of a configuration's sources, with the lists that are known now.
fn directory(config: &Config, watchers: &[Watcher]) -> Directory {
    Directory::new(config.sources.iter().map(|source| {
        let networks = match &source.origin {
            source::Origin::Networks(networks) => networks.clone(),
            source::Origin::Meta(_) => watchers
                .iter()
                .find(|watcher| *watcher.name() == source.name)
                .map(|watcher| watcher.current().networks.clone())
                .unwrap_or_default(),
        };
        (source.name.clone(), networks)
    }))
}

/// The watchers of a configuration's fetched sources; `old` ones go on where nothing changed.
pub(super) fn watchers(
    config: &Config,
    old: &[Watcher],
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> (Vec<Watcher>, Vec<Watcher>) {
    let (mut all, mut fresh) = (Vec::new(), Vec::new());
    for source in &config.sources {
        let source::Origin::Meta(meta) = &source.origin else {
            continue;
        };
        let settings = meta::Settings {
            name: source.name.clone(),
            url: meta.url.clone(),
            sections: meta.sections.clone(),
            refresh: meta.refresh,
            directory: config.gateway.state_dir.join("sources"),
        };
        let same = old.iter().find(|watcher| *watcher.settings() == settings);
        let watcher = same.cloned().unwrap_or_else(|| {
            let watcher = Watcher::load(settings, clock.clone(), entropy.clone());
            fresh.push(watcher.clone());
            watcher
        });
        all.push(watcher);
    }
    (all, fresh)
}

/// What requests are judged by, and what it rests on.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) snapshot: Snapshot,
    pub(super) memories: Memories,
    pub(super) desk: Arc<Desk>,
}

impl Built {
    /// All of it from a configuration. What was known of routes that were there goes on.
    pub(super) fn new(
        config: &Config,
        (watchers, staff): (&[Watcher], &Staff),
        (office, resolver): (&Office, &Arc<dyn Resolve>),
        old: &Memories,
    ) -> Result<Self, Vec<String>> {
        let directory = directory(config, watchers);
        let desk = office.desk(config);
        let brokered = brokered::routes(config);
        let synthetic = brokered.iter().map(|(route, _)| route);
        let memories = published::memories(config.published.iter().chain(synthetic), old);
        let sites = config.apps.iter();
        let sites = sites
            .map(|app| (app.name.clone(), app.site.clone()))
            .collect();
        let holding = config.apps.iter().filter(|app| app.user_tokens);
        let holding: Vec<_> = holding
            .map(|app| (app.name.clone(), app.site.clone()))
            .collect();
        let people = office.people(config)?;
        let surroundings = Surroundings {
            sites: &sites,
            holding: &holding,
            people: people.as_ref(),
            apps: &office.apps,
            memories: &memories,
            resolver,
            desk: &desk,
            api: None,
        };
        let table = table(config, &directory, staff, &surroundings, &brokered)?;
        let snapshot = Snapshot {
            routes: Arc::new(table),
            sources: Arc::new(directory),
        };
        Ok(Self {
            snapshot,
            memories,
            desk,
        })
    }
}

/// The routes of a configuration.
fn table(
    config: &Config,
    directory: &Directory,
    staff: &Staff,
    surroundings: &Surroundings<'_>,
    brokered: &[(publish::Route, Option<Api>)],
) -> Result<Table, Vec<String>> {
    let (mut table, mut faults) = (Table::default(), Vec::new());
    for route in &config.published {
        if let Err(fault) = published::publish(route, directory, surroundings, &mut table) {
            faults.push(format!("route {}: {fault}", route.key));
        }
    }
    if let Err(fault) = brokered::publish(config, brokered, directory, surroundings, &mut table) {
        faults.push(format!("broker: {fault}"));
    }
    for hook in &config.webhooks {
        match route(hook, directory, staff) {
            Ok((host, route)) => table.add(host, hook.key.path(), Arc::new(route)),
            Err(fault) => faults.push(format!("route {}: {fault}", hook.key)),
        }
    }
    if faults.is_empty() {
        Ok(table)
    } else {
        Err(faults)
    }
}

fn route(
    hook: &webhook::Route,
    directory: &Directory,
    staff: &Staff,
) -> Result<(Host, Route), String> {
    let said = |fault: &dyn std::fmt::Display| fault.to_string();
    let host: Host = hook.key.host().parse().map_err(|fault| said(&fault))?;
    let secrets = hook.secrets.iter().map(|secret| secret.read());
    let secrets: Vec<Secret> = secrets
        .collect::<Result<_, _>>()
        .map_err(|fault| said(&fault))?;
    let receiver = Receiver::new(
        &secrets,
        &hook.events,
        hook.filter.clone(),
        hook.max_body.bytes(),
    );
    let through = match (hook.mode, hook.to.first()) {
        (Mode::Through, Some(target)) => staff.sender(&target.name),
        (Mode::Through | Mode::Store, _) => None,
    };
    let route = Route {
        key: hook.key.clone(),
        admission: directory
            .compile(&hook.from)
            .map_err(|fault| said(&fault))?,
        way: Way::Webhook(Arc::new(Hook {
            receiver: Arc::new(receiver),
            secrets: secrets.into(),
            mode: hook.mode,
            targets: hook.to.iter().map(|target| target.name.clone()).collect(),
            through,
            window: hook.redelivery_window,
        })),
        counts: Counts::of(&hook.key),
    };
    Ok((host, route))
}

/// Who may knock: whoever one of the routes admits.
pub(super) fn entry(snapshot: &Snapshot) -> Entry {
    let admissions = snapshot.routes.routes().map(|route| &route.admission);
    Entry {
        admission: snapshot.sources.union(admissions),
        directory: snapshot.sources.clone(),
    }
}

/// Everybody may knock at a door that only says where to go instead.
pub(super) fn open_entry() -> Result<Entry, source::UnknownSource> {
    let directory = Directory::new([]);
    Ok(Entry {
        admission: directory.compile(&source::From::Anywhere)?,
        directory: Arc::new(directory),
    })
}

/// Tells the audit trail of dropped connections.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) audit: crate::telemetry::Audit,
    pub(super) clock: Arc<dyn Clock>,
}

impl edge::Witness for Witness {
    fn dropped(&self, dropped: edge::Dropped) {
        use crate::telemetry::audit::{Connection, Record};
        self.audit.record_now(Record::Connection(Connection {
            time: self.clock.now(),
            listener: dropped.listener,
            client: dropped.client,
            reason: dropped.reason.code(),
            unreported: dropped.unreported,
        }));
    }
}
