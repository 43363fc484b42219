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
            Counter => metrics::describe_counter!(*name, *help),
            Gauge => metrics::describe_gauge!(*name, *help),
            Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}

/// In the order of their names.
const DESCRIBED: &[(Kind, &str, &str)] = &[
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
        Gauge,
        "hubgate_app_installations",
        "How many installations of an App are in a state, by App and state",
    ),
    (
        Gauge,
        "hubgate_app_state",
        "1 for the state that an App is in, as GitHub last told, by App and state",
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
    (
        Counter,
        "hubgate_budget_refused_total",
        "Requests as an App that were answered 429 without asking GitHub, by App and reason",
    ),
    (Gauge, "hubgate_build_info", "1; the version is its label"),
    (
        Gauge,
        "hubgate_cache_bytes",
        "Memory for answers of GitHub's API that are held",
    ),
    (
        Counter,
        "hubgate_cache_total",
        "Requests for which an answer was held, by App and whether it was unchanged",
    ),
    (
        Gauge,
        "hubgate_certificate_not_after_seconds",
        "When a certificate that is served ends, in seconds since 1970, by hosts",
    ),
    (
        Counter,
        "hubgate_certificate_orders_total",
        "Certificates asked for at an authority, by hosts and outcome",
    ),
    (
        Counter,
        "hubgate_certificate_windows_total",
        "Questions to an authority when it wants a certificate renewed, by hosts and outcome",
    ),
    (
        Counter,
        "hubgate_conflicting_deliveries_total",
        "Deliveries whose hook had sent their GUID with another body before, by route",
    ),
    (
        Counter,
        "hubgate_deliveries_total",
        "Attempts to deliver that ended, by target and outcome",
    ),
    (
        Histogram,
        "hubgate_delivery_lag_seconds",
        "From acceptance to the target's 2xx, by target",
    ),
    (
        Histogram,
        "hubgate_delivery_seconds",
        "How long attempts to deliver took, by target",
    ),
    (
        Gauge,
        "hubgate_github_remaining",
        "What GitHub last said is left of a limit, by App, owner, installation and resource",
    ),
    (
        Gauge,
        "hubgate_published_open",
        "1 where a published server answers without a login, 0 where it does not, by route",
    ),
    (
        Gauge,
        "hubgate_recovery_age_seconds",
        "How far back what GitHub could not deliver was last looked through, by App",
    ),
    (
        Counter,
        "hubgate_recovery_left_total",
        "Deliveries that failed again after they were sent again, by App",
    ),
    (
        Counter,
        "hubgate_recovery_rounds_total",
        "Looks at what GitHub could not deliver, by App and outcome",
    ),
    (
        Gauge,
        "hubgate_recovery_seen",
        "Failed deliveries that a route wants, as the last look found them, by App",
    ),
    (
        Counter,
        "hubgate_recovery_sent_again_total",
        "Deliveries that GitHub was asked to send again, by App",
    ),
    (
        Gauge,
        "hubgate_reload_succeeded",
        "0 where the last reload was refused and what ran goes on, 1 where it was not",
    ),
    (
        Counter,
        "hubgate_request_bytes_total",
        "Bytes of webhook bodies taken in, by route",
    ),
    (
        Histogram,
        "hubgate_request_seconds",
        "From a webhook's head to its answer, where it came in, by route",
    ),
    (
        Counter,
        "hubgate_requests_total",
        "Requests answered, by route, reason and status",
    ),
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
        Gauge,
        "hubgate_target_up",
        "1 where deliveries are sent to a target, 0 where it is only probed",
    ),
    (
        Counter,
        "hubgate_task_panics_total",
        "Tasks that ended in a panic, by name",
    ),
    (
        Counter,
        "hubgate_tokens_total",
        "Tokens that callers needed, by App and outcome",
    ),
];
