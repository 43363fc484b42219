//! The REST operations of GHES 3.19: what each is called, what it does, and which one a path asks
//! for.
//!
//! `ghes-3.19.tsv` is method, path and operation id of each, taken from GitHub's OpenAPI
//! description as the npm package `@octokit/openapi` carries it (MIT licence, © GitHub).

mod find;
mod subject;
mod table;

pub use super::tree::Verb;
pub use find::{Match, find, readings};
pub use subject::Subject;

use std::fmt;
use table::{Row, TABLE};

/// One operation. Cheap to copy; its index is stable within one build only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(u16);

/// Whether something is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Nothing is.
    Read,
    /// Something may be.
    Write,
}

impl Operation {
    /// All operations, in the order of their paths.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        let count = u16::try_from(TABLE.rows.len()).unwrap_or(u16::MAX);
        (0..count).map(Self)
    }

    /// How many there are.
    #[must_use]
    pub fn count() -> usize {
        TABLE.rows.len()
    }

    /// The operation with this id, such as `pulls/list`.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        TABLE.by_id.get(id).copied()
    }

    /// The tags, sorted: the part of the ids before the `/`.
    pub fn tags() -> impl Iterator<Item = &'static str> {
        TABLE.tags.iter().copied()
    }

    /// The words that a path below the API's root may begin with.
    pub fn roots() -> impl Iterator<Item = &'static str> {
        TABLE.roots.iter().copied()
    }

    /// Its index among all operations, less than [`Operation::count`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Its id, such as `pulls/list`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().map_or("", |row| row.id)
    }

    /// Its tag, such as `pulls`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        self.id().split_once('/').map_or("", |(tag, _)| tag)
    }

    /// Its method.
    #[must_use]
    pub fn verb(self) -> Verb {
        self.row().map_or(Verb::Delete, |row| row.verb)
    }

    /// Its path below the API's root, such as `/repos/{owner}/{repo}/pulls`.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        self.row().map_or("", |row| row.pattern)
    }

    /// `GET` reads; all else may write.
    #[must_use]
    pub fn access(self) -> Access {
        match self.verb() {
            Verb::Get => Access::Read,
            Verb::Post | Verb::Put | Verb::Patch | Verb::Delete => Access::Write,
        }
    }

    /// Whether it runs the instance, an enterprise or the settings of an organization.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self.row().is_some_and(|row| row.admin)
    }

    /// Whether it hands out a credential, or text that often is one.
    #[must_use]
    pub fn is_secret(self) -> bool {
        self.row().is_some_and(|row| row.secret)
    }

    /// Another operation that the very same requests ask for: what allows or denies one allows or
    /// denies both.
    #[must_use]
    pub fn twin(self) -> Option<Self> {
        self.row().and_then(|row| row.twin)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.rows.get(self.index())
    }
}

/// Its id.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl serde::Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl Access {
    /// `read` or `write`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

#[cfg(test)]
mod tests;
