//! `hubgate completions`: what a shell completes from.

use super::terminal;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For which shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "hubgate", &mut script);
    terminal::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
