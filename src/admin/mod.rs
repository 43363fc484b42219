//! How the gateway is watched: API, metrics, health. Sees the other rooms through traits that
//! `gateway` supplies.
//!
//! A request's way: a door (`open`) → its bounds → the guard (who may ask) → a route of the
//! table in `router` → the view.

mod act;
pub mod answer;
mod api;
mod certificates;
mod deliveries;
mod door;
mod failure;
pub mod filter;
mod guard;
mod openapi;
mod published;
mod router;
mod view;
mod workshop;

pub use door::{AdminError, Doors, open};
pub use openapi::document;
pub use view::{Running, Target, View};
pub use workshop::{NotDone, Workshop};

use crate::telemetry::{Audit, Metrics, Tasks};
use crate::types::{Clock, SecretSource};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// `[admin]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Unix socket the command line talks to; mode 0660.
    pub socket: PathBuf,
    /// Where API and metrics are served over TCP besides.
    pub address: Option<SocketAddr>,
    /// What a client over TCP must show, as `Authorization: Bearer`; required unless loopback.
    pub token: Option<SecretSource>,
}

/// What the doors show and act on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The other rooms.
    pub view: Arc<dyn View>,
    /// The Apps.
    pub workshop: Arc<dyn Workshop>,
    /// Where reloads and redeliveries are recorded.
    pub audit: Audit,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where connections run.
    pub tasks: Tasks,
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
