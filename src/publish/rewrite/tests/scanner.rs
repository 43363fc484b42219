//! The scanner: tables, and documents by chance against the slow reader.

use super::oracle::{self, APPLIANCE, TOOL, Told};
use super::*;
use bytes::Bytes;
use proptest::prelude::*;

/// What comes out where a document comes in pieces that end at these places.
fn scanned(names: &Arc<Names>, document: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut scanner = Scanner::new(Arc::clone(names));
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (document.len() + 1)).collect();
    cuts.extend([0, document.len()]);
    cuts.sort_unstable();
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        let piece = Bytes::copy_from_slice(&document[pair[0]..pair[1]]);
        out.extend_from_slice(&scanner.push(piece));
        assert!(scanner.held() <= scanner.most_held(), "{}", scanner.held());
    }
    out.extend_from_slice(&scanner.finish());
    assert_eq!(scanner.held(), 0);
    out
}

/// The same whether it comes whole, byte by byte, or cut in two anywhere.
fn told(names: &Arc<Names>, document: &str) -> String {
    let whole = scanned(names, document.as_bytes(), &[]);
    let bytes: Vec<usize> = (0..document.len()).collect();
    assert_eq!(scanned(names, document.as_bytes(), &bytes), whole);
    for cut in bytes {
        let halves = scanned(names, document.as_bytes(), &[cut]);
        assert_eq!(halves, whole, "{document} cut at {cut}");
    }
    String::from_utf8(whole).unwrap()
}

#[test]
fn a_string_that_begins_with_an_internal_origin_gets_the_public_one() {
    let rows = [
        (
            r#"{"url":"https://github.corp.internal/api/v3/user"}"#,
            r#"{"url":"https://ghe.example.com/api/v3/user"}"#,
        ),
        (
            r#"["https://github.corp.internal","https:\/\/github.corp.internal\/x"]"#,
            r#"["https://ghe.example.com","https://ghe.example.com\/x"]"#,
        ),
        (
            r#""\u0068ttps:\u002f\u002Fgithub.corp.internal\u002f""#,
            r#""https://ghe.example.com\u002f""#,
        ),
        (
            r#"["HTTPS://GitHub.Corp.Internal:443?a","https://github.corp.internal#b"]"#,
            r#"["https://ghe.example.com?a","https://ghe.example.com#b"]"#,
        ),
        (
            r#"{"git_url":"git://github.corp.internal/a/b.git","ssh_url":"git@github.corp.internal:a/b.git"}"#,
            r#"{"git_url":"git://ghe.example.com/a/b.git","ssh_url":"git@ghe.example.com:a/b.git"}"#,
        ),
        (
            r#"["ssh://git@github.corp.internal:2222/a/b.git"]"#,
            r#"["ssh://git@ghe.example.com:2222/a/b.git"]"#,
        ),
        (
            r#"{ "a" : [ { "b" : "https://codeload.github.corp.internal/z" } , 1 ] }"#,
            r#"{ "a" : [ { "b" : "https://codeload.ghe.example.com/z" } , 1 ] }"#,
        ),
        (
            "{\"a\":\"https://github.corp.internal/\"}\n{\"a\":\"https://github.corp.internal/\"}",
            "{\"a\":\"https://ghe.example.com/\"}\n{\"a\":\"https://ghe.example.com/\"}",
        ),
        (
            r#"{"half \ude00":"https://github.corp.internal/","b":"\ud83d https://github.corp.internal/"}"#,
            r#"{"half \ude00":"https://ghe.example.com/","b":"\ud83d https://github.corp.internal/"}"#,
        ),
        (
            "\n \"https://github.corp.internal/\" ",
            "\n \"https://ghe.example.com/\" ",
        ),
    ];
    for (document, expected) in rows {
        assert_eq!(told(&appliance(), document), expected);
    }
}

#[test]
fn a_base_with_a_path_is_put_in_the_place_of_a_base_with_another() {
    let rows = [
        (
            r#"["http://ghe.int:8080/base/x","http://ghe.int:8080/base","https://ghe.int/base?q"]"#,
            r#"["https://gw.example.com/ghes/x","https://gw.example.com/ghes","https://gw.example.com/ghes?q"]"#,
        ),
        // What lies elsewhere on the host is not called by its name either.
        (
            r#"["http://ghe.int:8080/Base/x","HTTPS://GHE.INT:443/based","http://ghe.int:8080"]"#,
            r#"["https://gw.example.com/Base/x","https://gw.example.com/based","https://gw.example.com"]"#,
        ),
        // Another port of the host is another service.
        (
            r#"["http://ghe.int/base","http://ghe.int:80801/","https://ghe.int:8443/"]"#,
            r#"["http://ghe.int/base","http://ghe.int:80801/","https://ghe.int:8443/"]"#,
        ),
    ];
    for (document, expected) in rows {
        assert_eq!(told(&tool(), document), expected);
    }
}

#[test]
fn what_only_resembles_an_internal_address_stays() {
    let rows = [
        r#"{"https://github.corp.internal/":1,"a":{"https://github.corp.internal/":2}}"#,
        r#"[{"a":1,"https://github.corp.internal/x":[]}]"#,
        r#"["see https://github.corp.internal/","\"https://github.corp.internal/"]"#,
        r#"["https://github.corp.internal.example.com/","https://github.corp.internal:8443/"]"#,
        r#"["https://github.corp.internal@evil.example/","https://github.corp.interna"]"#,
        r#"["https://github.corp.internal\n","https://github.corp.internal\\","https://github.corp.internal\u0000"]"#,
        r#"["http://github.corp.internal/","git@github.corp.internal","https://ghe.example.com/"]"#,
        r#"["\u0168ttps://github.corp.internal/","https://github.corp.internal\u012f"]"#,
        r#""#,
        r#"  "#,
        r#"-1.5e+7"#,
    ];
    for document in rows {
        assert_eq!(told(&appliance(), document), document);
    }
}

#[test]
fn what_does_not_begin_as_json_passes() {
    let url = r#""https://github.corp.internal/""#;
    for before in [
        "<a href=",
        "Not found: ",
        ")]}',\n[",
        "\u{feff}[",
        ":",
        "callback([",
    ] {
        let document = format!("{before}{url}, {url}]");
        assert_eq!(told(&appliance(), &document), document);
    }
    // What breaks off in an address is no address yet.
    for document in [
        r#"["https://github.corp.internal"#,
        r#"{"a":1,"https://github.corp.internal/x"#,
        r#"{"a":1,"https://github.corp.internal/x" "#,
    ] {
        assert_eq!(told(&appliance(), document), document);
    }
}

#[test]
fn an_address_is_found_however_deep_it_lies() {
    let names = appliance();
    for depth in [1_usize, 64, 1025, 50_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":1,\"b\":", "}]")] {
            let document = |host| {
                let (open, close) = (open.repeat(depth), close.repeat(depth));
                format!("[{open}[1,\"https://{host}/\"]{close},{{\"c\":\"https://{host}/\"}}]")
            };
            let mut scanner = Scanner::new(Arc::clone(&names));
            let out = scanner.push(document("github.corp.internal").into());
            assert!(out == document("ghe.example.com"), "{depth} {open}");
            assert_eq!(scanner.held(), 0);
        }
    }
}

#[test]
fn a_document_without_internal_addresses_is_not_even_copied() {
    let piece = Bytes::from(r#"{"url":"https://ghe.example.com/","n":[1,"h","http"],"h":"#);
    let mut scanner = Scanner::new(appliance());
    let out = scanner.push(piece.clone());
    assert_eq!(out.as_ptr(), piece.as_ptr());
    assert_eq!(out, piece);
}

#[test]
fn no_more_is_held_than_the_beginning_of_an_address() {
    let names = appliance();
    let mut scanner = Scanner::new(Arc::clone(&names));
    // The longest beginning, each character in six bytes, and a whole escape but for one byte.
    let longest = "https://codeload.github.corp.internal:443";
    let escaped: String = longest.bytes().map(|b| format!("\\u00{b:02x}")).collect();
    let document = format!("[\"{escaped}\\u002");
    let out = scanner.push(document.into());
    assert_eq!(out, "[");
    assert_eq!(scanner.held(), 1 + longest.len() * 6 + 5);
    let out = scanner.push("f\"]".into());
    assert_eq!(out, "\"https://codeload.ghe.example.com\\u002f\"]");
    assert_eq!(scanner.held(), 0);
    // A long string of something else is not held, nor is a long value once it is known.
    for begun in ["[\"", "{\"a\":\"https://github.corp.internal/"] {
        assert!(!scanner.push(format!("{begun}hhhhhhhh").into()).is_empty());
        for _ in 0..1000 {
            assert_eq!(scanner.push("hhhhhhhh".into()), "hhhhhhhh");
            assert_eq!(scanner.held(), 0);
        }
        scanner = Scanner::new(Arc::clone(&names));
    }
}

#[test]
fn behind_a_comma_the_end_of_a_string_is_waited_for_so_long() {
    let names = appliance();
    let host = "https://github.corp.internal/";
    let public = "https://ghe.example.com/";
    // The quotes and the colon are seen within 4 KiB of the first quote, or not.
    for (len, is_name) in [
        (40, true),
        (4094, true),
        (4095, false),
        (4096, false),
        (9000, false),
    ] {
        let tail = "x".repeat(len - host.len());
        for (end, name) in [("\":1}", is_name), ("\"]", false)] {
            let document = format!("[1,\"{host}{tail}{end}");
            let expected = if name {
                document.clone()
            } else {
                format!("[1,\"{public}{tail}{end}")
            };
            for step in [1, 7, 4096, 100_000] {
                let cuts: Vec<usize> = (0..document.len()).step_by(step).collect();
                let out = scanned(&names, document.as_bytes(), &cuts);
                assert!(out == expected.as_bytes(), "{len} {end} {step}");
            }
        }
    }
}

/// How a character of a string is written.
fn written(c: char, style: u8, out: &mut String) {
    let mut units = [0; 2];
    match (c, style % 5) {
        ('"' | '\\', 0 | 1) => out.extend(['\\', c]),
        ('/', 2) => out.push_str("\\/"),
        ('\n', _) => out.push_str("\\n"),
        ('"' | '\\', _) | (_, 3) => {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
        (_, 4) => {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        }
        _ => out.push(c),
    }
}

/// Texts, of which many begin with an internal origin or with nearly one.
fn text(told: &'static Told) -> impl Strategy<Value = String> {
    let rule = (0..told.rules.len()).prop_map(|at| told.rules[at].0.to_owned());
    let begun = (rule, any::<u8>(), 0_usize..60).prop_map(|(rule, how, cut)| match how % 8 {
        0 => rule.to_ascii_uppercase(),
        1 => rule.get(..cut).unwrap_or(&rule).to_owned(),
        2 => format!(" {rule}"),
        3 => rule.replacen('h', "j", 1),
        _ => rule,
    });
    let tail = prop_oneof![
        Just(String::new()),
        "[/?#:@.:$\"\\\\ ]?[a-z/\"\\\\é😀\n]{0,6}",
        Just("/base/x".to_owned()),
    ];
    prop_oneof![
        3 => (begun, tail).prop_map(|(begun, tail)| begun + &tail),
        1 => ".{0,8}",
    ]
}

/// A string as it is written.
fn string(told: &'static Told) -> impl Strategy<Value = String> {
    let styles = prop_oneof![
        Just(vec![0]),
        Just(vec![1]),
        proptest::collection::vec(any::<u8>(), 1..40)
    ];
    (text(told), styles).prop_map(|(text, styles)| {
        let mut out = String::from("\"");
        for (at, c) in text.chars().enumerate() {
            written(
                if c.is_control() { '\n' } else { c },
                styles[at % styles.len()],
                &mut out,
            );
        }
        out + "\""
    })
}

fn document(told: &'static Told) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1.50E+3".to_owned()),
        Just("[]".to_owned()),
        Just("{ }".to_owned()),
    ];
    let leaf = prop_oneof![4 => string(told), 1 => word];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t")];
        let array = (
            proptest::collection::vec(inner.clone(), 0..6),
            space.clone(),
        );
        let member = (string(told), inner);
        let object = (proptest::collection::vec(member, 0..6), space);
        prop_oneof![
            array.prop_map(|(all, space)| {
                format!("[{space}{}{space}]", all.join(&format!("{space},{space}")))
            }),
            object.prop_map(|(all, space)| {
                let all: Vec<String> = all
                    .iter()
                    .map(|(name, one)| format!("{name}{space}:{space}{one}"))
                    .collect();
                format!(
                    "{{{space}{}{space}}}",
                    all.join(&format!("{space},{space}"))
                )
            }),
        ]
    })
}

fn agrees(told: &'static Told, names: &Arc<Names>, document: &str, cuts: &[usize]) {
    let out = scanned(names, document.as_bytes(), cuts);
    let out = String::from_utf8(out).unwrap();
    let expected = told.rewrite(document).unwrap();
    assert_eq!(out, expected, "{document}");
    let before = oracle::tree(document).unwrap();
    let after = oracle::tree(&out).unwrap();
    assert_eq!(after, told.replaced(before), "{document}");
    assert_eq!(
        told.replaced(after.clone()),
        after,
        "an address was left: {out}"
    );
    assert_eq!(scanned(names, out.as_bytes(), cuts), out.as_bytes());
}

proptest! {
    #[test]
    fn the_scanner_agrees_with_the_slow_reader(
        document in document(&APPLIANCE),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        agrees(&APPLIANCE, &appliance(), &document, &cuts);
    }

    #[test]
    fn the_scanner_agrees_with_the_slow_reader_about_bases(
        document in document(&TOOL),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        agrees(&TOOL, &tool(), &document, &cuts);
    }

    #[test]
    fn a_document_about_others_stays_byte_for_byte(
        document in document(&TOOL),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let out = scanned(&appliance(), document.as_bytes(), &cuts);
        prop_assert_eq!(out, document.into_bytes());
    }

    /// Whatever comes, the pieces in which it comes make no difference, and what is no address
    /// comes out again.
    #[test]
    fn noise_passes_the_same_in_any_pieces(
        parts in proptest::collection::vec(
            prop_oneof![
                string(&APPLIANCE).prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..4),
                "[\\[\\]{}:,\" \\\\0-9a-z]{0,4}".prop_map(String::into_bytes),
            ],
            0..12,
        ),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let noise = parts.concat();
        let whole = scanned(&appliance(), &noise, &[]);
        prop_assert_eq!(&scanned(&appliance(), &noise, &cuts), &whole);
        if whole == noise {
            return Ok(());
        }
        // Each change makes it shorter by as much as the two hosts differ, and by `:443`.
        prop_assert!(whole.len() < noise.len());
    }
}
