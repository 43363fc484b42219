//! Is a body one well-formed JSON value, and what does it say about itself?
//!
//! Holds that the verdict is `serde_json`'s for UTF-8, grammar and trailing bytes, that 128 levels
//! are the most, and that action and repository are what `serde_json` finds there.

#![no_main]

use hubgate::webhook::receive::json::{self, DEEPEST};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let outline = json::outline(input);
    let sound = match std::str::from_utf8(input) {
        Ok(text) => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        Err(_) => false,
    };
    let expected = sound && depth(input) <= DEEPEST;
    assert_eq!(outline.is_ok(), expected, "{outline:?}");
    let outline = match outline {
        Ok(outline) => outline,
        Err(fault) => {
            // What is told to the sender must point into the body, or right behind it.
            assert!(fault.offset <= input.len());
            return;
        }
    };
    // Numbers beyond a double and halves of surrogate pairs are JSON, but not `serde_json`'s; nor
    // is the 128th level.
    if let Ok(value) = serde_json::from_slice::<Value>(input) {
        let action = value.get("action").and_then(Value::as_str);
        let repository = value
            .get("repository")
            .and_then(|repository| repository.get("full_name"))
            .and_then(Value::as_str);
        assert_eq!(outline.action.as_deref(), action);
        assert_eq!(outline.repository.as_deref(), repository);
    }
});

/// The deepest nesting of brackets outside strings, in a text that is JSON.
fn depth(text: &[u8]) -> u32 {
    let (mut depth, mut deepest) = (0_u32, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
