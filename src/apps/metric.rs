//! How Apps are doing, in numbers: which state each is in, and how many installations are in which.
//! Labels are names of the configuration and words of this file; accounts are told apart by the
//! admin API alone.

use super::app::App;
use super::memory::{Condition, Standing};
use crate::types::Name;

/// Told after GitHub was asked.
pub(super) fn measure(app: &App) {
    let known = app.known();
    let state = match known.condition {
        Condition::Unasked => "unasked",
        Condition::Well => "well",
        Condition::KeyRefused => "key_refused",
        Condition::Gone => "gone",
        Condition::Away(_) => "away",
    };
    states(&app.name, Some(state));
    let mut numbers = [0_u32; INSTALLATIONS.len()];
    for standing in known.standings.values() {
        let [installed, suspended, removed] = &mut numbers;
        match standing {
            Standing::Installed(_) => *installed += 1,
            Standing::Suspended(_) => *suspended += 1,
            Standing::Removed(_) => *removed += 1,
            Standing::Absent => {}
        }
    }
    installations(&app.name, numbers);
}

/// Told when an App is not there any more.
pub(super) fn forget(name: &Name) {
    states(name, None);
    installations(name, [0; INSTALLATIONS.len()]);
}

fn states(name: &Name, current: Option<&str>) {
    for state in STATES {
        let is = f64::from(u8::from(current == Some(state)));
        metrics::gauge!("hubgate_app_state", "app" => name.to_string(), "state" => state).set(is);
    }
}

fn installations(name: &Name, numbers: [u32; INSTALLATIONS.len()]) {
    for (state, number) in INSTALLATIONS.into_iter().zip(numbers) {
        metrics::gauge!("hubgate_app_installations", "app" => name.to_string(), "state" => state)
            .set(f64::from(number));
    }
}

const STATES: [&str; 5] = ["unasked", "well", "key_refused", "gone", "away"];
const INSTALLATIONS: [&str; 3] = ["installed", "suspended", "removed"];
