//! The audit trail: who came in, why, and what left. One JSON object a line.
//!
//! The records are data; names of decisions are the same here, in metrics and in answers.

mod line;
mod record;
mod writer;

pub use record::{Connection, Control, Decision, Delivery, Record, Request, Token};

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use writer::{Queue, Writer};

/// `[audit]`: where the trail goes. Absent: nowhere (counted still).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Appended to; reopened on a reload, so that it can be rotated.
    pub file: Option<PathBuf>,
}

/// Why there can be no trail.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened for appending.
    #[error(
        "cannot open audit file `{path}` for appending: {source}; its directory must exist and be writable by the gateway's user"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is no file.
    #[error("audit file `{0}` is a directory or a socket; name a file, a pipe or a device")]
    NotAFile(PathBuf),
    /// The system gives no thread.
    #[error("cannot start the audit trail's thread: {0}")]
    Thread(io::Error),
}

/// The trail. Cheap to clone; records are written in order by a thread of its own. The default
/// one counts what it is told and writes it nowhere.
#[derive(Debug, Clone, Default)]
pub struct Audit(Option<Arc<Trail>>);

struct Trail {
    wanted: AtomicBool,
    queue: Arc<Queue>,
    counts: Counts,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trail")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Audit {
    /// Opens the file and starts the thread that writes it. The metrics' recorder should be
    /// installed before, since the trail keeps its counters.
    ///
    /// # Errors
    /// Where the file cannot be opened, or there is no thread to be had.
    pub fn start(settings: &Settings) -> Result<Self, AuditError> {
        let Opened(file) = Opened::of(settings)?;
        let wanted = AtomicBool::new(file.is_some());
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(Arc::clone(&queue), file);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(AuditError::Thread)?;
        Ok(Self(Some(Arc::new(Trail {
            wanted,
            queue,
            counts: Counts::new(),
        }))))
    }

    /// Writes a record. Waits while the writer is behind, so that none is left out; one that
    /// still finds no room after 2 s, or none while the file cannot be written, is counted as
    /// lost.
    pub async fn record(&self, record: Record) {
        let Some(trail) = &self.0 else { return };
        if trail.offer(&record) {
            return;
        }
        let until = Instant::now() + LONGEST_WAIT;
        while trail.queue.condition().is_ok() {
            let room = trail.queue.progress.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if trail.put(&record) {
                return;
            }
            trail.queue.hurry();
            if tokio::time::timeout_at(until, room).await.is_err() {
                break;
            }
        }
        trail.lose();
    }

    /// Writes a record from where nothing can wait; one that finds the queue full is counted as
    /// lost (`hubgate_audit_lost_total`) and logged.
    pub fn record_now(&self, record: Record) {
        if let Some(trail) = &self.0
            && !trail.offer(&record)
        {
            trail.lose();
        }
        drop(record);
    }

    /// Opens the file that the settings name, the same one again or another, and goes on in it.
    ///
    /// # Errors
    /// Where it cannot be opened: the trail goes on where it was.
    pub fn reopen(&self, settings: &Settings) -> Result<(), AuditError> {
        self.go_on_in(Opened::of(settings)?);
        Ok(())
    }

    /// Goes on in a file that was opened before.
    pub fn go_on_in(&self, Opened(file): Opened) {
        let Some(trail) = &self.0 else { return };
        trail.wanted.store(file.is_some(), Ordering::Release);
        trail.queue.reopen(file);
    }

    /// Whether records reach the file; what went wrong, where they do not.
    ///
    /// # Errors
    /// What the system said of the last write, while writing fails.
    pub fn condition(&self) -> Result<(), Arc<str>> {
        self.0
            .as_ref()
            .map_or(Ok(()), |trail| trail.queue.condition())
    }

    /// Waits until all that was recorded is written; for 5 s at most.
    pub async fn flush(&self) {
        let Some(trail) = &self.0 else { return };
        let target = trail.queue.hurry();
        let written = async {
            loop {
                let progress = trail.queue.progress.notified();
                tokio::pin!(progress);
                progress.as_mut().enable();
                if trail.queue.written(target) {
                    return;
                }
                progress.await;
            }
        };
        if tokio::time::timeout(LONGEST_FLUSH, written).await.is_err() {
            tracing::error!("the audit trail's last records could not be written in time");
        }
    }

    /// Writes what waits and ends the thread. Records that come later are counted as lost.
    pub async fn close(&self) {
        self.flush().await;
        if let Some(trail) = &self.0 {
            trail.queue.close();
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Trail {
    /// Counts the record and queues it where a file wants it; false where there is no room.
    fn offer(&self, record: &Record) -> bool {
        self.counts.of(record).increment(1);
        !self.wanted.load(Ordering::Acquire) || self.put(record)
    }

    fn put(&self, record: &Record) -> bool {
        line::with(record, |line| self.queue.put(line))
    }

    fn lose(&self) {
        self.counts.lost.increment(1);
        if self.queue.begin_losing() {
            tracing::error!(
                "audit records are lost: the queue is full; hubgate_audit_lost_total counts them"
            );
        }
    }
}

/// Counters held, so that a record costs no look-up.
struct Counts {
    requests: metrics::Counter,
    deliveries: metrics::Counter,
    connections: metrics::Counter,
    tokens: metrics::Counter,
    controls: metrics::Counter,
    lost: metrics::Counter,
}

impl Counts {
    fn new() -> Self {
        let kind =
            |kind: &'static str| metrics::counter!("hubgate_audit_records_total", "kind" => kind);
        Self {
            requests: kind("request"),
            deliveries: kind("delivery"),
            connections: kind("connection"),
            tokens: kind("token"),
            controls: kind("control"),
            lost: metrics::counter!("hubgate_audit_lost_total"),
        }
    }

    const fn of(&self, record: &Record) -> &metrics::Counter {
        match record {
            Record::Request(_) => &self.requests,
            Record::Delivery(_) => &self.deliveries,
            Record::Connection(_) => &self.connections,
            Record::Token(_) => &self.tokens,
            Record::Control(_) => &self.controls,
        }
    }
}

/// The file that settings name, open for appending; none where they name none.
#[derive(Debug)]
pub struct Opened(Option<std::fs::File>);

impl Opened {
    /// Opens it. No trail goes on in it yet.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn of(settings: &Settings) -> Result<Self, AuditError> {
        let file = settings.file.as_deref().map(writer::open);
        file.transpose().map(Self)
    }
}

/// A request waits this long for a slow disk before its record is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A stop waits this long for the last records.
const LONGEST_FLUSH: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
