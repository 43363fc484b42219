//! The PROXY protocol's header, versions 1 and 2, as a load balancer puts it before a connection:
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. Parsing only; who may send one
//! is decided elsewhere.

use ppp::{v1, v2};
use std::net::SocketAddr;

/// The longest header taken. Version 1 ends at 107 bytes; version 2 may carry the client's TLS
/// certificate and reach 64 KiB, which no load balancer does.
pub const LONGEST: usize = 4096;

/// What the bytes are so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header, perhaps.
    Incomplete,
    /// A header.
    Complete(Header),
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its bytes; what follows is the connection's own.
    pub length: usize,
    /// The client. `None` where the load balancer speaks for itself, as for health checks
    /// (`LOCAL`), or does not say (`UNKNOWN`, a Unix socket): its own address counts then.
    pub client: Option<SocketAddr>,
}

/// The bytes are not a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

/// Reads a header from the beginning of `bytes`.
///
/// # Errors
/// Where they cannot become one, however many more come.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if agrees(bytes, v2::PROTOCOL_PREFIX) {
        binary(bytes)
    } else if agrees(bytes, b"PROXY ") {
        text(bytes)
    } else {
        Err(Malformed("it begins with neither version's signature"))
    }
}

/// Whether `bytes` begins with `signature`, as far as it goes.
fn agrees(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(a, b)| a == b)
}

fn text(bytes: &[u8]) -> Result<Parsed, Malformed> {
    /// With the longest addresses and the line end.
    const LONGEST_LINE: usize = 107;
    let Some(end) = memchr::memchr(b'\n', bytes).filter(|end| *end < LONGEST_LINE) else {
        return if bytes.len() < LONGEST_LINE {
            Ok(Parsed::Incomplete)
        } else {
            Err(Malformed("its line is longer than 107 bytes"))
        };
    };
    let line = bytes.get(..=end).unwrap_or_default();
    if !line.ends_with(b"\r\n") {
        return Err(Malformed("its line ends without a carriage return"));
    }
    let client = match v1::Header::try_from(line).map(|header| header.addresses) {
        Ok(v1::Addresses::Tcp4(at)) => Some((at.source_address, at.source_port).into()),
        Ok(v1::Addresses::Tcp6(at)) => Some((at.source_address, at.source_port).into()),
        Ok(v1::Addresses::Unknown) => None,
        Err(_) => return Err(Malformed("its line is not one of version 1")),
    };
    Ok(Parsed::Complete(Header {
        length: line.len(),
        client,
    }))
}

fn binary(bytes: &[u8]) -> Result<Parsed, Malformed> {
    /// Signature, version and command, family and protocol, length.
    const FIXED: usize = 16;
    let Some(&[high, low]) = bytes.get(FIXED - 2..FIXED) else {
        return Ok(Parsed::Incomplete);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(Malformed("it is longer than 4 KiB"));
    }
    let Some(whole) = bytes.get(..length) else {
        return Ok(Parsed::Incomplete);
    };
    let Ok(header) = v2::Header::try_from(whole) else {
        return Err(Malformed("it is not one of version 2"));
    };
    let client = match (header.command, header.protocol, header.addresses) {
        // Addresses of no stated transport are to be ignored, too.
        (v2::Command::Local, ..) | (_, v2::Protocol::Unspecified, _) => None,
        (_, v2::Protocol::Datagram, _) => {
            return Err(Malformed("it speaks of datagrams on a stream"));
        }
        (_, _, v2::Addresses::IPv4(at)) => Some((at.source_address, at.source_port).into()),
        (_, _, v2::Addresses::IPv6(at)) => Some((at.source_address, at.source_port).into()),
        (_, _, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => None,
    };
    Ok(Parsed::Complete(Header { length, client }))
}

#[cfg(test)]
mod tests;
