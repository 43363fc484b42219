//! Who an address belongs to: named lists of networks, looked up in nanoseconds.
//!
//! The settings are here, and where lists are looked up is [`Directory`]; who fetches lists and
//! keeps them is elsewhere.

mod directory;
mod table;

pub use directory::{Admission, Admitted, Directory, UnknownSource};

use crate::types::Name;
use ipnet::IpNet;
use std::time::Duration;

/// `[[source]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// Where its networks come from.
    pub origin: Origin,
}

/// Where a source's networks come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Networks(Vec<IpNet>),
    /// A document like `https://api.github.com/meta`, fetched again and again.
    Meta(Meta),
}

/// `[[source]].meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The document.
    pub url: url::Url,
    /// Which of its lists are read: `hooks`, `actions`, …
    pub sections: Vec<String>,
    /// How often.
    pub refresh: Duration,
}

/// `from`: who may use a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// `"anywhere"`, written by a person.
    Anywhere,
    /// Addresses in one of these sources.
    Sources(Vec<Name>),
}

#[cfg(test)]
mod tests;
