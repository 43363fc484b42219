//! The spool's metrics: their names, help and units, and the few places that move them.

use crate::spool::{Condition, Put};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use std::time::Duration;

const PUTS: &str = "hubgate_spool_puts_total";
const JOBS: &str = "hubgate_spool_batch_jobs";
const COMMIT: &str = "hubgate_spool_commit_seconds";
const CHECKPOINT: &str = "hubgate_spool_checkpoint_seconds";
const USED: &str = "hubgate_spool_used_bytes";
const LIMIT: &str = "hubgate_spool_limit_bytes";
const DELIVERIES: &str = "hubgate_spool_deliveries";
const CONDITION: &str = "hubgate_spool_condition";
const DAMAGED: &str = "hubgate_spool_damaged_total";
const SET_ASIDE: &str = "hubgate_spool_set_aside_total";

/// Describes them to the recorder that is installed.
pub(super) fn describe(limit: u64) {
    describe_counter!(
        PUTS,
        Unit::Count,
        "Deliveries offered to the spool, by what became of them"
    );
    describe_histogram!(
        JOBS,
        Unit::Count,
        "Puts, claims and settlements in one transaction"
    );
    describe_histogram!(
        COMMIT,
        Unit::Seconds,
        "Time a commit took, its sync included"
    );
    describe_histogram!(
        CHECKPOINT,
        Unit::Seconds,
        "Time it took to move the log into the database"
    );
    describe_gauge!(USED, Unit::Bytes, "Bytes on disk in use");
    describe_gauge!(LIMIT, Unit::Bytes, "`[spool].max_size`");
    describe_gauge!(
        DELIVERIES,
        Unit::Count,
        "Deliveries kept, delivered ones included"
    );
    describe_gauge!(
        CONDITION,
        Unit::Count,
        "0: takes deliveries, 1: full, 2: broken"
    );
    describe_counter!(
        DAMAGED,
        Unit::Count,
        "Deliveries whose stored bytes were found damaged"
    );
    describe_counter!(
        SET_ASIDE,
        Unit::Count,
        "Damaged databases that were set aside at a start"
    );
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(LIMIT).set(limit as f64);
    condition(&Condition::Ready);
    counter!(DAMAGED).absolute(0);
    counter!(SET_ASIDE).absolute(0);
}

pub(super) fn put(put: Put) {
    let outcome = match put {
        Put::Stored(_) => "stored",
        Put::Redelivered { .. } => "redelivered",
        Put::Conflicting { .. } => "conflicting",
        Put::Duplicate(_) => "duplicate",
    };
    counter!(PUTS, "outcome" => outcome).increment(1);
}

pub(super) fn refused() {
    counter!(PUTS, "outcome" => "refused").increment(1);
}

pub(super) fn committed(jobs: usize, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
    histogram!(JOBS).record(jobs as f64);
    histogram!(COMMIT).record(took);
}

pub(super) fn checkpointed(took: Duration) {
    histogram!(CHECKPOINT).record(took);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) fn room(used: u64, deliveries: u64) {
    gauge!(USED).set(used as f64);
    gauge!(DELIVERIES).set(deliveries as f64);
}

pub(super) fn condition(condition: &Condition) {
    gauge!(CONDITION).set(match condition {
        Condition::Ready => 0.0,
        Condition::Full(_) => 1.0,
        Condition::Broken(_) => 2.0,
    });
}

pub(super) fn damaged() {
    counter!(DAMAGED).increment(1);
}

pub(super) fn set_aside() {
    counter!(SET_ASIDE).increment(1);
}
