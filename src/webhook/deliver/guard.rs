//! Which addresses a target may be at. Judged on the resolved address that is dialled, so that a
//! name that changes its mind reaches nothing it should not.

use super::Reach;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What is decided of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be dialled.
    Allowed,
    /// It is in none of the networks that the target's `allow` names.
    NotListed,
    /// It is this machine, and the URL does not say so.
    Loopback,
    /// It is link-local, multicast, unspecified, or where clouds keep machine credentials.
    Special,
}

/// The rule of one target.
#[derive(Debug, Clone)]
pub struct Guard {
    allow: Vec<Reach>,
    loopback: bool,
}

/// Metadata services that are not link-local.
const METADATA: [IpAddr; 6] = [
    // AWS: instance metadata, and what hands a pod its credentials; Google; Scaleway.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    // Alibaba, Azure.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

impl Guard {
    /// The rule for a target whose URL names `host`.
    #[must_use]
    pub fn new(allow: &[Reach], host: &str) -> Self {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = literal.eq_ignore_ascii_case("localhost")
            || literal
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback());
        Self {
            allow: allow.to_vec(),
            loopback,
        }
    }

    /// Judges an address.
    #[must_use]
    pub fn judge(&self, address: SocketAddr) -> Verdict {
        let ip = address.ip().to_canonical();
        if !self.allow.is_empty() {
            let listed = self.allow.iter().any(|reach| {
                reach.network.contains(&ip) && reach.port.is_none_or(|port| port == address.port())
            });
            return if listed {
                Verdict::Allowed
            } else {
                Verdict::NotListed
            };
        }
        if ip.is_loopback() {
            return if self.loopback {
                Verdict::Allowed
            } else {
                Verdict::Loopback
            };
        }
        let special = METADATA.contains(&ip)
            || ip.is_unspecified()
            || ip.is_multicast()
            || match ip {
                IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0,
                IpAddr::V6(ip) => ip.is_unicast_link_local(),
            };
        if special {
            Verdict::Special
        } else {
            Verdict::Allowed
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::NotListed => "not in the target's `allow`",
            Self::Loopback => "this machine, which the target's `url` does not name",
            Self::Special => "link-local, multicast or a metadata service",
        })
    }
}
