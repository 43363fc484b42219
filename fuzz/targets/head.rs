//! A request's head.
//!
//! Holds that the verdict never turns when more bytes come, that what passes is a head of the same
//! length for `httparse`, which the machinery behind it reads with, and that it says in one way
//! only where it goes and where its body ends.

#![no_main]

use hubgate::edge::head::{Body, LONGEST, MOST_FIELDS, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match check(input) {
        Ok(None) => {
            assert!(input.len() < LONGEST + 4);
            for cut in cuts(input.len()) {
                assert_eq!(check(&input[..cut]), Ok(None), "{cut}");
            }
        }
        Ok(Some(head)) => {
            let (whole, follows) = input.split_at(head.blank + head.length);
            let (blank, bytes) = whole.split_at(head.blank);
            assert!(bytes.len() <= LONGEST);
            assert!(blank.chunks(2).all(|line| line == b"\r\n"));
            assert_eq!(check(whole), Ok(Some(head)));
            assert_eq!(
                check(&[whole, b"\r\nX: y", follows].concat()),
                Ok(Some(head))
            );
            for cut in cuts(whole.len()) {
                assert_eq!(check(&whole[..cut]), Ok(None), "{cut}");
            }
            agrees(bytes, head.body);
        }
        Err(fault) => {
            for more in [&b"\r\n\r\n"[..], b"\0", b" HTTP/1.1\r\n\r\n"] {
                assert_eq!(check(&[input, more].concat()), Err(fault));
            }
        }
    }
});

/// Every cut of what is short, and some of what is long.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(1 + length / 256)
}

fn agrees(bytes: &[u8], body: Body) {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let status = request.parse(bytes).expect("a head");
    assert_eq!(status, httparse::Status::Complete(bytes.len()));
    let target = request.path.expect("a target");
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
    let version = request.version.expect("a version");
    let all = |name: &str| -> Vec<&[u8]> {
        let fields = request.headers.iter();
        fields
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
            .collect()
    };
    let hosts = all("host");
    assert!(hosts.len() <= 1 && (version == 0 || hosts.len() == 1));
    assert!(hosts.iter().all(|host| !host.is_empty()));
    let lengths = all("content-length");
    let codings = all("transfer-encoding");
    let upgrades = !all("upgrade").is_empty();
    let expected = match (lengths.as_slice(), codings.as_slice()) {
        (lengths, codings) if upgrades => {
            assert!(lengths.len() + codings.len() <= 1);
            Body::Upgrade
        }
        ([], []) => Body::Length(0),
        ([length], []) => {
            let length = std::str::from_utf8(length).expect("digits");
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()));
            Body::Length(length.parse().expect("a number"))
        }
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked") && version == 1);
            Body::Chunked
        }
        _ => panic!("two ways to say where the body ends"),
    };
    assert_eq!(body, expected);
}
