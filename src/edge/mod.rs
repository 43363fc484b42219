//! The doors: sockets, TLS, who may knock. Knows nothing of GitHub.
//!
//! A connection's way: accepted by pingora → dropped if no route of its listener admits the
//! address → PROXY header, where the listener has one → TLS → one request head at a time, within
//! its deadlines → handed to the application, with what is known of the connection.

pub mod acme;
mod admission;
mod bounds;
pub mod certificate;
mod code;
mod connection;
mod door;
mod dropped;
mod front;
pub mod head;
mod io;
mod kept;
mod metric;
pub mod proxy_header;
mod read_ahead;
mod reception;
mod redirect;
mod serve;
pub mod source;
mod stream;
mod tls;

pub use admission::Entry;
pub use bounds::{Bounds, Connections};
pub use code::CODES;
pub use connection::{Connection, connection};
pub use door::{BindError, Door, House};
pub use dropped::{Dropped, Ledger, Reason, Witness};
pub use kept::Kept;
pub use tls::{Tls, TlsError};

use crate::types::Name;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use ipnet::IpNet;
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::time::Duration;

/// What our own answers tell a browser that is shown one: to take them for what they say they are,
/// to load nothing on their behalf, and to show them in nobody's frame.
pub const FOR_BROWSERS: [(HeaderName, HeaderValue); 2] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// `[[listen]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether TLS ends here.
    pub tls: bool,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub h2: bool,
    /// True where everything is answered 308 to https.
    pub redirect: bool,
    /// Load balancers whose PROXY headers are required; connections from others are dropped.
    pub proxy_protocol: Option<Vec<IpNet>>,
    /// Whose client certificates are asked for; none: no certificate is.
    pub clients: Option<Clients>,
}

/// `client_ca` and `client_auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// The authorities that a client's certificate must come from. At least one.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether a client without a certificate is turned away.
    pub required: bool,
}

/// How long a client may take over each thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From the connection to the end of its PROXY header.
    pub proxy_header: Duration,
    /// The TLS handshake, in all.
    pub handshake: Duration,
    /// From the connection (or its handshake) to the first byte of its first request.
    pub first_request: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From an answer to the first byte of the next request; on HTTP/2, without any request.
    pub keep_alive: Duration,
    /// Between two pieces of a body.
    pub body_gap: Duration,
    /// What a body must bring in the mean, in bytes a second of waiting for it, after a first
    /// [`Deadlines::body_gap`] for nothing.
    pub body_rate: u64,
    /// For a piece of an answer to be taken.
    pub write: Duration,
    /// For the rest of a body that the application did not read.
    pub drain_body: Duration,
    /// How long what a refused client still sends is read and thrown away, so that it sees the
    /// answer instead of a reset.
    pub linger: Duration,
    /// After a stop has begun, for a connection that owes nothing to bring one more request: what
    /// was sent just then is answered, with `Connection: close`, and not cut off.
    pub farewell: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            proxy_header: Duration::from_secs(3),
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(10),
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            body_gap: Duration::from_secs(30),
            body_rate: 1024,
            write: Duration::from_secs(30),
            drain_body: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            farewell: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests;
