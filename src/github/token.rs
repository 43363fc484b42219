//! What an installation token is for, and what GitHub gave for the asking.

use crate::types::{InstallationId, Permissions, Secret, Timestamp};
use std::collections::BTreeSet;

/// The repositories of a token. "All" is a choice of its own: GitHub takes an absent or empty list
/// for everything, so that a list here is never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repositories {
    /// All of the installation, those to come too.
    All,
    /// These, by name without the owner, in lower case.
    Named(BTreeSet<Box<str>>),
}

/// The permissions of a token; the same holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allowed {
    /// All of the installation.
    All,
    /// These.
    Only(Permissions),
}

/// What a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// For which repositories: at most 500 by name.
    pub repositories: Repositories,
    /// With which permissions.
    pub permissions: Allowed,
}

/// Most repositories that GitHub takes by name for one token.
pub const MOST_REPOSITORIES: usize = 500;

impl Scope {
    /// Whether this is within what GitHub can be asked for without asking for everything by
    /// accident.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        let repositories = match &self.repositories {
            Repositories::All => true,
            Repositories::Named(names) => (1..=MOST_REPOSITORIES).contains(&names.len()),
        };
        let permissions = match &self.permissions {
            Allowed::All => true,
            Allowed::Only(permissions) => !permissions.is_empty(),
        };
        repositories && permissions
    }
}

/// A token, as it came.
#[derive(Debug, Clone)]
pub struct Minted {
    /// The token itself.
    pub token: Secret,
    /// When it ends, by GitHub's clock.
    pub expires: Timestamp,
    /// The installation that it is of.
    pub installation: InstallationId,
    /// What it may do, as GitHub says.
    pub permissions: Permissions,
    /// For which repositories, as GitHub says.
    pub repositories: Repositories,
}
