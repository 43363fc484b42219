//! `[[webhook]]`; its targets are in `target`.

use super::file::{self, Mode};
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::source::Sources;
use super::translation::{Taken, Translation, hours, seconds};
use super::url::RouteUrl;
use crate::types::{ByteSize, RouteKey, SecretSource};
use crate::webhook::receive::Filter;
use crate::webhook::{self, Route};
use std::sync::Arc;
use std::time::Duration;

/// GitHub sends nothing larger.
const MOST_BODY: ByteSize = ByteSize::new(25 << 20);

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
            let route = self.route(&key, webhook, url.as_ref(), sources, &mut targets);
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
        key: &Key,
        webhook: &file::Webhook,
        url: Option<&RouteUrl>,
        sources: &mut Sources,
        taken: &mut Taken,
    ) -> Option<Route> {
        let from = self.from(&key.child("from"), webhook.from.as_ref(), sources);
        let secrets = self.hook_secrets(&key.child("secrets"), webhook.secrets.as_ref());
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
    ) -> Option<Vec<SecretSource>> {
        let expected = "the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`";
        let secrets = self.required(key, secrets, expected)?;
        if secrets.is_empty() {
            self.wrong(key, format!("is empty, expected {expected}"));
        }
        let read: Vec<_> = secrets
            .iter()
            .enumerate()
            .map(|(index, text)| self.long_secret(&key.item(index), text))
            .collect();
        read.into_iter().collect()
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
