//! What a request presents to say who it is from.

use crate::types::ParseError;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, HeaderMap};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What a gateway's key begins with, so that a person and a secret scanner know it.
const PREFIX: &str = "hgk_";
/// Bytes of chance in a key.
const CHANCE: usize = 32;
/// The longest credential that is looked at: OIDC tokens have 1 to 3 KiB.
const LONGEST: usize = 16 << 10;

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Nothing,
    /// A gateway's key; what is compared is its digest.
    Key(KeyDigest),
    /// Something with the shape of a signed token.
    Token(SignedToken),
    /// Something else, or more than one.
    Unknown,
}

/// A token of an OIDC issuer, not yet verified. `Debug` shows nothing of it.
#[derive(PartialEq, Eq)]
pub struct SignedToken(Zeroizing<String>);

impl SignedToken {
    /// The token, for whoever verifies it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(..)")
    }
}

/// The SHA-256 of a key's whole text. The key has 256 bits of chance, so that a plain digest
/// tells nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `sha256:HEX`, as the configuration has it.
impl FromStr for KeyDigest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            // What was written here by mistake may be the key itself.
            let shown = if text.starts_with("sha256:") {
                text
            } else {
                "…"
            };
            ParseError::new(
                shown,
                "`sha256:` and 64 hexadecimal digits, as `hubgate caller key` prints them",
            )
        };
        let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok();
            *byte = pair
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The system had no chance to give.
#[derive(Debug, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoChance;

/// A new key.
///
/// # Errors
/// Where the system has no random numbers.
pub fn fresh_key() -> Result<Zeroizing<String>, NoChance> {
    let mut chance = Zeroizing::new([0; CHANCE]);
    rand::fill(chance.as_mut_slice()).or(Err(NoChance))?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(chance.as_slice()));
    Ok(Zeroizing::new(format!("{PREFIX}{}", *text)))
}

impl Credential {
    /// What these headers present: `Bearer`, `token` (as older clients of GitHub write it), or the
    /// password of `Basic` (as git sends it).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return Self::Nothing,
            (Some(line), None) if line.len() <= LONGEST => line,
            (Some(_), _) => return Self::Unknown,
        };
        let read = line.to_str().ok().and_then(|text| text.split_once(' '));
        match read {
            Some((scheme, rest))
                if scheme.eq_ignore_ascii_case("bearer")
                    || scheme.eq_ignore_ascii_case("token") =>
            {
                Self::read(rest.trim())
            }
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                password(rest.trim()).map_or(Self::Unknown, |text| Self::read(&text))
            }
            _ => Self::Unknown,
        }
    }

    fn read(text: &str) -> Self {
        if is_key(text) {
            Self::Key(KeyDigest::of(text))
        } else if is_signed(text) {
            Self::Token(SignedToken(Zeroizing::new(text.to_owned())))
        } else {
            Self::Unknown
        }
    }
}

/// The password of `Basic`; where it is empty, the user: `https://KEY@host/` puts it there.
fn password(text: &str) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let text = match password {
        "" | "x-oauth-basic" => user,
        password => password,
    };
    Some(Zeroizing::new(text.to_owned()))
}

fn is_key(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_url_safe))
}

/// Three parts in base64url, none empty: RFC 7515, section 3.1.
fn is_signed(text: &str) -> bool {
    let mut parts = text.split('.');
    let whole = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(is_url_safe))
    };
    whole(parts.next()) && whole(parts.next()) && whole(parts.next()) && parts.next().is_none()
}

const fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests;
