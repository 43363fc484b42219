//! The server's own clock, which a test turns: every date it writes and judges comes from here.

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// The real time, and what was added to it.
#[derive(Default)]
pub(super) struct Clock {
    turned: AtomicI64,
    wrong: AtomicI64,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        let seconds = self.turned.load(Ordering::SeqCst) + self.wrong.load(Ordering::SeqCst);
        Timestamp::now() + SignedDuration::from_secs(seconds)
    }

    pub(super) fn turn(&self, seconds: i64) {
        self.turned.fetch_add(seconds, Ordering::SeqCst);
    }

    /// How far it is off everybody else's time.
    pub(super) fn go_wrong(&self, seconds: i64) {
        self.wrong.store(seconds, Ordering::SeqCst);
    }
}

/// As headers have it.
pub(super) fn http_date(at: Timestamp) -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&at).unwrap()
}

/// As the API's bodies have it: whole seconds.
pub(super) fn written(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap().to_string()
}
