//! hubgate: one gate between GitHub and what stands behind a firewall.
//!
//! The layers and what may import what are in `docs/ARCHITECTURE.md`; `tests/architecture.rs`
//! holds them.

pub mod admin;
pub mod apps;
pub mod broker;
pub mod cli;
pub mod config;
pub mod disk;
pub mod edge;
pub mod gate;
pub mod gateway;
pub mod github;
pub mod publish;
pub mod spool;
pub mod telemetry;
pub mod types;
pub mod webhook;
