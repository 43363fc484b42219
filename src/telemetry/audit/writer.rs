//! The queue of lines and the thread that writes them: all that waits in one write.
//!
//! Lines are made by those who record; a full queue and a failing disk are bounded here.

use super::AuditError;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Opens a file to append to, made with mode 0640 where it is not there yet.
pub(super) fn open(path: &Path) -> Result<File, AuditError> {
    let failed = |source| AuditError::Open {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        // Opening a pipe that nobody reads would hang otherwise.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if !(kind.is_file() || kind.is_char_device() || kind.is_fifo()) {
        return Err(AuditError::NotAFile(path.to_owned()));
    }
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND)
        .map_err(|errno| failed(errno.into()))?;
    Ok(file)
}

/// What lies between those who record and the thread that writes.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Told when the writer may have something to do.
    work: Condvar,
    /// Told when lines were written or the condition changed.
    pub(super) progress: Notify,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Bytes ever queued, and ever written or given up.
    queued: u64,
    done: u64,
    /// A file to go on in, since a reload.
    next: Option<Option<File>>,
    failing: Option<Arc<str>>,
    losing: bool,
    parked: bool,
    pace: Pace,
}

/// How the thread is to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pace {
    /// Lines that come within a short time share a write.
    #[default]
    Gathering,
    /// Somebody waits for what is queued.
    Hurried,
    /// Nothing more is taken.
    Closed,
}

impl Queue {
    /// False where there is no room.
    pub(super) fn put(&self, line: &[u8]) -> bool {
        let mut state = self.lock();
        if state.pace == Pace::Closed || state.lines.len() + line.len() > LARGEST_QUEUE {
            return false;
        }
        state.lines.extend_from_slice(line);
        state.queued += line.len() as u64;
        let wake = state.parked;
        state.parked = false;
        drop(state);
        if wake {
            self.work.notify_one();
        }
        true
    }

    pub(super) fn reopen(&self, file: Option<File>) {
        self.lock().next = Some(file);
        self.work.notify_one();
    }

    pub(super) fn condition(&self) -> Result<(), Arc<str>> {
        let state = self.lock();
        if state.pace == Pace::Closed {
            return Err("it is closed".into());
        }
        state.failing.clone().map_or(Ok(()), Err)
    }

    /// Has what waits written at once; says how far that is.
    pub(super) fn hurry(&self) -> u64 {
        let mut state = self.lock();
        if state.pace == Pace::Gathering {
            state.pace = Pace::Hurried;
        }
        let target = state.queued;
        drop(state);
        self.work.notify_one();
        target
    }

    pub(super) fn written(&self, target: u64) -> bool {
        self.lock().done >= target
    }

    /// True the first time since the queue last had room.
    pub(super) fn begin_losing(&self) -> bool {
        !std::mem::replace(&mut self.lock().losing, true)
    }

    pub(super) fn close(&self) {
        self.lock().pace = Pace::Closed;
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own part.
pub(super) struct Writer {
    queue: Arc<Queue>,
    file: Option<File>,
    /// The lines being written, and how much of them is.
    batch: Vec<u8>,
    offset: usize,
}

impl Writer {
    pub(super) const fn new(queue: Arc<Queue>, file: Option<File>) -> Self {
        Self {
            queue,
            file,
            batch: Vec::new(),
            offset: 0,
        }
    }

    pub(super) fn run(mut self) {
        while self.take() {
            match self.write() {
                Ok(()) => self.succeed(),
                Err(failure) => {
                    self.fail(&failure);
                    if !self.pause() {
                        self.abandon();
                        return;
                    }
                }
            }
        }
    }

    /// Waits for lines and takes them all; false when the trail is closed and nothing is left.
    fn take(&mut self) -> bool {
        let mut gathered = false;
        let mut state = self.queue.lock();
        loop {
            if let Some(file) = state.next.take() {
                self.file = file;
                // A line torn by a failed write starts anew in the new file.
                self.offset = whole_lines(&self.batch, self.offset);
            }
            if self.offset < self.batch.len() {
                return true;
            }
            if state.lines.is_empty() {
                if state.pace == Pace::Closed {
                    return false;
                }
                state.pace = Pace::Gathering;
                state.parked = true;
                state = wait(&self.queue.work, state);
                state.parked = false;
            } else if state.pace != Pace::Gathering || gathered {
                break;
            } else {
                // Those that come shortly after share one write, and nobody needs to wake this
                // thread for them.
                gathered = true;
                state = wait_for(&self.queue.work, state, GATHERING);
            }
        }
        self.batch.clear();
        self.batch.shrink_to(SMALL_BATCH);
        self.offset = 0;
        std::mem::swap(&mut self.batch, &mut state.lines);
        true
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(rest) = self
            .batch
            .get(self.offset..)
            .filter(|rest| !rest.is_empty())
        {
            let Some(file) = &mut self.file else {
                self.offset = self.batch.len();
                break;
            };
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.offset += written,
                Err(failure) if failure.kind() == io::ErrorKind::Interrupted => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn succeed(&mut self) {
        let mut state = self.queue.lock();
        state.done += self.batch.len() as u64;
        state.losing = false;
        let recovered = state.failing.take().is_some();
        drop(state);
        self.queue.progress.notify_waiters();
        if recovered {
            tracing::info!("the audit trail is written again");
        }
    }

    fn fail(&self, failure: &io::Error) {
        metrics::counter!("hubgate_audit_write_errors_total").increment(1);
        let told: Arc<str> = failure.to_string().into();
        let before = self.queue.lock().failing.replace(Arc::clone(&told));
        self.queue.progress.notify_waiters();
        if before.as_ref() != Some(&told) {
            tracing::error!("cannot write the audit trail: {told}; it is tried every second");
        }
    }

    /// Waits before the next try; false when the trail is closed meanwhile: what a stop could
    /// not write is lost, and the process ends.
    fn pause(&self) -> bool {
        let state = self.queue.lock();
        let state = if state.pace == Pace::Closed {
            state
        } else {
            wait_for(&self.queue.work, state, RETRY)
        };
        state.pace != Pace::Closed || state.next.is_some()
    }

    /// Counts what a stop finds unwritten.
    fn abandon(&self) {
        let state = self.queue.lock();
        let rest = self.batch.get(self.offset..).unwrap_or_default();
        let lost = memchr::memchr_iter(b'\n', rest).count()
            + memchr::memchr_iter(b'\n', &state.lines).count();
        drop(state);
        metrics::counter!("hubgate_audit_lost_total").increment(lost as u64);
        tracing::error!("the audit trail ends with {lost} records that could not be written");
    }
}

fn wait<'a>(work: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    work.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn wait_for<'a>(
    work: &Condvar,
    state: MutexGuard<'a, State>,
    span: Duration,
) -> MutexGuard<'a, State> {
    work.wait_timeout(state, span)
        .unwrap_or_else(PoisonError::into_inner)
        .0
}

/// Where the line that `offset` is in begins.
fn whole_lines(batch: &[u8], offset: usize) -> usize {
    batch
        .get(..offset)
        .and_then(|written| memchr::memrchr(b'\n', written))
        .map_or(0, |end| end + 1)
}

/// About 10,000 records: some tenths of a second of the busiest gate.
const LARGEST_QUEUE: usize = 4 << 20;
/// What stays allocated when the trail is quiet.
const SMALL_BATCH: usize = 512 << 10;
/// At most this old is a record when it is written; bounds how often the thread wakes.
const GATHERING: Duration = Duration::from_millis(10);
const RETRY: Duration = Duration::from_secs(1);
