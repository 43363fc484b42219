//! The configuration file, turned into each room's own types. No room below imports this one.

use crate::{admin, edge, spool, telemetry, webhook};
use std::path::PathBuf;
use std::time::Duration;

/// Everything the file says, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[[listen]]`.
    pub listeners: Vec<edge::Listener>,
    /// `[[certificate]]`.
    pub certificates: Vec<edge::certificate::Certificate>,
    /// `[[source]]`.
    pub sources: Vec<edge::source::Source>,
    /// `[[webhook]]`.
    pub webhooks: Vec<webhook::Route>,
    /// `[spool]`.
    pub spool: spool::Settings,
    /// `[admin]`.
    pub admin: admin::Settings,
    /// `[log]`.
    pub log: telemetry::log::Settings,
    /// `[audit]`.
    pub audit: telemetry::audit::Settings,
    /// What is right but perhaps not meant, in words, with the key's path.
    pub warnings: Vec<String>,
}

/// `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Where the spool and learned things are kept.
    pub state_dir: PathBuf,
    /// Threads that serve requests; 0: one per core.
    pub workers: usize,
    /// How long running requests may finish at a stop.
    pub drain: Duration,
}
