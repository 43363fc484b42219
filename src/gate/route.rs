//! Which route a host and a path belong to.

use super::desk::Desk;
use super::service::Service;
use crate::edge::source;
use crate::types::{Host, Name, RouteKey, Secret};
use crate::webhook::Mode;
use crate::webhook::deliver::Sender;
use crate::webhook::receive::Receiver;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A route as requests meet it.
#[derive(Debug)]
pub struct Route {
    /// Its identity.
    pub key: RouteKey,
    /// Who may use it.
    pub admission: source::Admission,
    /// What it is for.
    pub way: Way,
    /// Its counters.
    pub counts: Counts,
}

/// What a route is for.
#[derive(Debug)]
pub enum Way {
    /// Webhooks in.
    Webhook(Arc<Hook>),
    /// A service out in public, at one of its hosts.
    Publish(Arc<Service>, usize),
    /// The broker's own questions, below this path.
    Vend(Arc<Desk>, Box<str>),
}

/// A webhook's route.
#[derive(Debug)]
pub struct Hook {
    /// What it demands.
    pub receiver: Arc<Receiver>,
    /// What deliveries are signed with, in the receiver's order.
    pub secrets: Box<[Secret]>,
    /// When it answers.
    pub mode: Mode,
    /// Who is to have what it takes.
    pub targets: Arc<[Name]>,
    /// The one target of a `through` route.
    pub through: Option<Arc<Sender>>,
    /// How long the same delivery counts as a duplicate.
    pub window: Duration,
}

/// Handles of a route's metrics, so that a request need not look them up.
#[derive(Clone)]
pub struct Counts {
    /// Seconds from a request's head to its answer.
    pub seconds: metrics::Histogram,
    /// Bytes of bodies taken in.
    pub bytes: metrics::Counter,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

impl Counts {
    /// Handles for a route.
    #[must_use]
    pub fn of(key: &RouteKey) -> Self {
        let route = key.to_string();
        Self {
            seconds: metrics::histogram!("hubgate_request_seconds", "route" => route.clone()),
            bytes: metrics::counter!("hubgate_request_bytes_total", "route" => route),
        }
    }
}

/// All routes, by host and longest path.
#[derive(Debug, Default)]
pub struct Table {
    hosts: HashMap<Host, Paths>,
}

/// The routes of one host with their paths, the longest path first.
type Paths = Vec<(Box<str>, Arc<Route>)>;

impl Table {
    /// Adds a route at `host` and `path`, which begins with `/` and ends with none unless it is
    /// the root.
    pub fn add(&mut self, host: Host, path: &str, route: Arc<Route>) {
        let paths = self.hosts.entry(host).or_default();
        paths.push((path.trim_end_matches('/').into(), route));
        paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    }

    /// The route whose path is the longest prefix of `path` that ends where a segment does. A
    /// path is compared as it came: one that is spelt otherwise than a route is not that route.
    #[must_use]
    pub fn find(&self, host: &Host, path: &str) -> Option<&Arc<Route>> {
        self.hosts
            .get(host)?
            .iter()
            .find(|(prefix, _)| {
                path.strip_prefix(&**prefix)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .map(|(_, route)| route)
    }

    /// Every route, in no order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.hosts.values().flatten().map(|(_, route)| route)
    }
}
