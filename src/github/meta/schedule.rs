//! When a list is fetched: at its interval with jitter, sooner after a failure but less and less
//! so; and when it is too old.

use super::{Origin, Watcher};
use crate::telemetry::Tasks;
use crate::types::Entropy;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Watcher {
    /// Has the list refreshed until the process stops. One that is still fresh waits its turn;
    /// one that was never fetched by us is fetched at once. The task ends itself when no other
    /// watcher of this list is left, so that a reload only has to drop the old one.
    pub fn watch(&self, tasks: &Tasks) {
        let (watcher, stop) = (std::sync::Arc::downgrade(&self.0), tasks.stopping());
        tasks.supervise("source-refresh", move || {
            let (watcher, stop) = (watcher.clone(), stop.clone());
            async move {
                let mut failures = 0;
                let mut pause = match watcher.upgrade() {
                    Some(inner) => Self(inner).first_pause(),
                    None => return,
                };
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    let Some(inner) = watcher.upgrade() else {
                        return;
                    };
                    let watcher = Self(inner);
                    let outcome = tokio::select! {
                        () = stop.cancelled() => return,
                        outcome = watcher.refresh() => outcome,
                    };
                    failures = if outcome.is_ok() { 0 } else { failures + 1 };
                    let refresh = watcher.0.settings.refresh;
                    pause = next_pause(refresh, failures, watcher.0.entropy.as_ref());
                }
            }
        });
    }

    /// Sets the gauges, and says once when the list becomes too old.
    pub(super) fn measure(&self) {
        let (list, health) = (self.current(), self.health());
        let label = self.name().to_string();
        metrics::gauge!("hubgate_source_networks", "source" => label.clone())
            .set(u32::try_from(list.networks.len()).unwrap_or(u32::MAX));
        if let Some(age) = health.age {
            metrics::gauge!("hubgate_source_age_seconds", "source" => label.clone())
                .set(age.as_secs_f64());
        }
        metrics::gauge!("hubgate_source_stale", "source" => label).set(f64::from(health.stale));
        // Before the first fetch of a fresh gateway has failed, saying so would be noise.
        let young = matches!(list.origin, Origin::Snapshot | Origin::Nowhere);
        let stale = health.stale && (!young || health.last_error.is_some());
        if stale && !self.0.told_stale.swap(true, Ordering::Relaxed) {
            let age = health.age.map_or_else(
                || "was never fetched".to_owned(),
                |age| format!("was last confirmed {} hours ago", age.as_secs() / 3600),
            );
            tracing::warn!(
                source = %self.name(),
                "the source list {age}; GitHub may send from addresses that are not in it"
            );
        } else if !stale {
            self.0.told_stale.store(false, Ordering::Relaxed);
        }
    }

    fn first_pause(&self) -> Duration {
        let list = self.current();
        match (list.origin, self.health().age) {
            (Origin::Fetched | Origin::Kept, Some(age)) => {
                self.0.settings.refresh.saturating_sub(age)
            }
            _ => Duration::ZERO,
        }
    }
}

/// A day, or three refreshes where that is longer.
pub(super) fn oldest(refresh: Duration) -> Duration {
    refresh.saturating_mul(3).max(DAY)
}

/// The interval less up to a tenth, so that many gateways do not ask together; after `failures`
/// in a row a minute that doubles, up to the interval.
fn next_pause(refresh: Duration, failures: u32, entropy: &dyn Entropy) -> Duration {
    let whole = match failures.checked_sub(1) {
        None => refresh,
        Some(doublings) => FIRST_RETRY
            .saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX))
            .min(refresh),
    };
    whole
        .mul_f64(0.1f64.mul_add(-entropy.unit(), 1.0))
        .max(SHORTEST)
}

const DAY: Duration = Duration::from_secs(86_400);
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// Whatever the configuration says: GitHub answers 60 requests an hour.
const SHORTEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(f64);
    impl Entropy for Fixed {
        fn unit(&self) -> f64 {
            self.0
        }
    }

    #[test]
    fn a_failure_is_tried_again_sooner_and_then_less_and_less() {
        let hour = Duration::from_secs(3600);
        let pause = |failures| next_pause(hour, failures, &Fixed(0.0)).as_secs();
        let pauses: Vec<u64> = (0..9).map(pause).collect();
        assert_eq!(pauses, [3600, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause(u32::MAX), 3600);
        assert_eq!(next_pause(hour, 0, &Fixed(0.999)).as_secs(), 3240);
        assert_eq!(next_pause(Duration::ZERO, 0, &Fixed(0.5)), SHORTEST);
    }

    #[test]
    fn a_list_is_too_old_after_three_refreshes_but_never_before_a_day() {
        let hour = Duration::from_secs(3600);
        assert_eq!(oldest(hour), 24 * hour);
        assert_eq!(oldest(12 * hour), 36 * hour);
        assert_eq!(oldest(Duration::MAX), Duration::MAX);
    }
}
