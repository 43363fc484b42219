//! Why a GraphQL request is not let through.

/// Why a GraphQL request is not let through, whatever the profile says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not a POST, or a POST with parameters in its URL.
    #[error("a GraphQL request is a POST without parameters in its URL")]
    NotPosted,
    /// The body is not declared as plain JSON.
    #[error("a GraphQL request's body is `application/json`, in UTF-8 and not compressed")]
    ContentType,
    /// The body, the document or what its fragments spread to is beyond the bound.
    #[error("the GraphQL request is too large")]
    TooLarge,
    /// Brackets are nested beyond the bound.
    #[error("the GraphQL document is nested too deeply")]
    TooDeep,
    /// Several requests in one.
    #[error("a batch of GraphQL requests is not accepted: send them one by one")]
    Batch,
    /// The document is named by a digest or an id.
    #[error("a stored GraphQL document is not accepted: send `query`")]
    Persisted,
    /// The body or the document cannot be read.
    #[error("the GraphQL request cannot be read")]
    Unparsable,
    /// The document can be read in more than one way.
    #[error("the GraphQL request is ambiguous: each name once, and one operation selected")]
    Ambiguous,
    /// A fragment that is not defined, or that spreads itself.
    #[error("the GraphQL document spreads a fragment that is missing or contains itself")]
    Fragment,
    /// A subscription.
    #[error("GraphQL subscriptions are not accepted")]
    Subscription,
}

impl Refusal {
    /// All of them, for tables and documentation.
    pub const ALL: [Self; 10] = [
        Self::NotPosted,
        Self::ContentType,
        Self::TooLarge,
        Self::TooDeep,
        Self::Batch,
        Self::Persisted,
        Self::Unparsable,
        Self::Ambiguous,
        Self::Fragment,
        Self::Subscription,
    ];

    /// The stable word for answers, audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotPosted => "graphql_not_posted",
            Self::ContentType => "graphql_content_type",
            Self::TooLarge => "graphql_too_large",
            Self::TooDeep => "graphql_too_deep",
            Self::Batch => "graphql_batch",
            Self::Persisted => "graphql_persisted",
            Self::Unparsable => "graphql_unparsable",
            Self::Ambiguous => "graphql_ambiguous",
            Self::Fragment => "graphql_fragment",
            Self::Subscription => "graphql_subscription",
        }
    }
}
