//! A body's framing: taken off as it streams by.

use anyhow::{Context as _, bail, ensure};
use httparse::Header;

pub enum Body {
    /// So many bytes are missing.
    Length(u64),
    Chunked(Chunk),
}

pub enum Chunk {
    /// In the line that says the size; `true` once its digits are over.
    Size(u64, bool),
    Data(u64),
    /// The line break behind the data.
    Break,
    /// In a line behind the last chunk, of which so many bytes came.
    Trailer(usize),
    Done,
}

/// A field's value.
pub fn field<'h>(fields: &'h [Header<'h>], name: &str) -> Option<&'h [u8]> {
    let mut all = fields.iter();
    all.find(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

impl Body {
    /// `None` where the head announces none.
    pub fn of(fields: &[Header<'_>]) -> anyhow::Result<Option<Self>> {
        if let Some(coding) = field(fields, "transfer-encoding") {
            ensure!(coding == b"chunked", "a coding that nobody asked for");
            return Ok(Some(Self::Chunked(Chunk::Size(0, false))));
        }
        let Some(digits) = field(fields, "content-length") else {
            return Ok(None);
        };
        let length = std::str::from_utf8(digits)?.parse();
        Ok(Some(Self::Length(length.context("a length that is none")?)))
    }

    pub fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Gives what is in the next bytes to `take`, and says how many belonged to the body.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            let rest = &bytes[at..];
            let chunk = match self {
                Self::Length(missing) => {
                    let here = rest.len().min(usize::try_from(*missing)?);
                    take(&rest[..here])?;
                    *missing -= here as u64;
                    at += here;
                    continue;
                }
                Self::Chunked(chunk) => chunk,
            };
            at += match chunk {
                Chunk::Data(missing) => {
                    let here = rest.len().min(usize::try_from(*missing)?);
                    take(&rest[..here])?;
                    *missing -= here as u64;
                    if *missing == 0 {
                        *chunk = Chunk::Break;
                    }
                    here
                }
                other => {
                    other.step(rest[0])?;
                    1
                }
            };
        }
        Ok(at)
    }
}

impl Chunk {
    fn step(&mut self, byte: u8) -> anyhow::Result<()> {
        *self = match (&*self, byte) {
            (Self::Size(0, _), b'\n') => Self::Trailer(0),
            (Self::Size(size, _), b'\n') => Self::Data(*size),
            (Self::Size(size, false), digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or_default();
                ensure!(*size < 1 << 40, "a chunk that is too large");
                Self::Size(size * 16 + u64::from(digit), false)
            }
            (Self::Size(size, _), _) => Self::Size(*size, true),
            (Self::Break, b'\r') => Self::Break,
            (Self::Break, b'\n') => Self::Size(0, false),
            (Self::Trailer(0), b'\n') => Self::Done,
            (Self::Trailer(_), b'\n') => Self::Trailer(0),
            (Self::Trailer(length), b'\r') => Self::Trailer(*length),
            (Self::Trailer(length), _) => Self::Trailer(length + 1),
            (Self::Break | Self::Data(_) | Self::Done, _) => bail!("a chunk without its end"),
        };
        Ok(())
    }
}
