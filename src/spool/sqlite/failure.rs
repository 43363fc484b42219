//! What an error of SQLite's means for the spool: is there no room, or is nothing certain any
//! more. One table, so that no caller decides it for itself.

use crate::spool::PutError;
use rusqlite::{Error, ErrorCode, ffi};

/// Why a transaction came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The disk has no room. Nothing was written; it is tried again when there is.
    Full(String),
    /// The database's content is not what SQLite wrote.
    Damaged(String),
    /// Reading, writing or syncing failed. After a failed sync the kernel counts the pages as
    /// written, so a second try would lie: only a new start from the disk tells what is there.
    Broken(String),
}

impl Failure {
    /// The meaning of `error` while doing what `tried` says.
    pub(super) fn of(error: &Error, tried: &str) -> Self {
        let text = format!("cannot {tried}: {error}");
        let Error::SqliteFailure(code, _) = error else {
            return Self::Broken(text);
        };
        // Growing the shared index of the log on a full disk has a code of its own.
        let no_room =
            code.code == ErrorCode::DiskFull || code.extended_code == ffi::SQLITE_IOERR_SHMSIZE;
        let text = format!("{text} (SQLite {})", code.extended_code);
        if no_room {
            Self::Full(text)
        } else if is_damage(error) {
            Self::Damaged(text)
        } else {
            Self::Broken(text)
        }
    }
}

impl Failure {
    /// What the ones who wait are told.
    pub(super) fn refusal(&self) -> PutError {
        match self {
            Self::Full(why) => PutError::Full(why.as_str().into()),
            Self::Damaged(why) | Self::Broken(why) => PutError::Broken(why.as_str().into()),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(why) | Self::Damaged(why) | Self::Broken(why) => f.write_str(why),
        }
    }
}

/// Whether it says that the file is not a sound database.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether what was to be read is damaged or the disk does not give it: trying again would hold up
/// all that waits behind it.
pub(super) fn is_unreadable(error: &Error) -> bool {
    is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

#[cfg(test)]
mod tests;
