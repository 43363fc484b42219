//! `repositories = ["acme/*", "acme/web-*"]`: which repositories are inside of a limit.

use super::{ParseError, Repository};
use std::fmt;
use std::str::FromStr;

/// `owner/name` with `*` for any run of characters inside either part. Letters compare without
/// regard to case, as GitHub compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPattern {
    owner: Box<str>,
    name: Box<str>,
}

impl RepositoryPattern {
    /// Whether the repository is inside.
    #[must_use]
    pub fn admits(&self, repository: &Repository) -> bool {
        let name = bare(repository.name());
        fits(&self.owner, repository.owner()) && is_name(name) && fits(&self.name, name)
    }
}

impl RepositoryPattern {
    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that it stands for, in lower case, where it stands for no more than one.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        let open = self.owner.contains('*') || self.name.contains('*');
        (!open).then_some(&*self.name)
    }
}

impl FromStr for RepositoryPattern {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = |expected| Err(ParseError::new(text, expected));
        let part = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*'))
        };
        let Some((owner, name)) = text.split_once('/').filter(|(o, n)| part(o) && part(n)) else {
            return wrong("`owner/name` with `*` inside either part, such as `acme/web-*`");
        };
        if text.contains("**") {
            return wrong("one `*`, which already stands for any run of characters");
        }
        if owner == "*" && name == "*" {
            return wrong("an owner, such as `acme/*`; leave `repositories` out to admit all");
        }
        if bare(name) != name || !is_name(name) {
            return wrong("a repository's name, without `.git`");
        }
        Ok(Self {
            owner: owner.to_ascii_lowercase().into(),
            name: name.to_ascii_lowercase().into(),
        })
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The repositories that something is limited to. None admit none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryPatterns(Box<[RepositoryPattern]>);

impl RepositoryPatterns {
    /// Whether the repository is inside.
    #[must_use]
    pub fn admits(&self, repository: &Repository) -> bool {
        self.0.iter().any(|pattern| pattern.admits(repository))
    }

    /// Whether every repository of the owner is inside: one pattern says so by itself.
    #[must_use]
    pub fn covers_owner(&self, owner: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| &*pattern.name == "*" && fits(&pattern.owner, owner))
    }

    /// Whether a repository of the owner may be inside.
    #[must_use]
    pub fn touches_owner(&self, owner: &str) -> bool {
        self.0.iter().any(|pattern| fits(&pattern.owner, owner))
    }
}

impl FromIterator<RepositoryPattern> for RepositoryPatterns {
    fn from_iter<I: IntoIterator<Item = RepositoryPattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

/// The repository that a name in a git URL means.
#[must_use]
pub fn without_suffix(repository: &Repository) -> Repository {
    let text = repository.as_str();
    bare(text).parse().unwrap_or_else(|_| repository.clone())
}

/// A repository's name without the suffix that git's URLs carry; no repository's name ends in it.
fn bare(name: &str) -> &str {
    name.strip_suffix(".git").unwrap_or(name)
}

/// `.` and `..` are places in a path, and no repository has them for a name.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

/// Whether `text` fits a pattern in lower case. Goes back to the last `*` only, so the time is at
/// most the product of both lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut last: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => {
                last = Some((after, text));
                pattern = after;
            }
            (Some((want, after)), Some((found, rest))) if *want == found.to_ascii_lowercase() => {
                (pattern, text) = (after, rest);
            }
            (None, None) => return true,
            (_, _) => match last.and_then(|(after, from)| Some((after, from.split_first()?.1))) {
                Some((after, from)) => {
                    last = Some((after, from));
                    (pattern, text) = (after, from);
                }
                None => return false,
            },
        }
    }
}
