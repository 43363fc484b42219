//! `application/x-www-form-urlencoded`: the JSON in the field `payload`.

use std::borrow::Cow;

/// The decoded field `payload` of a form, the first if there are several; `None` where there is
/// none.
#[must_use]
pub fn payload(form: &[u8]) -> Option<Cow<'_, [u8]>> {
    form.split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(b"payload="))
        .map(decode)
}

/// Decodes `+` and `%HH`; a `%` that no two digits follow stands for itself, as the URL standard
/// says. Done here and not by a URL library since those replace bytes that are not UTF-8, and a
/// payload that is not UTF-8 must be seen as such.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, tail @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = tail;
                }
                _ => decoded.push(b'%'),
            },
            _ => decoded.push(*byte),
        }
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
