//! The bytes of large bodies: a block of noise, again and again, so that whoever reads them can
//! tell at any place whether a byte is missing or wrong.

use std::sync::LazyLock;

const BLOCK: usize = 1 << 20;

/// Noise, which nothing on the way can make smaller.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let mut noise = Vec::with_capacity(BLOCK);
    while noise.len() < BLOCK {
        noise.extend(words.next().unwrap_or_default().to_le_bytes());
    }
    noise
});

/// The bytes that stand at `at`: at most `most`, at least one.
pub fn at(at: u64, most: usize) -> &'static [u8] {
    let from = (at % BLOCK as u64) as usize;
    &NOISE[from..BLOCK.min(from.saturating_add(most))]
}

/// A reader of such a body.
#[derive(Default)]
pub struct Reader {
    pub read: u64,
}

impl Reader {
    /// Takes the next bytes, which must be the right ones.
    pub fn take(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        while !bytes.is_empty() {
            let wanted = at(self.read, bytes.len());
            let (these, rest) = bytes.split_at(wanted.len());
            anyhow::ensure!(these == wanted, "wrong bytes after {}", self.read);
            self.read += these.len() as u64;
            bytes = rest;
        }
        Ok(())
    }
}
