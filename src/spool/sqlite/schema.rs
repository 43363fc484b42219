//! The database's shape: how a connection is set up, the tables, and the steps from one version
//! to the next. What is written into them is elsewhere.

use super::OpenError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The version this program writes.
pub(super) const VERSION: i64 = 1;

/// Bytes of a page. With 8 KiB, one page beside the row holds what most webhooks weigh; measured
/// at 4, 8, 16 and 32 KiB (`bench/spool.md`).
pub(super) const PAGE: u64 = 8192;

/// The states of a task in the database. `HELD` waits behind an earlier one of its repository.
pub(super) mod state {
    pub(in super::super) const PENDING: i64 = 0;
    pub(in super::super) const SENDING: i64 = 1;
    pub(in super::super) const DELIVERED: i64 = 2;
    pub(in super::super) const DEAD: i64 = 3;
    pub(in super::super) const HELD: i64 = 4;
}

/// Each step leads from the version that is its index to the next.
///
/// `delivery.key` leads to all that have the same route, hook and GUID (`put.rs`). `task.lane`
/// is the repository, in lower case, while the task is open at a target that keeps order.
/// A task's own columns hold its newest attempt; `attempt` has those before it, so that what
/// succeeds at once writes none. `mark` holds the highest number that was ever given out.
const STEPS: [&str; 1] = ["
create table delivery (
    id integer primary key,
    key integer not null,
    earlier integer,
    received integer not null,
    crc integer not null,
    size integer not null,
    route text not null,
    hook text not null,
    guid text not null,
    event text not null,
    action text,
    repository text,
    client text not null,
    request text not null,
    headers blob not null,
    body blob not null
) strict;
create index delivery_key on delivery (key);

create table target (
    id integer primary key,
    name text not null unique,
    ordered integer not null default 0,
    error_at integer,
    error text
) strict;

create table task (
    target integer not null,
    delivery integer not null,
    state integer not null,
    due integer not null,
    attempts integer not null default 0,
    interruptions integer not null default 0,
    failing integer,
    lane text,
    at integer,
    took integer,
    status integer,
    error text,
    primary key (target, delivery)
) strict, without rowid;
create index task_due on task (target, due, delivery) where state = 0;
create index task_dead on task (target, delivery) where state = 3;
create index task_lane on task (target, lane, state, delivery) where lane is not null;

create table attempt (
    target integer not null,
    delivery integer not null,
    number integer not null,
    at integer not null,
    took integer not null,
    status integer,
    error text,
    primary key (target, delivery, number)
) strict, without rowid;

create table mark (name text primary key, value integer not null) strict;
"];

/// Opens the database for the writer and brings it to this program's version.
pub(super) fn open(path: &Path) -> Result<Connection, Fault> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(Fault::Newer { found: version });
    }
    if version == 0 {
        db.execute_batch(&format!(
            "pragma page_size = {PAGE}; pragma auto_vacuum = incremental;"
        ))?;
    }
    db.execute_batch("pragma wal_autocheckpoint = 0; pragma cache_size = -8192;")?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    let steps = usize::try_from(version).unwrap_or(usize::MAX);
    for (step, done) in STEPS.iter().zip(1_i64..).skip(steps) {
        let change = db.transaction()?;
        change.execute_batch(step)?;
        change.pragma_update(None, "user_version", done)?;
        change.commit()?;
    }
    Ok(db)
}

/// Opens the database for a reader.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.execute_batch("pragma query_only = on; pragma cache_size = -2048;")?;
    Ok(db)
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.set_prepared_statement_cache_capacity(64);
    // Without it SQLite plans a statement anew whenever another value is bound: a sixth of a put.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.execute_batch("pragma temp_store = memory; pragma cell_size_check = on;")?;
    Ok(db)
}

/// Why a database cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// A later program wrote it.
    Newer {
        /// The version it has.
        found: i64,
    },
    /// SQLite says so.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// The fault as one who starts the gateway is told.
    pub(super) fn told(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer { found } => OpenError::Newer {
                path,
                found,
                known: VERSION,
            },
            Self::Sqlite(why) => OpenError::Database { path, why },
        }
    }
}
