//! `mode = "through"`: what GitHub hears where the tool does not answer as it should.

use crate::harness::{Site, Tool, guid, vacant};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const BODY: &[u8] = br#"{"action":"opened","repository":{"full_name":"acme/web"}}"#;
/// The most that is passed on.
const MOST: usize = 64 << 10;

/// A tool that answers each request with these bytes, and then hangs up or stays silent.
async fn tool(answer: Vec<u8>, hangs_up: bool) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(BODY) {
                let mut piece = [0; 4096];
                let count = stream.read(&mut piece).await.unwrap();
                assert!(count > 0, "the gateway broke off");
                request.extend_from_slice(&piece[..count]);
            }
            // The gateway does not wait for the end of what it has no use for.
            drop(stream.write_all(&answer).await);
            if !hangs_up {
                kept.push(stream);
            }
        }
    });
    address
}

fn answer(length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_fails_is_told_by_its_own_code_and_nothing_is_kept() {
    let down_at = vacant().await;
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n{}\r\n0\r\n\r\n",
        "x".repeat(MOST + 1)
    );
    let long = "x".repeat(MOST + 1);
    let rows = [
        ("down", down_at, 502, "target_unavailable"),
        (
            "hangs up",
            tool(Vec::new(), true).await,
            502,
            "target_unavailable",
        ),
        (
            "breaks off",
            tool(answer(100, "x"), true).await,
            502,
            "target_unavailable",
        ),
        (
            "silent",
            tool(Vec::new(), false).await,
            504,
            "target_timeout",
        ),
        (
            "silent after the head",
            tool(answer(100, "x"), false).await,
            504,
            "target_timeout",
        ),
        (
            "a byte too long",
            tool(answer(MOST + 1, &long), false).await,
            502,
            "answer_too_large",
        ),
        (
            "too long in chunks",
            tool(chunks.into_bytes(), false).await,
            502,
            "answer_too_large",
        ),
    ];
    for (name, target, status, code) in rows {
        let site = Site::new();
        site.configure_hook(r#"mode = "through""#, target, r#"timeout = "1s""#);
        let gate = site.start().await;
        let answer = gate.push(&gate.client(), &guid(), BODY);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["error"]["code"], code, "{name}");
        let id = said["error"]["request_id"].as_str().unwrap();
        let record = site.audited(id).await;
        assert_eq!(record["reason"], code, "{name}");
        assert_eq!(record["status"], status, "{name}");
        assert!(!said.to_string().contains(&target.to_string()), "{said}");
        let tried = |record: &serde_json::Value| record["kind"] == "delivery";
        assert_eq!(site.audit().iter().filter(|one| tried(one)).count(), 1);
        let socket = site.path("admin.sock");
        let socket = socket.to_str().unwrap();
        let kept = site.hubgate(&["deliveries", "list", "--json", "--socket", socket]);
        let kept: serde_json::Value = serde_json::from_slice(&kept.stdout).unwrap();
        assert_eq!(kept["deliveries"], serde_json::json!([]), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_answer_that_is_passed_on_arrives_whole() {
    let body = "x".repeat(MOST);
    let target = tool(answer(MOST, &body), false).await;
    let site = Site::new();
    site.configure_hook(r#"mode = "through""#, target, "");
    let gate = site.start().await;
    let answer = gate.push(&gate.client(), &guid(), BODY);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_comes_back_answers_again() {
    let address = vacant().await;
    let site = Site::new();
    site.configure_hook(r#"mode = "through""#, address, "");
    let gate = site.start().await;
    let push = async || {
        let sent = gate.push(&gate.client(), &guid(), BODY).send();
        sent.await.unwrap().status().as_u16()
    };
    for _ in 0..6 {
        assert_eq!(push().await, 502);
    }
    let tool = Tool::on(TcpListener::bind(address).await.unwrap(), |_| 201);
    assert_eq!(push().await, 201);
    assert_eq!(tool.count(), 1);
}
