//! GitHub's signature: HMAC-SHA256 over the body's bytes as they came, hashed while they come.

use crate::types::Secret;
use aws_lc_rs::{constant_time, hmac};

/// Bytes of a SHA-256 HMAC.
const LENGTH: usize = 32;

/// The secrets of a route, newest first.
#[derive(Debug)]
pub struct Secrets(Vec<hmac::Key>);

impl Secrets {
    /// Prepares the secrets.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Self {
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        Self(secrets.iter().map(key).collect())
    }

    /// Starts to check a body against what its sender claims.
    #[must_use]
    pub fn expect(&self, claimed: Claimed) -> Check {
        Check {
            claimed,
            running: self.0.iter().map(hmac::Context::with_key).collect(),
        }
    }
}

/// The value of `X-Hub-Signature-256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed([u8; LENGTH]);

impl Claimed {
    /// Reads `sha256=` and 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let digits = value.strip_prefix(b"sha256=")?;
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let mut bytes = [0; LENGTH];
        if pairs.len() != LENGTH {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A body that is being hashed under each of a route's secrets.
pub struct Check {
    claimed: Claimed,
    running: Vec<hmac::Context>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("secrets", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl Check {
    /// Takes the next bytes of the body in.
    pub fn update(&mut self, bytes: &[u8]) {
        for context in &mut self.running {
            context.update(bytes);
        }
    }

    /// Which of the route's secrets the body was signed with, from 0. Every secret is compared,
    /// each in constant time.
    #[must_use]
    pub fn finish(self) -> Option<usize> {
        let mut found = None;
        for (position, context) in self.running.into_iter().enumerate() {
            let tag = context.sign();
            let same =
                constant_time::verify_slices_are_equal(tag.as_ref(), &self.claimed.0).is_ok();
            if same && found.is_none() {
                found = Some(position);
            }
        }
        found
    }
}
