//! `hubgate run`.

use std::process::ExitCode;

pub(super) fn run(file: &super::ConfigFile) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{}", file.config.display())
}
