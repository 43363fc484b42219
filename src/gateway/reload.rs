//! A reload: read wholly, build wholly, then swap; or change nothing and say why.

use super::world::{self, Built};
use super::{Files, World, listed, supervisor};
use crate::apps::Apps;
use crate::gate::Snapshot;
use crate::github::meta::{self, Watcher};
use crate::telemetry::audit;
use std::sync::{Arc, PoisonError};

impl World {
    /// Reads the configuration again and puts it to work; says what changed.
    ///
    /// # Errors
    /// Every mistake in it. Then nothing changed.
    pub(super) async fn reload_now(self: &Arc<Self>) -> Result<String, String> {
        supervisor::reloading();
        let done = self.reload_untold().await;
        match &done {
            Ok(changed) => {
                tracing::info!("reloaded: {changed}");
                supervisor::ready(&self.how());
            }
            Err(mistakes) => {
                tracing::error!("not reloaded, what ran goes on: {mistakes}");
                supervisor::refused(mistakes);
            }
        }
        metrics::gauge!("hubgate_reload_succeeded").set(if done.is_ok() { 1.0 } else { 0.0 });
        done
    }

    /// Opens the audit trail anew, where it was turned over; reads nothing else.
    pub(super) async fn reopen_audit(&self) {
        let settings = self.config.load().audit.clone();
        match self.audit.reopen(&settings) {
            Ok(_) => self.note("reopen", "signal", "ok").await,
            Err(fault) => {
                tracing::error!("the audit trail goes on where it was: {fault}");
                self.note("reopen", "signal", &fault.to_string()).await;
            }
        }
    }

    /// How it is, in a line.
    pub(super) fn how(&self) -> String {
        let config = self.config.load();
        let routes = config.webhooks.len() + config.published.len();
        if self.listeners.is_empty() {
            return "nothing is open to the world yet: fill in [[listen]] and routes".to_owned();
        }
        format!("ready: {} listeners, {routes} routes", self.listeners.len())
    }

    async fn reload_untold(self: &Arc<Self>) -> Result<String, String> {
        let world = self.clone();
        let done = tokio::task::spawn_blocking(move || world.replace()).await;
        let (fresh, said) = done.map_err(|fault| format!("the reload broke off: {fault}"))??;
        for watcher in fresh {
            self.attend(&watcher);
        }
        let held = self.bench.apps.load_full();
        held.watch(&self.tasks, &self.entropy);
        self.recover();
        self.certify();
        Ok(said)
    }

    /// Reads files and secrets, so it runs where blocking is allowed.
    fn replace(&self) -> Result<(Vec<Watcher>, String), String> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.file.as_ref().ok_or("it was not started from a file")?;
        let read = self.config.load().load_again(file);
        let (config, mut waiting) = read.map_err(|mistakes| mistakes.to_string())?;

        let running = self.watchers.load_full();
        let (watchers, fresh) = world::watchers(&config, &running, &self.clock, &self.entropy);
        let targets = config.webhooks.iter().flat_map(|route| &route.to);
        let staff = self.dispatch.prepare(targets);
        let staff = staff.map_err(|faults| listed(&faults).to_string())?;
        let held = self.bench.apps.load_full();
        let held = Apps::build(config.apps.clone(), &self.clock, Some(&held));
        let held = held.map_err(|fault| fault.to_string())?;
        let built = Built::new(
            &config,
            (&watchers, &staff),
            (&self.office, &self.resolver),
            &self.memories.load(),
        );
        let built = built.map_err(|faults| faults.join("\n"))?;
        let trail = audit::Opened::of(&config.audit);
        let trail = trail.map_err(|fault| format!("audit.file: {fault}"))?;
        // The certificates come last of what can fail, since they swap themselves.
        let expired = self.certificates.replace(&config.certificates);
        for warning in expired.map_err(|faults| listed(&faults).to_string())? {
            tracing::warn!("{warning}");
        }

        self.entry.store(Arc::new(world::entry(&built.snapshot)));
        let before = self.bench.apps.swap(Arc::new(held));
        self.apps().succeed(&before);
        self.office.part_with(&before);
        self.snapshot.store(Arc::new(built.snapshot));
        self.office.settle(&built.desk, &self.tasks);
        self.dispatch.apply(&staff);
        self.watchers.store(Arc::new(watchers));
        self.memories.store(Arc::new(built.memories));
        let routes = config.webhooks.len() + config.published.len();
        let mut said = format!("{routes} routes");
        if let Err(fault) = self.log.reload(&config.log) {
            said.push_str(&format!("; the log goes on as it was: {fault}"));
        }
        self.audit.go_on_in(trail);
        let files = Files::allowed(&config);
        self.connections.bind(files.bounds());
        if let Some(lack) = files.lack() {
            tracing::warn!("{lack}");
        }
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        if self.office.is_sealed_otherwise(&config) {
            waiting.push("the credential `apps-key`, for people's tokens".to_owned());
        }
        if !waiting.is_empty() {
            said.push_str(&format!("; needs a restart: {}", waiting.join(", ")));
        }
        self.tidy(&config);
        self.config.store(Arc::new(config));
        Ok((fresh, said))
    }

    /// Has a fetched source fetched again and again, and each change put to work.
    pub(super) fn attend(self: &Arc<Self>, watcher: &Watcher) {
        watcher.watch(&self.tasks);
        let (world, stop) = (self.clone(), self.tasks.stopping());
        let mut changes = watcher.changes();
        let settings = watcher.settings().clone();
        self.tasks.spawn("source-changes", async move {
            // Ends with the watcher, when a reload has dropped it.
            while let Some(Ok(())) = stop.run_until_cancelled(changes.changed()).await {
                let networks = changes.borrow_and_update().networks.clone();
                world.relist(&settings, &networks);
            }
        });
    }

    fn relist(&self, settings: &meta::Settings, networks: &[ipnet::IpNet]) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let watchers = self.watchers.load();
        let name = &settings.name;
        // One that was being fetched while a reload changed its source has nothing to say any more.
        if !watchers
            .iter()
            .any(|watcher| watcher.settings() == settings)
        {
            tracing::debug!(source = %name, "a list that is not wanted any more was fetched");
            return;
        }
        let old = self.snapshot.load_full();
        match old.sources.with(name, networks) {
            Ok(directory) => {
                let snapshot = Snapshot {
                    routes: old.routes.clone(),
                    sources: Arc::new(directory),
                };
                self.entry.store(Arc::new(world::entry(&snapshot)));
                self.snapshot.store(Arc::new(snapshot));
                tracing::info!(source = %name, networks = networks.len(), "the source list changed");
            }
            Err(fault) => tracing::debug!("a source that is gone was fetched: {fault}"),
        }
    }
}
