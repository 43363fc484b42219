//! Headers come back as they were; damage is noticed; keys follow the time.

use super::{checksum, decode, encode, key};
use crate::spool::Header;
use crate::spool::contract::intake;
use crate::types::Timestamp;
use proptest::prelude::*;

fn headers() -> impl Strategy<Value = Vec<Header>> {
    let header =
        ("[a-z-]{0,20}", prop::collection::vec(any::<u8>(), 0..50)).prop_map(|(name, value)| {
            Header {
                name: name.into(),
                value: value.into(),
            }
        });
    prop::collection::vec(header, 0..12)
}

proptest! {
    #[test]
    fn headers_come_back_as_they_were(headers in headers()) {
        prop_assert_eq!(&*decode(&encode(&headers)).unwrap(), &*headers);
    }

    #[test]
    fn no_bytes_make_the_decoder_fall(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(headers) = decode(&bytes) {
            prop_assert_eq!(encode(&headers), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_changes_the_checksum(
        mut body in prop::collection::vec(any::<u8>(), 1..500),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let sound = checksum(b"headers", &body);
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        prop_assert_ne!(checksum(b"headers", &body), sound);
    }
}

#[test]
fn keys_of_github_rise_with_time_and_depend_on_route_hook_and_guid() {
    let of = |guid: &str| key(&intake(guid, b"", Timestamp::default()));
    let july = of("0b989ba4-242f-11e5-81e1-c7b6966d2516");
    let march = of("72d3162e-cc78-11e3-81ab-4c9367dc0958");
    let version4 = of("6e6d7e57-9d4c-4d3c-9f4b-0c8c7f0d1a55");
    assert!(march < july);
    assert!(march > 0 && version4 >= 0);
    let mut other = intake(
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        b"another body",
        Timestamp::default(),
    );
    assert_eq!(key(&other), march);
    other.hook = "5".into();
    assert_ne!(key(&other), march);
}
