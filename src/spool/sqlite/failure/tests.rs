//! Which error means what.

use super::Failure;
use rusqlite::{Error, ffi};

#[test]
fn only_a_lack_of_room_is_forgiven() {
    type Kind = fn(String) -> Failure;
    let rows: [(i32, Kind); 9] = [
        (ffi::SQLITE_FULL, Failure::Full),
        (ffi::SQLITE_IOERR_SHMSIZE, Failure::Full),
        (ffi::SQLITE_IOERR_FSYNC, Failure::Broken),
        (ffi::SQLITE_IOERR_WRITE, Failure::Broken),
        (ffi::SQLITE_IOERR_READ, Failure::Broken),
        (ffi::SQLITE_READONLY, Failure::Broken),
        (ffi::SQLITE_NOMEM, Failure::Broken),
        (ffi::SQLITE_CORRUPT, Failure::Damaged),
        (ffi::SQLITE_NOTADB, Failure::Damaged),
    ];
    for (code, kind) in rows {
        let error = Error::SqliteFailure(ffi::Error::new(code), None);
        let failure = Failure::of(&error, "write");
        assert_eq!(failure, kind(failure.to_string()), "{code}");
        assert!(failure.to_string().contains(&code.to_string()), "{failure}");
    }
}
