//! Keys in hardware modules, spoken with by PKCS#11: they sign there, and never leave. One at a
//! time speaks with a module; a session that the module lost is opened anew; a PIN that was refused
//! is not tried again, since a token closes for ever after some tries.

mod library;
mod uri;

pub use uri::{SCHEME, Uri, UriError};

use super::key::Fingerprint;
use super::sign::{Sign, SignError, signed, unsigned};
use crate::github::Jwt;
use crate::types::{AppId, SecretSource, Timestamp};
use async_trait::async_trait;
use library::Library;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Why a key in a module cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key `{key}`: {why}")]
pub struct HardwareError {
    key: String,
    why: String,
}

/// A key, and by what it is reached.
#[derive(Debug, Clone)]
pub struct Named {
    /// Which key.
    pub uri: Uri,
    /// The library.
    pub module: PathBuf,
    /// Where its PIN is; none where the token asks for none.
    pub pin: Option<SecretSource>,
}

/// Keys in modules.
#[derive(Debug)]
pub struct Hardware(BTreeMap<Fingerprint, Arc<Seat>>);

/// A key's place at its module.
#[derive(Debug)]
struct Seat {
    module: Arc<Module>,
    number: usize,
    name: String,
}

/// A module, with whom one speaks at a time.
struct Module {
    library: Mutex<Library>,
    turn: Arc<Semaphore>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Module(..)")
    }
}

impl Hardware {
    /// Opens the modules, logs in, finds each key, and has each sign once to see that it can.
    /// Blocks while it does.
    ///
    /// # Errors
    /// What cannot be used, and why.
    pub fn open(keys: Vec<Named>) -> Result<Self, HardwareError> {
        let mut modules: BTreeMap<PathBuf, Library> = BTreeMap::new();
        let mut numbers = Vec::new();
        for key in keys {
            let name = key.uri.to_string();
            let wrong = |why: String| HardwareError {
                key: name.clone(),
                why,
            };
            let library = match modules.remove(&key.module) {
                Some(library) => library,
                None => Library::load(&key.module).map_err(wrong)?,
            };
            let path = key.module.clone();
            let library = modules.entry(path.clone()).or_insert(library);
            let (number, print) = library.add(key).map_err(wrong)?;
            numbers.push((path, number, print, name));
        }
        let modules: BTreeMap<PathBuf, Arc<Module>> = modules
            .into_iter()
            .map(|(path, library)| {
                let module = Module {
                    library: Mutex::new(library),
                    turn: Arc::new(Semaphore::new(1)),
                };
                (path, Arc::new(module))
            })
            .collect();
        let seat = |(path, number, print, name): (PathBuf, usize, Fingerprint, String)| {
            let module = Arc::clone(modules.get(&path)?);
            let seat = Seat {
                module,
                number,
                name,
            };
            Some((print, Arc::new(seat)))
        };
        Ok(Self(numbers.into_iter().filter_map(seat).collect()))
    }

    /// What GitHub calls each key, and where it is.
    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &str)> {
        let each = self.0.iter();
        each.map(|(print, seat)| (*print, seat.name.as_str()))
    }
}

#[async_trait]
impl Sign for Hardware {
    async fn sign(&self, key: Fingerprint, app: AppId, now: Timestamp) -> Result<Jwt, SignError> {
        let seat = self.0.get(&key).ok_or(SignError::Unknown(key))?;
        let seat = Arc::clone(seat);
        // A module that hangs holds up one thread, and no more than one.
        let turn = Arc::clone(&seat.module.turn).acquire_owned().await;
        let turn = turn.map_err(|closed| SignError::Away(closed.to_string()))?;
        let text = unsigned(app, now);
        let signing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut library = seat
                .module
                .library
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match library.sign(seat.number, text.as_bytes()) {
                Ok(signature) => Ok(signed(text, &signature)),
                Err(why) => {
                    tracing::warn!(key = seat.name, "{why}");
                    Err(SignError::Away(format!("`{}`: {why}", seat.name)))
                }
            }
        });
        let broken = |fault: tokio::task::JoinError| SignError::Away(fault.to_string());
        signing.await.map_err(broken)?
    }
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
