//! Whether an address may knock at all: asked by pingora right after `accept`, before anything is
//! spent on the connection.

use super::acme::Challenges;
use super::dropped::{Ledger, Reason};
use super::source::{self, Directory};
use crate::types::{ClientAddr, Name};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use pingora::listeners::ConnectionFilter;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who may use a listener: whoever one of its routes admits. Swapped on a reload, and when a
/// source list changes.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The sources as they are now.
    pub directory: Arc<Directory>,
    /// What the routes' rules admit together ([`Directory::union`]).
    pub admission: source::Admission,
}

impl Entry {
    pub(super) fn admits(&self, client: ClientAddr) -> bool {
        self.directory.admits(&self.admission, client).is_some()
    }
}

#[derive(Debug)]
pub(super) struct Filter {
    pub(super) listener: Name,
    pub(super) balancers: Option<Vec<IpNet>>,
    pub(super) entry: Arc<ArcSwap<Entry>>,
    pub(super) ledger: Arc<Ledger>,
    /// Where TLS ends here: an authority comes from wherever it likes, and what it may have is
    /// found out in the handshake.
    pub(super) challenges: Option<Arc<Challenges>>,
}

#[async_trait::async_trait]
impl ConnectionFilter for Filter {
    async fn should_accept(&self, peer: Option<&SocketAddr>) -> bool {
        let client = peer.map(|peer| ClientAddr::from(*peer));
        let refusal = match (&self.balancers, client) {
            (_, None) => Reason::SourceNotAllowed,
            (Some(balancers), Some(client)) => {
                if balancers.iter().any(|net| net.contains(&client.ip())) {
                    return true;
                }
                Reason::NotALoadBalancer
            }
            (None, Some(client)) => {
                let challenges = self.challenges.as_ref();
                if self.entry.load().admits(client)
                    || challenges.is_some_and(|challenges| challenges.expects_handshakes())
                {
                    return true;
                }
                Reason::SourceNotAllowed
            }
        };
        self.ledger.enter(&self.listener, client, refusal);
        false
    }
}
