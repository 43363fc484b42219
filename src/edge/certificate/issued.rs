//! What an authority issued, on disk: key and chain in one file, so that neither is ever there
//! without the other.

use crate::disk;
use crate::types::Secret;
use std::fs::File;
use std::io::{self, Read as _};
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
    let made = path.parent().map_or(Ok(()), disk::make);
    let written = made.and_then(|()| disk::replace(path, bytes));
    written.map_err(|source| KeepError {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}
