//! `hubgate config`.

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{command:?}")
}
