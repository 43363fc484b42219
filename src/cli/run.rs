//! `hubgate run`: the gateway.

use super::terminal::complain;
use crate::config::Config;
use crate::edge::Kept;
use crate::gateway::{self, Gateway};
use anyhow::Context as _;
use std::process::ExitCode;

pub(super) fn run(file: &super::ConfigFile) -> anyhow::Result<ExitCode> {
    gateway::keep_memory_private().context("cannot keep secrets out of core dumps")?;
    gateway::install_cryptography();
    let config = match Config::load(&file.config) {
        Ok(config) => config,
        Err(mistakes) => {
            complain(&format!("{mistakes}\n"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let kept = Kept::inherited(&crate::config::socket_names());
    let runtime = gateway::runtime(config.gateway.workers)?;
    let well = runtime.block_on(async {
        let gateway = Gateway::start(config, Some(file.config.clone()), kept).await?;
        gateway.run().await
    })?;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
