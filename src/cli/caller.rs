//! `hubgate caller`: what callers of the broker need.

use super::terminal;
use crate::broker::{KeyDigest, fresh_key};
use crate::types::Name;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a caller's key: printed once, for the caller, with the line for the configuration
    Key(Key),
}

#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// The caller's name
    name: Name,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Key(key) = command;
    let fresh = fresh_key()?;
    let digest = KeyDigest::of(&fresh);
    terminal::say(&format!(
        "The key of {name}, which is kept nowhere and not shown again:\n\n    {key}\n\n\
         In the configuration, which tells nothing of the key:\n\n    \
         [[caller]]\n    name = \"{name}\"\n    key = \"{digest}\"\n",
        name = key.name,
        key = *fresh,
    ))?;
    Ok(ExitCode::SUCCESS)
}
