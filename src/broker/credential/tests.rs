//! Tests of what a request presents.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

fn presented(lines: &[&str]) -> Credential {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
    }
    Credential::of(&headers)
}

#[test]
fn a_key_is_taken_in_each_way_that_clients_of_github_send_a_token() {
    let key = fresh_key().unwrap();
    let basic = |user: &str, password: &str| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    for line in [
        format!("Bearer {}", *key),
        format!("bearer  {}", *key),
        format!("token {}", *key),
        basic("x-access-token", &key),
        basic("mona", &key),
        basic(&key, ""),
        basic(&key, "x-oauth-basic"),
    ] {
        assert_eq!(
            presented(&[&line]),
            Credential::Key(KeyDigest::of(&key)),
            "{line}"
        );
    }
}

#[test]
fn what_is_no_key_and_no_token_is_not_taken_for_nothing() {
    for line in [
        "Bearer",
        "Bearer hgk_",
        "Bearer hgk_a b",
        "Bearer ghp_0123456789",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a..c",
        "Digest x",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "",
    ] {
        assert_eq!(presented(&[line]), Credential::Unknown, "{line}");
    }
    let key = format!("Bearer {}", *fresh_key().unwrap());
    assert_eq!(presented(&[&key, &key]), Credential::Unknown);
    assert_eq!(presented(&[]), Credential::Nothing);
    let long = format!("Bearer hgk_{}", "a".repeat(LONGEST));
    assert_eq!(presented(&[&long]), Credential::Unknown);
}

#[test]
fn keys_have_256_bits_and_are_not_the_same_twice() {
    let (one, other) = (fresh_key().unwrap(), fresh_key().unwrap());
    assert_ne!(*one, *other);
    let chance = one.strip_prefix(PREFIX).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(chance).unwrap().len(), 32);
}

#[test]
fn a_digest_is_read_as_it_is_written_and_a_mistake_never_shows_a_key() {
    let digest = KeyDigest::of("hgk_x");
    assert_eq!(digest.to_string().parse::<KeyDigest>().unwrap(), digest);
    let upper = digest.to_string().replace("sha256:", "").to_uppercase();
    assert_eq!(
        format!("sha256:{upper}").parse::<KeyDigest>().unwrap(),
        digest
    );
    let told = "hgk_secret".parse::<KeyDigest>().unwrap_err().to_string();
    assert!(!told.contains("secret"), "{told}");
    assert!("sha256:12".parse::<KeyDigest>().is_err());
    assert!(
        format!("sha256:{}", "é".repeat(32))
            .parse::<KeyDigest>()
            .is_err()
    );
}

#[test]
fn a_token_is_not_shown() {
    let Credential::Token(token) = presented(&["Bearer abc.def.ghi"]) else {
        panic!("not a token");
    };
    assert_eq!(token.expose(), "abc.def.ghi");
    assert_eq!(format!("{token:?}"), "SignedToken(..)");
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, value);
            drop(std::hint::black_box(Credential::of(&headers)));
        }
    }
}
