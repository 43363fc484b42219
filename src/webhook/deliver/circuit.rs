//! Stops hammering a target that is down: after some failures in a row only one probe at a time
//! goes out, with a growing pause, until one comes through.

use crate::types::{Entropy, Timestamp};
use std::time::Duration;

/// Failures in a row that open the circuit.
pub const OPENS_AFTER: u32 = 5;
/// The first pause before a probe.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
pub const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A target's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Deliveries go out; so many in a row have failed.
    Closed(u32),
    /// Nothing goes out before `until`; then a probe does.
    Open {
        /// When the next probe is due.
        until: Timestamp,
        /// The pause that led there.
        pause: Duration,
    },
    /// A probe is out.
    Probing(Duration),
}

/// What may go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As many as there are slots.
    Free,
    /// One.
    Probe,
    /// None before this moment.
    Wait(Timestamp),
    /// None before the probe that is out comes back.
    Busy,
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Circuit {
    /// What may go out at `now`.
    #[must_use]
    pub fn admits(self, now: Timestamp) -> Admission {
        match self {
            Self::Closed(_) => Admission::Free,
            Self::Open { until, .. } if now < until => Admission::Wait(until),
            Self::Open { .. } => Admission::Probe,
            Self::Probing(_) => Admission::Busy,
        }
    }

    /// A probe goes out.
    #[must_use]
    pub const fn probing(self) -> Self {
        match self {
            Self::Open { pause, .. } => Self::Probing(pause),
            Self::Closed(_) | Self::Probing(_) => self,
        }
    }

    /// A target answered in a way that shows it is up.
    #[must_use]
    pub const fn up(self) -> Self {
        Self::Closed(0)
    }

    /// A target failed in a way that shows it is down.
    #[must_use]
    pub fn down(self, now: Timestamp, was_probe: bool, entropy: &dyn Entropy) -> Self {
        let open = |pause: Duration| Self::Open {
            // Half of the pause is certain, half is chance, so that gateways do not probe in step.
            until: now.after(pause.mul_f64(0.5 + entropy.unit().clamp(0.0, 1.0) / 2.0)),
            pause,
        };
        match self {
            Self::Closed(failures) if failures + 1 < OPENS_AFTER => Self::Closed(failures + 1),
            Self::Closed(_) => open(FIRST_PAUSE),
            Self::Probing(pause) if was_probe => open((pause * 2).min(LONGEST_PAUSE)),
            // One that was under way when the circuit opened says nothing new.
            Self::Open { .. } | Self::Probing(_) => self,
        }
    }

    /// Whether deliveries go out.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed(_))
    }
}
