//! How often a caller may ask.

use crate::types::{Name, ParseError};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// So many requests in such a time; all of them may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In how long.
    pub per: Period,
}

/// What a rate is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
}

const EXPECTED: &str = "a rate such as `60/m`: requests per `s`, `m` or `h`";

impl Rate {
    /// Where the configuration says nothing: ten a second, as a busy build asks.
    pub const DEFAULT: Self = Self {
        requests: NonZeroU32::new(600).unwrap(),
        per: Period::Minute,
    };

    fn quota(self) -> Quota {
        match self.per {
            Period::Second => Quota::per_second(self.requests),
            Period::Minute => Quota::per_minute(self.requests),
            Period::Hour => Quota::per_hour(self.requests),
        }
    }
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(text, EXPECTED);
        let (number, period) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self {
            requests: number.trim().parse().ok().ok_or_else(wrong)?,
            per: match period.trim() {
                "s" => Period::Second,
                "m" => Period::Minute,
                "h" => Period::Hour,
                _ => return Err(wrong()),
            },
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.per {
            Period::Second => "s",
            Period::Minute => "m",
            Period::Hour => "h",
        };
        write!(f, "{}/{period}", self.requests)
    }
}

/// How much each caller has asked.
#[derive(Debug, Default)]
pub struct Rates(Vec<Bucket>);

/// What one caller may still ask.
#[derive(Debug, Clone)]
struct Bucket {
    caller: Name,
    rate: Rate,
    limiter: Arc<Limiter>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

impl Rates {
    /// These callers with their rates. Who was there before at the same rate has asked what it has
    /// asked; the others have asked nothing yet.
    #[must_use]
    pub fn of<'a>(callers: impl IntoIterator<Item = (&'a Name, Rate)>, before: &Self) -> Self {
        let old: HashMap<&Name, &Bucket> = before.0.iter().map(|old| (&old.caller, old)).collect();
        let one = |(caller, rate): (&Name, Rate)| {
            let same = old.get(caller).filter(|old| old.rate == rate);
            same.map_or_else(|| Bucket::full(caller, rate), |old| Bucket::clone(old))
        };
        Self(callers.into_iter().map(one).collect())
    }

    /// Counts a request of the caller at this place of the list; says how many more may come at
    /// once.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn admit(&self, caller: usize) -> Result<u32, Duration> {
        let Some(bucket) = self.0.get(caller) else {
            return Err(Duration::from_mins(1));
        };
        let clock = DefaultClock::default();
        bucket
            .limiter
            .check()
            .map(|state| state.remaining_burst_capacity())
            .map_err(|until| until.wait_time_from(clock.now()))
    }
}

impl Bucket {
    fn full(caller: &Name, rate: Rate) -> Self {
        let limiter = RateLimiter::direct(rate.quota());
        Self {
            caller: caller.clone(),
            rate,
            limiter: Arc::new(limiter.with_middleware::<StateInformationMiddleware>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for text in ["60/m", "1/s", "1000/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "60",
            "0/m",
            "-1/m",
            "60/d",
            "60 per minute",
            "99999999999/m",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let names = ["a", "b"].map(|name| name.parse::<Name>().unwrap());
        let rates = ["2/h", "1/h"].map(|rate| rate.parse().unwrap());
        let rates = Rates::of(names.iter().zip(rates), &Rates::default());
        assert_eq!(rates.admit(0), Ok(1));
        assert_eq!(rates.admit(0), Ok(0));
        let wait = rates.admit(0).unwrap_err();
        assert!(
            wait > Duration::from_mins(25) && wait <= Duration::from_mins(30),
            "{wait:?}"
        );
        assert_eq!(rates.admit(1), Ok(0));
        assert!(rates.admit(2).is_err());
    }

    #[test]
    fn what_was_asked_stays_asked_where_the_rate_is_the_same() {
        let [a, b, c] = ["a", "b", "c"].map(|name| name.parse::<Name>().unwrap());
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        let callers = [(&a, rate("1/h")), (&b, rate("1/h")), (&c, rate("1/h"))];
        let before = Rates::of(callers, &Rates::default());
        for caller in 0..3 {
            assert_eq!(before.admit(caller), Ok(0));
        }
        // In another order; one has another rate, one is gone, one is new.
        let d: Name = "d".parse().unwrap();
        let callers = [(&d, rate("1/h")), (&b, rate("2/h")), (&a, rate("1/h"))];
        let after = Rates::of(callers, &before);
        assert_eq!(after.admit(0), Ok(0));
        assert_eq!(after.admit(1), Ok(1));
        assert!(after.admit(2).is_err());
        // Who was gone for one configuration begins anew.
        let callers = [(&c, rate("1/h"))];
        assert_eq!(Rates::of(callers, &after).admit(0), Ok(0));
    }
}
