//! Secrets and where they are read from. Nothing here can be displayed or serialised.

use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The largest secret file read: certificates' keys are a few KiB.
const LARGEST: u64 = 1 << 20;

/// Bytes that nobody may see: `Debug` says `Secret(..)`, memory is zeroised when it goes.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Takes the bytes in.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The bytes, for the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a secret is kept: a file, or (for trials) the configuration itself. What `env:NAME`
/// names is read when the configuration is, and arrives here as [`SecretSource::Held`].
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// A file that others cannot read.
    File(PathBuf),
    /// A value that is here already.
    Held(Secret),
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be opened or read.
    #[error("cannot read secret file `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error(
        "secret file `{path}` has mode {mode:04o}, which lets others read it; run `chmod o-rwx {path}`"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing is in it, or too much.
    #[error("secret file `{path}` is {what}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// `empty`, or larger than a secret is.
        what: &'static str,
    },
}

impl SecretSource {
    /// Reads the secret; one final line break in a file does not count.
    ///
    /// # Errors
    /// Where the file cannot be read, is readable by others, empty, or over 1 MiB.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Held(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path),
        }
    }

    /// The file, where there is one to watch for changes.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Held(_) => None,
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let unfit = |what| SecretError::Unfit {
        path: path.to_owned(),
        what,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if meta.mode() & 0o007 != 0 {
        return Err(SecretError::Exposed {
            path: path.to_owned(),
            mode: meta.mode() & 0o7777,
        });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(unfit("larger than 1 MiB"));
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(unfit("empty"));
    }
    Ok(Secret::new(bytes))
}
