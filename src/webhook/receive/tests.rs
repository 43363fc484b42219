//! Tests of what is taken and what is not.

use super::*;
use proptest::prelude::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn signed_with(secrets: &[&str], signature: &str, body: &[u8]) -> Option<usize> {
    let secrets: Vec<Secret> = secrets.iter().map(|text| secret(text)).collect();
    let mut check = Secrets::new(&secrets).expect(Claimed::parse(signature.as_bytes())?);
    for piece in body.chunks(7) {
        check.update(piece);
    }
    check.finish()
}

#[test]
fn githubs_published_signatures_hold() {
    let rows = [
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            "mysecret",
            r#"{"foo":"bar"}"#,
            "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3",
        ),
    ];
    for (secret, body, signature) in rows {
        assert_eq!(signed_with(&[secret], signature, body.as_bytes()), Some(0));
        assert_eq!(
            signed_with(&["other", secret], signature, body.as_bytes()),
            Some(1)
        );
        assert_eq!(signed_with(&["other"], signature, body.as_bytes()), None);
    }
}

#[test]
fn a_signature_is_read_only_in_its_one_form() {
    let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert!(Claimed::parse(format!("sha256={digits}").as_bytes()).is_some());
    for wrong in [
        digits.to_owned(),
        format!("sha1={digits}"),
        format!("sha256={digits}0"),
        format!("sha256={digits} "),
        format!("SHA256={digits}"),
        format!("sha256={}", digits.trim_end_matches("17")),
        format!("sha256={}g7", digits.trim_end_matches("17")),
        "sha256=".to_owned(),
        String::new(),
    ] {
        assert_eq!(Claimed::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn json_is_refused_at_the_byte_where_it_breaks() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(json::outline(deep(128).as_bytes()).is_ok());
    let rows: Vec<(Vec<u8>, usize)> = vec![
        (deep(129).into_bytes(), 128),
        (b"".to_vec(), 0),
        (b"  ".to_vec(), 2),
        (b"{} {}".to_vec(), 3),
        (b"{}x".to_vec(), 2),
        (b"{\"a\":\"\xff\"}".to_vec(), 6),
        (b"{\"a\":1,}".to_vec(), 7),
        (b"[1,]".to_vec(), 3),
        (b"{\"a\" 1}".to_vec(), 5),
        (b"{a:1}".to_vec(), 1),
        (b"[01]".to_vec(), 2),
        (b"[1.]".to_vec(), 3),
        (b"[-]".to_vec(), 2),
        (b"[1e+]".to_vec(), 4),
        (b"[tru]".to_vec(), 1),
        (b"[\"a\nb\"]".to_vec(), 3),
        (b"[\"\\x\"]".to_vec(), 3),
        (b"[\"\\u12g4\"]".to_vec(), 6),
        (b"[\"abc".to_vec(), 5),
        (b"[1".to_vec(), 2),
        (b"[}".to_vec(), 1),
        (b"{]".to_vec(), 1),
        (b"nul".to_vec(), 0),
        (b"\xef\xbb\xbf{}".to_vec(), 0),
    ];
    for (body, offset) in rows {
        let fault = json::outline(&body).unwrap_err();
        assert_eq!(
            fault.offset,
            offset,
            "{} {fault}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[test]
fn an_outline_takes_the_last_of_members_that_are_called_the_same() {
    let rows: [(&str, Option<&str>, Option<&str>); 7] = [
        (r#"{"action":"a","action":"b"}"#, Some("b"), None),
        (r#"{"action":"a","action":1}"#, None, None),
        (r#"{"action":1,"\u0061ction":"b"}"#, Some("b"), None),
        (r#"{"action":"a","acti\u006fn":{}}"#, None, None),
        (
            r#"{"repository":{"full_name":"a/b"},"r\u0065pository":{"\u0066ull_name":"c/d"}}"#,
            None,
            Some("c/d"),
        ),
        (
            r#"{"repository":{"full_name":"a/b"},"repository":null}"#,
            None,
            None,
        ),
        (
            r#"{"repository":{"full_name":"a/b","full_name":[]}}"#,
            None,
            None,
        ),
    ];
    for (body, action, repository) in rows {
        let outline = json::outline(body.as_bytes()).unwrap();
        assert_eq!(outline.action.as_deref(), action, "{body}");
        assert_eq!(outline.repository.as_deref(), repository, "{body}");
    }
}

#[test]
fn an_outline_names_action_and_repository_and_nothing_that_looks_like_them() {
    let body = br#" {"x":{"action":"no","repository":{"full_name":"no/no"}},
        "repository":{"owner":{"full_name":"no/no"},"full_name":"acme\/web","a":[{"full_name":"n/n"}]},
        "sender":{"full_name":"no/no"},"action":"opened","n":[1,-2.5e3,true,false,null]} "#;
    let outline = json::outline(body).unwrap();
    assert_eq!(outline.action.as_deref(), Some("opened"));
    assert_eq!(outline.repository.as_deref(), Some("acme/web"));
    let none = json::outline(br#"{"action":null,"repository":["full_name","a/b"]}"#).unwrap();
    assert_eq!(none, json::Outline::default());
    assert!(
        json::outline(br#"[{"action":"x"}]"#)
            .unwrap()
            .action
            .is_none()
    );
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        ".{0,20}".prop_map(serde_json::Value::from),
    ];
    let key = prop_oneof![
        Just("action".to_owned()),
        Just("repository".to_owned()),
        Just("full_name".to_owned()),
        ".{0,8}"
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
    .prop_map(|value| value.to_string())
}

proptest! {
    #[test]
    fn the_json_check_agrees_with_a_whole_parser(text in json_text(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let outline = json::outline(text.as_bytes()).unwrap();
        prop_assert_eq!(outline.action.as_deref(), value.get("action").and_then(|v| v.as_str()));
        prop_assert_eq!(
            outline.repository.as_deref(),
            value.get("repository").and_then(|v| v.get("full_name")).and_then(|v| v.as_str())
        );
        let mut broken = text.into_bytes();
        let at = cut.index(broken.len());
        broken[at] = byte;
        let expected = serde_json::from_slice::<serde::de::IgnoredAny>(&broken).is_ok()
            && std::str::from_utf8(&broken).is_ok();
        prop_assert_eq!(json::outline(&broken).is_ok(), expected, "{}", String::from_utf8_lossy(&broken));
    }

    #[test]
    fn the_json_check_agrees_with_a_whole_parser_on_noise(noise in "[\\[\\]{}:,\"\\\\ntf0-9eE.+ru\u{1}é -]{0,24}") {
        let expected = serde_json::from_str::<serde::de::IgnoredAny>(&noise).is_ok();
        prop_assert_eq!(json::outline(noise.as_bytes()).is_ok(), expected);
    }

    #[test]
    fn a_form_gives_back_what_was_put_in(payload in prop::collection::vec(any::<u8>(), 0..200), before in "[a-z]{0,5}") {
        let encoded: String = form_urlencoded::byte_serialize(&payload).collect();
        let form = format!("{before}=1&payload={encoded}&payload=second");
        let decoded = form::payload(form.as_bytes()).unwrap();
        prop_assert_eq!(decoded.as_ref(), &payload[..]);
    }

    #[test]
    fn a_form_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(decoded) = form::payload(&noise) {
            prop_assert!(decoded.len() <= noise.len());
        }
    }

    #[test]
    fn a_flipped_bit_in_body_signature_or_secret_never_passes(
        body in prop::collection::vec(any::<u8>(), 1..300),
        key in prop::collection::vec(any::<u8>(), 1..64),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let key_of = |bytes: &[u8]| aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, bytes);
        let tag = aws_lc_rs::hmac::sign(&key_of(&key), &body);
        let verify = |key: &[u8], body: &[u8], tag: &[u8]| {
            let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
            let claimed = Claimed::parse(format!("sha256={hex}").as_bytes()).unwrap();
            let mut check = Secrets::new(&[Secret::new(key.to_vec())]).expect(claimed);
            check.update(body);
            check.finish()
        };
        let flip = |bytes: &[u8]| {
            let mut flipped = bytes.to_vec();
            let at = place.index(flipped.len());
            flipped[at] ^= 1 << bit;
            flipped
        };
        prop_assert_eq!(verify(&key, &body, tag.as_ref()), Some(0));
        prop_assert_eq!(verify(&key, &flip(&body), tag.as_ref()), None);
        prop_assert_eq!(verify(&key, &body, &flip(tag.as_ref())), None);
        prop_assert_eq!(verify(&flip(&key), &body, tag.as_ref()), None);
    }
}

fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in rows {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

const GOOD: [(&str, &str); 3] = [
    ("x-github-event", "push"),
    ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    ("content-type", "application/json; charset=utf-8"),
];

fn receiver(events: &[&str], filter: Option<&str>) -> Receiver {
    let events: Vec<EventPattern> = events.iter().map(|text| text.parse().unwrap()).collect();
    let filter = filter.map(|text| Arc::new(Filter::compile(text).unwrap()));
    Receiver::new(&[secret("k")], &events, filter, 100)
}

#[test]
fn a_head_is_refused_for_its_first_fault() {
    let receiver = receiver(&[], None);
    let refused = |method: Method, rows: &[(&'static str, &str)]| {
        receiver.admit(&method, &headers(rows)).err()
    };
    assert_eq!(refused(Method::POST, &GOOD), None);
    assert_eq!(refused(Method::GET, &[]), Some(Refusal::Method));
    assert_eq!(
        refused(Method::POST, &[]),
        Some(Refusal::Header("X-GitHub-Event"))
    );
    assert_eq!(
        refused(Method::POST, &GOOD[..1]),
        Some(Refusal::Header("X-GitHub-Delivery"))
    );
    assert_eq!(refused(Method::POST, &GOOD[..2]), Some(Refusal::MediaType));
    let with = |row: (&'static str, &'static str)| {
        let mut rows = GOOD.to_vec();
        rows.push(row);
        refused(Method::POST, &rows)
    };
    assert_eq!(
        with(("content-encoding", "identity")),
        Some(Refusal::Encoded)
    );
    assert_eq!(
        with(("content-type", "application/json")),
        Some(Refusal::MediaType)
    );
    assert_eq!(
        with(("content-length", "101")),
        Some(Refusal::TooLarge(100))
    );
    assert_eq!(with(("content-length", "100")), None);
}

#[test]
fn a_body_is_refused_once_it_is_longer_than_the_route_takes() {
    let receiver = receiver(&[], None);
    let mut all = GOOD.to_vec();
    let signature = format!("sha256={}", "0".repeat(64));
    all.push(("x-hub-signature-256", &signature));
    for rows in [&GOOD[..], &all[..]] {
        let head = headers(rows);
        let admitted = receiver.admit(&Method::POST, &head).unwrap();
        let mut reading = receiver.read(&admitted, &head);
        assert_eq!(reading.take(Bytes::from(vec![b' '; 60])), Ok(()));
        assert_eq!(reading.take(Bytes::from(vec![b' '; 40])), Ok(()));
        assert!(matches!(
            reading.take(Bytes::from_static(b" ")),
            Err(Refusal::TooLarge(_))
        ));
    }
}

#[test]
fn a_form_that_is_too_long_is_told_what_its_payload_may_be() {
    let receiver = receiver(&[], None);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let told = |piece: usize| {
        let head = headers(&[GOOD[0], GOOD[1], form]);
        let admitted = receiver.admit(&Method::POST, &head).unwrap();
        let mut reading = receiver.read(&admitted, &head);
        reading.take(Bytes::from(vec![b' '; piece]))
    };
    assert_eq!(told(300), Ok(()));
    assert_eq!(told(301), Err(Refusal::TooLarge(100)));
    let announced = headers(&[GOOD[0], GOOD[1], form, ("content-length", "301")]);
    assert_eq!(
        receiver.admit(&Method::POST, &announced).unwrap_err(),
        Refusal::TooLarge(100)
    );
}

#[test]
fn a_filter_judges_event_action_headers_and_body() {
    let body = br#"{"repository":{"full_name":"acme/web","id":7},"commits":[{"added":["a"]},{"added":[]}]}"#;
    let head = [Header {
        name: "x-github-hook-id".into(),
        value: (*b"12").into(),
    }];
    let subject = filter::Subject {
        event: "push",
        action: None,
        headers: &head,
        body,
    };
    let rows = [
        (
            r#"body.repository.full_name.startsWith("acme/")"#,
            Some(true),
        ),
        (
            r#"body.repository.full_name.matches("^other/")"#,
            Some(false),
        ),
        (r#"event == "push" && action == """#, Some(true)),
        (r#"headers["x-github-hook-id"] == "12""#, Some(true)),
        (
            "body.repository.id == 7 && body.repository.id < 8",
            Some(true),
        ),
        ("body.commits.exists(c, size(c.added) > 0)", Some(true)),
        (
            "has(body.organization) && body.organization.id == 1",
            Some(false),
        ),
        (r#"event in ["push", "create"]"#, Some(true)),
        ("1 + 1", None),
        ("body.absent.name == 'x'", None),
    ];
    for (text, expected) in rows {
        let filter = Filter::compile(text).unwrap();
        assert_eq!(filter.matches(subject).ok(), expected, "{text}");
    }
}

#[test]
fn a_filter_that_could_not_work_or_could_cost_too_much_is_not_compiled() {
    use FilterError::*;
    let long = format!("event == '{}'", "x".repeat(5000));
    let wide = format!("event in [{}]", "1,".repeat(1200) + "1");
    type Expected = fn(&FilterError) -> bool;
    let rows: [(&str, Expected); 9] = [
        ("", |f| matches!(f, Syntax(_))),
        ("event ==", |f| matches!(f, Syntax(_))),
        (
            "evnt == 'push'",
            |f| matches!(f, Unknown(name) if name == "evnt"),
        ),
        (
            "event.upper() == 'X'",
            |f| matches!(f, NoFunction(name) if name == "upper"),
        ),
        ("body.a.all(x, body.b.all(y, x == y))", |f| {
            matches!(f, Costly(_))
        }),
        ("event.matches(body.pattern)", |f| matches!(f, Costly(_))),
        ("body.a.all(x, x.matches('a'))", |f| matches!(f, Costly(_))),
        (&long, |f| matches!(f, Costly(_))),
        (&wide, |f| matches!(f, Costly(_))),
    ];
    for (text, expected) in rows {
        let fault = Filter::compile(text).unwrap_err();
        assert!(expected(&fault), "{text:.40}: {fault:?}");
    }
}

#[test]
fn every_function_that_is_offered_works() {
    let texts = [
        "bool('true')",
        "bytes('a') == b'a'",
        "'ab'.contains('b')",
        "double(1) == 1.0",
        "'ab'.endsWith('b')",
        "int('1') == 1",
        "'ab'.matches('a.')",
        "size('ab') == 2",
        "'ab'.startsWith('a')",
        "string(1) == '1'",
        "uint(1) == 1u",
    ];
    let subject = filter::Subject {
        event: "push",
        action: None,
        headers: &[],
        body: b"{}",
    };
    for text in texts {
        assert_eq!(
            Filter::compile(text).unwrap().matches(subject),
            Ok(true),
            "{text}"
        );
    }
}

#[test]
fn only_documented_headers_pass() {
    let mut rows = GOOD.to_vec();
    rows.extend([
        ("x-github-encoded-secret", "c2VjcmV0"),
        ("x-jenkins-validation", "1"),
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-hub-signature", "sha1=00"),
    ]);
    let names: Vec<String> = headers::passed(&headers(&rows))
        .iter()
        .map(|header| header.name.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "content-type",
            "x-github-delivery",
            "x-github-event",
            "x-hub-signature"
        ]
    );
}
