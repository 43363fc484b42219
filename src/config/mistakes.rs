//! All faults of a configuration, gathered so that a person sees them at once.

use super::key::Key;
use super::mistake::Mistake;
use std::fmt;

/// All that is wrong with a configuration: one line each, by file and line, and a count.
#[derive(Debug, Clone, Default)]
pub struct Mistakes {
    all: Vec<Mistake>,
    /// The files, in the order in which they are read.
    files: Vec<String>,
    /// Keys that could not be read at all. What is said of them or of anything in them later is a
    /// consequence, not another mistake.
    unread: Vec<Key>,
}

impl Mistakes {
    /// Each mistake, in the order of files and lines.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.all.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Notes a mistake about `key`, unless it only follows from one that was noted.
    pub(super) fn note(&mut self, key: &Key, text: impl Into<String>) {
        if !self.unread.iter().any(|unread| unread.holds(key)) {
            self.add(key.mistake(text.into()));
        }
    }

    /// Notes that `key` lacks something, unless what could not be read in it may have been that.
    pub(super) fn note_lack(&mut self, key: &Key, text: impl Into<String>) {
        if !self.unread.iter().any(|unread| key.holds(unread)) {
            self.note(key, text);
        }
    }

    /// Notes a mistake about `key`, which is left out together with all of `left_out`.
    pub(super) fn note_unread(&mut self, key: &Key, text: impl Into<String>, left_out: Key) {
        self.note(key, text);
        self.unread.push(left_out);
    }

    /// Takes a finished one in.
    pub(super) fn add(&mut self, mistake: Mistake) {
        self.all.push(mistake);
    }

    /// Says that a file's turn has come.
    pub(super) fn turn_to(&mut self, file: &str) {
        self.files.push(file.to_owned());
    }

    /// Puts them in the order in which a person goes through them: by file, then by line.
    pub(super) fn in_order(mut self) -> Self {
        let files = &self.files;
        self.all.sort_by_key(|mistake| {
            let file = files.iter().position(|file| *file == mistake.file);
            (file.unwrap_or(files.len()), mistake.line)
        });
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.all {
            writeln!(f, "{mistake}")?;
        }
        match self.all.len() {
            1 => f.write_str("1 mistake"),
            number => write!(f, "{number} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}
