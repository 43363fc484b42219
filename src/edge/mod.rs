//! The doors: sockets, TLS, who may knock. Knows nothing of GitHub.
//!
//! A connection's way: accepted by pingora → dropped if no route of its listener admits the
//! address → PROXY header, where the listener has one → TLS → one request head at a time, within
//! its deadlines → handed to the application, with what is known of the connection.

pub mod certificate;
pub mod source;

use crate::types::Name;
use ipnet::IpNet;
use std::net::SocketAddr;

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
}
