//! Requests that are not finished: where too much of them is held, and where the process stops.

use crate::harness::{Gate, HOST, SECRET, Site, Tool, eventually, guid, sign};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BODY: &[u8] = br#"{"repository":{"full_name":"acme/web"}}"#;
/// What is held at once, and the largest payload.
const HELD: usize = 256 << 20;
const LARGEST: usize = 25 << 20;

/// A gateway that is spoken to without TLS.
async fn start(site: &Site, tool: &Tool) -> Gate {
    site.configure_hook("", tool.address, "");
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let door = "address = \"127.0.0.1:0\"";
    let text = text.replace(door, &format!("{door}\ntls = false"));
    let text = text.replace("drain = \"5s\"", "drain = \"2s\"");
    std::fs::write(file, text).unwrap();
    site.start().await
}

/// A connection on which a delivery has begun.
async fn begin(gate: &Gate, signature: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(gate.address).await.unwrap();
    let head = format!(
        "POST /hook HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         X-GitHub-Event: push\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: {signature}\r\n\
         Content-Length: {length}\r\n\r\n",
        guid()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// All that comes on a connection until it is closed, or until this is in it.
async fn answer(stream: &mut TcpStream, until: &str) -> String {
    let mut bytes = Vec::new();
    let read = async {
        let mut piece = [0; 4096];
        while let Ok(count) = stream.read(&mut piece).await {
            bytes.extend_from_slice(&piece[..count]);
            if count == 0 || String::from_utf8_lossy(&bytes).contains(until) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_too_many_bytes_are_held_at_once_the_next_is_told_to_come_again() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let gate = start(&site, &tool).await;
    let piece = vec![b' '; 1 << 20];
    // Bodies that are never finished, until there is room for a part of the next one only. They
    // are not signed, so that they are counted without being kept.
    let mut held = Vec::new();
    for _ in 0..HELD / LARGEST {
        let mut stream = begin(&gate, "none", LARGEST).await;
        for piece in piece.chunks(1 << 16).cycle().take(LARGEST >> 16) {
            let last = piece.len() - 1;
            stream.write_all(&piece[..last]).await.unwrap();
        }
        held.push(stream);
    }
    // What was sent is held once the gate has read it, which takes a busy one some moments.
    let mut said = String::new();
    for _ in 0..50 {
        let mut next = begin(&gate, "none", LARGEST).await;
        let (mut reading, mut writing) = next.split();
        let mut answer = vec![0; 4096];
        let (count, ()) = tokio::join!(reading.read(&mut answer), async {
            // Until the gateway hangs up.
            while writing.write_all(&piece).await.is_ok() {}
        });
        said = String::from_utf8_lossy(&answer[..count.unwrap()]).to_lowercase();
        if !said.starts_with("http/1.1 401") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(said.starts_with("http/1.1 503"), "{said}");
    for part in ["retry-after: 5", "\"busy\"", "connection: close"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // When they are gone there is room again.
    drop(held);
    eventually(|| {
        let mut audit = site.audit().into_iter();
        audit.find(|record| record["reason"] == "busy")
    })
    .await;
    let accepted = async || {
        let mut stream = begin(&gate, &sign(SECRET, BODY), BODY.len()).await;
        stream.write_all(BODY).await.unwrap();
        answer(&mut stream, "\"accepted\"").await
    };
    let said = accepted().await;
    assert!(said.starts_with("HTTP/1.1 202"), "{said}");
    assert_eq!(tool.one().await.body, BODY);
    assert_eq!(tool.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_half_sent_at_a_stop_is_finished_in_time_or_not_acknowledged() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let mut gate = start(&site, &tool).await;
    let (half, rest) = BODY.split_at(BODY.len() / 2);
    let signature = sign(SECRET, BODY);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = begin(&gate, &signature, BODY.len()).await;
        stream.write_all(half).await.unwrap();
        streams.push(stream);
    }
    let (mut finished, mut left) = (streams.remove(0), streams.remove(0));
    // Both are being read: one that comes after them is answered.
    let mut later = begin(&gate, "none", 2).await;
    later.write_all(b"{}").await.unwrap();
    let said = answer(&mut later, "signature_missing").await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");

    let stopped = Instant::now();
    gate.signal("-TERM");
    eventually(|| site.log().contains("stopping").then_some(())).await;
    finished.write_all(rest).await.unwrap();
    let said = answer(&mut finished, "\"accepted\"").await;
    assert!(said.starts_with("HTTP/1.1 202"), "{said}");

    let said = answer(&mut left, "HTTP/1.1 202").await;
    assert!(!said.contains("202"), "{said}");
    assert_eq!(gate.ended().await.code(), Some(0), "{}", site.log());
    // Two seconds for requests, five for couriers that had nothing to wait for, and the rest for a
    // machine that is busy; the request itself could take half a minute.
    let took = stopped.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(site.log().contains("they are cut"), "{}", site.log());

    // What was acknowledged arrives, now or after the next start; the other never does.
    let _next = start(&site, &tool).await;
    assert_eq!(tool.one().await.body, BODY);
    let accepted = |record: &serde_json::Value| record["reason"] == "accepted";
    assert_eq!(site.audit().iter().filter(|one| accepted(one)).count(), 1);
    assert_eq!(tool.count(), 1);
}
