//! What was measured, as one line of JSON.

use std::time::Duration;

/// `before`: requests that were sent and not measured.
pub fn print(took: Duration, before: usize, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let micros = |part: f64| {
        let at = (latencies.len() as f64 * part).ceil() as usize;
        latencies
            .get(at.saturating_sub(1))
            .map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    };
    println!(
        r#"{{"count":{},"before":{before},"seconds":{:.6},"p50":{:.1},"p99":{:.1},"p999":{:.1},"max":{:.1}}}"#,
        latencies.len(),
        took.as_secs_f64(),
        micros(0.5),
        micros(0.99),
        micros(0.999),
        micros(1.0),
    );
}
