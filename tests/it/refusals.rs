//! Every refusal of the table, in its order, with its code, audited; nothing reaches a target.

use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid, sign};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const BODY: &[u8] = br#"{"action":"opened","repository":{"full_name":"acme/web"}}"#;

struct Case {
    name: &'static str,
    method: reqwest::Method,
    path: &'static str,
    change: Vec<(&'static str, Option<String>)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, status: u16, code: &'static str) -> Case {
    Case {
        name,
        method: reqwest::Method::POST,
        path: "/hook",
        change: Vec::new(),
        body: BODY.to_vec(),
        status,
        code,
    }
}

fn without(name: &'static str, header: &'static str, status: u16, code: &'static str) -> Case {
    Case {
        change: vec![(header, None)],
        ..case(name, status, code)
    }
}

fn with(
    name: &'static str,
    header: &'static str,
    value: &str,
    status: u16,
    code: &'static str,
) -> Case {
    Case {
        change: vec![(header, Some(value.to_owned()))],
        ..case(name, status, code)
    }
}

fn json(name: &'static str, body: Vec<u8>) -> Case {
    Case {
        body,
        ..case(name, 400, "malformed_json")
    }
}

fn cases() -> Vec<Case> {
    let mut flipped = BODY.to_vec();
    flipped[3] ^= 1;
    let signed = sign(SECRET, BODY);
    let sha1 = "sha1=0123456789012345678901234567890123456789";
    vec![
        Case {
            path: "/other",
            ..without(
                "a wrong path comes before all headers",
                "x-github-event",
                404,
                "not_found",
            )
        },
        Case {
            path: "/hooks",
            ..case("a path is a prefix on a boundary", 404, "not_found")
        },
        Case {
            path: "/other-networks",
            ..case("a source that may not", 403, "source_not_allowed")
        },
        Case {
            method: reqwest::Method::PUT,
            ..case("a method", 405, "method_not_allowed")
        },
        without("no event", "x-github-event", 400, "header_missing"),
        with(
            "no event name",
            "x-github-event",
            "a b",
            400,
            "header_missing",
        ),
        without("no delivery", "x-github-delivery", 400, "header_missing"),
        without("no type", "content-type", 415, "unsupported_media_type"),
        with(
            "a type",
            "content-type",
            "text/plain",
            415,
            "unsupported_media_type",
        ),
        with(
            "an encoding",
            "content-encoding",
            "gzip",
            415,
            "content_encoding_refused",
        ),
        Case {
            body: vec![b' '; 3000],
            ..case("size comes before signature", 413, "body_too_large")
        },
        without(
            "no signature",
            "x-hub-signature-256",
            401,
            "signature_missing",
        ),
        Case {
            change: vec![
                ("x-hub-signature-256", None),
                ("x-hub-signature", Some(sha1.to_owned())),
            ],
            ..case("the sha1 header alone", 401, "signature_missing")
        },
        with(
            "another secret",
            "x-hub-signature-256",
            &sign("other", BODY),
            401,
            "signature_mismatch",
        ),
        Case {
            change: vec![("x-hub-signature-256", Some(signed))],
            body: flipped,
            ..case("a flipped bit", 401, "signature_mismatch")
        },
        Case {
            change: vec![("x-hub-signature-256", Some(sign("other", b"{")))],
            body: b"{".to_vec(),
            ..case("the signature comes before JSON", 401, "signature_mismatch")
        },
        json("no JSON", b"{".to_vec()),
        json("two values", b"{}{}".to_vec()),
        json("no UTF-8", b"{\"a\":\"\xff\"}".to_vec()),
        json(
            "129 deep",
            format!("{}{}", "[".repeat(129), "]".repeat(129)).into_bytes(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_answer_and_its_record_and_reaches_nobody() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let at = tool.address;
    site.configure(&format!(
        r#"[[source]]
name = "elsewhere"
networks = ["192.0.2.0/24"]
[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
max_body = "2KiB"
[[webhook.to]]
name = "tool"
url = "http://{at}/in"
[[webhook]]
url = "https://{HOST}/other-networks"
from = ["elsewhere"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "tool-two"
url = "http://{at}/in"
"#
    ));
    let gate = site.start().await;
    let client = gate.client();
    for case in cases() {
        let mut headers = HeaderMap::new();
        let usual = [
            ("content-type", Some("application/json".to_owned())),
            ("x-github-event", Some("pull_request".to_owned())),
            ("x-github-delivery", Some(guid())),
            ("x-hub-signature-256", Some(sign(SECRET, &case.body))),
        ];
        for (name, value) in usual.iter().chain(&case.change) {
            match value {
                Some(value) => {
                    let value = HeaderValue::from_str(value).unwrap();
                    headers.insert(HeaderName::from_static(name), value);
                }
                None => drop(headers.remove(*name)),
            }
        }
        let answer = client
            .request(case.method.clone(), gate.url(case.path))
            .headers(headers)
            .body(case.body.clone())
            .send()
            .await
            .unwrap_or_else(|fault| panic!("{}: {fault:?}", case.name));
        let status = answer.status().as_u16();
        let allow = answer
            .headers()
            .get("allow")
            .map(|v| v.to_str().unwrap().to_owned());
        assert!(answer.headers().get("server").is_none(), "{}", case.name);
        assert!(
            !answer
                .headers()
                .keys()
                .any(|name| name.as_str().starts_with("x-github"))
        );
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(
            (status, &said["error"]["code"]),
            (case.status, &case.code.into()),
            "{}",
            case.name
        );
        assert_eq!(
            allow.as_deref(),
            (status == 405).then_some("POST"),
            "{}",
            case.name
        );
        if case.code == "malformed_json" {
            assert!(
                said["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains(" at byte "),
                "{said}"
            );
        }
        let record = site
            .audited(said["error"]["request_id"].as_str().unwrap())
            .await;
        assert_eq!(record["decision"], "deny", "{}", case.name);
        assert_eq!(record["reason"], case.code, "{}", case.name);
        assert_eq!(record["status"], case.status, "{}", case.name);
        assert_eq!(record["client"], "127.0.0.1", "{}", case.name);
    }
    // One that is in order comes through, and it is the only one.
    let good = gate.push(&client, &guid(), BODY).send().await.unwrap();
    assert_eq!(good.status(), 202);
    assert_eq!(tool.one().await.body, BODY);
    assert_eq!(tool.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_route_admits_is_dropped_before_tls_and_recorded() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let text = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    std::fs::write(
        site.path("hubgate.toml"),
        text.replace("127.0.0.0/8", "192.0.2.0/24"),
    )
    .unwrap();
    let gate = site.start().await;
    let refused = gate.push(&gate.client(), &guid(), BODY).send().await;
    assert!(refused.is_err());
    let record = eventually(|| {
        site.audit()
            .into_iter()
            .find(|record| record["kind"] == "connection")
    })
    .await;
    assert_eq!(record["reason"], "source_not_allowed");
    assert_eq!(record["client"], "127.0.0.1");
    assert_eq!(tool.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_certificate_gets_a_tls_alert() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let fault = client
        .post(format!("https://localhost:{}/hook", gate.address.port()))
        .send()
        .await
        .unwrap_err();
    assert!(
        format!("{fault:?}").contains("UnrecognisedName"),
        "{fault:?}"
    );
}
