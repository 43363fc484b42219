//! What a request draws on: GitHub counts searches, GraphQL and some others apart from the rest.

use std::borrow::Cow;
use std::fmt;

/// A resource, as `x-ratelimit-resource` calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Cow<'static, str>);

/// The longest name that is believed.
const LONGEST: usize = 40;

impl Resource {
    /// Most of REST.
    pub const CORE: Self = Self(Cow::Borrowed("core"));
    /// GraphQL, counted in points.
    pub const GRAPHQL: Self = Self(Cow::Borrowed("graphql"));

    /// What an operation of REST is counted as, before GitHub has said so.
    #[must_use]
    pub fn of(operation: &str) -> Self {
        Self(Cow::Borrowed(match operation {
            "search/code" => "code_search",
            "code-scanning/upload-sarif" => "code_scanning_upload",
            "dependency-graph/create-repository-snapshot" => "dependency_snapshots",
            "dependency-graph/export-sbom" => "dependency_sbom",
            "actions/create-registration-token-for-org"
            | "actions/create-registration-token-for-repo" => "actions_runner_registration",
            search if search.starts_with("search/") => "search",
            _ => "core",
        }))
    }

    /// As an answer names it; none where that is no name of one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit();
        let fits = (1..=LONGEST).contains(&name.len()) && name.bytes().all(letter);
        fits.then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_as_github_counts_them() {
        for (operation, resource) in [
            ("repos/get", "core"),
            ("search/code", "code_search"),
            ("search/issues-and-pull-requests", "search"),
            ("dependency-graph/export-sbom", "dependency_sbom"),
            ("unknown", "core"),
        ] {
            assert_eq!(Resource::of(operation).as_str(), resource);
        }
        assert_eq!(Resource::named("core"), Some(Resource::CORE));
        for name in ["", "Core", "core limit", &"x".repeat(41)] {
            assert_eq!(Resource::named(name), None, "{name}");
        }
    }
}
