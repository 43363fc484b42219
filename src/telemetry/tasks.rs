//! Every task that is spawned, tracked by name: the drain waits for them, a panic in one is
//! logged and counted and takes nothing else down.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
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
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.run(async move {
            if let Err(panic) = caught(work).await {
                count(name);
                tracing::error!(task = name, panic, "a task ended in a panic");
            }
        });
    }

    /// Runs what `work` makes until it returns or the process stops; after a panic again, with a
    /// pause that doubles from 1 s to 1 min. A task that ran for a minute starts at 1 s again.
    pub fn supervise<M, F>(&self, name: &'static str, work: M)
    where
        M: Fn() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.run(async move {
            let mut pause = FIRST_PAUSE;
            while !stop.is_cancelled() {
                let began = Instant::now();
                // Making the future may panic as well as running it.
                let made = catch_unwind(AssertUnwindSafe(&work));
                let ended = match made {
                    Ok(made) => caught(made).await,
                    Err(payload) => Err(message(payload.as_ref())),
                };
                let Err(panic) = ended else { return };
                if began.elapsed() >= LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
                count(name);
                tracing::error!(
                    task = name,
                    panic,
                    "a task ended in a panic; it is started again in {} s",
                    pause.as_secs()
                );
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
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

    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn run<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(tokio::spawn(self.tracker.track_future(work)));
    }
}

/// Runs `work` to its end, or to its panic and what that said. It is not polled again after one.
async fn caught<F: Future<Output = ()>>(work: F) -> Result<(), String> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(payload) => Poll::Ready(Err(message(payload.as_ref()))),
        },
    )
    .await
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(without a message)".to_owned())
}

fn count(name: &'static str) {
    metrics::counter!("hubgate_task_panics_total", "task" => name).increment(1);
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
