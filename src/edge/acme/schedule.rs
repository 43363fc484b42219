//! When a certificate is asked for: pure arithmetic over time and chance.

use crate::edge::certificate::Life;
use crate::types::Timestamp;
use std::time::Duration;

/// After the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that failures alone make.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// The longest pause that an authority can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Between two orders that nobody asked for by hand, however short certificates live.
const LEAST_APART: Duration = Duration::from_secs(60);

/// When a certificate is renewed: at two thirds of its life, and up to a thirtieth of it later, so
/// that many that were issued together do not all come at once.
pub(super) fn renewal(life: &Life, now: Timestamp, chance: f64) -> Timestamp {
    let whole = life.not_after.since(life.not_before);
    let due = life
        .not_before
        .after(whole * 2 / 3 + (whole / 30).mul_f64(chance));
    due.max(now.after(LEAST_APART))
}

/// When it is tried again after so many failures in a row.
pub(super) fn retry(
    failures: u32,
    asked: Option<Duration>,
    now: Timestamp,
    chance: f64,
) -> Timestamp {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let pause = doubled.min(LONGEST_PAUSE);
    let least = asked.unwrap_or_default().min(LONGEST_ASKED);
    // Up to a quarter more, never less than was asked for.
    now.after(pause.max(least) + (pause / 4).mul_f64(chance))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    const fn hours(number: u64) -> Duration {
        Duration::from_secs(number * 3600)
    }

    #[test]
    fn it_is_renewed_at_two_thirds_of_its_life_and_a_little_later() {
        let life = Life {
            not_before: NOW,
            not_after: NOW.after(hours(90 * 24)),
        };
        assert_eq!(renewal(&life, NOW, 0.0), NOW.after(hours(60 * 24)));
        let latest = renewal(&life, NOW, 0.999_999);
        assert!(latest > NOW.after(hours(62 * 24)) && latest < NOW.after(hours(63 * 24)));
        // One that should have been renewed long ago: soon, and not in a tight circle.
        let late = NOW.after(hours(89 * 24));
        assert_eq!(renewal(&life, late, 0.5), late.after(LEAST_APART));
    }

    #[test]
    fn pauses_double_from_a_minute_to_six_hours() {
        let pause = |failures| retry(failures, None, NOW, 0.0).since(NOW).as_secs();
        assert_eq!([1, 2, 3, 4].map(pause), [60, 120, 240, 480]);
        assert_eq!(
            [9, 10, 1000, u32::MAX].map(pause),
            [15_360, 21_600, 21_600, 21_600]
        );
        let most = retry(1, None, NOW, 0.999_999).since(NOW);
        assert!(
            most > Duration::from_secs(74) && most < Duration::from_secs(75),
            "{most:?}"
        );
    }

    #[test]
    fn what_the_authority_asks_for_is_the_least() {
        let asked = |asked| retry(1, Some(asked), NOW, 0.0).since(NOW);
        assert_eq!(asked(Duration::from_secs(5)), Duration::from_secs(60));
        assert_eq!(asked(hours(8)), hours(8));
        assert_eq!(asked(hours(24 * 365)), LONGEST_ASKED);
    }
}
