//! `X-Hub-Signature-256`: the first line is the header's value, the rest the body it signs.
//!
//! Holds that a value is read in its one form only, and that a body passes with its own HMAC,
//! however it is cut and written, and with no other.

#![no_main]

use aws_lc_rs::hmac;
use hubgate::types::Secret;
use hubgate::webhook::receive::signature::{Claimed, Secrets};
use libfuzzer_sys::fuzz_target;

const SECRET: &[u8] = b"It's a Secret to Everybody";

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (value, body) = match end {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let secrets = Secrets::new(&[Secret::new(b"newer".to_vec()), Secret::new(SECRET.to_vec())]);
    let judge = |claimed: Claimed, step: usize| {
        let mut check = secrets.expect(claimed);
        for piece in body.chunks(step) {
            check.update(piece);
        }
        check.finish()
    };
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), body);
    let mut own: Vec<u8> = b"sha256=".to_vec();
    for byte in tag.as_ref() {
        own.extend(format!("{byte:02x}").bytes());
    }

    let well_formed = value.len() == 71
        && value.starts_with(b"sha256=")
        && value[7..].iter().all(u8::is_ascii_hexdigit);
    let claimed = Claimed::parse(value);
    assert_eq!(claimed.is_some(), well_formed);
    if let Some(claimed) = claimed {
        let is_own = value.eq_ignore_ascii_case(&own);
        assert_eq!(judge(claimed, 64), is_own.then_some(1));
    }

    let step = value.first().map_or(1, |byte| usize::from(*byte) + 1);
    let shouted = [b"sha256=", own[7..].to_ascii_uppercase().as_slice()].concat();
    for text in [own.as_slice(), shouted.as_slice()] {
        let claimed = Claimed::parse(text).expect("the form that GitHub sends");
        assert_eq!(judge(claimed, step), Some(1));
    }
    // One digit of it is another one.
    let at = 7 + step % 64;
    own[at] = if own[at] == b'0' { b'1' } else { b'0' };
    let claimed = Claimed::parse(&own).expect("the form that GitHub sends");
    assert_eq!(judge(claimed, step), None);
});
