//! The one registry, and every metric's name, help and unit.

mod described;
mod process;

use super::Tasks;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// Buckets that cannot be.
    #[error("cannot set up the metrics: {0}")]
    Build(#[from] BuildError),
    /// Another recorder is in its place.
    #[error("cannot install the metrics: another recorder is installed in this process")]
    Taken,
}

/// The registry of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The registry, installed for the whole process where it is not yet. To be called before
    /// anything keeps a counter.
    ///
    /// # Errors
    /// Where something else installed a recorder of its own.
    pub fn install() -> Result<Self, MetricError> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = &*installed {
            return Ok(metrics.clone());
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
            .build_recorder();
        let metrics = Self(recorder.handle());
        if metrics::set_global_recorder(recorder).is_err() {
            return Err(MetricError::Taken);
        }
        described::describe();
        metrics::gauge!("hubgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        *installed = Some(metrics.clone());
        Ok(metrics)
    }

    /// Everything in Prometheus' text format, with what the system says of this process.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.0.render();
        process::render(&mut text);
        text
    }

    /// Has the samples of histograms folded into their buckets again and again, whether anyone
    /// reads them or not: memory stays bounded.
    pub fn keep(&self, tasks: &Tasks) {
        let (handle, stop) = (self.0.clone(), tasks.stopping());
        tasks.supervise("metrics", move || {
            let (handle, stop) = (handle.clone(), stop.clone());
            async move {
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(UPKEEP) => handle.run_upkeep(),
                    }
                }
            }
        });
    }
}

static INSTALLED: Mutex<Option<Metrics>> = Mutex::new(None);

const UPKEEP: Duration = Duration::from_secs(5);

/// From half a millisecond (an answer from memory) to a minute (a target's time-out and more).
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// From a ping to the largest payload.
const BYTES: [f64; 9] = [
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    26_214_400.0,
];

#[cfg(test)]
mod tests;
