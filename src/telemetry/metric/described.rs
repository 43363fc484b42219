//! Every metric that is not measured by the system: its name, kind and help.

use Kind::{Counter, Gauge, Histogram};

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

pub(super) fn describe() {
    for (kind, name, help) in DESCRIBED {
        match kind {
            Counter => metrics::describe_counter!(name, help),
            Gauge => metrics::describe_gauge!(name, help),
            Histogram => metrics::describe_histogram!(name, help),
        }
    }
}

/// In the order of their names.
const DESCRIBED: [(Kind, &str, &str); 11] = [
    (
        Counter,
        "hubgate_admin_requests_total",
        "Requests to the admin API, by door and status",
    ),
    (
        Histogram,
        "hubgate_admin_request_seconds",
        "How long requests to the admin API took",
    ),
    (
        Counter,
        "hubgate_audit_lost_total",
        "Audit records that found no room or could not be written",
    ),
    (
        Counter,
        "hubgate_audit_records_total",
        "Things that happened, by kind, whether a file wants them or not",
    ),
    (
        Counter,
        "hubgate_audit_write_errors_total",
        "Failed writes of the audit file",
    ),
    (Gauge, "hubgate_build_info", "1; the version is its label"),
    (
        Gauge,
        "hubgate_source_age_seconds",
        "How long ago a fetched source list was last confirmed",
    ),
    (
        Gauge,
        "hubgate_source_networks",
        "How many networks a fetched source list has",
    ),
    (
        Counter,
        "hubgate_source_refreshes_total",
        "Attempts to fetch a source list, by outcome",
    ),
    (
        Gauge,
        "hubgate_source_stale",
        "1 where a fetched source list is older than it should ever be",
    ),
    (
        Counter,
        "hubgate_task_panics_total",
        "Tasks that ended in a panic, by name",
    ),
];
