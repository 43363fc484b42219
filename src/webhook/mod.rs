//! Webhooks in: received, checked, kept, delivered.

pub mod deliver;
pub mod receive;
pub mod recover;

use crate::edge::source::From;
use crate::types::{ByteSize, EventPattern, RouteKey, SecretSource};
use std::sync::Arc;
use std::time::Duration;

/// `[[webhook]]`, checked.
#[derive(Debug, Clone)]
pub struct Route {
    /// Host and path; its identity everywhere.
    pub key: RouteKey,
    /// Who may use it.
    pub from: From,
    /// Where its secrets are kept, newest first.
    pub secrets: Vec<SecretSource>,
    /// Which events it takes; empty: all.
    pub events: Vec<EventPattern>,
    /// The CEL expression that a payload must satisfy, compiled.
    pub filter: Option<Arc<receive::Filter>>,
    /// When it answers.
    pub mode: Mode,
    /// The largest payload.
    pub max_body: ByteSize,
    /// How long the same delivery counts as a duplicate.
    pub redelivery_window: Duration,
    /// Who is to have what it takes; at least one.
    pub to: Vec<deliver::Target>,
}

/// When a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 202 once the delivery is on disk.
    Store,
    /// What the (one) target answers.
    Through,
}
