//! How a request came.

use super::Surface;
use super::hosts::Pair;
use super::origin::Scheme;
use crate::types::ClientAddr;

/// What is known of a request besides its head.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Who asks.
    pub client: ClientAddr,
    /// How it was asked.
    pub scheme: Scheme,
    /// Which host and port it was asked of, as the client wrote them.
    pub authority: &'a str,
    /// The names that it was asked under: [`Names::at`] that host.
    pub pair: &'a Pair,
    /// What it is for.
    pub surface: Surface,
    /// Whether the connection may become another protocol's.
    pub upgrade: bool,
}
