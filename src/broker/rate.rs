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
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

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
    meter: Arc<Meter>,
}

/// What one caller has asked, and what was left when it asked last.
#[derive(Debug)]
struct Meter {
    limiter: Limiter,
    begun: Instant,
    left: AtomicU32,
    /// In milliseconds after `begun`.
    at: AtomicU64,
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
        let Some(Bucket { meter, .. }) = self.0.get(caller) else {
            return Err(Duration::from_mins(1));
        };
        let clock = DefaultClock::default();
        let judged = meter.limiter.check();
        let left = judged
            .as_ref()
            .map(|state| state.remaining_burst_capacity());
        let now = u64::try_from(meter.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        meter.left.store(left.unwrap_or(0), Ordering::Relaxed);
        meter.at.store(now, Ordering::Relaxed);
        left.map_err(|until| until.wait_time_from(clock.now()))
    }

    /// How many requests of the caller at this place may come at once, now; counts nothing.
    #[must_use]
    pub fn left(&self, caller: usize) -> u32 {
        self.0.get(caller).map_or(0, Bucket::left)
    }
}

impl Period {
    const fn lasting(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
        }
    }
}

impl Bucket {
    fn full(caller: &Name, rate: Rate) -> Self {
        let limiter = RateLimiter::direct(rate.quota());
        let meter = Meter {
            limiter: limiter.with_middleware::<StateInformationMiddleware>(),
            begun: Instant::now(),
            left: AtomicU32::new(rate.requests.get()),
            at: AtomicU64::new(0),
        };
        Self {
            caller: caller.clone(),
            rate,
            meter: Arc::new(meter),
        }
    }

    /// What was left, and what has come back since.
    fn left(&self) -> u32 {
        let meter = &*self.meter;
        let since = Duration::from_millis(meter.at.load(Ordering::Relaxed));
        let since = meter.begun.elapsed().saturating_sub(since).as_millis();
        let all = self.rate.requests.get();
        let back = since * u128::from(all) / self.rate.per.lasting().as_millis();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        let left = meter.left.load(Ordering::Relaxed);
        left.saturating_add(back).min(all)
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
        assert_eq!((rates.left(0), rates.left(1), rates.left(2)), (2, 1, 0));
        assert_eq!(rates.admit(0), Ok(1));
        assert_eq!((rates.left(0), rates.left(1)), (1, 1));
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
