//! Apps that were made here: their credentials on disk, each in a file that only its owner can
//! read and that is sealed with a key kept elsewhere, where there is such a place.

mod person;
mod record;

pub use person::Person;
pub use record::{Pending, Stage, Stored};

use super::seal::Sealer;
use crate::disk;
use crate::types::Name;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where Apps that were made here are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// `{state_dir}/apps`.
    pub directory: PathBuf,
    /// A file with the key that seals them, where one is given; otherwise the key is beside them.
    pub key: Option<PathBuf>,
}

/// Why what is stored cannot be had or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the key.
    #[error("`{0}` can be read by others; run `chmod 0600` on it")]
    Exposed(PathBuf),
    /// The key is too short to be one.
    #[error("`{0}` holds fewer than 32 bytes; expected a key, such as `head -c 32 /dev/urandom`")]
    Short(PathBuf),
    /// It was sealed with another key, or changed.
    #[error(
        "`{path}` was not sealed with the key in `{key}`, or was changed; put the right key back, or remove the file and make the App's key anew"
    )]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Where the key is.
        key: PathBuf,
    },
    /// It is not what it should be.
    #[error("`{0}` is none of hubgate's files, or of another version")]
    Odd(PathBuf),
}

/// The opened place.
#[derive(Debug)]
pub struct Store {
    place: Place,
    sealer: Sealer,
}

impl Store {
    /// What is there; none where nothing was ever stored. Writes nothing.
    ///
    /// # Errors
    /// Where the key cannot be read.
    pub fn open(place: &Place) -> Result<Option<Self>, StoreError> {
        if !place.directory.is_dir() {
            return Ok(None);
        }
        let file = place.key_file();
        if place.key.is_none() && !file.exists() {
            return Ok(None);
        }
        let sealer = Sealer::new(&read_key(&file)?, PURPOSE).ok_or(StoreError::Short(file))?;
        let place = place.clone();
        Ok(Some(Self { place, sealer }))
    }

    /// The same, with all that is needed to write made where it is not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make(place: &Place) -> Result<Self, StoreError> {
        let write = |source| StoreError::Write {
            path: place.directory.clone(),
            source,
        };
        disk::make(&place.directory).map_err(write)?;
        if place.key.is_none() && !place.key_file().exists() {
            let mut key = Zeroizing::new([0; 32]);
            if aws_lc_rs::rand::fill(&mut *key).is_err() {
                return Err(write(io::Error::other("the system gives no random bytes")));
            }
            put_file(&place.key_file(), &*key)?;
        }
        let odd = || StoreError::Odd(place.key_file());
        Self::open(place)?.ok_or_else(odd)
    }

    /// The Apps, by name.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn apps(&self) -> Result<Vec<Stored>, StoreError> {
        let mut all = Vec::new();
        for (name, path) in self.names(APP)? {
            let text = self.unseal(&name, APP, &path)?;
            all.push(Stored::read(name, &text).ok_or(StoreError::Odd(path))?);
        }
        Ok(all)
    }

    /// The Apps that are being made, by name.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn pending(&self) -> Result<Vec<Pending>, StoreError> {
        let mut all = Vec::new();
        for (name, path) in self.names(PENDING)? {
            let text = self.unseal(&name, PENDING, &path)?;
            all.push(Pending::read(name, &text).ok_or(StoreError::Odd(path))?);
        }
        Ok(all)
    }

    /// Keeps an App.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&self, app: &Stored) -> Result<(), StoreError> {
        self.seal(&app.name, APP, &app.write())
    }

    /// Keeps one that is being made.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.seal(&pending.name, PENDING, &pending.write())
    }

    /// Forgets one that is being made.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_pending(&self, name: &Name) -> Result<(), StoreError> {
        self.wipe(&self.path(name, PENDING))
    }

    /// Forgets an App and its keys.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget(&self, name: &Name) -> Result<(), StoreError> {
        self.wipe(&self.path(name, APP))
    }

    fn path(&self, name: &Name, kind: &str) -> PathBuf {
        self.place.directory.join(format!("{name}.{kind}"))
    }

    fn names(&self, kind: &str) -> Result<Vec<(Name, PathBuf)>, StoreError> {
        let directory = &self.place.directory;
        let read = |source| StoreError::Read {
            path: directory.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).map_err(read)? {
            let path = entry.map_err(read)?.path();
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if path.extension().is_some_and(|end| end == kind)
                && let Some(name) = name
            {
                found.push((name, path));
            }
        }
        found.sort();
        Ok(found)
    }

    fn unseal(
        &self,
        name: &Name,
        kind: &str,
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let sealed = read_file(path)?;
        let whole = self.sealer.open(&label(name, kind), &sealed);
        whole.ok_or_else(|| StoreError::Sealed {
            path: path.to_owned(),
            key: self.place.key_file(),
        })
    }

    fn seal(&self, name: &Name, kind: &str, text: &[u8]) -> Result<(), StoreError> {
        let path = self.path(name, kind);
        match self.sealer.seal(&label(name, kind), text) {
            Some(sealed) => put_file(&path, &sealed),
            None => Err(StoreError::Write {
                path,
                source: io::Error::other("sealing failed"),
            }),
        }
    }

    fn wipe(&self, path: &Path) -> Result<(), StoreError> {
        let write = |source| StoreError::Write {
            path: path.to_owned(),
            source,
        };
        match fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(write(fault)),
            Ok(()) | Err(_) => disk::sync(&self.place.directory).map_err(write),
        }
    }
}

impl Place {
    fn key_file(&self) -> PathBuf {
        let beside = || self.directory.join("key");
        self.key.clone().unwrap_or_else(beside)
    }
}

/// What a file is sealed for, so that one cannot take another's place.
fn label(name: &Name, kind: &str) -> String {
    format!("{name}.{kind}")
}

fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let about = fs::metadata(path).map_err(|source| StoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    if about.mode() & 0o007 != 0 {
        return Err(StoreError::Exposed(path.to_owned()));
    }
    read_file(path)
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|source| StoreError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

/// Writes a file that only its owner can read, whole or not at all, and on disk.
fn put_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    disk::replace(path, bytes).map_err(|source| StoreError::Write {
        path: path.to_owned(),
        source,
    })
}

/// What the key is for.
const PURPOSE: &str = "apps at rest";
const APP: &str = "app";
const PENDING: &str = "pending";
/// An App's record is some kilobytes.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests;
