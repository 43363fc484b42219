//! Writing to standard output and standard error: a reader that has seen enough (`| head`) is no
//! failure.

use anyhow::Context as _;
use std::io::{self, Write};

/// Writes `text` to standard output as it is.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    write(io::stdout().lock(), text).context("cannot write to standard output")
}

/// Writes `text` to standard error as it is.
pub(super) fn complain(text: &str) -> anyhow::Result<()> {
    write(io::stderr().lock(), text).context("cannot write to standard error")
}

fn write(mut stream: impl Write, text: &str) -> io::Result<()> {
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(failure) if failure.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
