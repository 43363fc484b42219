//! Logs to standard error, for journald: `text` for people, `json` for programs.
//!
//! What the libraries below us say through the `log` crate (pingora does) comes out here too.

mod lines;

use lines::Lines;
use std::io::IsTerminal as _;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

/// `[log].format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One line a record, for people.
    Text,
    /// One JSON object a line.
    #[default]
    Json,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The shape of a line.
    pub format: Format,
    /// A level (`info`), or directives (`hubgate=debug,pingora=warn`); checked when parsed.
    pub level: String,
}

/// Why there is no log as wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A directive that is none.
    #[error(
        "found `{found}`, expected a level (off, error, warn, info, debug, trace) or `part=level`, several with commas between them, such as `info,hubgate::edge=debug`"
    )]
    Directive {
        /// As it was written.
        found: String,
    },
    /// Another part of the process took the log first.
    #[error("the log is set up already: {0}")]
    Taken(String),
    /// The level could not be changed.
    #[error("the log's level cannot be changed: {0}")]
    Gone(String),
}

/// The log that runs, whose level and format a reload may change. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    level: reload::Handle<Targets, Registry>,
    lines: Lines,
}

impl Log {
    /// Changes level and format.
    ///
    /// # Errors
    /// Where `level` is no level; then nothing changed.
    pub fn reload(&self, settings: &Settings) -> Result<(), LogError> {
        let level = parse(&settings.level)?;
        self.level
            .reload(level)
            .map_err(|failure| LogError::Gone(failure.to_string()))?;
        self.lines.change(settings.format);
        bridge();
        Ok(())
    }
}

/// Sets up the log of this process, panics included.
///
/// # Errors
/// Where the level is none, or the process has a log already.
pub fn init(settings: &Settings) -> Result<Log, LogError> {
    let colours = std::io::stderr().is_terminal();
    let (subscriber, log) = build(settings, std::io::stderr, colours)?;
    subscriber
        .try_init()
        .map_err(|failure| LogError::Taken(failure.to_string()))?;
    bridge();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let told = panic.payload_as_str().unwrap_or("(without a message)");
        tracing::error!(place, "panic: {told}");
    }));
    Ok(log)
}

/// Reads a level or directives: `info`, `hubgate=debug,pingora=warn`. Without a word on pingora
/// it is kept to warnings.
///
/// # Errors
/// Names the first directive that is none. A word that is no level is refused rather than taken
/// for the name of a part that logs everything.
pub fn parse(level: &str) -> Result<Targets, LogError> {
    let wrong = |found: &str| LogError::Directive {
        found: found.escape_debug().to_string(),
    };
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    if !level.contains("pingora") {
        targets = targets.with_target("pingora", LevelFilter::WARN);
    }
    for directive in level.split(',').map(str::trim) {
        let (part, word) = match directive.split_once('=') {
            Some((part, word)) => (Some(part.trim()), word.trim()),
            None => (None, directive),
        };
        let level = LEVELS
            .iter()
            .find_map(|(name, level)| name.eq_ignore_ascii_case(word).then_some(*level))
            .ok_or_else(|| wrong(directive))?;
        targets = match part {
            None => targets.with_default(level),
            Some(part) if is_part(part) => targets.with_target(part, level),
            Some(_) => return Err(wrong(directive)),
        };
    }
    Ok(targets)
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-'))
}

fn build<W>(
    settings: &Settings,
    writer: W,
    colours: bool,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Log), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (level, handle) = reload::Layer::new(parse(&settings.level)?);
    let lines = Lines::new(settings.format);
    let layer = fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .event_format(lines.clone());
    let subscriber = Registry::default().with(level).with(layer);
    let log = Log {
        level: handle,
        lines,
    };
    Ok((subscriber, log))
}

/// Lets as much of the `log` crate's records through as is wanted; the rest costs nothing.
fn bridge() {
    let most = match LevelFilter::current().into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(tracing::Level::TRACE) => log::LevelFilter::Trace,
    };
    log::set_max_level(most);
}

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

#[cfg(test)]
mod tests;
