//! What an authority issued, on disk: key and chain in one file, so that neither is ever there
//! without the other.

use crate::types::Secret;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Chains are a few KiB.
const LARGEST: u64 = 1 << 20;

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`: {source}", path.display())]
pub struct KeepError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// What is in a file; `None` where there is none.
pub(in crate::edge) fn read(path: &Path) -> Result<Option<Secret>, KeepError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Secret::new(bytes))
    };
    match read() {
        Ok(secret) => Ok(Some(secret)),
        Err(source) if io::Error::kind(&source) == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeepError {
            verb: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces a file, for its owner only. When this returns, the new one is on disk.
pub(in crate::edge) fn write(path: &Path, bytes: &[u8]) -> Result<(), KeepError> {
    replace(path, bytes).map_err(|source| KeepError {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let fresh = path.with_added_extension("new");
    // One that was left behind keeps the mode that it has: it goes first.
    match std::fs::remove_file(&fresh) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failure),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(directory)?.sync_all()
}
