//! Why a request is outside a route's repositories.

/// Why a request under a repository limit is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The repository or the owner that it names is not inside.
    #[error("what the request names is outside this route's repositories")]
    Outside,
    /// What it does reads or changes repositories other than the one that it names.
    #[error("the operation reaches beyond the repository that it names")]
    Crossing,
    /// It is tied to no repository, and not known to show nothing of any.
    #[error("the operation cannot be shown to stay inside this route's repositories")]
    Unbound,
    /// A GraphQL field that is not inside, or not known to stay inside.
    #[error(
        "a field of the GraphQL request cannot be shown to stay inside this route's repositories"
    )]
    Graphql,
    /// The body names a repository or a branch in a way that cannot be read.
    #[error("the request's body cannot be read, and it may name another repository")]
    Body,
    /// The server could not be asked which repository it is.
    #[error("the server could not be asked which repository the request is about")]
    Unresolved,
}

impl Refusal {
    /// All of them, for tables and documentation.
    pub const ALL: [Self; 6] = [
        Self::Outside,
        Self::Crossing,
        Self::Unbound,
        Self::Graphql,
        Self::Body,
        Self::Unresolved,
    ];

    /// The stable word for answers. What is outside, what crosses and what is unbound look the
    /// same, so that an answer tells nothing about what lies outside.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Outside | Self::Crossing | Self::Unbound => "outside_repositories",
            Self::Graphql => "graphql_outside_repositories",
            Self::Body => "body_unreadable",
            Self::Unresolved => "repository_unresolved",
        }
    }
}
