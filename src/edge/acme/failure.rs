//! Why nothing was issued, or not asked.

use super::Way;
use instant_acme::Error;
use std::time::Duration;
use tokio::time::Instant;

/// Of what an authority says of a failure; nobody reads more.
const LONGEST_TOLD: usize = 1000;
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";
const ACCOUNT_UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The authority saw something else than what we show, or nothing.
    #[error("{} for `{host}` failed: {why}", way.code())]
    Unproved { way: Way, host: String, why: String },
    /// The account is not known there.
    #[error("the authority does not know our account")]
    AccountUnknown,
    /// It takes none of the nonces that it gives.
    #[error("the authority refuses every nonce that it gave")]
    BadNonce,
    /// Everything else.
    #[error("{why}")]
    Other {
        why: String,
        retry_after: Option<Duration>,
    },
}

impl Failure {
    pub(super) const fn other(why: String) -> Self {
        Self::Other {
            why,
            retry_after: None,
        }
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Other { retry_after, .. } => *retry_after,
            Self::Unproved { .. } | Self::AccountUnknown | Self::BadNonce => None,
        }
    }
}

impl From<Error> for Failure {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library may add errors, and all others say what they are"
    )]
    fn from(fault: Error) -> Self {
        match &fault {
            Error::Api(problem) if problem.r#type.as_deref() == Some(ACCOUNT_UNKNOWN) => {
                Self::AccountUnknown
            }
            Error::Api(problem) if problem.r#type.as_deref() == Some(BAD_NONCE) => Self::BadNonce,
            Error::Timeout(Some(again)) => Self::Other {
                why: fault.to_string(),
                retry_after: Some(
                    Instant::from_std(*again).saturating_duration_since(Instant::now()),
                ),
            },
            _ => Self::other(bounded(fault.to_string())),
        }
    }
}

/// What an authority said, as far as anybody reads it.
pub(super) fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TOLD) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_is_too_long_to_wait_for_is_kept() {
        let again = Instant::now() + Duration::from_secs(3600);
        let asked = Failure::from(Error::Timeout(Some(again.into_std()))).retry_after();
        let asked = asked.map_or(0, |asked| asked.as_secs());
        assert!((3500..=3600).contains(&asked), "{asked}");
        assert_eq!(Failure::from(Error::Timeout(None)).retry_after(), None);
    }

    #[test]
    fn what_is_told_is_cut_where_nobody_reads_on() {
        assert_eq!(bounded("as it is".to_owned()), "as it is");
        let long = bounded("ä".repeat(1 << 20));
        assert_eq!(long.chars().count(), LONGEST_TOLD + 1);
        assert!(long.ends_with("ä…"));
    }
}
