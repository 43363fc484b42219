//! `[[publish]]`; `[[profile]]` is in `profile`.

use super::file::{self, OneOrMany};
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::source::Sources;
use super::translation::{Taken, Translation, optional};
use super::url::RouteUrl;
use crate::publish::profile::{Policy, Profiles, Unfit};
use crate::publish::{Allow, Browser, Place, Rewrite, Route, Service, never, scope};
use crate::types::{Name, RepositoryPattern, RouteKey, SecretSource};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A route, and what else is known of it.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it stands.
    pub(super) key: Key,
    /// The addresses that it answers at, and where they are written: `url`, then `hosts`.
    pub(super) urls: Vec<(Key, RouteUrl)>,
    /// The route, where all of it is right.
    pub(super) route: Option<Route>,
}

/// The word for whatever is not denied for all.
const EVERYTHING: &str = "everything";
/// A server that packs a large repository says nothing for minutes, and one that is gone is noticed
/// by its connection.
const SILENCE: Duration = Duration::from_mins(5);
/// Headers that are the message's own, or the caller's credentials.
const NOT_REQUIRED: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "transfer-encoding",
];

impl Translation<'_> {
    /// `[[publish]]`: those whose address can be read.
    pub(super) fn published(
        &mut self,
        layers: &Layers,
        sources: &mut Sources,
        profiles: Option<&Profiles>,
        taken: &mut Taken,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for (key, publish) in layers.list("publish", |file| &file.publish) {
            let (urls, places) = self.places(&key, publish, taken);
            let route = self.published_route(&key, publish, places, sources, profiles);
            if !urls.is_empty() {
                found.push(Found { key, urls, route });
            }
        }
        found
    }

    /// The addresses that it answers at, and, where all is right, what each leads to.
    fn places(
        &mut self,
        key: &Key,
        publish: &file::Publish,
        taken: &mut Taken,
    ) -> (Vec<(Key, RouteUrl)>, Option<Vec<Place>>) {
        let at = key.child("url");
        let expected = "an address such as `https://ghe.example.com/`";
        let url = self
            .required(&at, publish.url.as_ref(), expected)
            .and_then(|text| self.read(&at, super::url::published(text)));
        let inside = key.child("to");
        let expected = "an address such as `https://github.corp.internal/`";
        let to = self
            .required(&inside, publish.to.as_ref(), expected)
            .and_then(|text| self.read(&inside, super::url::service(text)));
        let mut urls = Vec::new();
        if let Some((route, _)) = &url {
            taken.take(self, &at, RouteKey::new(&route.host, &route.path).as_str());
            urls.push((at, route.clone()));
        }
        let Some(((route, public), internal)) = url.zip(to) else {
            return (urls, None);
        };
        if public.scheme() == "https" && internal.scheme() == "http" {
            let text = "is http: credentials cross the inner network in clear";
            self.warn(&inside, text);
        }
        let mut places = Some(vec![Place {
            host: route.host,
            public: public.clone(),
            internal: internal.clone(),
        }]);
        for (inner, outer) in publish.hosts.iter().flatten() {
            let at = key.child("hosts").child(inner);
            let inner = self.read(&at, super::url::sibling(&internal, inner));
            let outer = self.read(&at, super::url::sibling(&public, outer));
            let pair = inner.zip(outer).map(|((_, internal), (route, public))| {
                taken.take(self, &at, RouteKey::new(&route.host, &route.path).as_str());
                let host = route.host.clone();
                urls.push((at, route));
                Place {
                    host,
                    public,
                    internal,
                }
            });
            places = places.zip(pair).map(|(mut places, place)| {
                places.push(place);
                places
            });
        }
        (urls, places)
    }

    fn read<T>(&mut self, key: &Key, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(key, why);
                None
            }
        }
    }

    fn published_route(
        &mut self,
        key: &Key,
        publish: &file::Publish,
        places: Option<Vec<Place>>,
        sources: &mut Sources,
        profiles: Option<&Profiles>,
    ) -> Option<Route> {
        let from = self.from(&key.child("from"), publish.from.as_ref(), sources);
        let ca = publish.ca.as_ref();
        let ca = ca.map(|path| self.certificates(&key.child("ca"), path));
        let service = match publish.service {
            None | Some(file::Service::Github) => Service::Github,
            Some(file::Service::Other) => Service::Other,
        };
        let rewrite = self.rewrite(key, publish.rewrite, service);
        let header = publish.require_header.as_ref();
        let header =
            header.map(|header| self.required_header(&key.child("require_header"), header));
        let app = publish.credentials.as_ref();
        let app = app.map(|text| self.credentials(&key.child("credentials"), text));
        let browser = match publish.browser {
            None => Browser::Judge,
            Some(file::Browser::Redirect) => Browser::Redirect,
        };
        let timeout = self.duration(
            (key.child("timeout"), publish.timeout.as_ref()),
            SILENCE,
            Duration::from_secs(1)..=Duration::from_hours(1),
        );
        let limit = publish.repositories.as_ref();
        let limit = limit.map(|list| self.limit(&key.child("repositories"), list));
        let at = key.child("allow");
        let learn = publish.learn.unwrap_or(false);
        let allow = self.allowed(&at, publish.allow.as_ref(), learn);
        let policy = allow
            .as_ref()
            .and_then(|allow| self.policy(&at, allow, service, profiles));
        if service == Service::Other {
            for (name, given) in [
                ("repositories", publish.repositories.is_some()),
                ("browser", publish.browser.is_some()),
                ("credentials", matches!(app, Some(Some(Some(_))))),
            ] {
                if given {
                    let text = "is for a GitHub Enterprise Server, and `service` is `\"other\"`";
                    self.wrong(&key.child(name), text);
                }
            }
        }
        let places = places?;
        if service == Service::Github {
            self.no_console(key, &places);
        }
        let internal = places.first().map(|place| &place.internal);
        if ca.is_some() && internal.is_some_and(|url| url.scheme() == "http") {
            self.warn(&key.child("ca"), "has no effect, since `to` is not https");
        }
        let first = places.first()?;
        Some(Route {
            key: RouteKey::new(&first.host, path_of(&first.public)),
            from: from?,
            ca: optional(ca)?.map(|(path, _)| path),
            allow: allow?,
            limit,
            policy: policy?,
            service,
            rewrite: rewrite?,
            learn,
            require_header: optional(header)?,
            browser,
            timeout,
            websocket: publish.websocket.unwrap_or(false),
            app: optional(app)?.flatten(),
            places,
        })
    }

    /// What an appliance has at its other ports is nothing to publish.
    fn no_console(&mut self, key: &Key, places: &[Place]) {
        for (index, place) in places.iter().enumerate() {
            let port = place.internal.port_or_known_default().unwrap_or_default();
            if never::PORTS.contains(&port) {
                let at = key.child(if index == 0 { "to" } else { "hosts" });
                let text = format!(
                    "port {port} is the appliance's own console or one of its inner services, \
                     which are never exposed; expected where its pages and API are"
                );
                self.wrong(&at, text);
            }
        }
    }

    /// As whom requests go on: `Some(None)` as the caller.
    fn credentials(&mut self, key: &Key, text: &str) -> Option<Option<Name>> {
        if text == "caller" {
            return Some(None);
        }
        let name = text.strip_prefix("app:").map(str::parse::<Name>);
        if let Some(Ok(name)) = name {
            return Some(Some(name));
        }
        let expected = "`caller`, or `app:` and the name of an App";
        self.wrong(key, format!("found {}, expected {expected}", shown(text)));
        None
    }

    fn rewrite(
        &mut self,
        key: &Key,
        rewrite: Option<file::Rewrite>,
        service: Service,
    ) -> Option<Rewrite> {
        match (rewrite, service) {
            (None | Some(file::Rewrite::Github), Service::Github) => Some(Rewrite::Github),
            (Some(file::Rewrite::Github), Service::Other) => {
                let text =
                    "found `github`, expected `host` or `none`, since `service` is `\"other\"`";
                self.wrong(&key.child("rewrite"), text);
                None
            }
            (None, Service::Other) | (Some(file::Rewrite::Host), _) => Some(Rewrite::Host),
            (Some(file::Rewrite::None), _) => Some(Rewrite::None),
        }
    }

    /// What may be done. While it is learned what is needed, that may be nothing yet.
    pub(super) fn allowed(
        &mut self,
        key: &Key,
        allow: Option<&OneOrMany>,
        learn: bool,
    ) -> Option<Allow> {
        let expected = "a list of access profiles such as `[\"flow\"]`, or `\"everything\"`";
        let names = match self.required(key, allow, expected)? {
            OneOrMany::One(word) if word == EVERYTHING => return Some(Allow::Everything),
            OneOrMany::One(word) => {
                let found = shown(word);
                self.wrong(key, format!("found {found}, expected {expected}"));
                return None;
            }
            OneOrMany::Many(names) => names,
        };
        match names.as_slice() {
            [] if !learn => {
                let text = format!("is empty, which lets nothing through; expected {expected}");
                self.wrong(key, text);
                None
            }
            [word] if word == EVERYTHING => Some(Allow::Everything),
            names => Some(Allow::Profiles(self.parse_all(key, names))),
        }
    }

    /// The rules of the profiles that are named. Where `[[profile]]` is wrong, that is told there.
    pub(super) fn policy(
        &mut self,
        key: &Key,
        allow: &Allow,
        service: Service,
        profiles: Option<&Profiles>,
    ) -> Option<Arc<Policy>> {
        // Thousands of callers say the same, and it is not small.
        let same =
            |(other, kind, _): &&(Allow, Service, Arc<Policy>)| other == allow && *kind == service;
        if let Some((_, _, policy)) = self.policies.iter().find(same) {
            return Some(Arc::clone(policy));
        }
        let policy = match allow {
            Allow::Everything => Arc::new(Policy::everything()),
            Allow::Profiles(names) => self.compiled(key, names, service, profiles)?,
        };
        self.policies
            .push((allow.clone(), service, Arc::clone(&policy)));
        Some(policy)
    }

    fn compiled(
        &mut self,
        key: &Key,
        names: &[Name],
        service: Service,
        profiles: Option<&Profiles>,
    ) -> Option<Arc<Policy>> {
        let names: Vec<&str> = names.iter().map(Name::as_str).collect();
        let all = names.iter().copied();
        let policy = match service {
            Service::Github => profiles?.policy(all).map_err(Unfit::from),
            Service::Other => profiles?.tool_policy(all),
        };
        match policy {
            Ok(policy) => Some(Arc::new(policy)),
            Err(why) => {
                let index = names.iter().position(|name| *name == why.name());
                let at = index.map_or_else(|| key.clone(), |index| key.item(index));
                self.wrong(&at, why.to_string());
                None
            }
        }
    }

    fn limit(&mut self, key: &Key, list: &[String]) -> scope::Limit {
        if list.is_empty() {
            let text = "is empty, which admits no repository; expected some such as `acme/*`";
            self.wrong(key, text);
        }
        let patterns: Vec<RepositoryPattern> = self.parse_all(key, list);
        scope::Limit::new(patterns.into_iter().collect())
    }

    fn required_header(
        &mut self,
        key: &Key,
        header: &file::RequiredHeader,
    ) -> Option<(HeaderName, SecretSource)> {
        let at = key.child("name");
        let text = self.required(&at, header.name.as_ref(), "the name of a header")?;
        let name = text.parse::<HeaderName>().ok();
        match &name {
            None => self.wrong(&at, "is not the name of a header"),
            Some(name) if NOT_REQUIRED.contains(&name.as_str()) => self.wrong(
                &at,
                "is a header with a meaning of its own; expected one that only the caller knows",
            ),
            Some(_) => {}
        }
        let at = key.child("value");
        let expected = "a secret such as `file:vendor-key`";
        let value = self.required(&at, header.value.as_ref(), expected)?;
        let found = self.secret(&at, value)?;
        if HeaderValue::from_bytes(found.value.expose()).is_err() {
            let text = "the secret cannot be the value of a header: it has a control character";
            self.wrong(&at, text);
        }
        Some((name?, found.source))
    }
}

/// The path as a route's key has it.
fn path_of(url: &Url) -> &str {
    match url.path().trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}
