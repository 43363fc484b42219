//! AES-256-GCM under a key that is derived from another, one for each purpose.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

/// Seals and opens. The key does not show.
pub struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// Seals for one purpose: what was sealed for another is not opened. None where the key is too
    /// short to be one.
    #[must_use]
    pub fn new(key: &[u8], purpose: &'static str) -> Option<Self> {
        if key.len() < SHORTEST {
            return None;
        }
        let extracted = Salt::new(HKDF_SHA256, SALT).extract(key);
        let purpose = [purpose.as_bytes()];
        let expanded = extracted.expand(&purpose, &AES_256_GCM).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(expanded))))
    }

    /// `begin nonce ciphertext`, bound to the label; none where the system has no chance to give.
    #[must_use]
    pub fn seal(&self, label: &str, text: &[u8]) -> Option<Vec<u8>> {
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
    #[must_use]
    pub fn open(&self, label: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
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
const SHORTEST: usize = 32;
