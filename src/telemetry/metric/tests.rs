//! Tests of the registry.

use super::*;

#[test]
fn the_registry_tells_of_the_build_the_process_and_what_was_counted() {
    let metrics = Metrics::install().unwrap();
    metrics::counter!("hubgate_task_panics_total", "task" => "test").increment(2);
    metrics::histogram!("hubgate_admin_request_seconds").record(0.003);
    let text = metrics.render();
    for line in [
        concat!(
            "hubgate_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
        "hubgate_task_panics_total{task=\"test\"} 2",
        "# HELP hubgate_task_panics_total Tasks that ended in a panic, by name",
        "hubgate_admin_request_seconds_bucket{le=\"0.005\"}",
        "# TYPE process_cpu_seconds_total counter",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_threads ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let started = text
        .lines()
        .find_map(|line| line.strip_prefix("process_start_time_seconds "))
        .unwrap();
    assert!(started.parse::<f64>().unwrap() > 1_600_000_000.0);
}

#[test]
fn a_second_install_is_the_same_registry() {
    Metrics::install().unwrap();
    metrics::gauge!("hubgate_source_networks", "source" => "twice").set(7.0);
    let text = Metrics::install().unwrap().render();
    assert!(text.contains("hubgate_source_networks{source=\"twice\"} 7"));
}
