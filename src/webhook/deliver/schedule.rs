//! When a delivery is tried again: exponential back-off with full jitter, then never.

use super::Attempts;
use crate::types::{Entropy, Timestamp};
use std::time::Duration;

/// When to try again after the `failures`th failure in a row (from 1), the first of which was at
/// `since`; `None` when it is to be parked. `at_least` is what the target asked for.
#[must_use]
pub fn next(
    attempts: Attempts,
    lasting: Duration,
    failures: u32,
    since: Timestamp,
    now: Timestamp,
    at_least: Duration,
    entropy: &dyn Entropy,
) -> Option<Timestamp> {
    let end = since.after(lasting);
    if now >= end {
        return None;
    }
    let doublings = failures.saturating_sub(1).min(31);
    let cap = attempts
        .first
        .saturating_mul(1 << doublings)
        .min(attempts.most);
    let pause = cap.mul_f64(entropy.unit().clamp(0.0, 1.0)).max(at_least);
    // The last attempt is made when the time is up, not given up before.
    Some(now.after(pause.max(SHORTEST)).min(end))
}

/// No pause is shorter, so that a failing target costs no busy loop.
const SHORTEST: Duration = Duration::from_millis(5);
