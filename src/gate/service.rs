//! A published service as requests meet it.

use super::ask::Inquiry;
use super::desk::Brokered;
use super::ends::Ends;
use super::person::Holder;
use super::upstream::Upstream;
use crate::publish::asked::Site;
use crate::publish::learn::Learned;
use crate::publish::profile::Policy;
use crate::publish::rewrite::{Mode, Names, Pair};
use crate::publish::scope::{Directory, Limit};
use crate::publish::{self, Browser};
use crate::types::{Clock, RouteKey, Secret, Timestamp};
use http::HeaderName;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What a published route needs.
#[derive(Debug)]
pub struct Service {
    /// Its identity.
    pub key: RouteKey,
    /// What kind of service it is.
    pub kind: publish::Service,
    /// What may be done.
    pub policy: Arc<Policy>,
    /// Its hosts: the service's own, then those of `hosts`.
    pub places: Vec<Place>,
    /// What is called how.
    pub names: Arc<Names>,
    /// Where that is put into other words.
    pub rewrite: Mode,
    /// The header that every request must carry.
    pub required: Option<(HeaderName, Secret)>,
    /// What becomes of pages for employees' browsers.
    pub browser: Browser,
    /// Whether WebSocket connections pass.
    pub websocket: bool,
    /// The repositories that it is limited to.
    pub limit: Option<Limit>,
    /// Who is asked what a judgement needs to know; none where it is no server of GitHub's.
    pub inquiry: Option<Inquiry>,
    /// What outlives a reload.
    pub memory: Arc<Memory>,
    /// The App that it is used as; none where callers bring credentials of their own.
    pub brokered: Option<Brokered>,
    /// Who holds people's tokens for it; none where nobody does.
    pub holder: Option<Arc<Holder>>,
    /// Whether it is learned what a profile would need.
    pub learn: bool,
}

impl Service {
    /// Which part of the service a place is.
    #[must_use]
    pub fn site(&self, place: usize) -> Site<'_> {
        let host = |place: usize| {
            let place: Option<&Place> = self.places.get(place);
            place.map_or("", |place| place.pair.internal.origin().host().as_str())
        };
        match place {
            _ if self.kind == publish::Service::Other => Site::Tool,
            0 => Site::Main,
            place => Site::of(host(0), host(place)),
        }
    }
}

/// One host of a service.
#[derive(Debug)]
pub struct Place {
    /// How it is called.
    pub pair: Pair,
    /// Where it is dialled.
    pub upstream: Upstream,
}

/// What is known of a route beyond a reload.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the service said of its ids.
    pub directory: Directory,
    /// When people's tokens end.
    pub(super) ends: Ends,
    /// What it was asked for while it learned.
    pub learned: Learned,
    /// Until when an App's manifest may be converted, in milliseconds; 0: it may not.
    setup: AtomicI64,
}

impl Memory {
    /// Opens the setup window for so long, or closes it; says until when it is open.
    pub fn open_setup(&self, clock: &dyn Clock, lasting: Duration) -> Option<Timestamp> {
        let until = (!lasting.is_zero()).then(|| clock.now().after(lasting));
        let millis = until.map_or(0, Timestamp::as_millis);
        self.setup.store(millis, Ordering::Release);
        until
    }

    /// Until when the setup window is open.
    #[must_use]
    pub fn setup_until(&self, clock: &dyn Clock) -> Option<Timestamp> {
        let until = Timestamp::from_millis(self.setup.load(Ordering::Acquire));
        (until > clock.now()).then_some(until)
    }
}
