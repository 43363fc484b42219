//! An App's private key. Parsed once, from PEM as GitHub hands it out; never shown, never written.

use crate::types::{ParseError, Secret};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use zeroize::Zeroize as _;

/// A key's name: SHA-256 of its public half, as GitHub shows it beside the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a public key as X.509 has it.
    pub(super) fn of(public: &[u8]) -> Option<Self> {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public);
        digest.as_ref().try_into().ok().map(Self)
    }
}

/// `SHA256:` and base64.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", BASE64_STANDARD.encode(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new(
                text,
                "a key's fingerprint such as `SHA256:…=`, as GitHub shows it",
            )
        };
        let digits = text.strip_prefix("SHA256:").ok_or_else(wrong)?;
        let bytes = BASE64_STANDARD.decode(digits).ok().ok_or_else(wrong)?;
        let digest = bytes.try_into().ok().ok_or_else(wrong)?;
        Ok(Self(digest))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why something is no key of an App's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{label} {why}; expected the RSA private key of a GitHub App, as downloaded from its settings"
)]
pub struct KeyError {
    label: String,
    why: String,
}

/// An RSA private key of 2048 bits or more. Cheap to clone.
#[derive(Clone)]
pub struct Key {
    pair: Arc<KeyPair>,
    fingerprint: Fingerprint,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint)
    }
}

impl Key {
    /// Reads PKCS#1 (as GitHub hands it out) or PKCS#8 in PEM. `label` is what errors call it,
    /// such as its file.
    ///
    /// # Errors
    /// Where it is no PEM, holds no private key, an encrypted one, one that is not RSA, or one
    /// of fewer than 2048 bits.
    pub fn parse(label: &str, pem: &Secret) -> Result<Self, KeyError> {
        let wrong = |why: &str| KeyError {
            label: label.to_owned(),
            why: why.to_owned(),
        };
        let text = String::from_utf8_lossy(pem.expose());
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(wrong(
                "is encrypted, and nobody is here to type a passphrase",
            ));
        }
        let Ok(mut der) = PrivateKeyDer::from_pem_slice(pem.expose()) else {
            return Err(wrong(what_it_is(&text)));
        };
        let pair = match &der {
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(_) | _ => return Err(wrong("holds an elliptic curve's key")),
        };
        der.zeroize();
        let pair = pair.map_err(|rejected| match rejected.to_string().as_str() {
            "TooSmall" => wrong("holds a key of fewer than 2048 bits"),
            "TooLarge" => wrong("holds a key of more than 8192 bits"),
            _ => wrong("holds no sound RSA key"),
        })?;
        let public = pair.public_key().as_der();
        let public: PublicKeyX509Der<'_> = match public {
            Ok(public) => public,
            Err(_) => return Err(wrong("holds a key without a public half")),
        };
        let Some(fingerprint) = Fingerprint::of(public.as_ref()) else {
            return Err(wrong("has no fingerprint"));
        };
        Ok(Self {
            pair: Arc::new(pair),
            fingerprint,
        })
    }

    /// What GitHub calls it.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    #[cfg(test)]
    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Whether it signed this JWT.
    #[cfg(test)]
    pub(super) fn verifies(&self, jwt: &str) -> bool {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        use base64::prelude::BASE64_URL_SAFE_NO_PAD;
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.public());
        public.verify(message.as_bytes(), &signature).is_ok()
    }

    /// RS256 over `message`; none where the library cannot.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let chance = SystemRandom::new();
        let signed = self
            .pair
            .sign(&RSA_PKCS1_SHA256, &chance, message, &mut signature);
        signed.is_ok().then_some(signature)
    }
}

/// What is there instead of a private key.
fn what_it_is(text: &str) -> &'static str {
    if text.contains("BEGIN CERTIFICATE") {
        "holds a certificate"
    } else if text.contains("PUBLIC KEY") {
        "holds a public key"
    } else if text.contains("PRIVATE KEY") {
        "holds a private key that is not whole"
    } else {
        "is no PEM"
    }
}

#[cfg(test)]
mod tests;
