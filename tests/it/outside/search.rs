//! The search for names of the inside in what came out, in every spelling that a client would
//! understand, or that somebody could read.

use super::Exchange;
use base64::Engine as _;
use serde_json::Value;
use std::collections::BTreeSet;

/// Part of every name inside.
const NAME: &str = "corp.internal";
const ADDRESS: &str = "10.1.0.10";

/// Kinds of bodies that are somebody's content, which nothing may alter.
const CONTENT: [&str; 8] = [
    "application/x-git-upload-pack-result",
    "application/octet-stream",
    "application/x-gzip",
    "application/gzip",
    "application/zip",
    "application/vnd.github.raw",
    "application/vnd.github.diff",
    "application/vnd.github.patch",
];
/// Members of the API's documents that hold what people wrote, or a file.
const TEXTS: [&str; 9] = [
    "body",
    "body_html",
    "body_text",
    "content",
    "description",
    "message",
    "patch",
    "text",
    "title",
];

/// Every place where an exchange names the inside.
pub fn leaks(exchange: &Exchange) -> Vec<String> {
    let mut found = Vec::new();
    let at = format!(
        "{} {} → {}",
        exchange.method, exchange.target, exchange.status
    );
    for (name, value) in &exchange.headers.0 {
        if tells(value) || tells(name.as_bytes()) {
            let value = String::from_utf8_lossy(value);
            found.push(format!("{at}: header `{name}: {value}`"));
        }
    }
    let kind = exchange.headers.one("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if CONTENT.iter().any(|content| kind.starts_with(content)) || !tells(&exchange.body) {
        return found;
    }
    match serde_json::from_slice::<Value>(&exchange.body) {
        Ok(document) if kind.ends_with("json") => {
            let mut places = BTreeSet::new();
            search(&document, "", "", &mut places);
            found.extend(places.into_iter().map(|place| format!("{at}: {place}")));
        }
        Ok(_) | Err(_) => {
            let text = String::from_utf8_lossy(&exchange.body);
            let text: String = text.chars().take(2000).collect();
            found.push(format!("{at}: a body of `{kind}`: {text}"));
        }
    }
    found
}

fn search(value: &Value, member: &str, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let written = TEXTS.contains(&member) && !starts_with_origin(text);
            if tells(text.as_bytes()) && !written {
                found.insert(format!("`{place}` is `{text}`"));
            }
        }
        Value::Array(all) => {
            for one in all {
                search(one, member, &format!("{place}[]"), found);
            }
        }
        Value::Object(all) => {
            for (name, one) in all {
                if tells(name.as_bytes()) {
                    found.insert(format!("`{place}` has a member `{name}`"));
                }
                search(one, name, &format!("{place}.{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

fn starts_with_origin(text: &str) -> bool {
    let host = text
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next());
    host.flatten().is_some_and(|host| tells(host.as_bytes()))
}

/// Whether these bytes hold a name or an address of the inside.
pub fn tells(bytes: &[u8]) -> bool {
    let mut spelling = bytes.to_vec();
    // Escapes may be nested, as in a query within a query.
    for _ in 0..4 {
        let lower = spelling.to_ascii_lowercase();
        let plain = [NAME, ADDRESS].iter();
        if plain
            .into_iter()
            .any(|name| memchr::memmem::find(&lower, name.as_bytes()).is_some())
        {
            return true;
        }
        let simpler = unescaped(&spelling);
        if simpler == spelling {
            break;
        }
        spelling = simpler;
    }
    in_base64(bytes)
}

/// The same with one layer of `%2e`, `\u002e`, `\/` and `&#46;` taken off.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let number = |digits: Option<&[u8]>, base| {
        let digits = std::str::from_utf8(digits?).ok()?;
        u8::try_from(u32::from_str_radix(digits, base).ok()?).ok()
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let entity = rest
            .starts_with(b"&#")
            .then(|| rest.iter().take(8).position(|it| *it == b';'));
        let (byte, length) = match (first, rest.get(1)) {
            (b'%', _) => (number(rest.get(1..3), 16), 3),
            (b'\\', Some(b'u')) => (number(rest.get(2..6), 16), 6),
            (b'\\', Some(b'x')) => (number(rest.get(2..4), 16), 4),
            (b'\\', Some(b'/')) => (Some(b'/'), 2),
            // The line breaks that long base64 is folded with.
            (b'\\', Some(b'n')) => (Some(b'\n'), 2),
            _ => match entity.flatten() {
                Some(end) if rest.get(2) == Some(&b'x') => (number(rest.get(3..end), 16), end + 1),
                Some(end) => (number(rest.get(2..end), 10), end + 1),
                None => (None, 0),
            },
        };
        out.push(byte.unwrap_or(*first));
        rest = &rest[if byte.is_some() { length } else { 1 }..];
    }
    out
}

/// Whether the name stands within base64, at whichever of the three offsets, folded or not.
fn in_base64(bytes: &[u8]) -> bool {
    let plain = unescaped(bytes);
    let folded: Vec<u8> = plain
        .into_iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    [NAME, ADDRESS].iter().any(|name| {
        (0..3).any(|offset| {
            let shifted = [&b"\0\0"[..offset], name.as_bytes()].concat();
            let encoded = engine.encode(&shifted);
            // The characters at both ends hold bits of their neighbours too.
            let start = [0, 2, 3][offset];
            let end = shifted.len() / 3 * 4;
            let middle = &encoded.as_bytes()[start..end];
            let url = String::from_utf8_lossy(middle)
                .replace('+', "-")
                .replace('/', "_");
            memchr::memmem::find(&folded, middle).is_some()
                || memchr::memmem::find(&folded, url.as_bytes()).is_some()
        })
    })
}

#[test]
fn the_search_finds_each_spelling_and_nothing_else() {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let found = [
        "https://github.corp.internal/x".to_owned(),
        "HTTPS://GITHUB.CORP.INTERNAL".to_owned(),
        "https%3A%2F%2Fgithub.corp%2Einternal".to_owned(),
        "a%2563orp%252einternal%2Fb".to_owned(),
        r"https:\/\/github\u002ecorp\u002Einternal".to_owned(),
        "&#x63;orp.interna&#108;".to_owned(),
        "connect to 10.1.0.10:443".to_owned(),
        base64("https://github.corp.internal/"),
        base64("ahttps://github.corp.internal/"),
        base64("abhttps://github.corp.internal/"),
        format!(
            "{}\\n{}",
            &base64("..github.corp.internal")[..12],
            &base64("..github.corp.internal")[12..]
        ),
    ];
    for text in found {
        assert!(tells(text.as_bytes()), "{text}");
    }
    for text in [
        "https://ghe.example.com/",
        "corporate internal",
        "%",
        "\\u00",
        "&#;",
        "10.1.0.1",
    ] {
        assert!(!tells(text.as_bytes()), "{text}");
    }
}
