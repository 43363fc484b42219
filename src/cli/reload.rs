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
    let reloaded: Reloaded = arguments.running.client()?.post("reload", None::<&()>)?;
    let lines = reloaded.outcome.lines().map(printable);
    terminal::say(&format!("{}\n", lines.collect::<Vec<_>>().join("\n")))?;
    Ok(ExitCode::SUCCESS)
}
