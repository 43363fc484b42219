//! From a checked `[[publish]]` to a service as requests meet it.

use crate::apps::Apps;
use crate::apps::people::People;
use crate::edge::source::Directory;
use crate::gate::ask::Inquiry;
use crate::gate::desk::{Brokered, Desk};
use crate::gate::person::Holder;
use crate::gate::route::Counts;
use crate::gate::service::{Memory, Place, Service};
use crate::gate::store::{Store, Stores};
use crate::gate::upstream::{Authorities, BuildError, Upstream};
use crate::gate::{Route, Snapshot, Table, Way};
use crate::github::Site;
use crate::publish::profile::Policy;
use crate::publish::rewrite::{Base, Mode, Names, Pair};
use crate::publish::{self, Rewrite};
use crate::types::{Name, ParseError, RouteKey};
use crate::webhook::deliver::Resolve;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The gate and the service start together at times.
const FIRST_LOOK: Duration = Duration::from_mins(2);
/// Nobody turns private mode off by the hour.
const LOOK_EVERY: Duration = Duration::from_hours(6);

/// What is known of the published routes beyond a reload.
pub(super) type Memories = HashMap<RouteKey, Remembered>;

/// What is known of a route, and of which service.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    service: Option<Url>,
    pub(super) memory: Arc<Memory>,
}

/// The memories of a configuration's routes: those of routes that were there go on, unless another
/// service stands behind them now. What one server calls by a number is something else at another.
pub(super) fn memories<'a>(
    routes: impl IntoIterator<Item = &'a publish::Route>,
    old: &Memories,
) -> Memories {
    let memory = |route: &publish::Route| {
        let service = route.places.first().map(|place| place.internal.clone());
        let known = old.get(&route.key).filter(|old| old.service == service);
        let memory = known.map(|known| known.memory.clone()).unwrap_or_default();
        (route.key.clone(), Remembered { service, memory })
    };
    routes.into_iter().map(memory).collect()
}

/// Adds a published route to the table, at each of its hosts.
pub(super) fn publish(
    route: &publish::Route,
    directory: &Directory,
    surroundings: &Surroundings<'_>,
    table: &mut Table,
) -> Result<(), String> {
    let service = Arc::new(service(route, surroundings)?);
    for (index, place) in route.places.iter().enumerate() {
        let admission = directory.compile(&route.from);
        let at = Route {
            key: route.key.clone(),
            admission: admission.map_err(|fault| fault.to_string())?,
            way: Way::Publish(service.clone(), index),
            counts: Counts::of(&route.key),
        };
        table.add(place.host.clone(), place.public.path(), Arc::new(at));
    }
    Ok(())
}

/// What a route's service is built from besides the route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// What is known beyond a reload.
    pub(super) memories: &'a Memories,
    /// By whom names are resolved.
    pub(super) resolver: &'a Arc<dyn Resolve>,
    /// Who gives Apps' tokens out.
    pub(super) desk: &'a Arc<Desk>,
    /// The server's API, where it is not below `/api/v3`, and how many of the route's places have
    /// names to be rewritten; the others are other ways to the same.
    pub(super) api: Option<(&'a str, usize)>,
    /// Where each App is.
    pub(super) sites: &'a Sites,
    /// Apps whose people's tokens are held.
    pub(super) holding: &'a [(Name, Arc<Site>)],
    /// Where they are held; none where no App's are.
    pub(super) people: Option<&'a People>,
    /// The Apps in force.
    pub(super) apps: &'a Arc<ArcSwap<Apps>>,
}

/// The GitHub of each App.
pub(super) type Sites = HashMap<Name, Arc<Site>>;

fn service(route: &publish::Route, surroundings: &Surroundings<'_>) -> Result<Service, String> {
    let resolver = surroundings.resolver;
    let said = |fault: ParseError| fault.to_string();
    let mut pairs = Vec::new();
    for place in &route.places {
        pairs.push(Pair {
            internal: Base::try_from(&place.internal).map_err(said)?,
            public: Base::try_from(&place.public).map_err(said)?,
        });
    }
    let named = surroundings.api.map_or(pairs.len(), |(_, named)| named);
    let names = Names::new(pairs.iter().take(named).cloned()).map_err(|fault| fault.to_string())?;
    let tls = route
        .places
        .iter()
        .any(|place| place.internal.scheme() == "https");
    let authorities = tls.then(|| Authorities::load(route.ca.as_deref()));
    let authorities = authorities.transpose().map_err(|fault| fault.to_string())?;
    let stores = stores(route, &pairs, authorities.as_ref(), surroundings)?;
    let site = route
        .app
        .as_ref()
        .and_then(|app| surroundings.sites.get(app));
    let via = site.and_then(|site| site.via.as_ref());
    let mut places = Vec::new();
    for (place, pair) in route.places.iter().zip(pairs) {
        let secure = place.internal.scheme() == "https";
        let trusted = authorities.clone().filter(|_| secure);
        let manners = (route.timeout, route.websocket);
        let upstream = Upstream::new(&place.internal, trusted, resolver.clone(), manners);
        places.push(Place {
            pair,
            upstream: by(upstream, via).map_err(|fault| fault.to_string())?,
        });
    }
    let required = match &route.require_header {
        Some((name, secret)) => {
            let secret = secret.read().map_err(|fault| fault.to_string())?;
            Some((name.clone(), secret))
        }
        None => None,
    };
    let inquiry = match (route.service, route.places.first()) {
        (publish::Service::Github, Some(place)) => Some(match surroundings.api {
            Some((api, _)) => Inquiry::at(api.to_owned(), route.ca.as_deref(), via)?,
            None => Inquiry::new(&place.internal, route.ca.as_deref(), via)?,
        }),
        (publish::Service::Github | publish::Service::Other, _) => None,
    };
    Ok(Service {
        key: route.key.clone(),
        kind: route.service,
        policy: if route.learn {
            Arc::new(Policy::everything())
        } else {
            route.policy.clone()
        },
        places,
        names: Arc::new(names),
        rewrite: match route.rewrite {
            Rewrite::Github => Mode::Github,
            Rewrite::Host => Mode::Host,
            Rewrite::None => Mode::None,
        },
        required,
        browser: route.browser,
        websocket: route.websocket,
        limit: route.limit.clone(),
        inquiry,
        memory: surroundings
            .memories
            .get(&route.key)
            .map(|known| known.memory.clone())
            .unwrap_or_default(),
        brokered: route
            .app
            .as_ref()
            .zip(stores)
            .map(|(app, stores)| Brokered {
                app: app.clone(),
                desk: surroundings.desk.clone(),
                stores,
            }),
        holder: holder(route, surroundings),
        learn: route.learn,
    })
}

/// Who holds people's tokens for the GitHub that a route leads to.
fn holder(route: &publish::Route, surroundings: &Surroundings<'_>) -> Option<Arc<Holder>> {
    let to = &route.places.first()?.internal;
    let people = surroundings.people.filter(|_| route.app.is_none())?;
    let here = surroundings.holding.iter();
    let here = here.filter(|(_, site)| site.web.origin() == to.origin());
    let names: Vec<Name> = here.map(|(name, _)| name.clone()).collect();
    (!names.is_empty()).then(|| {
        Arc::new(Holder {
            people: people.clone(),
            apps: surroundings.apps.clone(),
            names,
        })
    })
}

/// The same, by a proxy where there is one.
fn by(upstream: Result<Upstream, BuildError>, via: Option<&Url>) -> Result<Upstream, BuildError> {
    match via {
        Some(proxy) => upstream?.through(proxy),
        None => upstream,
    }
}

/// Where the bytes come from that an App's answers lead to; none where the route is no App's.
fn stores(
    route: &publish::Route,
    pairs: &[Pair],
    authorities: Option<&Authorities>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Stores>, String> {
    let (Some(app), Some(pair)) = (&route.app, pairs.first()) else {
        return Ok(None);
    };
    let mut others = Vec::new();
    let site = surroundings.sites.get(app);
    let via = site.and_then(|site| site.via.as_ref());
    for address in site.map_or_else(Vec::new, |site| site.stores()) {
        let said = |fault: &dyn std::fmt::Display| fault.to_string();
        let url: Url = address.parse().map_err(|fault| said(&fault))?;
        let origin = Base::try_from(&url).map_err(|fault| said(&fault))?;
        let trusted = authorities.filter(|_| url.scheme() == "https").cloned();
        let resolver = surroundings.resolver.clone();
        let upstream = Upstream::new(&url, trusted, resolver, (route.timeout, false));
        others.push(Store {
            origin: origin.origin().clone(),
            upstream: by(upstream, via).map_err(|fault| said(&fault))?,
        });
    }
    Ok(Some(Stores {
        own: pair.internal.origin().clone(),
        others,
    }))
}

/// Looks again and again whether what is published is in private mode.
pub(super) async fn watch(snapshot: &ArcSwap<Snapshot>) {
    let mut next = tokio::time::Instant::now() + FIRST_LOOK;
    loop {
        tokio::time::sleep_until(next).await;
        next += LOOK_EVERY;
        let routes = snapshot.load().routes.clone();
        for route in routes.routes() {
            // One that is used as an App lets nobody through who has not shown who he is.
            if let Way::Publish(service, 0) = &route.way
                && service.brokered.is_none()
                && let Some(inquiry) = &service.inquiry
            {
                look(&service.key, inquiry).await;
            }
        }
    }
}

/// Looks at a server as a stranger would: what it shows without a login, it shows to all of a
/// route's sources.
async fn look(key: &RouteKey, inquiry: &Inquiry) {
    let open = inquiry.is_open().await;
    if open == Some(true) {
        tracing::warn!(
            route = %key,
            "the published server answers without a login: it is not in private mode, and what is \
             public on it is public to all of the route's sources"
        );
    }
    let gauge = metrics::gauge!("hubgate_published_open", "route" => key.to_string());
    gauge.set(match open {
        Some(true) => 1.0,
        Some(false) => 0.0,
        None => f64::NAN,
    });
}
