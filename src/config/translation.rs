//! What the translation of every section needs: single values judged (durations, sizes, names,
//! paths), mistakes and warnings noted. Rules of one section live in its own file.

use super::environment::Environment;
use super::key::Key;
use super::mistake::{Mistake, shown};
use super::mistakes::Mistakes;
use crate::publish::profile::Policy;
use crate::publish::{Allow, Service};
use crate::types::{ByteSize, Name, ParseError, Span};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// One translation of a whole configuration.
#[derive(Debug)]
pub(super) struct Translation<'a> {
    /// What is wrong.
    pub(super) mistakes: Mistakes,
    /// What is right but perhaps not meant.
    pub(super) warnings: Vec<Mistake>,
    /// Where `env:` secrets come from.
    pub(super) environment: &'a Environment,
    /// Where relative names of secret files start.
    pub(super) secrets: PathBuf,
    /// What was let through so far, made ready once for all who say the same.
    pub(super) policies: Vec<(Allow, Service, Arc<Policy>)>,
}

impl Translation<'_> {
    /// Notes a mistake.
    pub(super) fn wrong(&mut self, key: &Key, text: impl Into<String>) {
        self.mistakes.note(key, text);
    }

    /// Notes what is perhaps not meant.
    pub(super) fn warn(&mut self, key: &Key, text: impl Into<String>) {
        self.warnings.push(key.mistake(text.into()));
    }

    /// The value of a key that must be there.
    pub(super) fn required<'v, T>(
        &mut self,
        key: &Key,
        value: Option<&'v T>,
        expected: &str,
    ) -> Option<&'v T> {
        if value.is_none() {
            self.wrong(key, format!("missing; expected {expected}"));
        }
        value
    }

    /// Text as a type of its own.
    pub(super) fn parse<T: FromStr<Err = ParseError>>(
        &mut self,
        key: &Key,
        text: &str,
    ) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(ParseError { expected, .. }) => {
                self.wrong(key, format!("found {}, expected {expected}", shown(text)));
                None
            }
        }
    }

    /// A list whose elements are each a type of their own.
    pub(super) fn parse_all<T: FromStr<Err = ParseError>>(
        &mut self,
        key: &Key,
        list: &[String],
    ) -> Vec<T> {
        list.iter()
            .enumerate()
            .filter_map(|(index, text)| self.parse(&key.item(index), text))
            .collect()
    }

    /// A duration within bounds.
    pub(super) fn duration(
        &mut self,
        (key, value): (Key, Option<&String>),
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let Some(text) = value else {
            return default;
        };
        let Some(span) = self.parse::<Span>(&key, text) else {
            return default;
        };
        if !bounds.contains(&span.duration()) {
            let [least, most] = [bounds.start(), bounds.end()].map(|bound| written(*bound));
            let found = shown(text);
            self.wrong(
                &key,
                format!("found {found}, expected a duration from {least} to {most}"),
            );
        }
        span.duration()
    }

    /// A size within bounds.
    pub(super) fn size(
        &mut self,
        (key, value): (Key, Option<&String>),
        default: ByteSize,
        bounds: RangeInclusive<ByteSize>,
    ) -> ByteSize {
        let size = value.and_then(|text| self.parse(&key, text));
        self.within(&key, size, default, bounds, "a size")
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        (key, value): (Key, Option<&i64>),
        default: usize,
        bounds: RangeInclusive<usize>,
    ) -> usize {
        let Some(number) = value else {
            return default;
        };
        match usize::try_from(*number) {
            Ok(number) => self.within(&key, Some(number), default, bounds, "a number"),
            Err(_) => {
                let (least, most) = bounds.into_inner();
                self.wrong(
                    &key,
                    format!("found `{number}`, expected a number from {least} to {most}"),
                );
                default
            }
        }
    }

    fn within<T: PartialOrd + Display>(
        &mut self,
        key: &Key,
        value: Option<T>,
        default: T,
        bounds: RangeInclusive<T>,
        what: &str,
    ) -> T {
        let Some(value) = value else {
            return default;
        };
        if !bounds.contains(&value) {
            let (least, most) = bounds.into_inner();
            self.wrong(
                key,
                format!("found `{value}`, expected {what} from {least} to {most}"),
            );
        }
        value
    }

    /// The name of something that is named.
    pub(super) fn name(
        &mut self,
        key: &Key,
        name: Option<&String>,
        taken: &mut Taken,
    ) -> Option<Name> {
        let key = key.child("name");
        let name = self.required(&key, name, "a name of lower-case letters, digits and `-`")?;
        let name: Name = self.parse(&key, name)?;
        taken.take(self, &key, name.as_str());
        Some(name)
    }

    /// The path of a file or directory that the gateway writes: it must be absolute, since what
    /// it is started from is not a place to keep things.
    pub(super) fn absolute_path(
        &mut self,
        (key, value): (Key, Option<&String>),
        default: &str,
    ) -> PathBuf {
        let path = PathBuf::from(value.map_or(default, String::as_str));
        if !path.is_absolute() {
            let found = shown(&path.to_string_lossy());
            self.wrong(&key, format!("found {found}, expected an absolute path"));
        }
        path
    }
}

/// Words that only one thing may have, and who has them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    by: BTreeMap<String, Key>,
}

impl Taken {
    /// Takes a word, or notes who has it already.
    pub(super) fn take(&mut self, translation: &mut Translation<'_>, key: &Key, word: &str) {
        if let Some(other) = self.by.get(word) {
            let text = format!("{} is taken by {}", shown(word), other.seen_from(key));
            translation.wrong(key, text);
        } else {
            self.by.insert(word.to_owned(), key.clone());
        }
    }
}

/// What is given but wrong is None, what is not given is `Some(None)`.
pub(super) fn optional<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
        None => Some(None),
    }
}

/// A duration as the file would write it, in its largest whole unit.
fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ]
    .into_iter()
    .find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit))
    .map_or_else(
        || format!("{milliseconds}ms"),
        |(unit, name)| format!("{}{name}", milliseconds / unit),
    )
}

/// `10s`, as a constant.
pub(super) const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// `24h`, as a constant.
pub(super) const fn hours(number: u64) -> Duration {
    Duration::from_secs(number * 3_600)
}
