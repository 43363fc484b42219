//! Tests of the head's rules.

use super::*;
use proptest::prelude::*;

fn refused(text: &str) -> bool {
    matches!(check(text.as_bytes()), Err(Refusal::Malformed(_)))
}

#[test]
fn a_complete_head_says_where_it_and_its_body_end() {
    let rows = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, Body::Length(0)),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 2, Body::Length(0)),
        (
            "POST /x?y HTTP/1.1\r\nhost:a\r\ncontent-length: 12 \r\n\r\n",
            0,
            Body::Length(12),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
            0,
            Body::Chunked,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            0,
            Body::Upgrade,
        ),
        ("GET / HTTP/1.0\r\n\r\n", 0, Body::Length(0)),
    ];
    for (text, blank, body) in rows {
        let head = Head {
            blank,
            length: text.len() - blank,
            body,
        };
        let followed = format!("{text}rest\nof \0 it");
        assert_eq!(check(text.as_bytes()), Ok(Some(head)), "{text:?}");
        assert_eq!(check(followed.as_bytes()), Ok(Some(head)), "{text:?}");
        for cut in 0..text.len() {
            assert_eq!(check(&text.as_bytes()[..cut]), Ok(None), "{text:?} {cut}");
        }
    }
}

#[test]
fn what_two_readers_could_understand_in_two_ways_is_refused() {
    let rows = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ü HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for text in rows {
        assert!(refused(text), "{text:?}: {:?}", check(text.as_bytes()));
    }
}

#[test]
fn a_head_that_is_too_large_is_refused_before_it_ends() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "a".repeat(LONGEST));
    assert_eq!(check(long.as_bytes()), Err(Refusal::TooLarge));
    let many = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(MOST_FIELDS + 1));
    assert_eq!(check(many.as_bytes()), Err(Refusal::TooLarge));
    let fits = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(60_000));
    assert!(matches!(check(fits.as_bytes()), Ok(Some(_))));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_the_answer_never_reaches_beyond_them(
        bytes in prop::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), any::<u8>()], 0..200),
    ) {
        if let Ok(Some(head)) = check(&bytes) {
            prop_assert!(head.blank + head.length <= bytes.len());
        }
    }

    #[test]
    fn more_bytes_never_change_a_refusal_into_a_pass(
        tail in "[ -~\r\n]{0,60}", cut in 0usize..100,
    ) {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n{tail}\r\n\r\n");
        let cut = cut.min(text.len());
        if check(&text.as_bytes()[..cut]).is_err() {
            prop_assert!(check(text.as_bytes()).is_err());
        }
    }
}
