//! Where a service is: an origin, and the path below it that the service has to itself.

use crate::types::{Host, ParseError};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As a URL begins with it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL need not name.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of these three.
    #[must_use]
    pub const fn new(scheme: Scheme, host: Host, port: u16) -> Self {
        Self { scheme, host, port }
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and, where it is not the scheme's own, port: what a `Host` field says.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == self.scheme.port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The ways to write it: with the scheme's own port left out (the first) and written out.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let mut all = vec![self.to_string()];
        if self.port == self.scheme.port() {
            all.push(format!("{self}:{}", self.port));
        }
        all
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// The host as it stands in a URL: an IPv6 literal in brackets.
pub(super) fn bracketed(host: &Host) -> String {
    if host.as_str().contains(':') {
        format!("[{host}]")
    } else {
        host.to_string()
    }
}

/// An origin and the path below which a service has everything to itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Base {
    origin: Origin,
    path: Box<str>,
}

const EXPECTED: &str =
    "an address such as `https://ghe.example.com/`, without user, query or fragment";

impl Base {
    /// Its origin.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path: empty where it is the root, else it begins with `/` and does not end with one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl TryFrom<&Url> for Base {
    type Error = ParseError;

    fn try_from(url: &Url) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(url.as_str(), EXPECTED);
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong()),
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let text = url.host_str().filter(|_| bare).ok_or_else(wrong)?;
        let text = text.trim_start_matches('[').trim_end_matches(']');
        let path = url.path().trim_end_matches('/');
        // What is inserted into JSON and into fields goes in as it is.
        if path.starts_with("//") || path.contains(['"', '\\']) {
            return Err(wrong());
        }
        Ok(Self {
            origin: Origin::new(scheme, text.parse()?, url.port().unwrap_or(scheme.port())),
            path: path.into(),
        })
    }
}

impl FromStr for Base {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let url: Url = text
            .parse()
            .ok()
            .ok_or_else(|| ParseError::new(text, EXPECTED))?;
        Self::try_from(&url)
    }
}
