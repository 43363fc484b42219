//! Connections that never came to a request: counted all, reported within bounds, since whoever
//! is not admitted must not be able to fill the audit trail either.

use super::bounds::host_of;
use super::metric;
use crate::types::{ClientAddr, Name};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Why a connection was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No route of the listener admits the address.
    SourceNotAllowed,
    /// The listener takes connections from its load balancers only.
    NotALoadBalancer,
    /// The PROXY header was wrong, or did not come in time.
    ProxyHeader,
    /// There are too many connections in all.
    TooManyConnections,
    /// There are too many from this address.
    TooManyFromAddress,
    /// There is no certificate for the name that the client asked for.
    UnknownServerName,
    /// The client asked for the certificate of a challenge, and there is none for the name.
    UnknownChallenge,
    /// The TLS handshake failed.
    TlsHandshake,
    /// The TLS handshake took too long.
    TlsTimeout,
    /// A request's head took too long.
    HeadTimeout,
    /// A request's head was too large.
    HeadTooLarge,
    /// A request's head was malformed.
    HeadMalformed,
}

impl Reason {
    /// Its name in metrics and in the audit trail.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SourceNotAllowed => "source_not_allowed",
            Self::NotALoadBalancer => "not_a_load_balancer",
            Self::ProxyHeader => "proxy_header",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::UnknownServerName => "unknown_server_name",
            Self::UnknownChallenge => "unknown_challenge",
            Self::TlsHandshake => "tls_handshake",
            Self::TlsTimeout => "tls_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadMalformed => "head_malformed",
        }
    }
}

/// A report of a connection that was dropped, or of several alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The listener.
    pub listener: Name,
    /// Who came, as far as is known; for [`Dropped::unreported`] of many addresses, nobody.
    pub client: Option<ClientAddr>,
    /// Why, where it is one reason.
    pub reason: Reason,
    /// How many more like it there were in the minute before that were not reported by
    /// themselves.
    pub unreported: u64,
}

/// Who is told of dropped connections, for the audit trail. Must not wait.
pub trait Witness: Send + Sync + fmt::Debug {
    /// One was dropped.
    fn dropped(&self, dropped: Dropped);
}

/// The same host, listener and reason is reported once in this time.
const WINDOW: Duration = Duration::from_secs(60);

/// How many reports there may be in it; of what is beyond, one each for listener and reason says
/// how many there were. About 150 KB of audit a minute at most.
const MOST_REPORTS: usize = 1_000;

type Key = (Name, Reason, Option<IpAddr>);

/// Counts dropped connections and tells the witness of them, at most a thousand times a minute.
#[derive(Debug)]
pub struct Ledger {
    witness: Arc<dyn Witness>,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    /// What was reported in it, and how often it happened again.
    repeats: HashMap<Key, (Option<ClientAddr>, u64)>,
}

impl Ledger {
    /// A ledger that tells `witness`.
    #[must_use]
    pub fn new(witness: Arc<dyn Witness>) -> Self {
        Self {
            witness,
            window: Mutex::new(Window {
                since: Instant::now(),
                repeats: HashMap::new(),
            }),
        }
    }

    /// Enters a dropped connection.
    pub(super) fn enter(&self, listener: &Name, client: Option<ClientAddr>, reason: Reason) {
        metric::dropped(listener, reason.code());
        let reports = self
            .window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .enter(listener, client, reason, Instant::now());
        for report in reports {
            self.witness.dropped(report);
        }
    }
}

impl Window {
    fn enter(
        &mut self,
        listener: &Name,
        client: Option<ClientAddr>,
        reason: Reason,
        now: Instant,
    ) -> Vec<Dropped> {
        let mut reports = Vec::new();
        if now.duration_since(self.since) >= WINDOW {
            self.since = now;
            let over = self.repeats.drain();
            reports.extend(over.filter(|(_, (_, count))| *count > 0).map(
                |((listener, reason, _), (client, unreported))| Dropped {
                    listener,
                    client,
                    reason,
                    unreported,
                },
            ));
        }
        let key = (listener.clone(), reason, client.map(host_of));
        if let Some((_, count)) = self.repeats.get_mut(&key) {
            *count += 1;
        } else if self.repeats.len() < MOST_REPORTS {
            self.repeats.insert(key, (client, 0));
            reports.push(Dropped {
                listener: listener.clone(),
                client,
                reason,
                unreported: 0,
            });
        } else {
            // Listeners and reasons are few, so these lines are few.
            let everybody = (listener.clone(), reason, None);
            self.repeats.entry(everybody).or_default().1 += 1;
        }
        reports
    }
}
