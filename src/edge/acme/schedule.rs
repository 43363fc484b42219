//! When a certificate is asked for: pure arithmetic over time and chance.

use crate::edge::certificate::Life;
use crate::types::Timestamp;
use std::time::Duration;
use url::Url;

/// After the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that failures alone make.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// The longest pause that an authority can ask for.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Between two orders that nobody asked for by hand, however short certificates live.
const LEAST_APART: Duration = Duration::from_secs(60);
/// Between two questions for a window, whatever the authority says (RFC 9773 section 4.3.2).
const LEAST_QUESTIONS_APART: Duration = Duration::from_secs(60);
/// A certificate may be revoked on any day.
const MOST_QUESTIONS_APART: Duration = Duration::from_secs(24 * 3600);
/// Between two where the authority does not say, or offers no windows (section 4.3.3).
pub(super) const QUESTIONS_APART: Duration = Duration::from_secs(6 * 3600);

/// What the authority suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The earliest moment.
    pub start: Timestamp,
    /// The latest; always after `start`.
    pub end: Timestamp,
    /// A page that says why.
    pub explanation: Option<Url>,
}

/// When a certificate is renewed: at two thirds of its life, and up to a thirtieth of it later, so
/// that many that were issued together do not all come at once.
pub(super) fn renewal(life: &Life, now: Timestamp, chance: f64) -> Timestamp {
    let whole = life.not_after.since(life.not_before);
    let due = life
        .not_before
        .after(whole * 2 / 3 + (whole / 30).mul_f64(chance));
    due.max(now.after(LEAST_APART))
}

/// When a certificate is renewed that the authority wants renewed within a window: at random in it,
/// but while a tenth of its life is left, so that many tries can fail first. The window may be over
/// already.
///
/// # Errors
/// Why the window cannot be meant for this certificate.
pub(super) fn within(window: &Window, life: &Life, chance: f64) -> Result<Timestamp, String> {
    if window.start >= life.not_after {
        return Err(format!(
            "its window begins at {}, when the certificate is over since {}",
            window.start, life.not_after
        ));
    }
    let latest = latest(life);
    let open = window.end.min(latest).since(window.start);
    Ok(window.start.after(open.mul_f64(chance)).min(latest))
}

/// When it is renewed where that would be at `moment` and may not be before `earliest`: that waits
/// no longer than until a tenth of its life is left either.
pub(super) fn held(
    moment: Timestamp,
    earliest: Timestamp,
    life: &Life,
    now: Timestamp,
) -> Timestamp {
    moment.max(earliest.min(latest(life).max(now.after(LEAST_APART))))
}

/// The last moment that leaves enough of its life for many tries.
fn latest(life: &Life) -> Timestamp {
    let whole = life.not_after.since(life.not_before);
    life.not_before.after(whole * 9 / 10)
}

/// A moment that was counted when it was `counted`: where the clock was set back since then, it
/// comes as much sooner. Else it would be waited for until the clock is there again.
pub(super) fn set_back(moment: Timestamp, counted: Timestamp, now: Timestamp) -> Timestamp {
    moment.before(counted.since(now))
}

/// Whether a certificate is renewed before anybody would have expected it: in the first third of
/// its life.
pub(super) fn is_early(life: &Life, now: Timestamp) -> bool {
    let whole = life.not_after.since(life.not_before);
    now < life.not_before.after(whole / 3)
}

/// How old the order before must be, where the authority had so many renewed early in a row: at
/// first as good as nothing, but one that says it of all that it issues is not asked in a tight
/// circle.
pub(super) fn apart(early: u32) -> Duration {
    LEAST_APART.max(doubled(early.saturating_add(1)))
}

/// When the authority is asked for a window again, which told us to come after `asked`.
pub(super) fn question(asked: Duration, now: Timestamp) -> Timestamp {
    now.after(asked.clamp(LEAST_QUESTIONS_APART, MOST_QUESTIONS_APART))
}

/// The pause after so many failures.
fn doubled(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(LONGEST_PAUSE)
}

/// When it is tried again after so many failures in a row.
pub(super) fn retry(
    failures: u32,
    asked: Option<Duration>,
    now: Timestamp,
    chance: f64,
) -> Timestamp {
    let pause = doubled(failures);
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

    fn life(days: u64) -> Life {
        Life {
            not_before: NOW,
            not_after: NOW.after(hours(days * 24)),
        }
    }

    fn window(start: Timestamp, end: Timestamp) -> Window {
        Window {
            start,
            end,
            explanation: None,
        }
    }

    #[test]
    fn a_window_is_hit_at_random() {
        let (start, end) = (NOW.after(hours(100)), NOW.after(hours(148)));
        let chosen = |chance| within(&window(start, end), &life(90), chance).unwrap();
        assert_eq!(chosen(0.0), start);
        assert_eq!(chosen(0.5), NOW.after(hours(124)));
        assert!(chosen(0.999_999) < end);
        // One that is over says: now.
        let over = window(NOW.before(hours(2)), NOW.before(hours(1)));
        assert!(within(&over, &life(90), 0.999_999).unwrap() < NOW);
        let ages_ago = window(Timestamp::from_millis(0), Timestamp::from_millis(1));
        assert!(within(&ages_ago, &life(90), 0.999_999).unwrap() < NOW);
    }

    #[test]
    fn a_window_never_leaves_less_than_a_tenth_of_its_life() {
        let latest = NOW.after(hours(81 * 24));
        let late = NOW.after(hours(89 * 24));
        for (start, end) in [
            (late, NOW.after(hours(24 * 365 * 100))),
            (late, late.after(hours(1))),
            (latest, late),
        ] {
            for chance in [0.0, 0.5, 0.999_999] {
                let chosen = within(&window(start, end), &life(90), chance).unwrap();
                assert_eq!(chosen, latest);
            }
        }
        // The part of it that is left is hit evenly.
        let open = window(NOW.after(hours(79 * 24)), Timestamp::from_millis(i64::MAX));
        let chosen = within(&open, &life(90), 0.5).unwrap();
        assert_eq!(chosen, NOW.after(hours(80 * 24)));
    }

    #[test]
    fn a_window_after_its_end_is_not_meant_for_it() {
        for start in [hours(90 * 24), hours(24 * 365 * 5)] {
            let start = NOW.after(start);
            let told = within(&window(start, start.after(hours(1))), &life(90), 0.5);
            assert!(told.unwrap_err().contains("is over since"));
        }
    }

    #[test]
    fn an_authority_that_hurries_again_and_again_is_asked_less_and_less() {
        assert!(is_early(&life(90), NOW.after(hours(29 * 24))));
        assert!(!is_early(&life(90), NOW.after(hours(30 * 24))));
        let minutes = |early| apart(early).as_secs() / 60;
        assert_eq!([0, 1, 2, 8].map(minutes), [1, 2, 4, 256]);
        assert_eq!([9, 1000, u32::MAX].map(apart), [LONGEST_PAUSE; 3]);
    }

    #[test]
    fn no_pause_between_renewals_outlasts_the_certificate() {
        let hour = Life {
            not_before: NOW,
            not_after: NOW.after(hours(1)),
        };
        let minutes = |number: u64| NOW.after(Duration::from_secs(number * 60));
        // At once, after the pause, before its end, or after a minute where that was.
        assert_eq!(held(minutes(1), NOW, &hour, minutes(2)), minutes(1));
        assert_eq!(held(minutes(1), minutes(8), &hour, minutes(2)), minutes(8));
        let late = minutes(360);
        assert_eq!(held(minutes(1), late, &hour, minutes(2)), minutes(54));
        assert_eq!(held(minutes(1), late, &hour, minutes(58)), minutes(59));
        assert_eq!(
            held(minutes(50), minutes(8), &hour, minutes(2)),
            minutes(50)
        );
    }

    #[test]
    fn a_moment_comes_sooner_by_what_the_clock_was_set_back() {
        let counted = NOW.after(hours(1000));
        let moment = counted.after(hours(1));
        assert_eq!(set_back(moment, counted, NOW), NOW.after(hours(1)));
        for later in [counted, moment, moment.after(hours(9))] {
            assert_eq!(set_back(moment, counted, later), moment);
        }
    }

    #[test]
    fn questions_are_a_minute_to_a_day_apart() {
        let again = |asked| question(asked, NOW).since(NOW);
        assert_eq!(again(Duration::ZERO), Duration::from_secs(60));
        assert_eq!(again(QUESTIONS_APART), hours(6));
        assert_eq!(again(Duration::MAX), hours(24));
    }
}
