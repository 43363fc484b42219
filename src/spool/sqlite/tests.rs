//! The contract, run through this engine, and what is this engine's own.

mod crash;
mod damage;
mod disk;
mod model;

use super::Engine;
use crate::spool::contract::contract_tests;
use crate::spool::{Settings, Spool};
use crate::types::{ByteSize, Clock};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.join("spool"),
        keep: Duration::from_secs(3600),
        max_size: ByteSize::new(64 << 20),
    }
}

fn open(directory: &Path, clock: Arc<dyn Clock>) -> Arc<dyn Spool> {
    Arc::new(Engine::open(&settings(directory), clock).unwrap())
}

contract_tests!(open);
