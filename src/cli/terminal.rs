//! What a command says: results on standard output, complaints on standard error. A reader that
//! has gone (`hubgate … | head`) is no failure.

use std::io::{self, Write};

/// Writes a line to standard output.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    Ok(write_line(io::stdout().lock(), text)?)
}

/// Writes a line to standard error.
pub(super) fn complain(text: &str) -> anyhow::Result<()> {
    Ok(write_line(io::stderr().lock(), text)?)
}

fn write_line(mut stream: impl Write, text: &str) -> io::Result<()> {
    match writeln!(stream, "{text}").and_then(|()| stream.flush()) {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
