//! The head of a request, from public names to internal ones.

use super::arrival::Arrival;
use super::edit::Edits;
use super::hosts::Pair;
use super::media::{Accepts, accepts, list};
use super::names::Names;
use super::reference::{moved, query};
use super::tag::{Strangers, unmark};
use super::{Mode, Surface, forward};
use http::Method;
use http::header::{
    ACCEPT_ENCODING, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE, REFERER, UPGRADE,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use std::sync::Arc;

/// What is to be done to a request.
#[derive(Debug)]
pub struct Request {
    /// Changes of the head.
    pub edits: Edits,
    /// The path and query to ask for, where they are other ones.
    pub target: Option<PathAndQuery>,
    /// What the answer will need.
    pub pending: Pending,
}

/// A request that was sent: what must be known of it to change the answer.
#[derive(Debug, Clone)]
pub struct Pending {
    pub(super) names: Arc<Names>,
    pub(super) pair: Pair,
    pub(super) mode: Mode,
    pub(super) surface: Surface,
    pub(super) upgrade: bool,
    pub(super) head_only: bool,
    pub(super) octets: bool,
    /// The service's own tags that the client holds of rewritten bodies.
    pub(super) held: Vec<String>,
}

/// What is to be done to a request that asks for `arrival` under these names.
#[must_use]
pub fn request(names: &Arc<Names>, mode: Mode, arrival: &Arrival<'_>, head: &Parts) -> Request {
    let mut edits = Edits::default();
    forward::hop_by_hop(&head.headers, arrival.upgrade, &mut edits);
    forward::forwarded(&head.headers, arrival, &mut edits);
    let authority = arrival.pair.internal.origin().authority();
    if let Ok(value) = HeaderValue::try_from(authority) {
        edits.set(HOST, value);
    }
    if arrival.surface != Surface::Page && head.headers.contains_key(COOKIE) {
        edits.remove(COOKIE);
    }
    if mode != Mode::None {
        named(names, &head.headers, &mut edits);
    }
    let accepts = accepts(&head.headers);
    let mut held = Vec::new();
    if mode == Mode::Github && arrival.surface != Surface::Git {
        edits.set(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let document = match accepts {
            Accepts::Json => true,
            Accepts::Anything => arrival.surface == Surface::Api,
            Accepts::Other | Accepts::Octets => false,
        };
        held = conditions(names, document, &head.headers, &mut edits);
    }
    Request {
        target: target(names, mode, arrival.pair, head),
        edits,
        pending: Pending {
            names: Arc::clone(names),
            pair: arrival.pair.clone(),
            mode,
            surface: arrival.surface,
            upgrade: arrival.upgrade && head.headers.contains_key(UPGRADE),
            head_only: head.method == Method::HEAD,
            octets: accepts == Accepts::Octets,
            held,
        },
    }
}

/// `Origin` and `Referer`, by which services tell their own pages from others'.
fn named(names: &Names, head: &HeaderMap, edits: &mut Edits) {
    let text = |name: HeaderName| head.get(name).and_then(|value| value.to_str().ok());
    let inward = |text: &str| {
        let mut pairs = names.pairs().iter();
        let pair = pairs.find(|pair| {
            let spellings = pair.public.origin().spellings();
            spellings.iter().any(|own| own.eq_ignore_ascii_case(text))
        });
        pair.map(|pair| pair.internal.origin().to_string())
    };
    let changed = [
        (ORIGIN, text(ORIGIN).and_then(inward)),
        (REFERER, text(REFERER).and_then(|text| names.inward(text))),
    ];
    for (name, value) in changed {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            edits.set(name, value);
        }
    }
}

/// Conditions about bodies as the client has them, put as conditions about those that the
/// service has. Where a JSON document is wanted, a tag without these names' mark is of a body
/// with other names in it, and a part of a document could not be rewritten.
fn conditions(names: &Names, document: bool, head: &HeaderMap, edits: &mut Edits) -> Vec<String> {
    let mut held = Vec::new();
    let strangers = if document {
        Strangers::Go
    } else {
        Strangers::Plain
    };
    // To lose a tag of `If-Match` would lift the condition: others stay, and match nothing.
    let fields = [(IF_NONE_MATCH, strangers), (IF_MATCH, Strangers::Stay)];
    for (name, strangers) in fields {
        if !head.contains_key(&name) {
            continue;
        }
        let text = list(head, &name);
        let told = unmark(&text, names.version(), strangers);
        if told.cut && told.list.is_empty() {
            edits.remove(name.clone());
            // A date would be asked instead, and knows nothing of names.
            if name == IF_NONE_MATCH && head.contains_key(IF_MODIFIED_SINCE) {
                edits.remove(IF_MODIFIED_SINCE);
            }
        } else if told.list != text
            && let Ok(value) = HeaderValue::try_from(told.list)
        {
            edits.set(name, value);
        }
        held.extend(told.marked);
    }
    if document {
        for name in [RANGE, IF_RANGE] {
            if head.contains_key(&name) {
                edits.remove(name);
            }
        }
    }
    held
}

/// The path below the internal base, and the place to come back to as the service knows it.
fn target(names: &Names, mode: Mode, pair: &Pair, head: &Parts) -> Option<PathAndQuery> {
    let old = head.uri.path_and_query()?.as_str();
    let path = moved(old, &pair.public, &pair.internal);
    let current = path.as_deref().unwrap_or(old);
    let query = (mode != Mode::None)
        .then(|| query(current, Some("redirect_uri"), |value| names.inward(value)))
        .flatten();
    query.or(path)?.parse().ok()
}
