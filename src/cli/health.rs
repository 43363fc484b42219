//! `hubgate health`: whether the running gateway takes traffic, for those who ask again and again.

use super::client::Running;
use super::table::printable;
use super::terminal;
use crate::admin::answer::Status;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
}

/// Exit code 0 where it takes traffic, 1 where it does not or is not running.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let status: Status = arguments.running.client()?.get("status")?;
    if status.readiness.ready {
        terminal::say("ready\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let reasons: Vec<String> = status
        .readiness
        .reasons
        .iter()
        .map(|it| printable(it))
        .collect();
    terminal::complain(&format!("not ready: {}\n", reasons.join("; ")))?;
    Ok(ExitCode::FAILURE)
}
