//! `hubgate reload`: the running gateway reads its configuration again.

use super::client::Running;
use super::table::printable;
use super::terminal;
use crate::admin::answer::Reloaded;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
}

/// Exit code 1 where the new configuration is refused; the old one runs on then.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    terminal::say(&answer(arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(arguments: &Arguments) -> anyhow::Result<String> {
    let client = arguments.running.client()?;
    let reloaded: Reloaded = client.post("reload", None::<&()>)?;
    let lines: Vec<_> = reloaded.outcome.lines().map(printable).collect();
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests;
