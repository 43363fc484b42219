//! Secrets as the file names them: `file:NAME`, `env:NAME`, and `inline:…` where it may be.
//! No error here repeats what stands behind a prefix that is not `file:` or `env:`.

use super::environment::Absent;
use super::key::Key;
use super::mistake::shown;
use super::translation::Translation;
use crate::types::{Secret, SecretSource};
use std::path::Path;

const EXPECTED: &str = "`file:NAME` or `env:NAME`";

/// Shorter ones can be guessed by whoever sees one signed delivery.
const SHORTEST_GOOD: usize = 16;

/// A secret's source, and what it holds now.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it is kept.
    pub(super) source: SecretSource,
    /// What is there now.
    pub(super) value: Secret,
}

impl Translation<'_> {
    /// A secret, which must be readable now.
    pub(super) fn secret(&mut self, key: &Key, text: &str) -> Option<Found> {
        let read = self.source(key, text).and_then(|source| {
            is_regular(&source)?;
            match source.read() {
                Ok(value) => Ok(Found { source, value }),
                Err(why) => Err(why.to_string()),
            }
        });
        match read {
            Ok(found) => Some(found),
            Err(why) => {
                self.wrong(key, why);
                None
            }
        }
    }

    /// A secret that is a password of sorts, with a warning where it is short.
    pub(super) fn long_secret(&mut self, key: &Key, text: &str) -> Option<SecretSource> {
        Some(self.long(key, text)?.source)
    }

    /// The same as it is now, whatever becomes of its file: a reload sees that it is another.
    pub(super) fn held_secret(&mut self, key: &Key, text: &str) -> Option<Secret> {
        Some(self.long(key, text)?.value)
    }

    fn long(&mut self, key: &Key, text: &str) -> Option<Found> {
        let found = self.secret(key, text)?;
        if found.value.expose().len() < SHORTEST_GOOD {
            self.warn(
                key,
                format!("the secret is shorter than {SHORTEST_GOOD} bytes and can be guessed"),
            );
        }
        Some(found)
    }

    fn source(&self, key: &Key, text: &str) -> Result<SecretSource, String> {
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| format!("found text that names no secret, expected {EXPECTED}"))?;
        match kind {
            "file" | "env" if rest.is_empty() => {
                Err(format!("found `{kind}:` and no name, expected {EXPECTED}"))
            }
            // A relative name starts at the directory of secrets; `join` keeps an absolute one.
            "file" => Ok(SecretSource::File(self.secrets.join(rest))),
            "env" => match self.environment.value(rest) {
                Ok("") => Err(format!("environment variable {} is empty", shown(rest))),
                Ok(value) => Ok(held(value)),
                Err(Absent::Unset) => {
                    Err(format!("environment variable {} is not set", shown(rest)))
                }
                Err(Absent::NotText) => {
                    Err(format!("environment variable {} is not UTF-8", shown(rest)))
                }
            },
            "inline" if !key.origin().inline_secrets => Err(format!(
                "found `inline:…`, which only a file with `insecure_inline_secrets = true` may \
                 have; expected {EXPECTED}"
            )),
            "inline" if rest.is_empty() => Err("the secret after `inline:` is empty".to_owned()),
            "inline" => Ok(held(rest)),
            _ => Err(format!(
                "found text that names no secret, expected {EXPECTED}"
            )),
        }
    }
}

fn held(value: &str) -> SecretSource {
    SecretSource::Held(Secret::new(value.as_bytes().to_vec()))
}

/// Opening anything but a file can wait for ever (a pipe) or never end (a device).
fn is_regular(source: &SecretSource) -> Result<(), String> {
    let about = source.path().map(|path| (path, Path::metadata(path)));
    match about {
        Some((path, Ok(about))) if !about.is_file() => Err(format!(
            "secret file {} is not a regular file",
            shown(&path.to_string_lossy())
        )),
        _ => Ok(()),
    }
}
