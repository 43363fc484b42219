//! Its Apps: one, installed at one account.

use super::{Fake, NOW};
use crate::admin::answer::{AddKey, App, AppInstallation, AppKey, AppState, CreateApp, RemovedApp};
use crate::admin::{NotDone, Workshop};
use async_trait::async_trait;

/// An App that is installed at one account.
pub(crate) fn app() -> App {
    App {
        name: "sync".to_owned(),
        github: "ghes".to_owned(),
        id: Some(12),
        state: AppState::Installed,
        advice: None,
        made_here: true,
        slug: Some("jira-sync".to_owned()),
        settings: Some("https://ghes/settings/apps/jira-sync".to_owned()),
        install: Some("https://ghes/github-apps/jira-sync/installations/new".to_owned()),
        open: None,
        until: None,
        permissions: [("contents".to_owned(), "write".to_owned())].into(),
        events: vec!["push".to_owned()],
        keys: vec![AppKey {
            fingerprint: "SHA256:abc=".to_owned(),
            accepted: Some(true),
            active: true,
            delete: false,
        }],
        installations: vec![AppInstallation {
            owner: "acme".to_owned(),
            id: 77,
            state: AppState::Installed,
            suspended_by: None,
            selected: true,
            granted: [("contents".to_owned(), "read".to_owned())].into(),
            lacking: [("contents".to_owned(), "write".to_owned())].into(),
            page: None,
            repositories: Some(vec!["acme/web".to_owned()]),
        }],
        checked: Some(NOW.to_string()),
    }
}

#[async_trait]
impl Workshop for Fake {
    async fn apps(&self) -> Vec<App> {
        vec![app()]
    }

    async fn app(&self, name: &str) -> Option<App> {
        (name == "sync").then(app)
    }

    async fn create(&self, name: &str, wanted: CreateApp) -> Result<App, NotDone> {
        self.set(|scene| scene.asked.push(format!("create {name} {wanted:?}")));
        if name == "sync" {
            return Err(NotDone::Refused(
                "there is an App `sync` already".to_owned(),
            ));
        }
        Ok(App {
            name: name.to_owned(),
            state: AppState::Waiting,
            open: Some("http://127.0.0.1:9180/setup/apps/0123".to_owned()),
            until: Some(NOW.to_string()),
            id: None,
            installations: Vec::new(),
            ..app()
        })
    }

    async fn add_key(&self, name: &str, key: AddKey) -> Result<App, NotDone> {
        self.set(|scene| scene.asked.push(format!("add_key {name} {key:?}")));
        let none = NotDone::None(name.to_owned());
        self.app(name).await.ok_or(none)
    }

    async fn remove(&self, name: &str) -> Result<RemovedApp, NotDone> {
        if name != "sync" {
            return Err(NotDone::Away("GitHub did not answer in time".to_owned()));
        }
        Ok(RemovedApp {
            name: name.to_owned(),
            uninstalled: vec!["acme".to_owned()],
            wiped: true,
            delete: Some("https://ghes/settings/apps/jira-sync".to_owned()),
        })
    }

    async fn page(&self, state: &str) -> Option<String> {
        (state == "0123").then(|| "<p>go</p>".to_owned())
    }

    async fn finish(&self, code: &str, state: &str) -> Result<String, String> {
        if (code, state) == ("c0de", "0123") {
            Ok("<p>made</p>".to_owned())
        } else {
            Err("<p>not made</p>".to_owned())
        }
    }
}
