//! Tests of reading keys.

use super::*;
use crate::apps::fake::{pem, pkcs8};

/// A key of 1024 bits in PKCS#1, which opens nothing.
const WEAK: &str = "MIICXAIBAAKBgQC9dSKxlYSuVicXJk9CY9ZEm3b6RC74rCtbi0ZLGHINZTJsepj+dj3SyVK/5oY2zvtzL9aL0rZqSH3Hv4Y6o6GlegltYUl4DiqyAgPjlkUNMO+vW4Az6io1II9F/SqFP9w1PGe+h1K3Ed/TMt2rTJFI4I4yreEAxk7b3EQZSRBigwIDAQABAoGBAJmPGpqzZMJlY/O4gl9+Skp7c9jvcN7vtYjSfxwY6UCAOHmCeQUu03dI5IBUGY7M/zPin1PfaykELqa7TtGylS4EBqa/y7BNmqWY0kwOC2wlIxSGFq/aKH/7NP3HvMJXHAC+Cu3BMsyW1o3kpGEqLhBd73GjlsEgzwSKKN33QubZAkEA6OSxZqGl87yBMTQHEOx8LP5BIDu7JUm/tuiuIEVpqNFYFE6qwy4Z9w36DUwb5s5ZZwKJt0e51pUHYgle9qJizQJBANBBNUy7anEqMrUZ4fcSM+mDORF5D5x29kY8+NWtgaBVIFGyDLvu1xfYcUJvb2TqvuBUQPiGS4MZ+YXo2xVb+o8CQGGoK/9mPylSXTYdo+zjzTosr3Btu47qOtre/M0JbkHc7rstNYu8lCS1lqnmxThmRLTeKpNRH0ssmLjyRwDSnO0CQBgs+bsGprysYWaUsp60BkK9cQqOOzm2tbBBs8FaewnZ1/6j5MaMW3vxLHTB6vSUK8RvA3vWWz3E7iqVdZltLBECQH3TK246fGiD4UvpsAPnyMKLjSMHxlV+BFhtNe19HbL6ld+X9w2fTMrhFPzMN02nrCvw0qco4yY3vx7n+fwr/nk=";

/// What PKCS#8 wraps: the last element of its sequence.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    let start = pkcs8
        .windows(4)
        .skip(4)
        .position(|bytes| bytes[0] == 0x30 && bytes[1] == 0x82)
        .unwrap();
    pkcs8[start + 4..].to_vec()
}

#[test]
fn both_ways_of_writing_a_key_are_read_and_are_one_key() {
    let der = pkcs8(0);
    let modern = Key::parse("`a.pem`", &pem("PRIVATE KEY", &der)).unwrap();
    let classic = Key::parse("`a.pem`", &pem("RSA PRIVATE KEY", &pkcs1(&der))).unwrap();
    assert_eq!(modern.fingerprint(), classic.fingerprint());
    let other = Key::parse("`b.pem`", &pem("PRIVATE KEY", &pkcs8(1))).unwrap();
    assert_ne!(modern.fingerprint(), other.fingerprint());
    let shown = format!("{modern:?}");
    assert_eq!(shown, format!("Key({})", modern.fingerprint()));
    assert!(shown.starts_with("Key(SHA256:") && shown.ends_with("=)"));
}

#[test]
fn a_fingerprint_is_what_openssl_and_github_say() {
    // openssl rsa -pubout -outform DER | openssl sha256 -binary | openssl base64
    let key = Key::parse("`a`", &pem("PRIVATE KEY", &pkcs8(0))).unwrap();
    let public: PublicKeyX509Der<'_> = key.pair.public_key().as_der().unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public.as_ref());
    let expected = format!("SHA256:{}", BASE64_STANDARD.encode(digest));
    assert_eq!(key.fingerprint().to_string(), expected);
    assert_eq!(expected.parse(), Ok(key.fingerprint()));
    for odd in [
        "",
        "SHA256:",
        "SHA256:AAAA",
        expected.get(7..).unwrap(),
        &expected.replace("SHA256", "MD5"),
    ] {
        assert!(odd.parse::<Fingerprint>().is_err(), "{odd}");
    }
    // A SubjectPublicKeyInfo of rsaEncryption begins so.
    assert_eq!(
        public.as_ref()[4..19],
        [
            0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
            0x00,
        ]
    );
}

#[test]
fn what_is_no_key_is_told_with_its_name_and_what_it_is() {
    let good = String::from_utf8(pem("PRIVATE KEY", &pkcs8(0)).expose().to_vec()).unwrap();
    let weak = pem("RSA PRIVATE KEY", &BASE64_STANDARD.decode(WEAK).unwrap());
    let text = |text: &str| Secret::new(text.as_bytes().to_vec());
    let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAA==\n-----END RSA PRIVATE KEY-----\n";
    let table = [
        (text(""), "is no PEM"),
        (text("hunter2"), "is no PEM"),
        (pem("CERTIFICATE", b"x"), "holds a certificate"),
        (pem("PUBLIC KEY", b"x"), "holds a public key"),
        (
            text(good.get(..200).unwrap()),
            "holds a private key that is not whole",
        ),
        (pem("EC PRIVATE KEY", b"x"), "holds an elliptic curve's key"),
        (pem("PRIVATE KEY", b"garbage"), "holds no sound RSA key"),
        (pem("RSA PRIVATE KEY", &pkcs8(0)), "holds no sound RSA key"),
        (weak, "holds a key of fewer than 2048 bits"),
        (
            pem("ENCRYPTED PRIVATE KEY", b"x"),
            "is encrypted, and nobody is here to type a passphrase",
        ),
        (
            text(encrypted),
            "is encrypted, and nobody is here to type a passphrase",
        ),
    ];
    for (pem, expected) in table {
        let said = Key::parse("`sync.pem`", &pem).unwrap_err().to_string();
        let expected = format!(
            "`sync.pem` {expected}; expected the RSA private key of a GitHub App, as downloaded from its settings"
        );
        assert_eq!(said, expected);
    }
}
