//! What GitHub's answers say of how much may be asked: the limits in their heads, and the refusals
//! of those that ask too much. A GitHub Enterprise Server has no limits by default, and says
//! nothing of them.

use super::fault::{Fault, LONGEST_PAUSE, REMAINING, RESET, date, number};
use crate::types::Timestamp;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

const LIMIT: &str = "x-ratelimit-limit";
const USED: &str = "x-ratelimit-used";
const RESOURCE: &str = "x-ratelimit-resource";

/// What is left of a window of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance<'a> {
    /// Requests in a window; points for GraphQL.
    pub limit: u64,
    /// How many of them are left.
    pub remaining: u64,
    /// When the window ends, in seconds since the epoch by GitHub's clock: which window it is.
    pub reset: u64,
    /// From now to the end of the window, at most two hours.
    pub lasts: Duration,
    /// What it is that may be asked.
    pub resource: Option<&'a str>,
}

impl<'a> Allowance<'a> {
    /// What an answer says; none where it says nothing, or nothing that makes sense.
    #[must_use]
    pub fn of(headers: &'a HeaderMap, now: Timestamp) -> Option<Self> {
        let limit = number(headers, LIMIT).filter(|limit| *limit > 0)?;
        let used = || Some(limit.saturating_sub(number(headers, USED)?));
        let remaining = number(headers, REMAINING).or_else(used)?.min(limit);
        let reset = number(headers, RESET)?;
        Some(Self {
            limit,
            remaining,
            reset,
            lasts: until(reset, date(headers).unwrap_or(now)),
            resource: headers.get(RESOURCE).and_then(|name| name.to_str().ok()),
        })
    }
}

/// What GitHub means by a 403 or a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// Too much was asked.
    Excess(Excess),
    /// The organization lets in certain addresses only; this is the one that GitHub saw, where it
    /// says so.
    Address(Option<IpAddr>),
    /// Anything else, which has nothing to do with how much is asked.
    Other,
}

/// That too much was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// How long to wait, where GitHub says so.
    pub wait: Option<Duration>,
    /// Whether a window is used up, so that only its resource is meant.
    pub primary: bool,
}

/// What an answer means, by its head and, where that is there, its body.
#[must_use]
pub fn forbidden(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
    now: Timestamp,
) -> Forbidden {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return Forbidden::Other;
    }
    match Fault::answered(status, headers, body.unwrap_or_default(), now) {
        Fault::Limited { retry_after, told } => Forbidden::Excess(Excess {
            wait: told.then_some(retry_after),
            primary: number(headers, REMAINING) == Some(0),
        }),
        Fault::IpNotAllowed { seen } => Forbidden::Address(seen),
        Fault::Unreachable { .. }
        | Fault::TimedOut
        | Fault::Unauthorized { .. }
        | Fault::Suspended
        | Fault::Forbidden { .. }
        | Fault::NotFound
        | Fault::Unprocessable { .. }
        | Fault::Unexpected(_)
        | Fault::Unreadable(_)
        | Fault::Indefinite => Forbidden::Other,
    }
}

/// Whether the head alone says that too much was asked: it names a pause, or nothing is left.
#[must_use]
pub fn is_plain_excess(status: StatusCode, headers: &HeaderMap) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            headers.contains_key(RETRY_AFTER) || number(headers, REMAINING) == Some(0)
        }
        _ => false,
    }
}

fn until(reset: u64, now: Timestamp) -> Duration {
    let millis = i64::try_from(reset)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    let lasts = Timestamp::from_millis(millis).since(now);
    lasts.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderName, HeaderValue};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn head(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            let value: HeaderValue = value.parse().unwrap();
            (HeaderName::from_static(name), value)
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn what_is_left_is_read_by_the_clock_of_the_one_that_answers() {
        let lines = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4999"),
            ("x-ratelimit-reset", "1800000600"),
            ("x-ratelimit-resource", "core"),
        ];
        let plain = head(&lines);
        let told = Allowance::of(&plain, NOW).unwrap();
        assert_eq!((told.limit, told.remaining), (5000, 4999));
        assert_eq!(told.lasts, Duration::from_mins(10));
        assert_eq!(told.resource, Some("core"));
        let mut dated = plain.clone();
        // 1800000300
        let date = "Fri, 15 Jan 2027 08:05:00 GMT";
        dated.insert("date", date.parse().unwrap());
        assert_eq!(
            Allowance::of(&dated, NOW).unwrap().lasts,
            Duration::from_mins(5)
        );
        let mut used = plain.clone();
        used.remove("x-ratelimit-remaining");
        assert_eq!(Allowance::of(&used, NOW), None);
        used.insert("x-ratelimit-used", "10".parse().unwrap());
        assert_eq!(Allowance::of(&used, NOW).unwrap().remaining, 4990);
    }

    #[test]
    fn a_server_without_limits_says_nothing_and_nonsense_is_nothing() {
        assert_eq!(Allowance::of(&HeaderMap::new(), NOW), None);
        for (limit, remaining, reset) in [("0", "0", "1"), ("x", "1", "1"), ("5", "-1", "1")] {
            let said = head(&[
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ]);
            assert_eq!(Allowance::of(&said, NOW), None, "{limit} {remaining}");
        }
        let far = head(&[
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", "18446744073709551615"),
        ]);
        let far = Allowance::of(&far, NOW).unwrap();
        assert_eq!((far.remaining, far.lasts), (5, LONGEST_PAUSE));
    }

    #[test]
    fn an_excess_is_told_from_what_is_forbidden() {
        let said = |status, lines: &[(&'static str, &str)], body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            forbidden(status, &head(lines), Some(body.as_bytes()), NOW)
        };
        let excess = |wait, primary| Forbidden::Excess(Excess { wait, primary });
        let minute = Some(Duration::from_mins(1));
        let left = ("x-ratelimit-remaining", "5");
        let none = ("x-ratelimit-remaining", "0");
        let reset = ("x-ratelimit-reset", "1800000060");
        assert_eq!(said(429, &[], ""), excess(None, false));
        assert_eq!(
            said(403, &[("retry-after", "60")], ""),
            excess(minute, false)
        );
        assert_eq!(said(403, &[none, reset], ""), excess(minute, true));
        assert_eq!(said(429, &[left, reset], ""), excess(None, false));
        let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(said(403, &[left], secondary), excess(None, false));
        let abuse = r#"{"message":"You have triggered an abuse detection mechanism."}"#;
        assert_eq!(said(403, &[], abuse), excess(None, false));
        let scope = r#"{"message":"Resource not accessible by integration"}"#;
        assert_eq!(said(403, &[left], scope), Forbidden::Other);
        let list = r#"{"message":"the `acme` organization has an IP allow list enabled, and your IP address is not permitted"}"#;
        assert_eq!(said(403, &[], list), Forbidden::Address(None));
        assert_eq!(said(404, &[none], ""), Forbidden::Other);
    }
}
