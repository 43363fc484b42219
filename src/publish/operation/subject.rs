//! Whom a request is about, as far as its path says.

use super::Match;

/// Whom a request is about. Names are as the request spells them: GHES does not care for their
/// case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A repository by its name.
    Repository {
        /// Its owner's login.
        owner: Box<str>,
        /// Its name, without `.git`.
        name: Box<str>,
    },
    /// A repository by its id.
    RepositoryId(u64),
    /// An organization by its login.
    Organization(Box<str>),
    /// An organization by its id.
    OrganizationId(u64),
    /// A user, or an organization, by its login.
    Account(Box<str>),
    /// A user, or an organization, by its id.
    AccountId(u64),
    /// A gist by its id.
    Gist(Box<str>),
    /// Nobody in particular: the caller, the instance, or what only the body or the query says.
    Unsaid,
}

impl Subject {
    pub(super) fn of(found: &Match<'_>) -> Self {
        let text = |name| found.parameter(name).map(Box::<str>::from);
        let number = |name| found.parameter(name).and_then(|id| id.parse::<u64>().ok());
        let pair = |owner, name| text(owner).zip(text(name));
        let repository = pair("owner", "repo").or_else(|| pair("template_owner", "template_repo"));
        if let Some((owner, name)) = repository {
            return Self::Repository { owner, name };
        }
        let first = found.parameters().next().map_or("", |(name, _)| name);
        let said = match first {
            "repository_id" => number(first).map(Self::RepositoryId),
            "organization_id" => number(first).map(Self::OrganizationId),
            "org" => text(first).map(Self::Organization),
            "username" => text(first).map(Self::Account),
            "user_id" | "account_id" => number(first).map(Self::AccountId),
            "gist_id" => text(first).map(Self::Gist),
            _ => number("repository_id").map(Self::RepositoryId),
        };
        said.unwrap_or(Self::Unsaid)
    }
}
