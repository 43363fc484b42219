//! `[[webhook]]`; its targets are in `target`.

use super::file::{self, Mode};
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::source::Sources;
use super::translation::{Taken, Translation, hours, seconds};
use super::url::RouteUrl;
use crate::apps;
use crate::types::{ByteSize, Name, RouteKey, SecretSource};
use crate::webhook::receive::Filter;
use crate::webhook::{self, Route};
use std::sync::Arc;
use std::time::Duration;

/// GitHub sends nothing larger.
const MOST_BODY: ByteSize = ByteSize::new(25 << 20);

/// How the webhook secret of an App that is held here is named.
const OF_AN_APP: &str = "app:";

/// A route, and what else is known of it.
#[derive(Debug)]
pub(super) struct Found {
    /// Where its address is written.
    pub(super) key: Key,
    /// Its address.
    pub(super) url: RouteUrl,
    /// The route, where all of it is right.
    pub(super) route: Option<Route>,
}

impl Translation<'_> {
    /// `[[webhook]]`: those whose address can be read.
    pub(super) fn webhooks(
        &mut self,
        layers: &Layers,
        apps: &[apps::Settings],
        sources: &mut Sources,
        routes: &mut Taken,
    ) -> Vec<Found> {
        let mut targets = Taken::default();
        let mut found = Vec::new();
        for (key, webhook) in layers.list("webhook", |file| &file.webhook) {
            let at = key.child("url");
            let url = self.route_url(&at, webhook.url.as_ref());
            if let Some(url) = &url {
                routes.take(self, &at, RouteKey::new(&url.host, &url.path).as_str());
            }
            let secrets = self.hook_secrets(&key.child("secrets"), webhook.secrets.as_ref(), apps);
            let route = self.route(
                (&key, webhook),
                url.as_ref(),
                secrets,
                sources,
                &mut targets,
            );
            found.extend(url.map(|url| Found {
                key: at,
                url,
                route,
            }));
        }
        found
    }

    fn route_url(&mut self, key: &Key, url: Option<&String>) -> Option<RouteUrl> {
        let expected = "an address such as `https://hooks.example.com/jira`";
        match super::url::route(self.required(key, url, expected)?) {
            Ok(url) => Some(url),
            Err(why) => {
                self.wrong(key, why);
                None
            }
        }
    }

    fn route(
        &mut self,
        (key, webhook): (&Key, &file::Webhook),
        url: Option<&RouteUrl>,
        secrets: Option<Vec<SecretSource>>,
        sources: &mut Sources,
        taken: &mut Taken,
    ) -> Option<Route> {
        let from = self.from(&key.child("from"), webhook.from.as_ref(), sources);
        let events = webhook.events.as_ref();
        if events.is_some_and(Vec::is_empty) {
            let text = "is empty, which takes nothing; leave it out to take all events";
            self.wrong(&key.child("events"), text);
        }
        let events = self.parse_all(&key.child("events"), events.map_or(&[], Vec::as_slice));
        let filter = self.filter(&key.child("filter"), webhook.filter.as_ref());
        let mode = match webhook.mode {
            None | Some(Mode::Store) => webhook::Mode::Store,
            Some(Mode::Through) => webhook::Mode::Through,
        };
        let max_body = self.size(
            (key.child("max_body"), webhook.max_body.as_ref()),
            MOST_BODY,
            ByteSize::new(1)..=MOST_BODY,
        );
        let redelivery_window = self.duration(
            (
                key.child("redelivery_window"),
                webhook.redelivery_window.as_ref(),
            ),
            seconds(10),
            Duration::from_millis(1)..=hours(24),
        );
        let to = self.targets(&key.child("to"), webhook.to.as_ref(), mode, taken);
        let url = url?;
        Some(Route {
            key: RouteKey::new(&url.host, &url.path),
            from: from?,
            secrets: secrets?,
            events,
            filter: filter?,
            mode,
            max_body,
            redelivery_window,
            to: to?,
        })
    }

    fn hook_secrets(
        &mut self,
        key: &Key,
        secrets: Option<&Vec<String>>,
        apps: &[apps::Settings],
    ) -> Option<Vec<SecretSource>> {
        let expected = "the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`";
        let secrets = self.required(key, secrets, expected)?;
        if secrets.is_empty() {
            self.wrong(key, format!("is empty, expected {expected}"));
        }
        let mut read = Vec::new();
        for (index, text) in secrets.iter().enumerate() {
            let at = key.item(index);
            match text.strip_prefix(OF_AN_APP) {
                Some(name) => read.extend(self.app_secret(&at, name, apps)),
                None => read.push(self.long_secret(&at, text)),
            }
        }
        read.into_iter().collect()
    }

    /// What an App's deliveries are signed with. One that is not there may be made yet, by an
    /// operator who wrote the route first: nothing is taken then, which is no mistake.
    fn app_secret(
        &mut self,
        key: &Key,
        name: &str,
        apps: &[apps::Settings],
    ) -> Option<Option<SecretSource>> {
        if let Err(why) = name.parse::<Name>() {
            self.wrong(key, why.to_string());
            return Some(None);
        }
        match apps.iter().find(|app| app.name.as_str() == name) {
            Some(app) => match &app.webhook_secret {
                Some(secret) => return Some(Some(SecretSource::Held(secret.clone()))),
                None => self.warn(
                    key,
                    format!(
                        "the App `{name}` has no webhook secret: nothing that it signs is taken"
                    ),
                ),
            },
            None => self.warn(
                key,
                format!(
                    "no App `{name}` is held here yet: nothing that it signs is taken until \
                     `hubgate app create` has made it, or `[[app]]` names it"
                ),
            ),
        }
        None
    }

    /// None where there is one and it is wrong; `Some(None)` where there is none.
    fn filter(&mut self, key: &Key, filter: Option<&String>) -> Option<Option<Arc<Filter>>> {
        let Some(text) = filter else {
            return Some(None);
        };
        match Filter::compile(text) {
            Ok(filter) => Some(Some(Arc::new(filter))),
            Err(why) => {
                let found = shown(text);
                self.wrong(key, format!("{found} is not a filter: {why}"));
                None
            }
        }
    }
}
