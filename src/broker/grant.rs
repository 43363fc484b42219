//! What a caller may have of an App.

use crate::github::{Allowed, MOST_REPOSITORIES, Repositories, Scope};
use crate::types::{Level, Name, Owner, Permissions, Repository, RepositoryPattern};
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One grant of a caller. Authorising is asking it, on every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Of which App.
    pub app: Name,
    /// Of whose installation.
    pub owner: Owner,
    /// For which repositories.
    pub reach: Reach,
    /// With which permissions.
    pub permissions: Allowed,
    /// For what.
    pub uses: Uses,
}

/// The repositories of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All that the installation has.
    All,
    /// Those that fit one of these patterns, whose owner is the grant's.
    Some(Vec<RepositoryPattern>),
}

/// What a grant may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// The API and git through the gateway.
    pub proxy: bool,
    /// A token in the caller's own hands.
    pub token: bool,
}

/// What a grant says, as a digest: tokens that were made for another grant are not for this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

#[cfg(test)]
impl Digest {
    pub(super) const fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The repositories of a grant, as far as its text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// They are these.
    Known(Repositories),
    /// They are those of the installation that fit.
    Matching,
}

impl Grant {
    /// Whether the repository is inside.
    #[must_use]
    pub fn admits(&self, repository: &Repository) -> bool {
        if !repository.owner().eq_ignore_ascii_case(self.owner.as_str()) {
            return false;
        }
        match &self.reach {
            Reach::All => true,
            Reach::Some(patterns) => patterns.iter().any(|pattern| pattern.admits(repository)),
        }
    }

    /// All of its repositories.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let Reach::Some(patterns) = &self.reach else {
            return Extent::Known(Repositories::All);
        };
        let literal = patterns.iter().map(RepositoryPattern::literal);
        match literal.collect::<Option<BTreeSet<_>>>() {
            Some(names) => {
                let names = names.into_iter().map(Box::from).collect();
                Extent::Known(Repositories::Named(names))
            }
            None => Extent::Matching,
        }
    }

    /// Those of an installation's repositories that are inside; `None` where they are more than
    /// one token can be for.
    #[must_use]
    pub fn matching<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<Repositories> {
        let mut inside = BTreeSet::new();
        for name in names {
            let Ok(repository) = format!("{}/{name}", self.owner).parse::<Repository>() else {
                continue;
            };
            if self.admits(&repository) {
                inside.insert(name.to_ascii_lowercase().into_boxed_str());
                if inside.len() > MOST_REPOSITORIES {
                    return None;
                }
            }
        }
        Some(Repositories::Named(inside))
    }

    /// A token's scope for one repository that is inside.
    #[must_use]
    pub fn scope_of(&self, repository: &Repository) -> Scope {
        let name = repository.name().to_ascii_lowercase();
        Scope {
            repositories: Repositories::Named(BTreeSet::from([name.into()])),
            permissions: self.permissions.clone(),
        }
    }

    /// The permissions that are asked for, where the grant has them; all of the grant's where none
    /// are asked for.
    #[must_use]
    pub fn permissions(&self, wanted: Option<&Permissions>) -> Option<Allowed> {
        match (wanted, &self.permissions) {
            (None, granted) => Some(granted.clone()),
            (Some(wanted), Allowed::All) => Some(Allowed::Only(wanted.clone())),
            (Some(wanted), Allowed::Only(granted)) => granted
                .covers(wanted)
                .then(|| Allowed::Only(wanted.clone())),
        }
    }

    /// What git needs to fetch or to push, where the grant has it: less than a grant that has more.
    #[must_use]
    pub fn for_git(&self, level: Level) -> Option<Allowed> {
        let mut wanted = Permissions::none();
        wanted.set("contents", level).ok()?;
        let Allowed::Only(granted) = &self.permissions else {
            return Some(Allowed::Only(wanted));
        };
        // Without it, GitHub refuses a push that touches a workflow.
        if level > Level::Read
            && let Some(workflows) = granted.level("workflows")
        {
            wanted.set("workflows", workflows).ok()?;
        }
        self.permissions(Some(&wanted))
    }

    /// What it says, as a digest. Two grants that say the same have the same one, so that callers
    /// with the same rights share tokens.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let mut part = |text: &str| {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        };
        part(self.app.as_str());
        part(self.owner.as_str());
        match &self.reach {
            Reach::All => part("all"),
            Reach::Some(patterns) => {
                part("some");
                let texts: BTreeSet<String> = patterns.iter().map(ToString::to_string).collect();
                texts.iter().for_each(|text| part(text));
            }
        }
        match &self.permissions {
            Allowed::All => part("all"),
            Allowed::Only(permissions) => {
                part("only");
                part(&permissions.to_string());
            }
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Digest(bytes)
    }
}

#[cfg(test)]
mod tests;
