//! Host names, and the host-and-path pair that a route answers at.

use super::ParseError;
use std::fmt;
use std::str::FromStr;

/// A DNS name or an IP literal without its port, in lower case, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Box<str>);

const EXPECTED: &str = "a host name such as `hooks.example.com`, or an IP address";

impl Host {
    /// The name; an IPv6 literal without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of a `Host` header or `:authority`: `name`, `name:port`, `[v6]`, `[v6]:port`.
    ///
    /// # Errors
    /// Where it is not one of these.
    pub fn from_authority(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(text, EXPECTED);
        if let Some(rest) = text.strip_prefix('[') {
            let (literal, port) = rest.split_once(']').ok_or_else(wrong)?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return Err(wrong());
            }
            return literal
                .parse::<std::net::Ipv6Addr>()
                .map(|ip| Self(ip.to_string().into()))
                .ok()
                .ok_or_else(wrong);
        }
        match text.split_once(':') {
            None => text.parse(),
            Some((name, port)) if is_port(port) => name.parse(),
            Some(_) => Err(wrong()),
        }
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

impl FromStr for Host {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Ok(ip) = text.parse::<std::net::IpAddr>() {
            return Ok(Self(ip.to_string().into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() <= 253 && name.split('.').all(label) {
            Ok(Self(name.to_ascii_lowercase().into()))
        } else {
            Err(ParseError::new(text, EXPECTED))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a route answers at: a host and a path prefix. It is the route's identity in the
/// spool, in logs and in audit, written `hooks.example.com/jira`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey(std::sync::Arc<str>);

impl RouteKey {
    /// The key of a route at `host` whose path is `path`, which begins with a `/`.
    #[must_use]
    pub fn new(host: &Host, path: &str) -> Self {
        Self(format!("{host}{path}").into())
    }

    /// A key that was written down earlier, as the spool keeps it.
    #[must_use]
    pub fn recorded(text: &str) -> Self {
        Self(text.into())
    }

    /// The host part.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(host, _)| host)
    }

    /// The path part, which begins with a `/`; empty where there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.strip_prefix(self.host()).unwrap_or_default()
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
