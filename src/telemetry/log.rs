//! Logs to standard error, for journald: `text` for people, `json` for programs.

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
