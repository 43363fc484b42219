//! `hubgate check`: is the configuration right? Says all that is wrong, or in a line what it is.

use super::terminal::{complain, say};
use crate::config::Config;
use crate::gateway::Files;
use std::process::ExitCode;

pub(super) fn run(file: &super::ConfigFile) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&file.config) {
        Ok(config) => config,
        Err(mistakes) => {
            complain(&format!("{mistakes}\n"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let lack = Files::allowed(&config).lack();
    for warning in config.warnings.iter().chain(&lack) {
        complain(&format!("warning: {warning}\n"))?;
    }
    let targets = config.webhooks.iter().map(|route| route.to.len()).sum();
    say(&format!(
        "{}: right: {}, {}, {}, {}\n",
        file.config.display(),
        count(config.webhooks.len(), "route"),
        count(targets, "target"),
        count(config.sources.len(), "source"),
        count(config.listeners.len(), "listener"),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
