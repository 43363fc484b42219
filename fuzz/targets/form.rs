//! The field `payload` of a form.
//!
//! Holds that what is decoded is what two other decoders give, and that whatever is put into a
//! form comes out again.

#![no_main]

use hubgate::webhook::receive::form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let found = form::payload(input);
    // Byte for byte, by a library that keeps bytes that are not UTF-8.
    let raw = input
        .split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(b"payload="));
    let expected = raw.map(|raw| {
        let spaced: Vec<u8> = raw
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        percent_encoding::percent_decode(&spaced).collect::<Vec<u8>>()
    });
    assert_eq!(found.as_deref(), expected.as_deref());

    // Where the first field called so is written plainly, a reader of forms sees the same.
    if let Some(found) = &found
        && let Ok(text) = std::str::from_utf8(found)
        && input.starts_with(b"payload=")
    {
        let (name, value) = form_urlencoded::parse(input).next().expect("a field");
        assert_eq!((&*name, &*value), ("payload", text));
    }

    let written: String = form_urlencoded::byte_serialize(input).collect();
    for form in [
        format!("payload={written}"),
        format!("a=b&payload={written}&payload=second"),
    ] {
        assert_eq!(form::payload(form.as_bytes()).as_deref(), Some(input));
    }
});
