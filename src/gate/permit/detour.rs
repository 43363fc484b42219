//! Where bytes are kept elsewhere: a request that goes on to one of GitHub's own stores, since
//! GitHub has sent it there, or since it shows a ticket. Addresses in stores are signed, and whoever
//! has one has what is there: a caller of the broker is given none, the gate goes there itself.

use super::{Again, Authorized, Outwards, Permit, read};
use crate::broker::{self, Ticket};
use crate::gate::context::Context;
use crate::gate::desk::{Brokered, OWNER};
use crate::gate::refuse::Refusal;
use crate::gate::service::Service;
use crate::gate::store::{Spot, Stores, Target};
use crate::gate::upstream::Upstream;
use crate::publish::asked::{Asked, What};
use crate::publish::operation::Access;
use crate::publish::rewrite::Origin;
use crate::types::{Clock, Repository};
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode, Uri};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::Error;
use pingora::proxy::Session;
use std::sync::Arc;
use url::Url;

/// How often a store may send the gate on: `github.com` leads to one of its hosts at times, which
/// leads to another.
const MOST_HOPS: u32 = 2;
/// What a store has to know of a request; nothing else of it leaves for another host than the
/// server's own.
const PASSED: [&str; 15] = [
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "transfer-encoding",
    "user-agent",
];

/// Bytes that the server itself keeps.
#[derive(Debug)]
pub(super) struct Own;

/// A way to a store.
#[derive(Debug)]
pub(super) struct Detour {
    pub(super) target: Target,
    /// What GitHub said is to be sent there.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the App's token is for it too: never at another host than the server's own.
    pub(super) token: bool,
    hops: u32,
}

/// The way of a request that shows a ticket: it was judged when its batch was; what is judged anew
/// is whether that still holds.
pub(super) async fn redeem(
    clock: &dyn Clock,
    session: &Session,
    context: &mut Context,
    (service, place): (&Arc<Service>, usize),
    (brokered, ticket): (&Brokered, Option<Ticket>),
) -> Result<Authorized, Refusal> {
    let head: &http::request::Parts = session.req_header();
    let unknown = Refusal::Broker(broker::Refusal::Caller);
    let ticket = ticket.ok_or_else(|| unknown.clone())?;
    let party = brokered.resume(&ticket, context).map_err(Refusal::Broker)?;
    let asked = read(service, place, head)?;
    let base = service
        .places
        .get(place)
        .map_or("", |place| place.pair.public.path());
    let method = if head.method == Method::HEAD {
        "GET"
    } else {
        head.method.as_str()
    };
    let here = head.uri.path().strip_prefix(base) == Some(ticket.at.as_str());
    if !here || method != ticket.method {
        return Err(unknown);
    }
    context.note.operation = Some(asked.name().into());
    let repository = ticket.repository.as_deref();
    let repository = repository.and_then(|text| text.parse::<Repository>().ok());
    context.note.repository.clone_from(&repository);
    let mut permit = Permit::new(clock, context, (service, place), &asked, &head.method);
    let decision = permit.decide(&asked);
    context.note.rule = super::rule(&decision);
    super::allowed(&decision)?;
    permit.learn(&asked);
    let target = brokered
        .stores
        .target(Spot::Own, &ticket.address)
        .ok_or(unknown)?;
    let each = ticket.headers.iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some((name.parse::<HeaderName>().ok()?, value))
    });
    permit.detour = Some(Detour {
        target,
        headers: each.filter(|(name, _)| !is_framing(name)).collect(),
        token: ticket.own_token,
        hops: 0,
    });
    if ticket.own_token {
        let bearer = party.bearer(&asked, repository.as_ref()).await;
        let bearer = bearer.map_err(Refusal::Broker)?;
        context.note.token = Some(bearer.held.hashed.clone());
        permit.bearer = Some(bearer);
    }
    permit.party = Some(party);
    Ok(Authorized::On(Box::new(permit)))
}

/// What belongs to the connection and the body is the proxy's own.
fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "expect"
            | "te"
            | "upgrade"
    )
}

impl Permit {
    /// Puts a head into the words of the store that the request goes on to.
    pub(super) fn towards_store(&self, head: &mut RequestHeader) -> Result<(), Box<Error>> {
        let (Some(detour), Some(stores)) = (&self.detour, self.stores()) else {
            return Ok(());
        };
        let origin = stores.origin(detour.target.spot);
        let host = origin.map(|origin| origin.authority()).unwrap_or_default();
        if detour.target.spot != Spot::Own {
            let strange = |name: &&HeaderName| !PASSED.contains(&name.as_str());
            let strange: Vec<HeaderName> = head.headers.keys().filter(strange).cloned().collect();
            for name in strange {
                head.remove_header(&name);
            }
        }
        head.insert_header(HOST, host)?;
        if !detour.token {
            head.remove_header(&AUTHORIZATION);
        }
        head.remove_header(OWNER);
        for (name, value) in &detour.headers {
            head.insert_header(name.clone(), value.clone())?;
        }
        head.set_uri(Uri::from(detour.target.path.clone()));
        Ok(())
    }

    /// Where an answer sends the request for bytes: it goes there itself. What a store says of a
    /// failure may repeat the address that was asked for, and stays here.
    pub(super) fn follow(&mut self, head: &ResponseHeader, can: Again) -> Result<(), Outwards> {
        let held_back = || Outwards::Refused(Refusal::AnswerHeldBack);
        let Some(stores) = self.stores() else {
            return Ok(());
        };
        let status = head.status;
        let (from, hops) = match &self.detour {
            Some(detour) => (detour.target.spot, detour.hops),
            None => (Spot::Own, 0),
        };
        let location = head
            .headers
            .get(LOCATION)
            .filter(|_| status.is_redirection());
        let Some(location) = location.and_then(|value| value.to_str().ok()) else {
            let told = matches!(from, Spot::Own)
                || !(status.is_client_error() || status.is_server_error())
                || TOLD.contains(&status);
            if !told {
                tracing::warn!(route = %self.service.key, %status, "a store of GitHub's refuses");
            }
            return if told { Ok(()) } else { Err(held_back()) };
        };
        // What is meant by a path alone is another thing at each of the server's hosts.
        let clear = self.detour.is_some() || self.place == 0 || location.contains("://");
        let target = stores.target(from, location).filter(|_| clear);
        let target = target.filter(|target| target.spot != Spot::Own || self.is_bytes(target));
        match target {
            Some(target) if self.reads && can.whole && hops < MOST_HOPS => {
                self.detour = Some(Detour {
                    // Who came with a ticket has no token to show.
                    token: target.spot == Spot::Own && self.bearer.is_some(),
                    headers: Vec::new(),
                    target,
                    hops: hops + 1,
                });
                Err(Outwards::Follow)
            }
            // What would be answered in other words leads to the same bytes.
            Some(_) => Err(held_back()),
            None if self.detour.is_some() || !self.leads_home(location) => Err(held_back()),
            None => Ok(()),
        }
    }

    /// Whether an address is the service's own: at one of its hosts, by its inner name or its
    /// public one. Whatever is somebody else's may be signed, and is for nobody here.
    fn leads_home(&self, location: &str) -> bool {
        let Ok(url) = Url::parse(location) else {
            // A path alone is at the same host; two slashes are before another.
            return !location.starts_with("//") && !location.starts_with('\\');
        };
        let is = |origin: &Origin| {
            origin.scheme().as_str() == url.scheme()
                && url.host_str() == Some(origin.host().as_str())
                && url.port_or_known_default() == Some(origin.port())
        };
        let mut places = self.service.places.iter();
        places.any(|place| is(place.pair.internal.origin()) || is(place.pair.public.origin()))
    }

    /// Whether bytes are served there, and no more of the API.
    fn is_bytes(&self, target: &Target) -> bool {
        let (path, query) = (target.path.path(), target.path.query());
        let asked = Asked::read("GET", self.service.site(0), path, query);
        asked.is_ok_and(|asked| match asked.what() {
            What::Operation(_) => !asked.is_at_the_api(),
            What::Lfs(Some(Access::Read)) => true,
            What::Lfs(_)
            | What::Unknown
            | What::Graphql(_)
            | What::Git(_)
            | What::Token
            | What::Page
            | What::Tool
            | What::Other => false,
        })
    }

    /// Where the bytes of what a caller may have come from.
    fn stores(&self) -> Option<&Stores> {
        self.party.as_ref()?;
        self.service
            .brokered
            .as_ref()
            .map(|brokered| &brokered.stores)
    }

    /// The store that it goes on to; [`Own`] for the server itself.
    pub(super) fn store(&self) -> Option<Result<&Upstream, Own>> {
        let detour = self.detour.as_ref()?;
        let brokered = self.service.brokered.as_ref()?;
        Some(brokered.stores.upstream(detour.target.spot).ok_or(Own))
    }

    /// Whether the token that it goes on with is shown where it goes.
    pub(super) fn shows_token(&self) -> bool {
        self.detour.as_ref().is_none_or(|detour| detour.token)
    }
}

/// Failures of a store that clients know what to do about, and that tell nothing.
const TOLD: [StatusCode; 4] = [
    StatusCode::NOT_FOUND,
    StatusCode::GONE,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::RANGE_NOT_SATISFIABLE,
];
