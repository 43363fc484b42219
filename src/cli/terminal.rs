//! Writing to standard output and standard error: a reader that has seen enough (`| head`) is no
//! failure.

use anyhow::Context as _;
use std::io::{self, Write};
use std::process::ExitCode;

/// Writes `text` to standard output as it is.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    write(text.as_bytes())
}

/// Writes `text` to standard output, and ends with 0 where all is as it was asked for, else with 1.
pub(super) fn conclude(text: &str, well: bool) -> anyhow::Result<ExitCode> {
    say(text)?;
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Writes bytes to standard output as they are.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    put(io::stdout().lock(), bytes).context("cannot write to standard output")
}

/// Writes `text` to standard error as it is.
pub(super) fn complain(text: &str) -> anyhow::Result<()> {
    put(io::stderr().lock(), text.as_bytes()).context("cannot write to standard error")
}

fn put(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(failure) if failure.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
