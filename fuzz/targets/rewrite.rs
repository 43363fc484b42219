//! Rewriting of JSON.
//!
//! Holds that the pieces in which a document comes make no difference, that it comes out as the
//! tests' slow reader writes it, that no address of the inside is left, and that what is held at a
//! time is bounded.

#![no_main]

// The very reader that the tests compare with, so that both mean the same by "right".
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../src/publish/rewrite/tests/oracle.rs"]
mod oracle;

use bytes::Bytes;
use hubgate::publish::rewrite::{Names, Pair, Scanner};
use libfuzzer_sys::fuzz_target;
use oracle::{APPLIANCE, TOOL, Told};
use std::sync::{Arc, LazyLock};

/// Names behind a `,` are told from values within this; longer ones are taken for values.
const LONGEST: usize = 4000;

static SETS: LazyLock<[(&'static Told, Arc<Names>); 2]> =
    LazyLock::new(|| [&APPLIANCE, &TOOL].map(|told| (told, names(told))));

fuzz_target!(|data: &[u8]| {
    let [set, size, noise @ ..] = data else {
        return;
    };
    let (told, names) = &SETS[usize::from(set % 2)];
    let document = spelled(told, noise);
    let whole = scanned(names, &document, document.len());
    let pieces = scanned(names, &document, usize::from(*size));
    assert_eq!(whole, pieces, "the pieces make a difference");

    let Ok(text) = std::str::from_utf8(&document) else {
        return;
    };
    let Some(expected) = told.rewrite(text).filter(|_| text.len() < LONGEST) else {
        return;
    };
    let out = String::from_utf8(whole).expect("what was text is text");
    assert_eq!(out, expected);
    assert_eq!(scanned(names, out.as_bytes(), out.len()), out.as_bytes());
    if let Some(tree) = oracle::tree(text) {
        let after = oracle::tree(&out).expect("what was JSON is JSON");
        assert_eq!(after, told.replaced(tree));
        assert_eq!(told.replaced(after.clone()), after, "an address was left");
    }
});

fn names(told: &Told) -> Arc<Names> {
    let pairs = told.pairs.iter().map(|(internal, public)| Pair {
        internal: internal.parse().expect("an address"),
        public: public.parse().expect("an address"),
    });
    Arc::new(Names::new(pairs).expect("pairs that agree"))
}

/// Bytes that JSON has no use for stand for what chance would take long to find.
fn spelled(told: &Told, noise: &[u8]) -> Vec<u8> {
    let mut document = Vec::new();
    for &byte in noise {
        let rule = usize::from(byte).checked_sub(0x10);
        let rule = rule.and_then(|at| told.rules.get(at)).map(|rule| rule.0);
        match (byte, rule) {
            (0x01, _) => document.extend_from_slice(b"\\u00"),
            (0x02, _) => document.extend_from_slice(b"\":\""),
            (0x03, _) => document.extend_from_slice(b"\",\""),
            (_, Some(origin)) => document.extend_from_slice(origin.as_bytes()),
            (_, None) => document.push(byte),
        }
    }
    document
}

fn scanned(names: &Arc<Names>, document: &[u8], size: usize) -> Vec<u8> {
    let mut scanner = Scanner::new(Arc::clone(names));
    let mut out = Vec::new();
    for piece in document.chunks(size.max(1)) {
        out.extend_from_slice(&scanner.push(Bytes::copy_from_slice(piece)));
        assert!(scanner.held() <= scanner.most_held());
    }
    out.extend_from_slice(&scanner.finish());
    out
}
