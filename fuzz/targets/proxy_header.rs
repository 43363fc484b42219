//! The PROXY protocol's header, versions 1 and 2.
//!
//! Holds that the verdict on some bytes never turns when more come, that a header is the same with
//! and without what follows it, and that its client is the one that a plain reading of the
//! specification finds.

#![no_main]

use hubgate::edge::proxy_header::{LONGEST, Parsed, parse};
use libfuzzer_sys::fuzz_target;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

fuzz_target!(|input: &[u8]| {
    match parse(input) {
        Ok(Parsed::Complete(header)) => {
            let (bytes, follows) = input.split_at(header.length);
            assert!(bytes.len() <= LONGEST);
            assert_eq!(client(bytes), Some(header.client), "{bytes:?}");
            assert_eq!(parse(bytes), Ok(Parsed::Complete(header.clone())));
            for more in [&b"\r\n"[..], b"PROXY ", follows] {
                let longer = [bytes, more].concat();
                assert_eq!(parse(&longer), Ok(Parsed::Complete(header.clone())));
            }
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Incomplete), "{cut}");
            }
        }
        Ok(Parsed::Incomplete) => {
            assert!(input.len() < LONGEST);
            for cut in 0..input.len() {
                assert_eq!(parse(&input[..cut]), Ok(Parsed::Incomplete), "{cut}");
            }
        }
        Err(fault) => {
            for more in [&b"\r\n"[..], b"\0", b"PROXY UNKNOWN\r\n"] {
                assert_eq!(parse(&[input, more].concat()), Err(fault));
            }
        }
    }
});

/// The client in a whole header, read by the specification; `None` where it is none.
fn client(header: &[u8]) -> Option<Option<SocketAddr>> {
    match header.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some(rest) => binary(rest),
        None => text(header),
    }
}

fn text(line: &[u8]) -> Option<Option<SocketAddr>> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", "TCP4", from, to, from_port, to_port] => {
            let (from, _): (Ipv4Addr, Ipv4Addr) = (from.parse().ok()?, to.parse().ok()?);
            let (from_port, _) = (port(from_port)?, port(to_port)?);
            Some(Some((from, from_port).into()))
        }
        ["PROXY", "TCP6", from, to, from_port, to_port] => {
            let (from, _): (Ipv6Addr, Ipv6Addr) = (from.parse().ok()?, to.parse().ok()?);
            let (from_port, _) = (port(from_port)?, port(to_port)?);
            Some(Some((from, from_port).into()))
        }
        _ => None,
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok()
}

fn binary(rest: &[u8]) -> Option<Option<SocketAddr>> {
    let (&[command, family, high, low], payload) = rest.split_first_chunk::<4>()?;
    if payload.len() != usize::from(u16::from_be_bytes([high, low])) {
        return None;
    }
    match (command, family) {
        (0x20, _) => Some(None),
        (0x21, 0x11) => {
            let (&[a, b, c, d, _, _, _, _, high, low, _, _], _) =
                payload.split_first_chunk::<12>()?;
            let port = u16::from_be_bytes([high, low]);
            Some(Some((Ipv4Addr::new(a, b, c, d), port).into()))
        }
        (0x21, 0x21) => {
            let (addresses, ports) = payload.split_first_chunk::<32>()?;
            let (source, _) = addresses.split_first_chunk::<16>()?;
            let (&[high, low, _, _], _) = ports.split_first_chunk::<4>()?;
            let port = u16::from_be_bytes([high, low]);
            Some(Some((Ipv6Addr::from(*source), port).into()))
        }
        // Not said, or a Unix socket, which is 216 bytes of names.
        (0x21, 0x00 | 0x01 | 0x10 | 0x20) => Some(None),
        (0x21, 0x30 | 0x31) if payload.len() >= 216 => Some(None),
        _ => None,
    }
}
