//! How the gateway is watched: API, metrics, health. Sees the other rooms through traits that
//! `gateway` supplies.

use crate::types::SecretSource;
use std::net::SocketAddr;
use std::path::PathBuf;

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
