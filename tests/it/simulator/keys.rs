//! The keys of Apps: made once for all tests of a process, for making one takes long.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a PKCS#8 document of a key of 2048 bits has before the PKCS#1 document.
const WRAPPING: usize = 26;
const COLUMNS: usize = 64;

/// A private key of 2048 bits.
#[derive(Clone)]
pub struct AppKey(Arc<Pair>);

struct Pair {
    /// None where it is a key that somebody else holds.
    key: Option<KeyPair>,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl AppKey {
    /// The key with this number: the same for everybody who asks in this process.
    pub fn number(number: usize) -> Self {
        static MADE: Mutex<BTreeMap<usize, AppKey>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap();
        let make = || {
            let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
            let pkcs8 = key.as_der().unwrap().as_ref().to_vec();
            let public = key.public_key().as_der().unwrap().as_ref().to_vec();
            let key = Some(key);
            Self(Arc::new(Pair { key, pkcs8, public }))
        };
        made.entry(number).or_insert_with(make).clone()
    }

    /// A key of which only the public half is known, as X.509 has it.
    pub fn held_elsewhere(public: Vec<u8>) -> Self {
        let (key, pkcs8) = (None, Vec::new());
        Self(Arc::new(Pair { key, pkcs8, public }))
    }

    /// `BEGIN RSA PRIVATE KEY`, as GitHub gives it.
    pub fn pkcs1_pem(&self) -> String {
        pem("RSA PRIVATE KEY", &self.0.pkcs8[WRAPPING..])
    }

    /// `BEGIN PRIVATE KEY`.
    pub fn pkcs8_pem(&self) -> String {
        pem("PRIVATE KEY", &self.0.pkcs8)
    }

    /// As GitHub's page of the App shows it.
    pub fn fingerprint(&self) -> String {
        STANDARD.encode(aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            &self.0.public,
        ))
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "typ": "JWT" }).to_string());
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = self.0.key.as_ref().expect("it is not held elsewhere");
        let mut signature = vec![0; key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn signed(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0.public);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(COLUMNS)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}
