//! What a test does to installations: what an account's people do on their pages, without a browser.

use super::Simulator;
use super::permissions::Permissions;
use super::state::{Chosen, Installation, InstallationRequest, Side};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Simulator {
    /// Installs an App with the permissions that it wants; the installation's id.
    pub fn install(&self, app: u64, account: &str, repositories: Chosen) -> u64 {
        let account = self.organization(account);
        let mut state = self.state();
        let id = state.next();
        let (permissions, events) = {
            let app = &state.apps[&app];
            (app.permissions.clone(), app.events.clone())
        };
        let made = Installation {
            id,
            app,
            account,
            repositories,
            permissions,
            events,
            suspended: None,
            created: self.0.clock.now(),
        };
        state.installations.insert(id, made);
        state
            .requests
            .retain(|one| one.app != app || one.account != account);
        drop(state);
        self.tell(id, "installation", "created");
        id
    }

    /// Installs an App on the repositories with these names, all of this account.
    pub fn install_on(&self, app: u64, account: &str, names: &[&str]) -> u64 {
        let chosen = self.ids(account, names);
        self.install(app, account, Chosen::Some(chosen))
    }

    /// Chooses other repositories for an installation.
    pub fn choose(&self, installation: u64, names: &[&str]) {
        let login = {
            let state = self.state();
            state.accounts[&state.installations[&installation].account]
                .login
                .clone()
        };
        self.choose_these(installation, Chosen::Some(self.ids(&login, names)));
    }

    pub(super) fn choose_these(&self, installation: u64, chosen: Chosen) {
        let (before, after) = {
            let mut state = self.state();
            let one = state.installations.get_mut(&installation).unwrap();
            let old = one.clone();
            one.repositories = chosen;
            let new = one.clone();
            (state.covered(&old), state.covered(&new))
        };
        for (action, part, changed) in [
            ("added", "repositories_added", &after - &before),
            ("removed", "repositories_removed", &before - &after),
        ] {
            if !changed.is_empty() {
                let changed = self.briefly(&changed);
                self.tell_more(
                    installation,
                    "installation_repositories",
                    action,
                    part,
                    changed,
                );
            }
        }
    }

    /// Repositories as events name them.
    fn briefly(&self, ids: &BTreeSet<u64>) -> Value {
        let state = self.state();
        let all = ids.iter().map(|id| {
            let one = &state.repositories[id];
            json!({
                "id": id,
                "name": one.name,
                "full_name": state.full_name(one),
                "private": one.private,
            })
        });
        all.collect()
    }

    fn ids(&self, account: &str, names: &[&str]) -> BTreeSet<u64> {
        let state = self.state();
        names
            .iter()
            .map(|name| state.named(account, name).unwrap().id)
            .collect()
    }

    /// The account's people accept (or, as nobody really can, take back) permissions.
    pub fn grant(&self, installation: u64, permissions: &[(&str, &str)]) {
        let granted = Permissions::of(permissions).with_metadata();
        self.state()
            .installations
            .get_mut(&installation)
            .unwrap()
            .permissions = granted;
        self.tell(installation, "installation", "new_permissions_accepted");
    }

    /// The ids of an App's installations.
    pub fn installations(&self, app: u64) -> Vec<u64> {
        let state = self.state();
        let all = state.installations.values().filter(|one| one.app == app);
        all.map(|one| one.id).collect()
    }

    pub fn installation(&self, id: u64) -> Option<Installation> {
        self.state().installations.get(&id).cloned()
    }

    pub fn suspend(&self, installation: u64, side: Side) {
        let now = self.0.clock.now();
        let mut state = self.state();
        let one = state.installations.get_mut(&installation).unwrap();
        one.suspended.get_or_insert((side, now));
        drop(state);
        self.tell(installation, "installation", "suspend");
    }

    /// Whether it could: only the side that suspended may take it back.
    pub fn unsuspend(&self, installation: u64, side: Side) -> bool {
        let mut state = self.state();
        let one = state.installations.get_mut(&installation).unwrap();
        let may = one.suspended.is_none_or(|(by, _)| by == side);
        if may {
            one.suspended = None;
        }
        drop(state);
        if may {
            self.tell(installation, "installation", "unsuspend");
        }
        may
    }

    pub fn uninstall(&self, installation: u64) {
        self.tell(installation, "installation", "deleted");
        self.state().installations.remove(&installation);
    }

    /// Somebody who may not install an App asks those who may.
    pub fn request_installation(&self, app: u64, account: &str, requester: &str) {
        let (account, requester) = (self.organization(account), self.user(requester));
        let created = self.0.clock.now();
        let mut state = self.state();
        let id = state.next();
        let asked = InstallationRequest {
            id,
            app,
            account,
            requester,
            created,
        };
        state.requests.push(asked);
    }

    /// Tells the App's hook what became of an installation.
    pub(super) fn tell(&self, installation: u64, event: &'static str, action: &str) {
        let covered = {
            let state = self.state();
            state.covered(&state.installations[&installation])
        };
        let covered = self.briefly(&covered);
        self.tell_more(installation, event, action, "repositories", covered);
    }

    fn tell_more(
        &self,
        installation: u64,
        event: &'static str,
        action: &str,
        part: &str,
        more: Value,
    ) {
        let (app, payload) = {
            let state = self.state();
            let one = &state.installations[&installation];
            let payload = json!({
                "action": action,
                "installation": self.installation_object(&state, one),
                "sender": self.account_object(&state.accounts[&one.account]),
                part: more,
            });
            (one.app, payload)
        };
        self.announce(app, event, payload);
    }
}
