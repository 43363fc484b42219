//! `hubgate config`: about the configuration file itself.

use super::terminal::say;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the JSON Schema of the configuration file, which editors complete from
    Schema,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Schema => say(&format!("{:#}\n", crate::config::schema()))?,
    }
    Ok(ExitCode::SUCCESS)
}
