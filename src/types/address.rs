//! Where a connection comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The address of a client as the gate judges it: an IPv4-mapped IPv6 address
/// (`::ffff:192.0.2.1`, what a dual-stack socket reports) counts as its IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// The canonical form of `ip`.
    #[must_use]
    pub const fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// The address, never IPv4-mapped.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<SocketAddr> for ClientAddr {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip())
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
