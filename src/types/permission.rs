//! What a GitHub App may do, kind by kind.

use super::ParseError;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How far a permission goes. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Look.
    Read,
    /// Change.
    Write,
    /// Rule.
    Admin,
}

impl Level {
    /// As GitHub writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Level {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(ParseError::new(text, "`read`, `write` or `admin`")),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Permissions by kind, such as `contents` and `pull_requests`, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Permissions(BTreeMap<Box<str>, Level>);

/// What a kind of permission is called.
const KIND: &str = "a kind of permission such as `contents` or `pull_requests`";

impl Permissions {
    /// No permission yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// One more, or another level of one.
    ///
    /// # Errors
    /// Where no kind of permission can be called so.
    pub fn set(&mut self, kind: &str, level: Level) -> Result<(), ParseError> {
        let fits = (1..=64).contains(&kind.len())
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !fits {
            return Err(ParseError::new(kind, KIND));
        }
        self.0.insert(kind.into(), level);
        Ok(())
    }

    /// How far the kind goes, where it is there.
    #[must_use]
    pub fn level(&self, kind: &str) -> Option<Level> {
        self.0.get(kind).copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its level, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Level)> {
        self.0.iter().map(|(kind, level)| (&**kind, *level))
    }

    /// Whether all of `other` is within this. Whoever may do anything in a repository may read its
    /// `metadata`: GitHub adds that by itself.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(kind, level)| {
            self.level(kind).is_some_and(|most| most >= level)
                || (kind == "metadata" && level == Level::Read && !self.is_empty())
        })
    }
}

/// `contents: read, issues: write`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, level)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{kind}: {level}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(kind, level)| (kind, level.as_str())))
    }
}

/// As GitHub sends them; a level that is none of the three is an error, since nobody could say
/// whether a grant covers it.
impl<'de> serde::Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        let mut permissions = Self::none();
        for (kind, level) in map {
            let level = level.parse().map_err(serde::de::Error::custom)?;
            permissions
                .set(&kind, level)
                .map_err(serde::de::Error::custom)?;
        }
        Ok(permissions)
    }
}
