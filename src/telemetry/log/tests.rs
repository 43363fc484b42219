//! Tests of the log.

use super::*;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).unwrap()
    }
}

fn settings(format: Format, level: &str) -> Settings {
    Settings {
        format,
        level: level.to_owned(),
    }
}

#[test]
fn a_level_is_read_as_people_write_it() {
    for right in [
        "info",
        "WARN",
        "off",
        "hubgate=debug",
        "hubgate=debug,pingora=warn",
        "info, hubgate::edge=trace",
    ] {
        assert!(parse(right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "inof",
        "hubgate=loud",
        "=info",
        "a b=info",
        "info,",
        "hubgate=debug=x",
    ] {
        let error = parse(wrong).unwrap_err().to_string();
        assert!(error.contains("expected a level"), "{wrong}: {error}");
    }
}

#[test]
fn pingora_is_kept_to_warnings_unless_asked_for() {
    let enabled =
        |level: &str, target: &str, wanted| parse(level).unwrap().would_enable(target, &wanted);
    assert!(!enabled(
        "debug",
        "pingora_core::server",
        tracing::Level::INFO
    ));
    assert!(enabled(
        "debug",
        "pingora_core::server",
        tracing::Level::WARN
    ));
    assert!(enabled("debug", "hubgate::edge", tracing::Level::DEBUG));
    assert!(!enabled("info", "hubgate::edge", tracing::Level::DEBUG));
    assert!(enabled(
        "info,pingora=debug",
        "pingora_core",
        tracing::Level::DEBUG
    ));
}

#[test]
fn a_json_line_is_one_flat_object_whatever_is_in_it() {
    let paper = Paper::default();
    let writer = paper.clone();
    let (subscriber, _log) = build(
        &settings(Format::Json, "info"),
        move || writer.clone(),
        false,
    )
    .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(path = "/a\n\u{1b}[2J", "refused");
        tracing::debug!("not this");
    });
    let text = paper.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["message"], "refused");
    assert_eq!(line["path"], "/a\n\u{1b}[2J");
}

#[test]
fn a_text_line_has_no_colours_where_there_is_no_terminal() {
    let paper = Paper::default();
    let writer = paper.clone();
    let (subscriber, _log) = build(
        &settings(Format::Text, "info"),
        move || writer.clone(),
        false,
    )
    .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(path = "/a\n\u{1b}[2J", "refused");
    });
    let text = paper.text();
    assert!(
        text.contains("refused") && !text.contains('\u{1b}'),
        "{text:?}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_reload_changes_the_level_and_a_wrong_one_changes_nothing() {
    let paper = Paper::default();
    let writer = paper.clone();
    let (subscriber, log) = build(
        &settings(Format::Json, "info"),
        move || writer.clone(),
        false,
    )
    .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!("one");
        log.reload(&settings(Format::Json, "debug")).unwrap();
        tracing::debug!("two");
        assert!(log.reload(&settings(Format::Json, "inof")).is_err());
        tracing::debug!("three");
    });
    let text = paper.text();
    assert!(!text.contains("one") && text.contains("two") && text.contains("three"));
}

#[test]
fn a_reload_changes_the_shape_of_the_next_line() {
    let paper = Paper::default();
    let writer = paper.clone();
    let (subscriber, log) = build(
        &settings(Format::Text, "info"),
        move || writer.clone(),
        false,
    )
    .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let _within = tracing::info_span!("a reload", by = "signal").entered();
        tracing::info!(number = 1, "in text");
        log.reload(&settings(Format::Json, "info")).unwrap();
        tracing::info!(number = 2, "in JSON");
        log.reload(&settings(Format::Text, "info")).unwrap();
        tracing::info!(number = 3, "in text again");
    });
    let text = paper.text();
    let read: Vec<Option<serde_json::Value>> = text
        .lines()
        .map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(read[0].is_none() && read[2].is_none(), "{text}");
    let line = read[1].as_ref().unwrap();
    assert_eq!(
        (&line["message"], &line["number"]),
        (&"in JSON".into(), &2.into())
    );
}
