//! Why a caller is not given what it asks for.

use http::StatusCode;
use std::time::Duration;

/// Why not. The codes are the same in answers, audit and metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is known by what the request presents.
    #[error(
        "no caller is known by what this request presents; a gateway key, a client certificate or an OIDC token is needed"
    )]
    Caller,
    /// The caller has no grant for it. The same is said of what does not exist.
    #[error("this is not granted to you, or is not there")]
    NotGranted,
    /// Several grants could be meant.
    #[error(
        "several of your grants could be meant; name the owner in the header `X-Hubgate-Owner`"
    )]
    Ambiguous,
    /// A grant is for more repositories than one token can be.
    #[error("the grant is for more than 500 repositories; name those that are needed")]
    TooMany,
    /// The document that asks for a token is wrong.
    #[error("{0}")]
    Request(String),
    /// The caller asked too often.
    #[error("too many requests; try again in {} s", .0.as_secs().max(1))]
    Rate(Duration),
    /// The installation is suspended.
    #[error("the installation of the App is suspended; whoever suspended it can unsuspend it")]
    Suspended,
    /// The App is not installed there.
    #[error("the App is not installed there{}", .0.as_ref().map_or(String::new(), |page| format!("; it is installed at {page}")))]
    NotInstalled(Option<String>),
    /// GitHub has been asked too often.
    #[error("GitHub's rate limit is reached; try again in {} s", .0.as_secs().max(1))]
    Limited(Duration),
    /// Little is left of what GitHub allows the App there, and the caller has used its share.
    #[error("little is left of GitHub's rate limit, and your share of it is used; try again in {} s", .0.as_secs().max(1))]
    Share(Duration),
    /// As much is being asked of the installation at once as GitHub takes.
    #[error("too many requests as this App are under way; try again in {} s", .0.as_secs().max(1))]
    Crowded(Duration),
    /// GitHub cannot be reached, or is ill.
    #[error("GitHub does not answer")]
    Unreachable,
    /// GitHub did not answer in time.
    #[error("GitHub did not answer in time")]
    TimedOut,
    /// GitHub takes none of the App's keys.
    #[error("GitHub refuses the App's key; the gateway's log says more")]
    Key,
    /// GitHub refuses the gateway's address.
    #[error("GitHub refuses the gateway's address; the gateway's log says which")]
    Address,
    /// GitHub refuses the token, and another one too.
    #[error("GitHub refuses the token that it gave; the App may have been removed")]
    Token,
    /// GitHub gave more than it was asked for, or something that cannot be read.
    #[error("what GitHub gave is not what was asked for; nothing is passed on")]
    Unexpected,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Caller => "caller_unknown",
            Self::NotGranted => "not_granted",
            Self::Ambiguous => "grant_ambiguous",
            Self::TooMany => "too_many_repositories",
            Self::Request(_) => "request_invalid",
            Self::Rate(_) => "caller_rate_limited",
            Self::Suspended => "installation_suspended",
            Self::NotInstalled(_) => "app_not_installed",
            Self::Limited(_) => "github_rate_limited",
            Self::Share(_) => "caller_share_used",
            Self::Crowded(_) => "installation_busy",
            Self::Unreachable => "github_unreachable",
            Self::TimedOut => "github_timeout",
            Self::Key => "app_key_refused",
            Self::Address => "address_refused_by_github",
            Self::Token => "token_refused_by_github",
            Self::Unexpected => "github_unexpected",
        }
    }

    /// The status that says it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Caller => StatusCode::UNAUTHORIZED,
            Self::NotGranted | Self::Ambiguous => StatusCode::FORBIDDEN,
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::TooMany => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Rate(_) | Self::Limited(_) | Self::Share(_) | Self::Crowded(_) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Suspended => StatusCode::CONFLICT,
            Self::NotInstalled(_) => StatusCode::FAILED_DEPENDENCY,
            Self::Unreachable | Self::Key | Self::Address | Self::Token | Self::Unexpected => {
                StatusCode::BAD_GATEWAY
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// How long to wait before it is asked for again.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Rate(wait) | Self::Limited(wait) | Self::Share(wait) | Self::Crowded(wait) => {
                Some(*wait)
            }
            Self::Caller
            | Self::NotGranted
            | Self::Ambiguous
            | Self::TooMany
            | Self::Request(_)
            | Self::Suspended
            | Self::NotInstalled(_)
            | Self::Unreachable
            | Self::TimedOut
            | Self::Key
            | Self::Address
            | Self::Token
            | Self::Unexpected => None,
        }
    }

    /// Whether another try may end otherwise without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Limited(_))
    }
}
