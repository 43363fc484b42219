//! Why a request to a published service does not pass: one table from what each part found to
//! status, stable code and words.

use super::{asked, graphql, profile, scope};
use http::StatusCode;

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its path, or the way that it asks, can be read in two ways.
    Asked(asked::Refusal),
    /// The header that every request must carry is not there, or has another value.
    Header,
    /// The profiles do not let it through.
    Policy(profile::Reason),
    /// It is outside the repositories that the route is limited to.
    Scope(scope::Refusal),
    /// Its GraphQL document cannot be judged.
    Graphql(graphql::Refusal),
    /// Its LFS batch cannot be read.
    Batch,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Asked(asked::Refusal::Path(_) | asked::Refusal::Ambiguous) => "path_refused",
            Self::Asked(_) => "protocol_refused",
            Self::Header => "header_required",
            Self::Policy(reason) => reason.code(),
            Self::Scope(refusal) => refusal.code(),
            Self::Graphql(refusal) => refusal.code(),
            Self::Batch => "lfs_batch_unreadable",
        }
    }

    /// The status that says it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            // The same whether one reading was refused or two were compared.
            Self::Policy(profile::Reason::PathRefused | profile::Reason::ProtocolRefused) => {
                StatusCode::BAD_REQUEST
            }
            Self::Asked(_) | Self::Batch => StatusCode::BAD_REQUEST,
            Self::Graphql(graphql::Refusal::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Graphql(graphql::Refusal::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Graphql(graphql::Refusal::Unparsable) => StatusCode::BAD_REQUEST,
            Self::Scope(scope::Refusal::Unresolved) => StatusCode::BAD_GATEWAY,
            Self::Header | Self::Policy(_) | Self::Scope(_) | Self::Graphql(_) => {
                StatusCode::FORBIDDEN
            }
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn message(self) -> String {
        match self {
            Self::Asked(refusal) => refusal.to_string(),
            Self::Header => "a header that this route asks for is missing or wrong".to_owned(),
            Self::Policy(reason) => told(reason).to_owned(),
            Self::Scope(refusal) => refusal.to_string(),
            Self::Graphql(refusal) => refusal.to_string(),
            Self::Batch => "the body is no LFS batch request".to_owned(),
        }
    }
}

/// The words for a decision: what a person can do about it, and nothing of what is inside.
const fn told(reason: profile::Reason) -> &'static str {
    match reason {
        profile::Reason::PathRefused => "the path could be read in more ways than one",
        profile::Reason::ProtocolRefused => "the request is in a form that is not spoken here",
        profile::Reason::NeverExposed => "this is not served to the outside",
        profile::Reason::SetupClosed => {
            "an App's manifest is converted only while the setup window is open"
        }
        profile::Reason::DeniedByProfile => "an access profile of this route denies it",
        profile::Reason::UnknownOperation => {
            "the API has no such operation, and no access profile of this route names its path"
        }
        profile::Reason::NotInProfile => "no access profile of this route allows it",
    }
}
