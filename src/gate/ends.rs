//! People's tokens that are not held here: whether one that GitHub refuses had come to its end, as
//! far as its beginning was seen.

use crate::types::Timestamp;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use moka::sync::Cache;
use std::time::Duration;

/// Tokens whose end is known; the least used go first.
const MOST: u64 = 10_000;
/// The longest answer that is looked at: honest ones have some hundred bytes.
pub(super) const LONGEST: usize = 64 << 10;
/// What people's tokens for an App begin with.
const PREFIX: &str = "ghu_";

/// A token's digest: no token is kept.
type Digest = [u8; 32];

/// When tokens end, as GitHub said when it gave them.
#[derive(Debug, Clone)]
pub(super) struct Ends(Cache<Digest, Timestamp>);

impl Default for Ends {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Ends {
    /// Takes note of what the token endpoint answered.
    pub(super) fn note(&self, answer: &[u8], now: Timestamp) {
        let found = serde_json::from_slice::<serde_json::Value>(answer).map_or_else(
            |_| {
                let pairs = form_urlencoded::parse(answer);
                let field = |name: &str| {
                    let mut found = pairs.filter(|(known, _)| known == name);
                    found.next().map(|(_, value)| value.into_owned())
                };
                (
                    field("access_token"),
                    field("expires_in").and_then(|text| text.parse().ok()),
                )
            },
            |document| {
                let token = document.get("access_token").and_then(|text| text.as_str());
                let seconds = document
                    .get("expires_in")
                    .and_then(serde_json::Value::as_u64);
                (token.map(str::to_owned), seconds)
            },
        );
        if let (Some(token), Some(seconds)) = found {
            let end = now.after(Duration::from_secs(seconds));
            self.0.insert(digest_of(&token), end);
        }
    }

    /// What is said in audit of a token that GitHub refused.
    pub(super) fn reason(&self, token: &Digest, now: Timestamp) -> &'static str {
        match self.0.get(token) {
            Some(end) if end <= now => "user_token_expired",
            Some(_) | None => "user_token_refused",
        }
    }
}

/// The digest of the person's token that a request shows; none where it shows none.
pub(super) fn shown(headers: &HeaderMap) -> Option<Digest> {
    let line = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = line.split_once(' ')?;
    let rest = rest.trim();
    if !scheme.eq_ignore_ascii_case("basic") {
        return rest.starts_with(PREFIX).then(|| digest_of(rest));
    }
    let pair = zeroize::Zeroizing::new(STANDARD.decode(rest).ok()?);
    let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    let mut both = [password, user].into_iter();
    both.find(|text| text.starts_with(PREFIX)).map(digest_of)
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_token_that_ended_is_told_from_one_that_is_refused() {
        let (ends, begun) = (Ends::default(), Timestamp::from_millis(0));
        ends.note(br#"{"access_token":"ghu_a","expires_in":28800}"#, begun);
        ends.note(b"access_token=ghu_b&expires_in=28800&scope=", begun);
        ends.note(br#"{"access_token":"ghu_c"}"#, begun);
        ends.note(b"<html>", begun);
        let later = begun.after(Duration::from_secs(28_801));
        for (token, now, expected) in [
            ("ghu_a", later, "user_token_expired"),
            ("ghu_b", later, "user_token_expired"),
            ("ghu_a", begun, "user_token_refused"),
            ("ghu_c", later, "user_token_refused"),
        ] {
            assert_eq!(ends.reason(&digest_of(token), now), expected, "{token}");
        }
    }

    #[test]
    fn a_persons_token_is_known_however_it_is_shown() {
        let known = Some(digest_of("ghu_a"));
        for (line, expected) in [
            ("Bearer ghu_a", known),
            ("token ghu_a", known),
            ("Basic Z2h1X2E6eC1vYXV0aC1iYXNpYw==", known),
            ("Basic bW9uYTpnaHVfYQ==", known),
            ("Bearer gho_a", None),
            ("ghu_a", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(line))]);
            assert_eq!(shown(&headers), expected, "{line}");
        }
    }
}
