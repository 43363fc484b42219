//! The environment, read here and nowhere else: overriding settings, `env:` secrets, and where
//! systemd puts credentials.

use super::key::{Key, Origin};
use super::mistake::{did_you_mean, listed, shown};
use super::mistakes::Mistakes;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// What a variable that overrides a setting begins with.
const PREFIX: &str = "HUBGATE__";

/// The sections that are tables, which a variable can name a key of.
const SECTIONS: [&str; 5] = ["gateway", "spool", "admin", "audit", "log"];

/// Where secret files are when systemd does not say.
const SECRETS: &str = "/etc/hubgate/secrets";

/// The environment at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

/// Why a variable cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is not set.
    Unset,
    /// It is not UTF-8.
    NotText,
}

impl Environment {
    /// That of this process.
    pub(super) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
        }
    }

    /// The value of a variable.
    pub(super) fn value(&self, name: &str) -> Result<&str, Absent> {
        self.variables
            .get(&OsString::from(name))
            .ok_or(Absent::Unset)?
            .to_str()
            .ok_or(Absent::NotText)
    }

    /// Where relative names of secret files start.
    pub(super) fn secrets_directory(&self) -> PathBuf {
        self.variables
            .get(&OsString::from("CREDENTIALS_DIRECTORY"))
            .filter(|directory| !directory.is_empty())
            .map_or_else(|| PathBuf::from(SECRETS), PathBuf::from)
    }

    /// The settings that variables override, as a file would say them.
    pub(super) fn settings(&self, mistakes: &mut Mistakes) -> (Arc<Origin>, toml::Table) {
        let origin = Arc::new(Origin {
            label: "environment".to_owned(),
            directory: PathBuf::from("/"),
            environment: true,
            ..Origin::default()
        });
        let root = Key::root(&origin);
        let mut table = toml::Table::new();
        for (name, value) in &self.variables {
            let Some(path) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
                continue;
            };
            let path = path.to_lowercase();
            let named = path
                .split_once("__")
                .filter(|(_, setting)| !setting.is_empty());
            let Some((section, setting)) = named else {
                let text = "names no key; expected `HUBGATE__SECTION__KEY`";
                mistakes.note(&root.child(path.trim_end_matches('_')), text);
                continue;
            };
            let key = root.child(section).child(setting);
            if !SECTIONS.contains(&section) {
                let nearest = did_you_mean(section, SECTIONS).unwrap_or_default();
                let known = listed(&SECTIONS);
                mistakes.note(
                    &key,
                    format!(
                        "no variable sets anything in {}; expected {known}{nearest}",
                        shown(section)
                    ),
                );
                continue;
            }
            let Some(value) = value.to_str() else {
                mistakes.note(&key, "the value is not UTF-8");
                continue;
            };
            let value = value
                .parse::<toml::Value>()
                .unwrap_or_else(|_| toml::Value::String(value.to_owned()));
            if let Some(table) = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
            {
                table.insert(setting.to_owned(), value);
            }
        }
        (origin, table)
    }
}

/// What tests say the environment is.
#[cfg(test)]
impl<V: Into<OsString>, const N: usize> From<[(&str, V); N]> for Environment {
    fn from(variables: [(&str, V); N]) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}
