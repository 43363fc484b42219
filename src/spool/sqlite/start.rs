//! Opening the spool: the directory, the database's soundness, what the last process left behind,
//! the threads; and what can go wrong with each, in words for the one who starts the gateway.

use super::census::{self, Census};
use super::directory::Directory;
use super::failure::is_damage;
use super::ledger::{Effects, Ledger, Targets};
use super::queue::Queue;
use super::readers::{Readers, Unready};
use super::schema::{self, Fault};
use super::settle;
use super::shared::Shared;
use super::writer::Writer;
use super::{Engine, WAITING, measure};
use crate::spool::Settings;
use crate::types::Clock;
use rusqlite::Connection;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Threads that read for couriers: as many as small machines have cores to spare.
const LOADERS: usize = 2;
/// Threads that search for people.
const SEARCHERS: usize = 2;

/// Why the spool cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory cannot be used.
    #[error(
        "spool: cannot use the directory {path}: cannot {tried}: {why}; it must belong to the \
         user that runs hubgate and be writable",
        path = path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What was tried, as a verb and its object.
        tried: &'static str,
        /// What went wrong.
        why: io::Error,
    },
    /// Another process has it.
    #[error(
        "spool: {path} is in use by another hubgate (process {holder}); stop that one, or give \
         this one another `[gateway].state_dir`",
        path = path.display()
    )]
    Held {
        /// The directory.
        path: PathBuf,
        /// The other's process id, as it wrote it down.
        holder: String,
    },
    /// A later hubgate wrote it.
    #[error(
        "spool: {path} was written by a later hubgate (its version is {found}, this one knows up \
         to {known}); run that one again, or let it deliver everything and move the directory away",
        path = path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// SQLite cannot use it.
    #[error(
        "spool: cannot open {path}: {why}; look at the disk and at the file's owner, nothing in \
         it was changed",
        path = path.display()
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        why: rusqlite::Error,
    },
    /// A thread cannot be started.
    #[error(
        "spool: cannot start a thread: {0}; raise the limit of processes (`TasksMax`, `ulimit -u`)"
    )]
    Thread(io::Error),
}

/// What a sound database holds.
struct Sound {
    db: Connection,
    targets: Targets,
    census: Census,
}

pub(super) fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Engine, OpenError> {
    let directory = Directory::open(&settings.directory)?;
    let limit = settings.max_size.bytes();
    measure::describe(limit);
    let sound = match sound(&directory, &*clock) {
        Err(Fault::Sqlite(why)) if is_damage(&why) => {
            set_aside(&directory, &*clock, &why)?;
            sound(&directory, &*clock)
        }
        sound => sound,
    };
    let Sound {
        db,
        targets,
        census,
    } = sound.map_err(|fault| fault.told(&directory.database()))?;
    let last = census.last;
    let shared = Arc::new(Shared::new(directory, limit, clock, census));
    let queue = Arc::new(Queue::default());
    let (alive, ended) = watch::channel(());
    let alive = Arc::new(alive);
    let pool = |name, count| {
        Readers::start(name, count, &shared, &alive).map_err(|unready| match unready {
            Unready::Sqlite(why) => Fault::Sqlite(why).told(&shared.directory.database()),
            Unready::Thread(why) => OpenError::Thread(why),
        })
    };
    let loaders = pool("spool-load", LOADERS)?;
    let searchers = pool("spool-search", SEARCHERS)?;
    let writer = Writer::new(db, shared.clone(), queue.clone(), targets, last);
    std::thread::Builder::new()
        .name("spool-write".to_owned())
        .spawn(move || {
            writer.run();
            drop(alive);
        })
        .map_err(OpenError::Thread)?;
    Ok(Engine {
        shared,
        queue,
        places: Semaphore::new(WAITING),
        loaders,
        searchers,
        ended,
    })
}

fn sound(directory: &Directory, clock: &dyn Clock) -> Result<Sound, Fault> {
    let db = schema::open(&directory.database())?;
    if directory.is_suspect() {
        tracing::warn!("the spool was found damaged when it last ran; looking through all of it");
        let verdict: String = db.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(code, Some(verdict)).into());
        }
        if let Err(why) = directory.clear() {
            tracing::warn!("cannot take the note of damage away: {why}");
        }
    }
    let mut targets = Targets::read(&db)?;
    let mut last = settle::last(&db)?;
    let change = db.unchecked_transaction()?;
    let mut ledger = Ledger {
        db: &db,
        targets: &mut targets,
        last: &mut last,
        now: clock.now(),
        effects: Effects::default(),
    };
    let taken_back = ledger.recover()?;
    change.commit()?;
    if taken_back > 0 {
        tracing::info!(
            deliveries = taken_back,
            "were being sent when the last process ended, and are sent again"
        );
    }
    let census = census::census(&db, &targets)?;
    Ok(Sound {
        db,
        targets,
        census,
    })
}

fn set_aside(
    directory: &Directory,
    clock: &dyn Clock,
    why: &rusqlite::Error,
) -> Result<(), OpenError> {
    let failed = |tried| {
        let path = directory.path().to_owned();
        move |why| OpenError::Directory { path, tried, why }
    };
    let aside = directory
        .set_aside(clock.now())
        .map_err(failed("set the damaged database aside"))?;
    directory
        .clear()
        .map_err(failed("take the note of damage away"))?;
    measure::set_aside();
    tracing::error!(
        "the spool's database is damaged ({why}); it was set aside as {}, and an empty one begun: \
         what was accepted and not delivered is in there only. Recover what can be read with \
         `sqlite3 {} .recover`, and ask GitHub to send again what was lost",
        aside.display(),
        aside.display()
    );
    Ok(())
}
