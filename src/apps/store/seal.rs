//! AES-256-GCM under a key that is derived from what a file holds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

/// Seals and opens. The key does not show.
pub(super) struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// None where the key is too short to be one.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        if key.len() < SHORTEST {
            return None;
        }
        let extracted = Salt::new(HKDF_SHA256, SALT).extract(key);
        let expanded = extracted.expand(&[PURPOSE], &AES_256_GCM).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(expanded))))
    }

    /// `begin nonce ciphertext`, bound to the label.
    pub(super) fn seal(&self, label: &str, text: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut body = Zeroizing::new(text.to_vec());
        let bound = Aad::from(label.as_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(unique, bound, &mut *body)
            .ok()?;
        Some([BEGIN, &nonce, &body].concat())
    }

    /// What was sealed for the label; none where it was not, or was changed since.
    pub(super) fn open(&self, label: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let rest = sealed.strip_prefix(BEGIN)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let bound = Aad::from(label.as_bytes());
        let length = self.0.open_in_place(nonce, bound, &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

const BEGIN: &[u8] = b"hubgate-sealed-1\n";
const SALT: &[u8] = b"hubgate";
const PURPOSE: &[u8] = b"apps at rest";
const SHORTEST: usize = 32;
