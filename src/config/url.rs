//! Web addresses as the file writes them: those that a route answers at, and those that are
//! dialled. An error never repeats a user name, a password or a query, which may be secrets.

use super::mistake::shown;
use crate::types::Host;
use http::Uri;
use std::net::IpAddr;
use url::Url;

/// Where a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteUrl {
    /// Whether it is asked for by https.
    pub(super) https: bool,
    /// The public host.
    pub(super) host: Host,
    /// The path prefix: begins with `/`, and ends with one only where it is `/`.
    pub(super) path: String,
}

/// Reads the address of a route.
pub(super) fn route(text: &str) -> Result<RouteUrl, String> {
    let expected = "an address such as `https://hooks.example.com/jira`";
    let url = web(text, expected)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            text,
            "has a query or a fragment",
            "only host and path",
        ));
    }
    let host = host(&url).ok_or_else(|| wrong(text, "has no usable host", expected))?;
    Ok(RouteUrl {
        https: url.scheme() == "https",
        host,
        path: path(text)?,
    })
}

/// Reads the address of a target.
pub(super) fn target(text: &str) -> Result<(Url, Uri), String> {
    let expected = "an address such as `http://jira.corp.internal:8080/hook`";
    let url = web(text, expected)?;
    if url.fragment().is_some() {
        return Err(wrong(text, "has a fragment", "host, path and query"));
    }
    if host(&url).is_none() || url.port() == Some(0) {
        return Err(wrong(text, "has no usable host and port", expected));
    }
    match url.as_str().parse() {
        Ok(uri) => Ok((url, uri)),
        Err(_) => Err(wrong(text, "cannot be asked for by HTTP", expected)),
    }
}

/// Reads the public address of a service: the route, and the whole of it.
pub(super) fn published(text: &str) -> Result<(RouteUrl, Url), String> {
    let found = route(text)?;
    let url: Url = text
        .parse()
        .map_err(|why| wrong(text, &format!("is not an address ({why})"), "one"))?;
    Ok((found, url))
}

/// Reads the address that a service knows itself by: a host, and a path where it has one.
pub(super) fn service(text: &str) -> Result<Url, String> {
    let expected = "an address such as `https://github.corp.internal/`";
    let (_, url) = published(text)?;
    if url.port() == Some(0) {
        return Err(wrong(text, "has no usable port", expected));
    }
    Ok(url)
}

/// Reads another host of the same service: `host` or `host:port`, with scheme and port of the
/// first unless it says its own port.
pub(super) fn sibling(first: &Url, text: &str) -> Result<(RouteUrl, Url), String> {
    let expected = "a host such as `codeload.ghe.example.com`, with a port where it has its own";
    if text.contains(['/', '@', '?', '#']) {
        return Err(wrong(text, "is not a host", expected));
    }
    let scheme = first.scheme();
    let (found, mut url) = published(&format!("{scheme}://{text}/"))
        .ok()
        .ok_or_else(|| wrong(text, "is not a host", expected))?;
    if !text.contains(':') && url.set_port(first.port()).is_err() {
        return Err(wrong(text, "is not a host", expected));
    }
    Ok((found, url))
}

/// Reads the address of a document: https, or http from this machine itself.
pub(super) fn document(text: &str) -> Result<Url, String> {
    let expected = "an address such as `https://api.github.com/meta`";
    let url = web(text, expected)?;
    if url.fragment().is_some() {
        return Err(wrong(text, "has a fragment", "host, path and query"));
    }
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(wrong(
            text,
            "is not https",
            "https, since it says who may come in",
        ));
    }
    Ok(url)
}

/// The address without what may be a secret.
fn public_part(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, rest)) => shown(&format!("…@{rest}")),
        None => shown(text),
    }
}

fn wrong(text: &str, why: &str, expected: &str) -> String {
    format!("{} {why}; expected {expected}", public_part(text))
}

/// What all addresses have in common: http or https, a host, nobody's password.
fn web(text: &str, expected: &str) -> Result<Url, String> {
    let authority = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| {
            wrong(
                text,
                "does not begin with `https://` or `http://`",
                expected,
            )
        })?;
    // A URL parser leaves these out in silence, or takes `\` for `/`.
    let foreign = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if authority.starts_with('/') || text.contains(foreign) {
        return Err(wrong(text, "is not well formed", expected));
    }
    let url: Url = match text.parse() {
        Ok(url) => url,
        Err(why) => return Err(wrong(text, &format!("is not an address ({why})"), expected)),
    };
    if !url.username().is_empty() || url.password().is_some() {
        let text = wrong(text, "has a user name or password", "none");
        return Err(text);
    }
    Ok(url)
}

fn host(url: &Url) -> Option<Host> {
    match url.host()? {
        url::Host::Domain(name) => name.parse().ok(),
        url::Host::Ipv4(ip) => ip.to_string().parse().ok(),
        url::Host::Ipv6(ip) => ip.to_string().parse().ok(),
    }
}

/// Whether an address leads to this machine and nowhere else.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The IP address that a URL's host is, where it is one.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Domain(_) => None,
        url::Host::Ipv4(ip) => Some(ip.into()),
        url::Host::Ipv6(ip) => Some(IpAddr::V6(ip).to_canonical()),
    }
}

/// The path as it was written, which must be in the one spelling that requests are compared in:
/// a URL parser would mend it without a word, and two spellings of one path are two doors.
fn path(text: &str) -> Result<String, String> {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = authority
        .find('/')
        .and_then(|at| authority.get(at..))
        .unwrap_or("/");
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        if segment.is_empty() && index != last {
            return Err(wrong(text, "has `//` in its path", "one `/`"));
        }
        if matches!(*segment, "." | "..") {
            return Err(wrong(
                text,
                "has `.` or `..` in its path",
                "the path itself",
            ));
        }
        spelling(segment).map_err(|why| wrong(text, why, "plain letters where they can be"))?;
    }
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
}

/// Why a segment is not spelled as RFC 3986, section 6.2.2 would have it.
fn spelling(segment: &str) -> Result<(), &'static str> {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
            if !plain {
                return Err("has a character in its path that must be percent-encoded");
            }
            continue;
        }
        let mut digit = || {
            bytes
                .next()
                .filter(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(b))
        };
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("has a `%` in its path without two upper-case hexadecimal digits after it");
        };
        let nibble = |b: u8| {
            if b.is_ascii_digit() {
                b - b'0'
            } else {
                b - b'A' + 10
            }
        };
        let decoded = nibble(high) << 4 | nibble(low);
        if decoded.is_ascii_alphanumeric() || b"-._~/\\".contains(&decoded) {
            return Err("has a character in its path that must not be percent-encoded");
        }
        if decoded.is_ascii_control() {
            return Err("has a control character in its path");
        }
    }
    Ok(())
}
