//! What a target's answer means.

use http::{HeaderMap, StatusCode, header};
use std::time::Duration;

/// Refusals that will not mend are tried for so long, since a tool that restarts answers 404.
pub const BRIEFLY: Duration = Duration::from_hours(1);
/// The least pause after 429.
const AFTER_429: Duration = Duration::from_mins(1);
/// The longest pause a target may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The target has it.
    Delivered,
    /// It did not work; try again as long as the target's `attempts` say.
    Failed {
        /// The pause that was asked for.
        at_least: Duration,
        /// Whether it shows that the target is down, not that it dislikes this delivery.
        down: bool,
    },
    /// It will not mend by itself; try again for [`BRIEFLY`] at most.
    Refused,
}

/// What a status means, with the `Retry-After` that came along.
#[must_use]
pub fn meaning(status: StatusCode, headers: &HeaderMap, now: jiff::Timestamp) -> Meaning {
    let asked = retry_after(headers, now).min(LONGEST_ASKED);
    match status.as_u16() {
        200..=299 => Meaning::Delivered,
        429 => Meaning::Failed {
            at_least: asked.max(AFTER_429),
            down: false,
        },
        502..=504 => Meaning::Failed {
            at_least: asked,
            down: true,
        },
        408 | 409 | 423 | 425 | 500..=599 => Meaning::Failed {
            at_least: asked,
            down: false,
        },
        400..=499 => Meaning::Refused,
        // A redirect is never followed: it would carry the payload where nobody allowed it to go.
        _ => Meaning::Failed {
            at_least: Duration::ZERO,
            down: false,
        },
    }
}

/// `Retry-After` in seconds or as an HTTP date; zero where there is none that can be read.
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Duration {
    let Some(text) = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
    else {
        return Duration::ZERO;
    };
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Duration::from_secs(seconds);
    }
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()
        .and_then(|moment| Duration::try_from(moment.duration_since(now)).ok())
        .unwrap_or(Duration::ZERO)
}
