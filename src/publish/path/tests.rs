//! Tests of the reading of paths.

use super::*;
use proptest::prelude::*;

fn segments(raw: &str) -> Vec<String> {
    Path::parse(raw)
        .unwrap()
        .segments()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_path_is_decoded_once_and_cut_at_its_slashes() {
    let rows: [(&str, &[&str]); 14] = [
        ("/", &[]),
        ("/a", &["a"]),
        ("/a/", &["a"]),
        ("/repos/Acme/web", &["repos", "Acme", "web"]),
        ("/a/b%2Dc", &["a", "b-c"]),
        ("/a/feature%2Fx", &["a", "feature/x"]),
        ("/a/heads%2f", &["a", "heads/"]),
        ("/a/%C3%A4", &["a", "ä"]),
        ("/a/C%23", &["a", "C#"]),
        ("/a/what%3F", &["a", "what?"]),
        ("/a/100%25", &["a", "100%"]),
        ("/a/100%25.md", &["a", "100%.md"]),
        ("/a/.github/...", &["a", ".github", "..."]),
        ("/users/dependabot%5Bbot%5D", &["users", "dependabot[bot]"]),
    ];
    for (raw, expected) in rows {
        assert_eq!(segments(raw), expected, "{raw}");
    }
    let path = Path::parse("/a/feature%2Fx/b").unwrap();
    assert_eq!((path.text(), path.len()), ("a/feature/x/b", 3));
    assert_eq!(
        (path.span(0, 2), path.span(1, 3)),
        ("a/feature/x", "feature/x/b")
    );
    assert_eq!(
        (path.segment(7), path.span(2, 9), path.to_string().as_str()),
        ("", "", "/a/feature/x/b")
    );
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    let rows = [
        ("", Fault::NotAbsolute),
        ("a", Fault::NotAbsolute),
        ("https://ghe.example.com/a", Fault::NotAbsolute),
        ("*", Fault::NotAbsolute),
        ("//", Fault::Empty),
        ("//a", Fault::Empty),
        ("/a//b", Fault::Empty),
        ("/a//", Fault::Empty),
        ("/a/%2Fb", Fault::Empty),
        ("/a/b%2F%2Fc", Fault::Empty),
        ("/a/b%2F/c", Fault::Empty),
        ("/.", Fault::Dots),
        ("/..", Fault::Dots),
        ("/a/../b", Fault::Dots),
        ("/a/...json", Fault::Dots),
        ("/a/..json", Fault::Dots),
        ("/a/...json/", Fault::Dots),
        ("/a/x%2F...json", Fault::Dots),
        ("/a/./b", Fault::Dots),
        ("/a/%2e%2E/b", Fault::Dots),
        ("/a/.%2e", Fault::Dots),
        ("/a/x%2F..%2Fb", Fault::Dots),
        ("/a/x%2F%2e", Fault::Dots),
        ("/a/..%3Fx", Fault::Dots),
        ("/a/.%23", Fault::Dots),
        ("/a\\b", Fault::Backslash),
        ("/a/%5C..%5Cb", Fault::Backslash),
        ("/a;x", Fault::Semicolon),
        ("/a/b%3Bx", Fault::Semicolon),
        ("/a%00", Fault::Control),
        ("/a\u{1}", Fault::Control),
        ("/a%0d%0aHost:x", Fault::Control),
        ("/a%7F", Fault::Control),
        ("/a%C2%85", Fault::Control),
        ("/a%", Fault::Percent),
        ("/a%4", Fault::Percent),
        ("/a%4/", Fault::Percent),
        ("/a%zz", Fault::Percent),
        ("/a%+1", Fault::Percent),
        ("/a%u002f", Fault::Percent),
        ("/a%252f", Fault::Twice),
        ("/a%252e%252e/b", Fault::Twice),
        ("/a%2541", Fault::Twice),
        ("/a%25%32%66", Fault::Twice),
        ("/a%%32%66", Fault::Percent),
        ("/a%25252f", Fault::Twice),
        ("/a%FF", Fault::Utf8),
        ("/a%C0%AF", Fault::Utf8),
        ("/a%C3/%A4", Fault::Utf8),
        ("/ä", Fault::Unencoded),
        ("/a b", Fault::Unencoded),
        ("/a?b", Fault::Unencoded),
        ("/a#b", Fault::Unencoded),
    ];
    for (raw, expected) in rows {
        assert_eq!(Path::parse(raw).unwrap_err(), expected, "{raw:?}");
    }
    assert!(Path::parse(&format!("/{}", "a".repeat(8191))).is_ok());
    assert_eq!(
        Path::parse(&format!("/{}", "a".repeat(8192))).unwrap_err(),
        Fault::TooLong
    );
}

#[test]
fn the_readings_of_a_lenient_server_are_known() {
    let readings = |raw: &str| -> Vec<String> {
        let path = Path::parse(raw).unwrap();
        path.readings()
            .iter()
            .map(|path| format!("{path:?}"))
            .collect()
    };
    assert!(readings("/a/b").is_empty());
    assert_eq!(readings("/a/b%2Fc"), [r#"["a", "b", "c"]"#]);
    let expected = [
        r#"["a", "b", "c#d", "e"]"#,
        r#"["a", "b", "c"]"#,
        r#"["a", "b/c"]"#,
    ];
    assert_eq!(readings("/a/b%2Fc%23d/e"), expected);
}

#[test]
fn a_path_below_another_begins_with_it() {
    let path = Path::parse_under(&["codeload"], "/acme/web").unwrap();
    assert_eq!(path.text(), "codeload/acme/web");
    assert_eq!(Path::parse_under(&["raw"], "/").unwrap().text(), "raw");
    assert_eq!(Path::parse_under(&["raw"], "//").unwrap_err(), Fault::Empty);
}

proptest! {
    /// Whatever is read has no part that is a dot segment, empty, or decodes again.
    #[test]
    fn what_is_read_is_plain(raw in "/([a-zA-Z./;\\\\]|%2[eEfF35]|%5c|%25|%3[bfBF]|%C3%A4){0,24}") {
        if let Ok(path) = Path::parse(&raw) {
            let text = path.text();
            let mut parts: Vec<&str> = text.split('/').collect();
            if parts.last() == Some(&"") {
                parts.pop();
            }
            for part in parts {
                prop_assert!(!matches!(part, "" | "." | ".."), "{raw} {text}");
            }
            prop_assert!(!text.contains(['\\', ';']), "{raw} {text}");
            let joined: Vec<&str> = path.segments().collect();
            prop_assert_eq!(joined.join("/"), text);
        }
    }

    /// Encoding any character changes nothing, but for the slashes.
    #[test]
    fn a_path_says_the_same_however_it_is_encoded(
        words in proptest::collection::vec("[a-zA-Z0-9_.-]{1,8}", 1..6),
        choice in any::<u64>(),
    ) {
        let plain = format!("/{}", words.join("/"));
        let mut encoded = String::new();
        for (at, c) in plain.chars().enumerate() {
            if c != '/' && choice >> (at % 64) & 1 == 1 {
                encoded.push_str(&format!("%{:02x}", u32::from(c)));
            } else {
                encoded.push(c);
            }
        }
        prop_assert_eq!(Path::parse(&plain), Path::parse(&encoded));
    }
}
