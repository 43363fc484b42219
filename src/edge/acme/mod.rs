//! Certificates that are asked for at an authority and renewed by themselves (RFC 8555).
//!
//! [`Acme`] knows which are wanted. A [`Keeper`] sees to one of them: `schedule` says when,
//! `order` how, `window` asks the authority when it would like it, and `challenge` holds what the
//! doors answer the authority meanwhile.

mod account;
mod challenge;
mod client;
mod failure;
mod keeper;
mod order;
mod questions;
mod schedule;
mod window;

pub use challenge::Challenges;
pub(super) use challenge::PROTOCOL as CHALLENGE_PROTOCOL;
pub use keeper::{Due, Keeper, Standing};
pub use schedule::Window;

use super::Listener;
use super::certificate::{Certificate, HostPattern, Origin, Store};
use crate::types::{Clock, Entropy};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};

/// How an authority is shown that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A file under `http://` (RFC 8555 section 8.3).
    Http01,
    /// A certificate of its own in a TLS handshake (RFC 8737).
    TlsAlpn01,
}

impl Way {
    /// Its registered name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// What these listeners can answer, in the order in which it is tried.
    #[must_use]
    pub fn of<'a>(listeners: impl Iterator<Item = &'a Listener> + Clone) -> Vec<Self> {
        let http = listeners.clone().any(|listener| listener.redirect);
        let tls = listeners.clone().any(|listener| listener.tls);
        let http = http.then_some(Self::Http01);
        http.into_iter()
            .chain(tls.then_some(Self::TlsAlpn01))
            .collect()
    }
}

/// All certificates that authorities issue to us.
#[derive(Debug)]
pub struct Acme {
    parts: Arc<Parts>,
    keepers: ArcSwap<Vec<Arc<Keeper>>>,
    /// Held by who changes them.
    applying: Mutex<()>,
}

/// What keepers share.
#[derive(Debug)]
struct Parts {
    store: Arc<Store>,
    challenges: Arc<Challenges>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ways: Vec<Way>,
    accounts: account::Accounts,
}

impl Acme {
    /// None is wanted yet. What is issued goes to `store`; authorities are answered by what
    /// `ways` says.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        ways: Vec<Way>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            parts: Arc::new(Parts {
                store,
                challenges: Arc::default(),
                clock,
                entropy,
                ways,
                accounts: account::Accounts::default(),
            }),
            keepers: ArcSwap::default(),
            applying: Mutex::new(()),
        }
    }

    /// What doors answer authorities.
    #[must_use]
    pub fn challenges(&self) -> Arc<Challenges> {
        Arc::clone(&self.parts.challenges)
    }

    /// Wants these from now on, which are in the store already. Orders of those that are not
    /// among them stop. Returns the keepers that are new, to be run.
    pub fn apply(&self, certificates: &[Certificate]) -> Vec<Arc<Keeper>> {
        let _applying = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.keepers.load_full();
        let (mut all, mut fresh) = (Vec::new(), Vec::new());
        for certificate in certificates {
            let Origin::Acme(authority) = &certificate.origin else {
                continue;
            };
            let same = old
                .iter()
                .find(|keeper| keeper.is_for(authority, &certificate.hosts));
            let keeper = same.cloned().unwrap_or_else(|| {
                let parts = Arc::clone(&self.parts);
                let hosts = certificate.hosts.clone();
                let keeper = Arc::new(Keeper::new(parts, Arc::clone(authority), hosts));
                fresh.push(Arc::clone(&keeper));
                keeper
            });
            all.push(keeper);
        }
        for keeper in old.iter() {
            if !all.iter().any(|other| Arc::ptr_eq(keeper, other)) {
                keeper.end();
            }
        }
        self.keepers.store(Arc::new(all));
        fresh
    }

    /// Those that are wanted.
    #[must_use]
    pub fn keepers(&self) -> Arc<Vec<Arc<Keeper>>> {
        self.keepers.load_full()
    }
}

fn listed(hosts: &[HostPattern]) -> String {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    names.join(", ")
}
