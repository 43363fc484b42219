//! One file's text, made to fit the shape in `file`. What does not fit is noted and left out, so
//! that one mistake hides no other; what the values mean is judged elsewhere.

use super::file::File;
use super::key::{self, Key, Origin};
use super::mistake::{Mistake, did_you_mean, listed, shown};
use super::mistakes::Mistakes;
use serde_path_to_error::Segment;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// After this many misfits in a file its shape is given up on: it is not a configuration.
const MOST_MISFITS: usize = 100;

/// After this many syntax errors the rest are taken for consequences.
const MOST_SYNTAX_ERRORS: usize = 10;

/// Reads a file's text. None where its syntax is wrong, which is noted.
pub(super) fn parse(
    label: &str,
    directory: &Path,
    text: &str,
    mistakes: &mut Mistakes,
) -> Option<(Arc<Origin>, File)> {
    let starts = line_starts(text);
    let mut syntax_error = |offset: Option<usize>, message: &str| {
        let offset = offset.unwrap_or_default().min(text.len());
        let line = line_of(&starts, offset);
        let start = line.checked_sub(1).and_then(|index| starts.get(index));
        let column = start
            .and_then(|start| text.get(*start..offset))
            .map_or(1, |before| before.chars().count() + 1);
        mistakes.add(Mistake {
            file: label.to_owned(),
            line: Some(line),
            key: String::new(),
            text: format!("column {column}: not TOML: {}", message.trim_end()),
        });
    };
    let (parsed, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
        // The error's own display quotes the line, which may hold a secret.
        syntax_error(error.span().map(|span| span.start), error.message());
    }
    if !errors.is_empty() {
        return None;
    }
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            syntax_error(error.span().map(|span| span.start), error.message());
            return None;
        }
    };
    let mut lines = BTreeMap::new();
    note_lines(parsed.get_ref(), "", &starts, &mut lines);
    let origin = Arc::new(Origin {
        label: label.to_owned(),
        directory: directory.to_owned(),
        inline_secrets: table
            .get("insecure_inline_secrets")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        lines,
        environment: false,
    });
    let file = fit(table, &origin, mistakes);
    Some((origin, file))
}

/// Fits a table into the shape; what does not fit is noted and left out.
pub(super) fn fit(table: Table, origin: &Arc<Origin>, mistakes: &mut Mistakes) -> File {
    let mut value = Value::Table(table);
    let root = Key::root(origin);
    for _ in 0..MOST_MISFITS {
        let error = match serde_path_to_error::deserialize::<_, File>(value.clone()) {
            Ok(file) => return file,
            Err(error) => error,
        };
        let segments: Vec<&Segment> = error.path().iter().collect();
        let key = key_of(&root, &segments);
        let found = found_at(&value, &segments);
        let text = explain(error.inner().message(), found);
        let depth = left_out_depth(&segments);
        let left_out = key_of(&root, segments.get(..depth).unwrap_or_default());
        mistakes.note_unread(&key, text, left_out);
        if !leave_out(&mut value, segments.get(..depth).unwrap_or_default()) {
            return File::default();
        }
    }
    let text = format!("{MOST_MISFITS} mistakes or more; the rest are not shown");
    mistakes.note_unread(&root, text, root.clone());
    File::default()
}

fn key_of(root: &Key, segments: &[&Segment]) -> Key {
    segments
        .iter()
        .fold(root.clone(), |key, segment| match segment {
            Segment::Seq { index } => key.item(*index),
            Segment::Map { key: name } | Segment::Enum { variant: name } => key.child(name),
            Segment::Unknown => key,
        })
}

fn found_at<'a>(value: &'a Value, segments: &[&Segment]) -> Option<&'a Value> {
    segments
        .iter()
        .try_fold(value, |value, segment| match segment {
            Segment::Seq { index } => value.get(*index),
            Segment::Map { key } => value.get(key),
            Segment::Enum { .. } | Segment::Unknown => Some(value),
        })
}

/// How many segments lead to what is left out: to the innermost key of a table, since leaving an
/// element out of a list would renumber the others.
fn left_out_depth(segments: &[&Segment]) -> usize {
    segments
        .iter()
        .rposition(|segment| matches!(segment, Segment::Map { .. }))
        .map_or(0, |last| last + 1)
}

fn leave_out(value: &mut Value, segments: &[&Segment]) -> bool {
    let Some((Segment::Map { key }, way)) = segments.split_last() else {
        return false;
    };
    way.iter()
        .try_fold(value, |value, segment| match segment {
            Segment::Seq { index } => value.get_mut(*index),
            Segment::Map { key } => value.get_mut(key),
            Segment::Enum { .. } | Segment::Unknown => Some(value),
        })
        .and_then(Value::as_table_mut)
        .is_some_and(|table| table.remove(key).is_some())
}

/// Serde's message in the operator's words. Its own quotes the value, which may be a secret; only
/// keys and the words of enumerations are repeated here.
fn explain(message: &str, found: Option<&Value>) -> String {
    if let Some(known) = message.strip_prefix("unknown field `") {
        let mut words = known.split('`').step_by(2);
        let found = words.next().unwrap_or_default();
        let known: Vec<&str> = known.split('`').skip(2).step_by(2).collect();
        return match did_you_mean(found, known.iter().copied()) {
            Some(nearest) => format!("unknown key{nearest}"),
            None => format!("unknown key; expected {}", listed(&known)),
        };
    }
    let expected = message
        .rsplit_once(", expected ")
        .map_or("something else", |(_, expected)| expected.trim_end());
    if message.starts_with("unknown variant") {
        let words: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let found = found.and_then(Value::as_str).unwrap_or_default();
        let nearest = did_you_mean(found, words.iter().copied()).unwrap_or_default();
        let found = shown(found);
        return format!("found {found}, expected {}{nearest}", listed(&words));
    }
    let expected = match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "i64" => "a whole number",
        "string only" => "a string",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("found {}, expected {expected}", kind(found))
}

/// What a value is. Numbers and strings are not shown: one may be a secret in the wrong place.
fn kind(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::String(_)) => "a string",
        Some(Value::Integer(_) | Value::Float(_)) => "a number",
        Some(Value::Boolean(true)) => "`true`",
        Some(Value::Boolean(false)) => "`false`",
        Some(Value::Datetime(_)) => "a date",
        Some(Value::Array(_)) => "a list",
        Some(Value::Table(_)) => "a table",
        None => "nothing",
    }
}

fn note_lines(
    table: &DeTable<'_>,
    path: &str,
    starts: &[usize],
    lines: &mut BTreeMap<String, usize>,
) {
    for (name, value) in table {
        let path = key::child(path, name.get_ref());
        lines.insert(path.clone(), line_of(starts, name.span().start));
        note_lines_in(value.get_ref(), &path, starts, lines);
    }
}

fn note_lines_in(
    value: &DeValue<'_>,
    path: &str,
    starts: &[usize],
    lines: &mut BTreeMap<String, usize>,
) {
    if let Some(table) = value.as_table() {
        note_lines(table, path, starts, lines);
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        let path = key::item(path, index);
        lines.insert(path.clone(), line_of(starts, element.span().start));
        note_lines_in(element.get_ref(), &path, starts, lines);
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

fn line_of(starts: &[usize], offset: usize) -> usize {
    starts.partition_point(|start| *start <= offset)
}
