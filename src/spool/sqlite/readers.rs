//! The threads that read, each with a connection of its own, so that nothing that reads blocks
//! a request's thread or the writer. What they read is in `read.rs`.

use super::failure::is_unreadable;
use super::schema;
use super::shared::Shared;
use crate::spool::{Outlook, SpoolError};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, oneshot, watch};

/// How many questions may wait for one pool; who comes later waits in his own task.
const WAITING: usize = 256;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// A pool of them.
#[derive(Debug)]
pub(super) struct Readers {
    desk: Arc<Desk>,
    places: Semaphore,
}

#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    questions: VecDeque<Question>,
    closed: bool,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Why a pool could not be started.
#[derive(Debug)]
pub(super) enum Unready {
    Sqlite(rusqlite::Error),
    Thread(std::io::Error),
}

impl Readers {
    /// Starts `count` threads; each holds a clone of `alive` while it lives.
    pub(super) fn start(
        name: &'static str,
        count: usize,
        shared: &Arc<Shared>,
        alive: &Arc<watch::Sender<()>>,
    ) -> Result<Self, Unready> {
        let desk = Arc::new(Desk::default());
        for _ in 0..count {
            let db = schema::open_reader(&shared.directory.database()).map_err(Unready::Sqlite)?;
            let (desk, shared, alive) = (desk.clone(), shared.clone(), alive.clone());
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    read(&db, &desk, &shared);
                    drop((db, shared));
                    drop(alive);
                })
                .map_err(Unready::Thread)?;
        }
        Ok(Self {
            desk,
            places: Semaphore::new(WAITING),
        })
    }

    /// Answers a question on one of the threads.
    pub(super) async fn ask<T, F>(&self, tried: &'static str, question: F) -> Result<T, SpoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let failed = |why: &str, outlook| SpoolError {
            tried,
            why: why.into(),
            outlook,
        };
        let place = self.places.acquire().await;
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = self.desk.lock();
            if waiting.closed || place.is_err() {
                return Err(failed("it is closed", Outlook::Lasting));
            }
            waiting
                .questions
                .push_back(Box::new(move |db| drop(reply.send(question(db)))));
        }
        self.desk.arrived.notify_one();
        let Ok(answer) = answer.await else {
            let why = "the one who read it met a fault in the program; see the log";
            return Err(failed(why, Outlook::Passing));
        };
        drop(place);
        answer.map_err(|error| {
            let outlook = if is_unreadable(&error) {
                Outlook::Lasting
            } else {
                Outlook::Passing
            };
            failed(&error.to_string(), outlook)
        })
    }

    /// Lets the threads go when they have answered what waits.
    pub(super) fn close(&self) {
        self.desk.lock().closed = true;
        self.desk.arrived.notify_all();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Question> {
        let mut waiting = self.lock();
        loop {
            if let Some(question) = waiting.questions.pop_front() {
                return Some(question);
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn read(db: &Connection, desk: &Desk, shared: &Shared) {
    while let Some(question) = desk.next() {
        let open = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        // One who asked for the impossible must not take the thread from the others.
        if catch_unwind(AssertUnwindSafe(|| question(db))).is_err() {
            tracing::error!("a reader of the spool met a fault in the program");
        }
        drop(open);
    }
}
