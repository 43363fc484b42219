//! Why GitHub did not do what it was asked, told apart by what can be done about it.

use crate::types::{Timestamp, with_causes};
use http::{HeaderMap, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// Why GitHub did not do what it was asked. None of these holds a secret: of what GitHub said only
/// its `message` is kept, cut and without what looks like a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, or one that broke off.
    #[error("cannot reach GitHub: {why}")]
    Unreachable {
        /// The whole chain of causes.
        why: String,
    },
    /// No answer in time.
    #[error("GitHub did not answer in time")]
    TimedOut,
    /// 401: the credential is not known, or the clocks differ.
    #[error("GitHub does not accept the credential")]
    Unauthorized {
        /// The clock of the one that answered.
        date: Option<Timestamp>,
    },
    /// 403: the installation is suspended.
    #[error("the installation is suspended")]
    Suspended,
    /// 403 for any other reason.
    #[error("GitHub forbids it: {said}")]
    Forbidden {
        /// Its message.
        said: String,
    },
    /// 403: the organization lets in certain addresses only.
    #[error("the organization's IP allow list does not have the address that GitHub sees{}",
        .seen.map(|seen| format!(", {seen}")).unwrap_or_default())]
    IpNotAllowed {
        /// The address that GitHub saw, which must be added to the list.
        seen: Option<IpAddr>,
    },
    /// 404: not there, or not for us to see.
    #[error("GitHub knows no such thing, or does not show it to this App")]
    NotFound,
    /// 422: a repository or a permission that was not granted, or nonsense.
    #[error("GitHub cannot do it: {said}")]
    Unprocessable {
        /// Its message.
        said: String,
    },
    /// 403 or 429: too many requests.
    #[error("GitHub's rate limit is used up; it may be asked again in {} s", .retry_after.as_secs())]
    Limited {
        /// How long to wait.
        retry_after: Duration,
        /// Whether GitHub said so. Where it did not, the pause should grow from time to time.
        told: bool,
    },
    /// Any other status.
    #[error("GitHub answers {0}")]
    Unexpected(u16),
    /// An answer that is not what it should be: too large, not JSON, or without what matters.
    #[error("GitHub's answer cannot be read: {0}")]
    Unreadable(&'static str),
    /// Asked for with an empty list, which GitHub takes for everything; nothing was sent.
    #[error("a token was asked for with an empty or too long list of repositories or permissions")]
    Indefinite,
}

impl Fault {
    /// What a request that was not answered, or not to the end, came to.
    pub(super) fn of(failure: reqwest::Error) -> Self {
        if failure.is_timeout() {
            return Self::TimedOut;
        }
        let why = with_causes(&failure.without_url());
        Self::Unreachable { why }
    }

    /// What an answer that is no success means.
    pub(super) fn answered(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Self {
        let said = message(body);
        let date = date(headers);
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized { date },
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::UNPROCESSABLE_ENTITY => Self::Unprocessable { said },
            StatusCode::FORBIDDEN if said.contains("IP allow list") => Self::IpNotAllowed {
                seen: address(&said),
            },
            StatusCode::FORBIDDEN if said.contains("has been suspended") => Self::Suspended,
            StatusCode::FORBIDDEN if !is_limit(headers, &said) => Self::Forbidden { said },
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                limited(headers, date.unwrap_or(now))
            }
            _ => Self::Unexpected(status.as_u16()),
        }
    }

    /// Whether GitHub, or the way to it, was at fault, so that the same may be asked again later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut
                | Self::Limited { .. }
                | Self::Unexpected(500..=599)
        )
    }
}

/// Whether a 403 is an excess. A server without limits sends none of these headers.
fn is_limit(headers: &HeaderMap, said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    headers.contains_key(http::header::RETRY_AFTER)
        || number(headers, REMAINING) == Some(0)
        || said.contains("rate limit")
        || said.contains("abuse detection")
}

/// How long to wait: what `retry-after` says, else until the limit is reset, else a minute.
fn limited(headers: &HeaderMap, now: Timestamp) -> Fault {
    let after = number(headers, http::header::RETRY_AFTER.as_str()).map(Duration::from_secs);
    let reset = number(headers, RESET)
        .filter(|_| number(headers, REMAINING) == Some(0))
        .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000))
        .map(|millis| Timestamp::from_millis(millis).since(now));
    let told = after.or(reset);
    let retry_after = told.unwrap_or(UNTOLD).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    Fault::Limited {
        retry_after,
        told: told.is_some(),
    }
}

pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The clock of the one that answered.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_millis(moment.timestamp().as_millisecond()))
}

/// GitHub's `message`, fit for a log line.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let Ok(Said { message }) = serde_json::from_slice(body) else {
        return "(no message)".to_owned();
    };
    let message: String = message.chars().take(LONGEST_MESSAGE).collect();
    let words = message.split(' ').map(|word| {
        let secret = word.contains("eyJ") || TOKENS.iter().any(|kind| word.contains(kind));
        if secret { "(hidden)" } else { word }
    });
    let words: Vec<&str> = words.collect();
    words.join(" ").escape_debug().to_string()
}

/// The one IP address in a sentence.
fn address(said: &str) -> Option<IpAddr> {
    said.split([' ', ',', '`', '\'', '"', ';', '(', ')'])
        .find_map(|word| word.trim_end_matches('.').parse().ok())
}

pub(super) const REMAINING: &str = "x-ratelimit-remaining";
pub(super) const RESET: &str = "x-ratelimit-reset";
/// Where GitHub does not say how long.
const UNTOLD: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Primary limits are reset within the hour; whatever else is said is not believed.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_hours(2);
const LONGEST_MESSAGE: usize = 300;
const TOKENS: [&str; 6] = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];
