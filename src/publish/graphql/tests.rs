//! Tests of the reading of GraphQL requests.

use super::*;
use http::{Request, request};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

fn head() -> request::Parts {
    let request = Request::post("/api/graphql").header("content-type", "application/json");
    request.body(()).unwrap().into_parts().0
}

fn asked(body: &Value) -> Result<Operation, Refusal> {
    read(&head(), body.to_string().as_bytes())
}

fn query(text: &str) -> Result<Operation, Refusal> {
    asked(&json!({ "query": text }))
}

/// The fields as text: `name(argument: value) { below }`.
fn told(fields: &[Field]) -> String {
    let value = |(name, value): &(Box<str>, Argument)| format!("{name}: {value:?}");
    let one = |field: &Field| {
        let mut text = field.name.to_string();
        if !field.arguments.is_empty() {
            let arguments: Vec<_> = field.arguments.iter().map(value).collect();
            text += &format!("({})", arguments.join(", "));
        }
        if !field.is_leaf() {
            text += &format!(" {{ {} }}", told(&field.fields));
        }
        text
    };
    fields.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_kind_is_that_of_the_operation_that_would_run() {
    let rows = [
        ("{ a }", None, Ok(Kind::Query)),
        ("query { a }", None, Ok(Kind::Query)),
        ("query A { a }", None, Ok(Kind::Query)),
        ("query A { a }", Some("A"), Ok(Kind::Query)),
        ("query A { a }", Some(""), Ok(Kind::Query)),
        ("query A { a }", Some("B"), Err(Refusal::Ambiguous)),
        ("{ a }", Some("A"), Err(Refusal::Ambiguous)),
        ("mutation { a }", None, Ok(Kind::Mutation)),
        (
            "mutation A { a } query B { b }",
            Some("A"),
            Ok(Kind::Mutation),
        ),
        ("mutation A { a } query B { b }", Some("B"), Ok(Kind::Query)),
        (
            "mutation A { a } query B { b }",
            None,
            Err(Refusal::Ambiguous),
        ),
        (
            "mutation A { a } query B { b }",
            Some(""),
            Err(Refusal::Ambiguous),
        ),
        (
            "mutation A { a } query B { b }",
            Some("C"),
            Err(Refusal::Ambiguous),
        ),
        (
            "mutation A { a } query B { b }",
            Some("b"),
            Err(Refusal::Ambiguous),
        ),
        (
            "query A { a } mutation A { b }",
            Some("A"),
            Err(Refusal::Ambiguous),
        ),
        ("{ a } mutation A { b }", Some("A"), Err(Refusal::Ambiguous)),
        (
            "query A { a } mutation { b }",
            Some("A"),
            Err(Refusal::Ambiguous),
        ),
        ("{ a } { b }", None, Err(Refusal::Ambiguous)),
        ("subscription { a }", None, Err(Refusal::Subscription)),
        (
            "query A { a } subscription B { b }",
            Some("B"),
            Err(Refusal::Subscription),
        ),
        (
            "query A { a } subscription B { b }",
            Some("A"),
            Ok(Kind::Query),
        ),
        ("fragment f on A { a }", None, Err(Refusal::Unparsable)),
        ("", None, Err(Refusal::Persisted)),
        ("  \n", None, Err(Refusal::Persisted)),
        ("# nothing", None, Err(Refusal::Unparsable)),
        ("query", None, Err(Refusal::Unparsable)),
        ("{ a } }", None, Err(Refusal::Unparsable)),
        ("{ a", None, Err(Refusal::Unparsable)),
        ("{ }", None, Err(Refusal::Unparsable)),
        ("type A { a: Int }", None, Err(Refusal::Unparsable)),
        (
            "fragment mutation on A { a } query mutation { ...mutation }",
            None,
            Ok(Kind::Query),
        ),
    ];
    for (text, name, expected) in rows {
        let read = asked(&json!({ "query": text, "operationName": name }));
        assert_eq!(
            read.map(|operation| operation.kind),
            expected,
            "{text} {name:?}"
        );
    }
}

#[test]
fn a_body_that_is_not_one_plain_request_is_refused() {
    let rows = [
        (r#"[{"query":"{a}"}]"#, Refusal::Batch),
        ("[]", Refusal::Batch),
        ("{}", Refusal::Persisted),
        (r#"{"query":null}"#, Refusal::Persisted),
        (r#"{"id":"abc","variables":{}}"#, Refusal::Persisted),
        (
            r#"{"query":"{a}","extensions":{"persistedQuery":{"sha256Hash":"0"}}}"#,
            Refusal::Persisted,
        ),
        (r#"{"query":"{a}","documentId":"abc"}"#, Refusal::Unparsable),
        (r#"{"query":["{a}"]}"#, Refusal::Unparsable),
        (r#"{"query":"{a}","operationName":1}"#, Refusal::Unparsable),
        (r#"{"query":"{a}","variables":"{}"}"#, Refusal::Unparsable),
        (r#"{"query":"{a}","variables":[]}"#, Refusal::Unparsable),
        (r#"{"query":"{a}","extensions":1}"#, Refusal::Unparsable),
        (
            r#"{"query":"{a}","query":"mutation{b}"}"#,
            Refusal::Ambiguous,
        ),
        (
            r#"{"query":"{a}","quer\u0079":"mutation{b}"}"#,
            Refusal::Ambiguous,
        ),
        (
            r#"{"query":"{a}","variables":{"a":1,"a":2}}"#,
            Refusal::Ambiguous,
        ),
        (
            r#"{"query":"{a}"} {"query":"mutation{b}"}"#,
            Refusal::Unparsable,
        ),
        (r#""{a}""#, Refusal::Unparsable),
        ("{a}", Refusal::Unparsable),
        ("query=%7Ba%7D", Refusal::Unparsable),
        ("", Refusal::Unparsable),
    ];
    for (body, refusal) in rows {
        assert_eq!(read(&head(), body.as_bytes()), Err(refusal), "{body}");
    }
    let taken = r#"{"query":"{a}","operationName":null,"variables":null,"extensions":{}}"#;
    assert!(read(&head(), taken.as_bytes()).is_ok());
}

#[test]
fn a_head_under_which_the_server_might_read_something_else_is_refused() {
    let build = |method: &str, uri: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(&request.body(()).unwrap().into_parts().0)
    };
    let json = ("content-type", "application/json");
    let uri = "/api/graphql";
    assert_eq!(build("POST", uri, &[json]), Ok(()));
    assert_eq!(build("POST", "/api/graphql?", &[json]), Ok(()));
    let identity = ("content-encoding", "identity");
    assert_eq!(build("POST", uri, &[json, identity]), Ok(()));
    for method in ["GET", "HEAD", "PUT", "QUERY"] {
        assert_eq!(build(method, uri, &[json]), Err(Refusal::NotPosted));
    }
    for uri in ["/api/graphql?query={a}", "/api/graphql?x"] {
        assert_eq!(build("POST", uri, &[json]), Err(Refusal::NotPosted));
    }
    for headers in [
        &[][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/graphql")],
        &[("content-type", "multipart/form-data; boundary=a")],
        &[json, ("content-encoding", "gzip")],
        &[json, identity, identity],
        &[json, json],
        &[json, ("content-type", "text/plain")],
    ] {
        assert_eq!(
            build("POST", uri, headers),
            Err(Refusal::ContentType),
            "{headers:?}"
        );
    }
}

#[test]
fn an_operations_name_is_kept_as_far_as_people_read() {
    let name = |length: usize| {
        let text = format!("query {} {{ a }}", "x".repeat(length));
        query(&text).unwrap().name.unwrap().len()
    };
    assert_eq!((name(7), name(100), name(5000)), (7, 100, 100));
    assert_eq!(query("{ a }").unwrap().name, None);
}

#[test]
fn fields_are_told_by_their_own_names_through_fragments() {
    let rows = [
        ("{ mine: viewer { login } }", "viewer { login }"),
        (
            "query { ...f } fragment f on Query { a { ...g } } fragment g on A { b ... { c } }",
            "a { b c }",
        ),
        (
            "{ a { ... on User { b } ... on Bot @include(if: false) { c } } }",
            "a { b c }",
        ),
        ("{ a @skip(if: true) b }", "a b"),
        ("{ ...f ...f } fragment f on Query { a }", "a a"),
        ("{ a, b,, c }", "a b c"),
        ("{ query mutation: subscription }", "query subscription"),
    ];
    for (text, expected) in rows {
        assert_eq!(told(&query(text).unwrap().fields), expected, "{text}");
    }
    for text in [
        "{ ...f }",
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { a { ...g } } fragment g on A { b { ...f } }",
    ] {
        assert_eq!(query(text), Err(Refusal::Fragment), "{text}");
    }
    let twice = "{ ...f } fragment f on A { a } fragment f on A { b }";
    assert_eq!(query(twice), Err(Refusal::Ambiguous));
}

#[test]
fn arguments_are_told_with_their_variables_filled_in() {
    let rows = [
        ("{ a(b: \"c\") }", "a(b: Text(\"c\"))"),
        (r#"{ a(b: "ac\u006de\"") }"#, r#"a(b: Text("acme\""))"#),
        ("{ a(b: \"\"\"c\n  d\"\"\") }", r#"a(b: Text("c\nd"))"#),
        ("query($t: S) { a(b: $t) }", "a(b: Text(\"given\"))"),
        ("query($t: S = \"d\") { a(b: $t) }", "a(b: Text(\"given\"))"),
        ("query($x: S = \"d\") { a(b: $x) }", "a(b: Text(\"d\"))"),
        ("query($x: S) { a(b: $x) }", "a(b: Absent)"),
        ("query($n: S = \"d\") { a(b: $n) }", "a(b: Absent)"),
        ("query($i: I) { a(b: $i) }", "a(b: Other)"),
        (
            "query($l: L) { a(b: $l) }",
            "a(b: List([Text(\"x\"), Other, Absent]))",
        ),
        (
            "query($t: S) { a(b: [$t, null, 1]) }",
            "a(b: List([Text(\"given\"), Absent, Other]))",
        ),
        (
            "query($x: [S] = [\"p\", \"q\"]) { a(b: $x) }",
            "a(b: List([Text(\"p\"), Text(\"q\")]))",
        ),
        ("{ a(b: $t) }", "a(b: Other)"),
        ("{ a(b: t) }", "a(b: Other)"),
        ("{ a(b: {c: \"d\"}) }", "a(b: Other)"),
        ("{ a(b: true, c: 1.5) }", "a(b: Flag(true), c: Other)"),
        (
            "query($t: S) { ...f } fragment f on A { a(b: $t) }",
            "a(b: Text(\"given\"))",
        ),
    ];
    let variables = json!({ "t": "given", "n": null, "i": 7, "l": ["x", {}, null] });
    for (text, expected) in rows {
        let read = asked(&json!({ "query": text, "variables": variables })).unwrap();
        assert_eq!(told(&read.fields), expected, "{text}");
    }
    for text in [
        "{ a(b: \"c\", b: \"d\") }",
        "query($t: S = \"c\", $t: S = \"d\") { a(b: $t) }",
    ] {
        assert_eq!(query(text), Err(Refusal::Ambiguous), "{text}");
    }
    let long = format!("{{ a(b: \"{}\") }}", "x".repeat(257));
    assert_eq!(told(&query(&long).unwrap().fields), "a(b: Other)");
}

#[test]
fn spellings_on_which_parsers_disagree_are_refused() {
    for text in [
        "{ a } # \r mutation { b }",
        "{ a(b: \"c\r\n\") }",
        "{ a\u{0} }",
        "{ a\u{b} }",
        "{ a\u{7f} }",
        "\u{feff}{ a }",
        "{ a\u{a0} }",
        "{ \u{430} }",
        r#"{ a(b: "\x") }"#,
        r#"{ a(b: "\u{61}") }"#,
        r#"{ a(b: "\ud800") }"#,
        r#"{ a(b: "c) }"#,
        r#"{ a(b: """c\""" d""") }"#,
        r#"{ a(b: """c\""") }"#,
        r#"{ a(b: """c"d""") }"#,
        r#"{ a(b: """c"""") }"#,
        "{ a(b: \"\"\"c\n \u{3000}\n  d\"\"\") }",
        "{ a(b: \"\"\"c) }",
        "{ a(b: 1\"c\") }",
        "{ a(b: 0x1) }",
        "{ a(b: 99999999999999999999) }",
        "{ a() }",
        "{ a ... }",
        "{ a . b }",
        "{ a; b }",
    ] {
        assert_eq!(query(text), Err(Refusal::Unparsable), "{text:?}");
    }
    for text in [
        "{ a(b: \"é # { \\\" \") } # é { \r\n",
        "{ a(b: \"\"\"{ é # \n  [\"\"\") }",
        "{ a(b: \"\") c(d: \"\"\"\"\"\") }",
        "{ a(b: -1.5e+3, c: 0) }",
    ] {
        assert!(query(text).is_ok(), "{text:?}");
    }
}

/// Documents made to hurt, and what becomes of each.
fn hostile() -> Vec<(String, Refusal)> {
    let nested = |open: &str, close: &str, times| open.repeat(times) + &close.repeat(times);
    let bomb = (0..30).fold("{ ...f0 }".to_owned(), |text, i| {
        text + &format!(" fragment f{i} on A {{ ...f{0} ...f{0} }}", i + 1)
    }) + " fragment f30 on A { a }";
    let chain = (0..200).fold("{ ...f0 }".to_owned(), |text, i| {
        text + &format!(" fragment f{i} on A {{ b {{ ...f{} }} }}", i + 1)
    }) + " fragment f200 on A { a }";
    let list = format!("[{}]", "1 ".repeat(10_000));
    vec![
        ("{".repeat(100_000), Refusal::TooDeep),
        ("{a".repeat(100_000), Refusal::TooDeep),
        ("[".repeat(100_000), Refusal::TooDeep),
        ("}".repeat(100_000), Refusal::Unparsable),
        (
            format!("{{ a(b: {}) }}", nested("[", "]", 100_000)),
            Refusal::TooDeep,
        ),
        (
            format!("{{ a(b: {}) }}", nested("{c:", "}", 100_000)),
            Refusal::TooDeep,
        ),
        (
            format!("query($a: {}) {{ a }}", nested("[", "]", 100_000)),
            Refusal::TooDeep,
        ),
        (format!("{{ {} }}", "a ".repeat(400_000)), Refusal::TooLarge),
        ("query A { a } ".repeat(20_000), Refusal::TooLarge),
        (
            format!(
                "{{ a({}) }}",
                (0..15_000).map(|i| format!("a{i}: 1 ")).collect::<String>() + "a7: 1"
            ),
            Refusal::Ambiguous,
        ),
        (bomb, Refusal::TooLarge),
        (chain, Refusal::TooDeep),
        (
            format!("query($l: L = {list}) {{ {} }}", "a(b: $l) ".repeat(100)),
            Refusal::TooLarge,
        ),
        ("\"".repeat(100_001), Refusal::Unparsable),
        ("\"\"\"\"\"\" ".repeat(100_000), Refusal::TooLarge),
        ("#".repeat(1_000_000), Refusal::Unparsable),
        ("\\".repeat(500_000), Refusal::Unparsable),
        ("@".repeat(40_000), Refusal::Unparsable),
        ("...".repeat(10_000), Refusal::Unparsable),
        (
            "{ a ".to_owned() + &"@b(c: 1) ".repeat(7_000),
            Refusal::Unparsable,
        ),
        ("1".repeat(1_000_000), Refusal::Unparsable),
        ("x".repeat(2 << 20), Refusal::TooLarge),
    ]
}

#[test]
fn documents_made_to_hurt_are_refused_in_little_time_and_stack() {
    for (text, refusal) in hostile() {
        let start: String = text.chars().take(40).collect();
        let began = Instant::now();
        // Half of what request threads have.
        let read = std::thread::Builder::new().stack_size(1 << 20);
        let read = read.spawn(move || query(&text)).unwrap().join().unwrap();
        assert_eq!(read, Err(refusal), "{start}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{start} took {took:?}");
    }
    let list: Vec<_> = (0..100_000).collect();
    let shared = json!({
        "query": format!("query($l: L) {{ {} }}", "a(b: $l) ".repeat(100)),
        "variables": { "l": list },
    });
    assert_eq!(asked(&shared), Err(Refusal::TooLarge));
    assert_eq!(
        read(&head(), &vec![b' '; LONGEST_BODY + 1]),
        Err(Refusal::TooLarge)
    );
    assert_eq!(
        read(&head(), "[".repeat(500_000).as_bytes()),
        Err(Refusal::Unparsable)
    );
}

#[test]
fn the_bounds_leave_room_for_honest_documents() {
    let nested = "{a".repeat(32) + &"}".repeat(32);
    let deep = std::thread::Builder::new().stack_size(1 << 20);
    assert!(
        deep.spawn(move || query(&nested))
            .unwrap()
            .join()
            .unwrap()
            .is_ok()
    );
    let repositories: String = (0..100)
        .map(|i| {
            format!(
                "r{i}: repository(owner: \"acme\", name: \"web-{i}\") {{ {} }}\n",
                "name ".repeat(50)
            )
        })
        .collect();
    assert_eq!(
        query(&format!("{{ {repositories} }}"))
            .unwrap()
            .fields
            .len(),
        100
    );
    let ids = json!({
        "query": "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        "variables": { "ids": vec!["R_kgDOABPHrQ"; 100] },
    });
    assert!(asked(&ids).is_ok());
    assert!(query(INTROSPECTION).is_ok());
}

#[test]
fn codes_are_stable_and_each_has_its_own() {
    let codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(
        codes,
        [
            "graphql_not_posted",
            "graphql_content_type",
            "graphql_too_large",
            "graphql_too_deep",
            "graphql_batch",
            "graphql_persisted",
            "graphql_unparsable",
            "graphql_ambiguous",
            "graphql_fragment",
            "graphql_subscription",
        ]
    );
}

/// Pieces of documents, so that chance finds its way past the first character.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("..."),
        Just("$a"),
        Just(":"),
        Just("="),
        Just("!"),
        Just("@"),
        Just("|"),
        Just("&"),
        Just("query"),
        Just("mutation"),
        Just("fragment"),
        Just("on"),
        Just("f"),
        Just("a"),
        Just(" "),
        Just("\n"),
        Just("\r"),
        Just("#"),
        Just("\""),
        Just("\"\"\""),
        Just("\\"),
        Just("\\u0061"),
        Just("1"),
        Just("-"),
        Just("."),
        Just("e"),
        Just("é"),
        Just("\u{3000}"),
        Just("\u{feff}"),
        Just("null"),
        Just("true"),
        Just(","),
        Just("\t"),
        Just("\u{0}"),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in any::<Vec<u8>>()) {
        prop_assert!(read(&head(), &body).is_err());
    }

    #[test]
    fn no_document_makes_it_panic(text in pieces(), name in prop::option::of("[a-f]?")) {
        let body = json!({ "query": text, "operationName": name, "variables": { "a": [1, "x"] } });
        if let Ok(operation) = asked(&body) {
            prop_assert!(!operation.fields.is_empty());
        }
    }

    #[test]
    fn nothing_but_the_selected_operation_decides(others in 0_usize..6, chosen in 0_usize..6) {
        let kinds = ["query", "mutation"];
        let text: String = (0..=others)
            .map(|i| format!("{} Q{i} {{ f{i} }} ", kinds[i % 2]))
            .collect();
        let read = asked(&json!({ "query": text, "operationName": format!("Q{chosen}") }));
        if chosen > others {
            prop_assert_eq!(read, Err(Refusal::Ambiguous));
        } else {
            let read = read.unwrap();
            prop_assert_eq!(read.kind.as_str(), kinds[chosen % 2]);
            prop_assert_eq!(told(&read.fields), format!("f{chosen}"));
        }
    }
}

/// What common clients ask first.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name } types \
    { ...FullType } directives { name args { ...InputValue } } } } \
    fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args \
    { ...InputValue } type { ...TypeRef } } inputFields { ...InputValue } interfaces \
    { ...TypeRef } possibleTypes { ...TypeRef } } \
    fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue } \
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind \
    name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
