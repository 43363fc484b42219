//! Tests of the delivery log as a person sees it, and as it is asked for.

use super::*;
use crate::admin::fake::Open;
use clap::Parser as _;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// Runs a command line against the doors of a fake gateway.
fn with_gateway(lines: &[&str]) -> (Open, Vec<anyhow::Result<Bytes>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let open = runtime.block_on(Open::doors(|dir| crate::admin::Settings {
        socket: dir.join("admin.sock"),
        address: None,
        token: None,
    }));
    let outcomes = lines
        .iter()
        .map(|line| {
            let words = std::iter::once("deliveries").chain(line.split(' '));
            let socket = ["--socket", open.socket.to_str().unwrap()];
            answer(&Line::parse_from(words.chain(socket)).command)
        })
        .collect();
    runtime.block_on(open.tasks.stop());
    (open, outcomes)
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn delivery() -> serde_json::Value {
    serde_json::json!({
        "id": 42, "route": "hooks.example.com/jira", "received": "2026-11-20T08:00:00.123Z",
        "guid": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "hook": "7", "event": "pull_request",
        "action": "opened", "repository": "acme/web", "size": 8412, "earlier": 40,
        "targets": [
            {"target": "jira", "state": "delivered", "attempts": 1, "next": null, "status": 204,
             "error": null},
            {"target": "jenkins", "state": "dead", "attempts": 9, "next": null, "status": 404,
             "error": "answered 404: no \u{1b}[31mjob\nof this name"},
        ],
    })
}

#[test]
fn a_page_is_a_table() {
    let mut push = delivery();
    push["id"] = 41.into();
    push["event"] = "push".into();
    push["action"] = serde_json::Value::Null;
    push["repository"] = serde_json::Value::Null;
    let page = serde_json::json!({"deliveries": [delivery(), push], "next": 41});
    insta::assert_snapshot!(table(&read(page)), @r"
    ID  RECEIVED                  ROUTE                   EVENT                REPOSITORY  SIZE     TARGETS
    42  2026-11-20T08:00:00.123Z  hooks.example.com/jira  pull_request.opened  acme/web    8.2 KiB  jira: delivered, jenkins: DEAD
    41  2026-11-20T08:00:00.123Z  hooks.example.com/jira  push                 -           8.2 KiB  jira: delivered, jenkins: DEAD
    More: --cursor 41
    ");
    let empty = serde_json::json!({"deliveries": [], "next": null});
    assert_eq!(table(&read(empty)), "No deliveries match.\n");
}

#[test]
fn a_delivery_is_shown_with_its_attempts_and_headers() {
    let mut detail = delivery();
    let more = serde_json::json!({
        "client": "192.30.252.44", "request": "0190163d8694739b88b2dd45ec4bb5a5",
        "headers": [["x-github-event", "pull_request"], ["content-type", "application/json"]],
        "attempts": [{"target": "jenkins", "at": "2026-11-20T08:00:01.000Z", "took_ms": 12,
            "status": 404, "error": "answered 404"}],
        "body": {"encoding": "text", "content": "{}", "truncated": false},
    });
    for (name, value) in more.as_object().unwrap() {
        detail[name] = value.clone();
    }
    insta::assert_snapshot!(whole(&read(detail)), @r"
    Delivery    42
    Received    2026-11-20T08:00:00.123Z
    Route       hooks.example.com/jira
    Event       pull_request.opened
    Repository  acme/web
    GUID        72d3162e-cc78-11e3-81ab-4c9367dc0958
    Hook        7
    From        192.30.252.44
    Request     0190163d8694739b88b2dd45ec4bb5a5
    Size        8.2 KiB
    Earlier     40

    TARGET   STATE      ATTEMPTS  NEXT  STATUS  ERROR
    jira     delivered  1         -     204     -
    jenkins  DEAD       9         -     404     answered 404: no \u{1b}[31mjob\nof this name

    ATTEMPT AT                TARGET   TOOK   STATUS  ERROR
    2026-11-20T08:00:01.000Z  jenkins  12 ms  404     answered 404

    x-github-event: pull_request
    content-type: application/json

    The body: hubgate deliveries show 42 --body
    ");
}

#[test]
fn every_criterion_reaches_the_gateway() {
    let (open, outcomes) = with_gateway(&[
        "list --route a&b --event push --action x --repository acme/web --state dead --target t \
         --since 24h --until 2026-11-20T08:00:00Z --text é --limit 3 --cursor 9",
        "list --status pending --json",
        "list",
    ]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let asked = open.fake.scene().asked;
    for part in [
        "route: Some(\"a&b\")",
        "event: Some(\"push\")",
        "action: Some(\"x\")",
        "repository: Some(\"acme/web\")",
        "state: Some(Dead)",
        "target: Some(\"t\")",
        "since: Some(Timestamp(1799913600000))",
        "until: Some(Timestamp(1795161600000))",
        "text: Some(\"é\")",
        "Some(DeliveryId(9)) 3",
    ] {
        assert!(asked[0].contains(part), "{part}: {}", asked[0]);
    }
    assert!(asked[1].contains("state: Some(Pending)"));
    assert!(asked[2].contains("route: None") && asked[2].ends_with("None 50"));
}

#[test]
fn a_delivery_is_shown_and_sent_again() {
    let (open, outcomes) = with_gateway(&[
        "show 42",
        "show 42 --json",
        "show 42 --body",
        "redeliver 42",
        "redeliver 42 --target jira",
        "redeliver --state dead --route a --yes",
    ]);
    let said: Vec<Bytes> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(said[0].starts_with(b"Delivery    42\n"));
    let json: serde_json::Value = serde_json::from_slice(&said[1]).unwrap();
    assert_eq!(json["body"]["content"], "{\"zen\":\"Keep it simple\"}");
    assert_eq!(said[2], "{\"zen\":\"Keep it simple\"}");
    assert_eq!(said[3], "Delivery 42 is sent again to 2 targets.\n");
    assert_eq!(said[4], "Delivery 42 is sent again to 1 target.\n");
    assert_eq!(said[5], "17 deliveries are sent again.\n");
    let asked = open.fake.scene().asked;
    assert_eq!(
        asked[3..5],
        ["redeliver 42 None", "redeliver 42 Some(\"jira\")"]
    );
    assert!(asked[5].starts_with("redeliver_found Query { route: Some(\"a\")"));
}

#[test]
fn sending_many_again_wants_criteria_and_a_yes() {
    let (open, outcomes) = with_gateway(&["redeliver", "redeliver --yes", "show 7", "redeliver 7"]);
    let told: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_err().to_string())
        .collect();
    assert!(told[0].contains("--state dead") && told[1].contains("--state dead"));
    assert!(told[2].contains("no delivery 7") && told[3].contains("no delivery 7"));
    assert!(
        !open
            .fake
            .scene()
            .asked
            .iter()
            .any(|asked| asked.starts_with("redeliver_found"))
    );
    for wrong in [
        "redeliver 42 --state dead",
        "show",
        "show x",
        "list --state lost",
    ] {
        let words = std::iter::once("deliveries").chain(wrong.split(' '));
        assert!(Line::try_parse_from(words).is_err(), "{wrong}");
    }
}
