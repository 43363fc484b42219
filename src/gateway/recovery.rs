//! The recoveries of a configuration: one for each App that is to.

use super::World;
use crate::spool::sqlite;
use crate::webhook::recover::{self, Recovery};

impl World {
    /// Has GitHub asked for what it could not deliver, for every App that is to.
    pub(super) fn recover(&self) {
        let config = self.config.load();
        let settings = recover::Settings {
            routes: config.webhooks.iter().map(Into::into).collect(),
            directory: config.gateway.state_dir.join("recover"),
            spool: sqlite::identity(&config.spool.directory),
        };
        let parts = recover::Parts {
            spool: self.spool.clone(),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            pace: recover::PACE,
        };
        for app in self.apps().iter().filter(|app| app.recovers()) {
            let recovery = Recovery::new(app, settings.clone(), parts.clone());
            recovery.watch(&self.tasks);
        }
    }
}
