//! GraphQL's node ids, as far as they name a repository.
//!
//! Only the one spelling that the server itself would write is read: then no decoder, however
//! lenient, can make another repository of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The id of the repository that a node id names; None where it names anything else.
pub(super) fn repository(text: &str) -> Option<u64> {
    match text.strip_prefix("R_") {
        Some(packed) => present(packed),
        None => former(text),
    }
}

/// `R_kgDO…`: base64 of the list `[0, id]` in `MessagePack`.
fn present(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (marker, digits) = bytes.strip_prefix(b"\x92\x00")?.split_first()?;
    let id = digits.iter().try_fold(0_u64, |id, byte| {
        Some(id.checked_mul(256)? + u64::from(*byte))
    })?;
    // Each length only for numbers that need it.
    let least = match (marker, digits.len()) {
        (0..=0x7f, 0) => return Some(u64::from(*marker)),
        (0xcc, 1) => 0x80,
        (0xcd, 2) => 1 << 8,
        (0xce, 4) => 1 << 16,
        (0xcf, 8) => 1 << 32,
        (_, _) => return None,
    };
    (id >= least).then_some(id)
}

/// `MDEwOlJlcG9zaXRvcnkx`: base64 of `010:Repository1`.
fn former(text: &str) -> Option<u64> {
    let bytes = STANDARD.decode(text).ok()?;
    let digits = std::str::from_utf8(bytes.strip_prefix(b"010:Repository")?).ok()?;
    let id = digits.parse::<u64>().ok()?;
    (id.to_string() == digits).then_some(id)
}

#[cfg(test)]
mod tests {
    //! Tests of node ids.

    use super::*;
    use proptest::prelude::*;

    fn packed(bytes: &[u8]) -> String {
        format!("R_{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn both_spellings_of_a_repositorys_id_are_read() {
        let rows = [
            ("MDEwOlJlcG9zaXRvcnkx", 1),
            ("MDEwOlJlcG9zaXRvcnkxMjk2MjY5", 1_296_269),
            ("R_kgDOABPHrQ", 1_296_301),
            ("R_kgAB", 1),
            ("R_kgDMgA", 128),
            ("R_kgDNAQA", 256),
        ];
        for (text, id) in rows {
            assert_eq!(repository(text), Some(id), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_certainly_a_repository_is_not_read() {
        let other = [
            STANDARD.encode("04:User1"),
            STANDARD.encode("05:Issue1"),
            STANDARD.encode("010:Repository01"),
            STANDARD.encode("010:Repository+1"),
            STANDARD.encode("010:Repository1 "),
            STANDARD.encode("010:Repository"),
            STANDARD.encode("010:Repository99999999999999999999"),
            STANDARD.encode("011:Repository1"),
            "MDEwOlJlcG9zaXRvcnkxMjk2MjY5\n".to_owned(),
            // Bits that no encoder writes.
            "MDEwOlJlcG9zaXRvcnkxMjN=".to_owned(),
            "I_kwDOABPHrc4AAQ".to_owned(),
            "U_kgDOABPHrQ".to_owned(),
            "r_kgDOABPHrQ".to_owned(),
            "R_kgDOABPHrR".to_owned(),
            "R_kgDOABPHrQ==".to_owned(),
            packed(b"\x92\x01\x05"),
            packed(b"\x92\xcc\x00\x05"),
            packed(b"\x92\x00\xcc\x05"),
            packed(b"\x92\x00\xce\x00\x00\x00\x05"),
            packed(b"\x92\x00\x05\x05"),
            packed(b"\x93\x00\x05\x05"),
            packed(b"\x92\x00\xd0\x05"),
            packed(b"\x92\x00\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"),
            packed(b""),
            "R_".to_owned(),
            String::new(),
        ];
        for text in other {
            assert_eq!(repository(&text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn each_id_has_one_spelling_of_each_kind(text in "R_[A-Za-z0-9_-]{2,14}") {
            if let Some(id) = repository(&text) {
                let mut bytes = vec![0x92, 0x00];
                match id {
                    0..0x80 => bytes.extend(u8::try_from(id)),
                    0x80..0x100 => bytes.extend([0xcc].into_iter().chain(u8::try_from(id))),
                    0x100..0x1_0000 => {
                        bytes.push(0xcd);
                        bytes.extend(u16::try_from(id).unwrap().to_be_bytes());
                    }
                    0x1_0000..0x1_0000_0000 => {
                        bytes.push(0xce);
                        bytes.extend(u32::try_from(id).unwrap().to_be_bytes());
                    }
                    0x1_0000_0000.. => {
                        bytes.push(0xcf);
                        bytes.extend(id.to_be_bytes());
                    }
                }
                prop_assert_eq!(packed(&bytes), text);
            }
        }

        #[test]
        fn every_id_is_read_back(id in any::<u64>()) {
            let former = STANDARD.encode(format!("010:Repository{id}"));
            prop_assert_eq!(repository(&former), Some(id));
        }
    }
}
