//! The spool's directory on disk: who may look into it, the lock that keeps a second process
//! out, and the setting aside of a database that turned out to be damaged. No SQL.

use super::OpenError;
use crate::types::Timestamp;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The directory, held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Keeps the lock; the operating system lets it go when the process ends, however it does.
    lock: File,
}

/// What the database is called; SQLite puts `-wal` and `-shm` behind it.
const DATABASE: &str = "spool.db";
/// Says who holds the spool.
const LOCK: &str = "lock";
/// Left behind when damage was met while running: the next start looks through everything.
const SUSPECT: &str = "suspect";

/// What tells the database in this directory from another that takes its place: one that is made
/// anew, or brought back from a copy. None where there is none.
pub(super) fn identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path.join(DATABASE)).ok()?;
    let made = about.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    Some(format!(
        "{}-{}",
        about.ino(),
        made.map_or(0, |made| made.as_millis())
    ))
}

impl Directory {
    /// Makes it where it is not there, closes it to others, and takes its lock.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |tried: &'static str| {
            let path = path.to_owned();
            move |why: io::Error| OpenError::Directory { path, tried, why }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed("make it"))?;
        let mode = std::fs::metadata(path).map_err(failed("look at it"))?;
        if mode.permissions().mode() & 0o777 != 0o700 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
                .map_err(failed("close it to others (mode 0700)"))?;
        }
        let mut lock = private(&path.join(LOCK)).map_err(failed("make a file in it"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder)
                    .map_err(failed("read who holds its lock"))?;
                return Err(OpenError::Held {
                    path: path.to_owned(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(why)) => return Err(failed("lock it")(why)),
        }
        let named = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        named(&mut lock).map_err(failed("write to it"))?;
        let directory = Self {
            path: path.to_owned(),
            lock,
        };
        // SQLite gives its other files the mode of this one.
        drop(private(&directory.database()).map_err(failed("make a file in it"))?);
        directory.sync().map_err(failed("sync it"))?;
        Ok(directory)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// How many bytes the write-ahead log takes. It is looked at, never opened: closing a
    /// second handle would take SQLite's locks away.
    pub(super) fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.beside("-wal")).map_or(0, |data| data.len())
    }

    /// Bytes free for us, and bytes in all, on the disk that holds it.
    pub(super) fn disk(&self) -> io::Result<(u64, u64)> {
        let disk = rustix::fs::statvfs(&self.path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok((bytes(disk.f_bavail), bytes(disk.f_blocks)))
    }

    /// Notes that damage was met, for the next start.
    pub(super) fn suspect(&self, why: &str) -> io::Result<()> {
        let mut note = private(&self.path.join(SUSPECT))?;
        writeln!(note, "{why}")?;
        note.sync_all()?;
        self.sync()
    }

    /// Whether the last run noted damage.
    pub(super) fn is_suspect(&self) -> bool {
        self.path.join(SUSPECT).exists()
    }

    /// Takes the note away.
    pub(super) fn clear(&self) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(SUSPECT)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => self.sync(),
        }
    }

    /// Renames the database and its log, so that nothing of them is lost, and leaves an empty
    /// one; says under which name they are now.
    pub(super) fn set_aside(&self, now: Timestamp) -> io::Result<PathBuf> {
        let aside = self
            .path
            .join(format!("{DATABASE}.damaged-{}", now.as_millis()));
        for end in ["-wal", ""] {
            let mut name = aside.clone().into_os_string();
            name.push(end);
            match std::fs::rename(self.beside(end), name) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        match std::fs::remove_file(self.beside("-shm")) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        drop(private(&self.database())?);
        self.sync()?;
        Ok(aside)
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.path.join(format!("{DATABASE}{end}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Directory {
    /// Lets another process have it.
    pub(super) fn release(&self) {
        // The end of the process would do it too, so a failure leaves nothing to be done.
        drop(self.lock.unlock());
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.release();
    }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
