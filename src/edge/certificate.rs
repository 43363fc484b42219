//! Certificates by name, swapped while connections run.

use crate::types::{Host, SecretSource};
use std::path::PathBuf;

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
}

/// A host name, or `*.` and a name for one label more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    /// True for `*.name`.
    pub wildcard: bool,
    /// The name, without the `*.`.
    pub name: Host,
}
