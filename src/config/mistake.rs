//! What is wrong with a configuration: a fault with its file, line and key, and the words for it.
//! Nothing here judges a value, and no secret comes in here.

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
