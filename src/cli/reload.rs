//! `hubgate reload`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{arguments:?}")
}
