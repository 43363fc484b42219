//! What waits for the writer, first come, first served, bounded in bytes. Nothing here touches
//! the disk.

use crate::spool::{Claim, Intake, Put, PutError, Settlement, SpoolError, State};
use crate::types::{DeliveryId, Name, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Most bytes of deliveries that may wait: about a second's work for a good disk, and ten of the
/// largest deliveries.
const IN_FLIGHT: u64 = 256 << 20;
/// What a delivery counts at least, so that small ones are bounded in number too.
const LEAST: u64 = 4 << 10;
/// Most jobs in one transaction.
const BATCH_JOBS: usize = 1024;
/// Most bytes of deliveries in one transaction, unless a single one is larger.
const BATCH_BYTES: u64 = 8 << 20;

pub(super) type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Job {
    Put(Arc<Intake>, oneshot::Sender<Result<Put, PutError>>),
    Claim(Claim, Reply<Vec<Taken>>),
    Settle(Settlement, Reply<()>),
    /// Takes back what was claimed for one who went away before it had it.
    Release(Name, Vec<DeliveryId>),
    Redeliver(Redelivery, Reply<u64>),
    /// Those of these that every target has and that came before the moment.
    Forget(Vec<DeliveryId>, Timestamp, Reply<u64>),
    /// Gives some of what was freed back to the disk; says whether there is more.
    Shrink(Reply<bool>),
    /// Moves the whole log into the database.
    Flush(Reply<()>),
}

/// What was claimed; the delivery itself is read elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) id: DeliveryId,
    pub(super) attempt: u32,
    pub(super) failing_since: Option<Timestamp>,
}

/// What is to be sent again.
#[derive(Debug)]
pub(super) struct Redelivery {
    pub(super) ids: Vec<DeliveryId>,
    /// To this target only.
    pub(super) target: Option<String>,
    /// Only where it is in this state.
    pub(super) state: Option<State>,
}

impl Job {
    fn bytes(&self) -> u64 {
        match self {
            Self::Put(intake, _) => weight(intake),
            Self::Claim(..)
            | Self::Settle(..)
            | Self::Release(..)
            | Self::Redeliver(..)
            | Self::Forget(..)
            | Self::Shrink(_)
            | Self::Flush(_) => 0,
        }
    }
}

/// What a delivery counts for while it waits.
fn weight(intake: &Intake) -> u64 {
    u64::try_from(intake.body.len())
        .unwrap_or(u64::MAX)
        .max(LEAST)
}

/// What the writer finds when it asks for work.
#[derive(Debug)]
pub(super) enum Work {
    Batch(Vec<Job>),
    /// Nothing came for as long as it was ready to wait.
    Nothing,
    /// All was done, and nothing more will come.
    Closed,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: u64,
    closed: bool,
}

impl Queue {
    /// Queues a delivery, unless too much waits.
    pub(super) fn put(
        &self,
        intake: Intake,
    ) -> Result<oneshot::Receiver<Result<Put, PutError>>, PutError> {
        let (reply, answer) = oneshot::channel();
        let bytes = weight(&intake);
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(PutError::Broken("it is closed".into()));
        }
        if waiting.bytes.saturating_add(bytes) > IN_FLIGHT {
            return Err(PutError::Busy);
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back(Job::Put(Arc::new(intake), reply));
        self.wake(&waiting);
        Ok(answer)
    }

    /// Queues anything else; how many there may be is bounded by who asks.
    pub(super) fn push(&self, job: Job) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.jobs.push_back(job);
            self.wake(&waiting);
        }
    }

    /// Nothing is taken any more; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// All that waits, as far as one transaction should hold it.
    pub(super) fn take(&self, patience: Option<Duration>) -> Work {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return Work::Closed;
            }
            waiting = match patience {
                None => self
                    .arrived
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (waiting, timing) = self
                        .arrived
                        .wait_timeout(waiting, patience)
                        .unwrap_or_else(PoisonError::into_inner);
                    if timing.timed_out() && waiting.jobs.is_empty() && !waiting.closed {
                        return Work::Nothing;
                    }
                    waiting
                }
            };
        }
        let mut batch = Vec::with_capacity(waiting.jobs.len().min(BATCH_JOBS));
        let mut bytes = 0;
        while let Some(job) = waiting.jobs.front() {
            bytes += job.bytes();
            if batch.len() == BATCH_JOBS || (bytes > BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(waiting.jobs.pop_front());
        }
        Work::Batch(batch)
    }

    /// Deliveries of a batch have been answered.
    pub(super) fn done(&self, bytes: u64) {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
    }

    fn wake(&self, waiting: &Waiting) {
        // The writer takes all there is, so only the first one needs to wake it.
        if waiting.jobs.len() == 1 {
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes that a batch has in flight.
pub(super) fn bytes(jobs: &[Job]) -> u64 {
    jobs.iter().map(Job::bytes).sum()
}

#[cfg(test)]
mod tests;
