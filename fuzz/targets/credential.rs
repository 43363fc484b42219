//! What a request presents to the broker: its `Authorization` lines, one for each line of the input.
//!
//! Holds that it is what a plain reading finds, that several lines are never one of them, that a key
//! is the same key in each of the forms that clients send it in, and that nothing of it is shown.

#![no_main]

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hubgate::broker::{Credential, KeyDigest};
use libfuzzer_sys::fuzz_target;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let mut headers = HeaderMap::new();
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        headers.append(AUTHORIZATION, value);
    }
    let found = Credential::of(&headers);
    assert_eq!(found, Credential::of(&headers));
    let plain = match lines.as_slice() {
        [line] if line.len() <= 16 << 10 => presented(line),
        _ => None,
    };
    match (&found, &plain) {
        (Credential::Nothing, _) => panic!("there is a line"),
        (Credential::Key(digest), Some(text)) => {
            assert!(is_key(text) && *digest == KeyDigest::of(text), "{text}");
        }
        (Credential::Token(_), Some(text)) => assert!(is_token(text) && !is_key(text), "{text}"),
        (Credential::Unknown, Some(text)) => assert!(!is_key(text) && !is_token(text), "{text}"),
        (Credential::Unknown, None) => {}
        (Credential::Key(_) | Credential::Token(_), None) => panic!("it presents nothing"),
    }
    let shown = format!("{found:?}");
    if let Some(text) = plain.filter(|text| text.len() > 40) {
        assert!(!shown.contains(&text), "{shown}");
    }
    in_every_form(input);
});

/// One key, as `curl`, older clients of GitHub and git send it.
fn in_every_form(input: &[u8]) {
    let rest = base64(input).replace(['+', '/'], "_");
    let key = format!("hgk_{}", rest.trim_end_matches('='));
    if key.len() == 4 || key.len() > 4096 {
        return;
    }
    let digest = KeyDigest::of(&key);
    for line in [
        format!("Bearer {key}"),
        format!("token {key}"),
        format!(
            "Basic {}",
            base64(format!("x-access-token:{key}").as_bytes())
        ),
        format!("basic {}", base64(format!("{key}:").as_bytes())),
        format!(
            "Basic {}",
            base64(format!("{key}:x-oauth-basic").as_bytes())
        ),
    ] {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_str(&line).unwrap());
        assert_eq!(Credential::of(&headers), Credential::Key(digest), "{line}");
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer other"));
        assert_eq!(Credential::of(&headers), Credential::Unknown);
    }
}

/// What a line presents, read slowly.
fn presented(line: &[u8]) -> Option<String> {
    // What `HeaderValue::to_str` takes: visible ASCII, spaces and tabs.
    let visible = |byte: &u8| *byte == b'\t' || (b' '..=b'~').contains(byte);
    if !line.iter().all(visible) {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(rest.trim().to_owned()),
        "basic" => {
            let decoded = String::from_utf8(unbase64(rest.trim().as_bytes())?).ok()?;
            let (user, password) = decoded.split_once(':')?;
            let is_user = password.is_empty() || password == "x-oauth-basic";
            Some(if is_user { user } else { password }.to_owned())
        }
        _ => None,
    }
}

fn is_key(text: &str) -> bool {
    text.len() > 4 && text.starts_with("hgk_") && text[4..].chars().all(is_safe)
}

fn is_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(is_safe))
}

fn is_safe(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three
            .iter()
            .fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
        let all = all << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[all >> (18 - 6 * place) & 63];
            text.push(if place > three.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    text
}

/// The one way to write bytes is the one that is read.
fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.chunks(4) {
        let mut all = 0_u32;
        for byte in four.iter().filter(|byte| **byte != b'=') {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            all = all << 6 | u32::try_from(digit).ok()?;
        }
        let digits = four.iter().filter(|byte| **byte != b'=').count();
        if four.len() != 4 || digits < 2 {
            return None;
        }
        let whole = (all << (6 * (4 - digits))).to_be_bytes();
        bytes.extend_from_slice(&whole[1..digits]);
    }
    (base64(&bytes).as_bytes() == text).then_some(bytes)
}
