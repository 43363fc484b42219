//! Why an App gives no token, told apart by who can do something about it.

use super::sign::SignError;
use crate::github::Fault;
use std::net::IpAddr;
use std::time::Duration;

/// Why an App gives no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The App's installation is suspended.
    #[error("the App's installation is suspended")]
    Suspended,
    /// The App is not installed there.
    #[error("the App is not installed there{}",
        .page.as_ref().map(|page| format!("; it is installed at {page}")).unwrap_or_default())]
    NotInstalled {
        /// The page on which it is installed, where the App's name is known.
        page: Option<String>,
    },
    /// A repository or a permission is not the installation's. GitHub does not say which.
    #[error("the App's installation does not have one of the repositories or permissions")]
    NotGranted,
    /// GitHub cannot be reached, or is not itself.
    #[error("GitHub cannot be reached: {why}")]
    Unreachable {
        /// What happened, for the operator.
        why: String,
    },
    /// GitHub does not answer in time.
    #[error("GitHub did not answer in time")]
    TimedOut,
    /// GitHub wants us to wait.
    #[error("GitHub's rate limit is used up; it may be asked again in {} s", .retry_after.as_secs())]
    Limited {
        /// For how long.
        retry_after: Duration,
    },
    /// GitHub takes none of the App's keys.
    #[error("GitHub takes none of the App's keys")]
    KeyRefused,
    /// The organization lets in certain addresses only.
    #[error("the organization's IP allow list lacks the address that GitHub sees{}",
        .seen.map(|seen| format!(", {seen}")).unwrap_or_default())]
    IpNotAllowed {
        /// The address that must be added to the list.
        seen: Option<IpAddr>,
    },
    /// GitHub gave more than was asked for; it was given back.
    #[error("GitHub gave a token for more than was asked for; it was revoked")]
    Wider,
    /// The keys' holder cannot be asked.
    #[error(transparent)]
    Signer(#[from] SignError),
    /// GitHub answered something that nobody expects.
    #[error("{why}")]
    Unexpected {
        /// What it was, for the operator.
        why: String,
    },
}

impl Refusal {
    /// Whether the same may be had a little later without anybody's doing.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut | Self::Limited { .. } | Self::Signer(_)
        )
    }
}

/// What happened while an App asked something as itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// GitHub did not do it.
    #[error(transparent)]
    Github(#[from] Fault),
    /// Nothing could be asked, for want of a signature.
    #[error(transparent)]
    Signer(#[from] SignError),
}

/// What remains when the place has no meaning of its own for it.
impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Signer(why) => Self::Signer(why),
            Trouble::Github(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let why = fault.to_string();
        match fault {
            Fault::Unreachable { why } => Self::Unreachable { why },
            Fault::Unexpected(500..=599) => Self::Unreachable { why },
            Fault::TimedOut => Self::TimedOut,
            Fault::Unauthorized { .. } => Self::KeyRefused,
            Fault::Suspended => Self::Suspended,
            Fault::IpNotAllowed { seen } => Self::IpNotAllowed { seen },
            Fault::NotFound | Fault::Unprocessable { .. } => Self::NotGranted,
            Fault::Limited { retry_after, .. } => Self::Limited { retry_after },
            Fault::Forbidden { .. }
            | Fault::Unexpected(_)
            | Fault::Unreadable(_)
            | Fault::Indefinite => Self::Unexpected { why },
        }
    }
}
