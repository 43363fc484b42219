//! What is wrong with a configuration: every fault with its file, line and key, gathered so that a
//! person sees all of them at once. Nothing here judges a value, and no secret comes in here.

use super::key::Key;
use std::fmt;

/// One thing that is wrong, or (as a warning) perhaps not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, or `environment`.
    pub file: String,
    /// The line that the key stands on, where it stands anywhere.
    pub line: Option<usize>,
    /// The key's whole path, such as `webhook[2].to[0].url`; empty for the file as a whole.
    pub key: String,
    /// What was found and what would be right.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.text)
    }
}

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

/// `; did you mean …?` with the word nearest to `found`, or nothing where none is near.
pub(super) fn did_you_mean<'a>(
    found: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = (found.chars().count() / 3).clamp(1, 4);
    words
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&found.to_lowercase(), word),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= near || is_cut_short(found, word))
        .min()
        .map(|(_, word)| format!("; did you mean `{word}`?"))
}

/// Whether one is the beginning of the other, such as `net` and `networks`.
fn is_cut_short(found: &str, word: &str) -> bool {
    found.len() >= 3 && (word.starts_with(found) || word.len() >= 3 && found.starts_with(word))
}

/// Text from the configuration as an error may show it: cut to 80 characters, control characters
/// escaped, and nothing of an inline secret.
pub(super) fn shown(text: &str) -> String {
    let (text, cut) = match text.split_once("inline:") {
        Some((before, _)) => (format!("{before}inline:"), true),
        None => (
            text.chars().take(80).collect(),
            text.chars().nth(80).is_some(),
        ),
    };
    let end = if cut { "…" } else { "" };
    format!("`{}{end}`", text.escape_debug())
}

/// Words as an error offers them: `` `a`, `b` or `c` ``.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}
