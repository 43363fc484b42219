//! Certificates by name, swapped while connections run.
//!
//! The settings are here; [`Store`] holds what is served. Nothing here opens a connection.

mod authority;
pub(super) mod issued;
mod pair;
mod store;
mod tidy;

pub use authority::{Authority, Binding};
pub use issued::KeepError;
pub use pair::{Fault, Problem};
pub use store::{Life, Served, Store, Warning};
pub use tidy::tidy;

use crate::types::{Host, SecretSource};
use std::path::PathBuf;
use std::sync::Arc;

/// `[[certificate]]`.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The names it is chosen for; a leading `*.` stands for one label.
    pub hosts: Vec<HostPattern>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a certificate comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// PEM files, loaded again when they change.
    Files {
        /// The chain, leaf first.
        chain: PathBuf,
        /// The private key.
        key: SecretSource,
    },
    /// Made at start, for trials.
    SelfSigned,
    /// Asked for at an authority, and renewed by itself ([`super::acme`]).
    Acme(Arc<Authority>),
}

/// A host name, or `*.` and a name for one label more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    /// True for `*.name`.
    pub wildcard: bool,
    /// The name, without the `*.`.
    pub name: Host,
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.wildcard { "*." } else { "" })?;
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests;
