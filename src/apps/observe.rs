//! What webhooks tell of installations. They are believed only so far as to ask GitHub anew: a
//! payload says which App it is about, but not on which server.

use super::Apps;
use super::app::App;
use crate::types::{AppId, Owner, Secret};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::Deserialize;
use std::sync::Arc;

impl Apps {
    /// Takes note of a delivery whose signature was checked with `secret`. Forgets what it is
    /// about, so that GitHub is asked; says which Apps were concerned.
    pub fn observe(
        &self,
        event: &str,
        action: Option<&str>,
        payload: &[u8],
        secret: &Secret,
    ) -> Vec<Arc<App>> {
        if self.is_empty() || !tells(event, action) {
            return Vec::new();
        }
        let Ok(told) = serde_json::from_slice::<Told>(payload) else {
            return Vec::new();
        };
        let Some(app) = told.installation.app_id.map(AppId) else {
            return self.renamed(&told, secret);
        };
        let concerned = self
            .iter()
            .filter(|known| known.id == app && known.believes(secret));
        let concerned: Vec<_> = concerned.cloned().collect();
        for app in &concerned {
            app.doubt(&told);
        }
        concerned
    }

    /// `installation_target` says no more of the installation than its number.
    fn renamed(&self, told: &Told, secret: &Secret) -> Vec<Arc<App>> {
        let concerned = self.iter().filter(|app| {
            let mut standings = app.memory.standings().into_values();
            let id = told.installation.id;
            app.believes(secret) && standings.any(|standing| standing.is_of(id))
        });
        let concerned: Vec<_> = concerned.cloned().collect();
        for app in &concerned {
            app.doubt(told);
        }
        concerned
    }
}

impl App {
    /// Whether a delivery signed with this is the App's.
    fn believes(&self, secret: &Secret) -> bool {
        self.webhook_secret
            .as_ref()
            .is_none_or(|own| verify_slices_are_equal(own.expose(), secret.expose()).is_ok())
    }

    /// Doubts what a payload is about.
    fn doubt(&self, told: &Told) {
        let renamed = told
            .changes
            .as_ref()
            .and_then(|changes| changes.login.as_ref());
        let names = [
            told.installation
                .account
                .as_ref()
                .and_then(|account| account.login.as_ref()),
            told.account
                .as_ref()
                .and_then(|account| account.login.as_ref()),
            renamed.and_then(|login| login.from.as_ref()),
        ];
        for owner in names
            .into_iter()
            .flatten()
            .filter_map(|name| name.parse::<Owner>().ok())
        {
            self.memory.doubt(&owner);
        }
        self.memory.stale.notify_one();
    }
}

/// Whether such a delivery is about where an App stands.
fn tells(event: &str, action: Option<&str>) -> bool {
    let actions: &[&str] = match event {
        "installation" => &[
            "created",
            "deleted",
            "suspend",
            "unsuspend",
            "new_permissions_accepted",
        ],
        "installation_repositories" => &["added", "removed"],
        "installation_target" => &["renamed"],
        _ => return false,
    };
    action.is_some_and(|action| actions.contains(&action))
}

#[derive(Deserialize)]
struct Told {
    installation: Installation,
    /// Of `installation_target`.
    account: Option<Account>,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    app_id: Option<u64>,
    account: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    login: Option<String>,
}

#[derive(Deserialize)]
struct Changes {
    login: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    from: Option<String>,
}
