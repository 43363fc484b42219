//! Where a setting stands: which file, and the key's whole path in it. Says nothing of values.

use super::mistake::Mistake;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A file, or the environment.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// What errors call it.
    pub(super) label: String,
    /// Where its relative paths start.
    pub(super) directory: PathBuf,
    /// Whether it may hold secrets itself.
    pub(super) inline_secrets: bool,
    /// The line of each key, by path.
    pub(super) lines: BTreeMap<String, usize>,
    /// Whether its keys are environment variables.
    pub(super) environment: bool,
}

/// A key of a file: `webhook[2].to[0].url`. Indices count within the file.
#[derive(Debug, Clone)]
pub(super) struct Key {
    origin: Arc<Origin>,
    path: String,
}

impl Key {
    /// The file as a whole.
    pub(super) fn root(origin: &Arc<Origin>) -> Self {
        Self {
            origin: Arc::clone(origin),
            path: String::new(),
        }
    }

    /// `name` in the table that this key names.
    pub(super) fn child(&self, name: &str) -> Self {
        Self {
            origin: Arc::clone(&self.origin),
            path: child(&self.path, name),
        }
    }

    /// The element `index` of the list that this key names.
    pub(super) fn item(&self, index: usize) -> Self {
        Self {
            origin: Arc::clone(&self.origin),
            path: item(&self.path, index),
        }
    }

    /// The file it stands in.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path as an error about `other` writes it: with the file, where that is another one.
    pub(super) fn seen_from(&self, other: &Self) -> String {
        if Arc::ptr_eq(&self.origin, &other.origin) {
            format!("`{}`", self.path)
        } else {
            format!("`{}` in {}", self.path, self.origin.label)
        }
    }

    /// Whether `other` is this key, or in it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.origin, &other.origin)
            && other
                .path
                .strip_prefix(&self.path)
                .is_some_and(|rest| self.path.is_empty() || is_boundary(rest))
    }

    /// A mistake about this key.
    pub(super) fn mistake(&self, text: String) -> Mistake {
        let key = if self.origin.environment && !self.path.is_empty() {
            variable(&self.path)
        } else {
            self.path.clone()
        };
        Mistake {
            file: self.origin.label.clone(),
            line: self.line(),
            key,
            text,
        }
    }

    /// The line of the key, or of the nearest table around it that is there.
    fn line(&self) -> Option<usize> {
        let mut path = self.path.as_str();
        while !path.is_empty() {
            if let Some(line) = self.origin.lines.get(path) {
                return Some(*line);
            }
            let end = path.rfind(['.', '[']).unwrap_or(0);
            path = path.get(..end).unwrap_or_default();
        }
        None
    }
}

/// The path of `name` in the table at `path`.
pub(super) fn child(path: &str, name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let dot = if path.is_empty() { "" } else { "." };
    if bare {
        format!("{path}{dot}{name}")
    } else {
        format!("{path}{dot}\"{}\"", name.escape_debug())
    }
}

/// The path of element `index` of the list at `path`.
pub(super) fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The environment variable that sets the key at `path`.
fn variable(path: &str) -> String {
    format!("HUBGATE__{}", path.to_uppercase().replace('.', "__"))
}

fn is_boundary(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}
