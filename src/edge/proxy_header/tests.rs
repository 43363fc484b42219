//! Tests of the PROXY header.

use super::*;
use proptest::prelude::*;

fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = v2::PROTOCOL_PREFIX.to_vec();
    bytes.extend([0x20 | command, family]);
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn inet(source: [u8; 4]) -> Vec<u8> {
    let mut payload = source.to_vec();
    payload.extend([10, 0, 0, 1, 0x30, 0x39, 1, 187]);
    payload
}

#[test]
fn both_versions_name_the_client_and_leave_what_follows() {
    let mut six = [0; 36];
    six[..2].copy_from_slice(&[0x20, 0x01]);
    six[15] = 1;
    six[33] = 80;
    let mut with_tlv = inet([192, 0, 2, 7]);
    with_tlv.extend([0x04, 0, 2, 0, 0]);
    let rows: Vec<(Vec<u8>, Option<&str>)> = vec![
        (
            b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n".to_vec(),
            Some("192.0.2.7:12345"),
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 443\r\n".to_vec(),
            Some("[2001:db8::1]:1"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 whatever\r\n".to_vec(), None),
        (v2(1, 0x11, &inet([192, 0, 2, 7])), Some("192.0.2.7:12345")),
        (v2(1, 0x11, &with_tlv), Some("192.0.2.7:12345")),
        (v2(1, 0x21, &six), Some("[2001::1]:80")),
        (v2(0, 0x00, &[]), None),
        (v2(0, 0x11, &inet([192, 0, 2, 7])), None),
        (v2(1, 0x00, &[]), None),
        (v2(1, 0x10, &inet([192, 0, 2, 7])), None),
    ];
    for (bytes, client) in rows {
        let whole = Parsed::Complete(Header {
            length: bytes.len(),
            client: client.map(|text| text.parse().unwrap()),
        });
        let mut followed = bytes.clone();
        followed.extend(b"\x16\x03\x01 hello\r\n");
        assert_eq!(parse(&bytes), Ok(whole.clone()), "{bytes:?}");
        assert_eq!(parse(&followed), Ok(whole), "{bytes:?}");
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Incomplete), "{bytes:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused_as_soon_as_it_shows() {
    let rows: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n".to_vec(),
        b"\x16\x03\x01".to_vec(),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 12345\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.777 10.0.0.1 12345 443\r\n".to_vec(),
        b"PROXY TCP4 ::1 10.0.0.1 12345 443\r\n".to_vec(),
        b"PROXY TCP9 1 1 1 1\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\n".to_vec(),
        b"PROXY UNKNOWN\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 \n\r\n".to_vec(),
        [b"PROXY ".to_vec(), vec![b'a'; 200]].concat(),
        v2(2, 0x11, &inet([1, 1, 1, 1])),
        v2(1, 0x12, &inet([1, 1, 1, 1])),
        v2(1, 0x11, &[1, 2, 3]),
        v2(1, 0x11, &[0; LONGEST]),
    ];
    for bytes in rows {
        assert!(parse(&bytes).is_err(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        start in prop_oneof![
            Just(Vec::new()), Just(b"PROXY ".to_vec()), Just(v2::PROTOCOL_PREFIX.to_vec())],
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let bytes = [start, rest].concat();
        if let Ok(Parsed::Complete(header)) = parse(&bytes) {
            prop_assert!(header.length <= bytes.len());
        }
    }
}
