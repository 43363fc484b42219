//! Writing to standard output: a reader that has seen enough (`| head`) is no failure.

use std::io::{self, Write as _};

/// Writes `text` as it is.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    write(text.as_bytes())
}

/// Writes bytes as they are.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(failure) if failure.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(failure).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}
