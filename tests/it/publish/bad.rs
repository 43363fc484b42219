//! Servers that are down or wrong, and requests that two could read in two ways.

use super::{Published, code, url};
use crate::inside::{Ghes, TOKEN};
use crate::world::{INTERNAL, PUBLIC, SERVER, World, all_of, world};
use rustls::ServerConfig;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const READS: &str = "allow = [\"read-only\"]";
/// After this somebody would call it a hang.
const SOON: Duration = Duration::from_secs(20);

/// 502 with a code, and a record of it, soon.
async fn fails(world: &World, published: &Published) -> String {
    let begun = Instant::now();
    let asked = published
        .asker(world)
        .get(url("/api/v3/user"))
        .bearer_auth(TOKEN);
    let answer = asked.send().await.unwrap();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!([502, 504].contains(&answer.status().as_u16()), "{answer:?}");
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let code = code(answer).await;
    let record = published.site.audited(&id).await;
    assert_eq!(record["path"], "/api/v3/user", "{record}");
    assert_eq!(record["reason"], *code, "{record}");
    published.nothing_leaked();
    code
}

#[test]
fn a_server_that_is_down_is_told_at_once_and_one_that_came_back_is_used() {
    world(async |world| {
        let published = Published::open(&world, READS, "").await;
        let down = fails(&world, &published).await;
        let ghes = Ghes::open(&world).await;
        let answer = http::Response::builder().header("content-type", "application/json");
        ghes.plant("/api/v3/user", answer.body(b"{}".to_vec()).unwrap());
        let asker = published.asker(&world);
        let asked = asker.get(url("/api/v3/user")).bearer_auth(TOKEN);
        assert_eq!(asked.send().await.unwrap().status(), 200);
        ghes.close();
        assert_eq!(fails(&world, &published).await, down);
    });
}

/// One who sits where the server is, and says this to each who trusts its certificate.
pub(super) async fn impostor(config: Arc<ServerConfig>, said: &'static [u8]) -> Impostor {
    let listener = TcpListener::bind(SERVER).await.unwrap();
    let acceptor = TlsAcceptor::from(config);
    Impostor(tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(socket).await else {
                continue;
            };
            let mut buffer = [0; 4096];
            if matches!(stream.read(&mut buffer).await, Ok(1..)) {
                drop(stream.write_all(said).await);
                drop(stream.shutdown().await);
            }
        }
    }))
}

pub(super) struct Impostor(JoinHandle<()>);

impl Impostor {
    pub(super) async fn leave(self) {
        self.0.abort();
        drop(self.0.await);
    }
}

#[test]
fn a_server_with_another_certificate_is_not_trusted() {
    world(async |world| {
        let published = Published::open(&world, READS, "").await;
        for config in [
            // The right name from a wrong authority; the right authority for another name.
            world.public.server(&all_of(INTERNAL)),
            world.corp.server(&all_of("other.corp.internal")),
        ] {
            let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            let impostor = impostor(config, whole).await;
            fails(&world, &published).await;
            impostor.leave().await;
        }
    });
}

#[test]
fn a_server_that_says_nothing_or_no_http_does_not_hang_its_callers() {
    world(async |world| {
        let published = Published::open(&world, READS, "").await;
        // It accepts, and never shakes hands.
        let silent = TcpListener::bind(SERVER).await.unwrap();
        fails(&world, &published).await;
        drop(silent);
        for said in [
            &b""[..],
            b"\x15\x03\x01\x00\x02\x02\x28",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            let impostor = impostor(world.corp.server(&all_of(INTERNAL)), said).await;
            fails(&world, &published).await;
            impostor.leave().await;
        }
    });
}

/// A body that stops in the middle must not look whole to the caller.
#[test]
fn a_document_with_nothing_in_it_keeps_nobody_waiting() {
    world(async |world| {
        let published = Published::open(&world, READS, "").await;
        for (said, body) in [
            (
                &b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                   transfer-encoding: chunked\r\n\r\n0\r\n\r\n"[..],
                "",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
                "",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}",
                "{}",
            ),
        ] {
            let impostor = impostor(world.corp.server(&all_of(INTERNAL)), said).await;
            let asker = published.asker(&world);
            let asked = asker.get(url("/api/v3/user")).bearer_auth(TOKEN).send();
            let answer = tokio::time::timeout(SOON, asked).await.unwrap().unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.text().await.unwrap(), body);
            impostor.leave().await;
        }
    });
}

#[test]
fn half_an_answer_is_not_passed_off_as_a_whole_one() {
    world(async |world| {
        let published = Published::open(&world, READS, "").await;
        for said in [
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n{\"a\":",
        ] {
            let impostor = impostor(world.corp.server(&all_of(INTERNAL)), said.as_bytes()).await;
            let asker = published.asker(&world);
            let asked = asker.get(url("/api/v3/user")).bearer_auth(TOKEN);
            let read = async { asked.send().await?.error_for_status()?.bytes().await };
            let read = read.await;
            assert!(read.is_err(), "{said}: {read:?}");
            impostor.leave().await;
        }
    });
}

const GOOD: &str = "GET /api/v3/user HTTP/1.1\r\nHost: ghe.example.com\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\n\r\n";

/// Each is refused, or read as the one request that it is by every reader.
#[test]
fn a_request_that_two_could_read_in_two_ways_reaches_nobody() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let answer = http::Response::builder().header("content-type", "application/json");
        ghes.plant("/api/v3/user", answer.body(b"{}".to_vec()).unwrap());
        let published = Published::open(&world, READS, "").await;
        let good = GOOD.replace("TOKEN", TOKEN);
        let heard = published.raw(&world, good.as_bytes()).await;
        assert!(
            heard.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&heard)
        );
        ghes.forget();
        let hidden = "GET /setup HTTP/1.1\r\nHost: github.corp.internal\r\n\r\n";
        let post = |headers: &str, body: &str| {
            good.replace("GET ", "POST ")
                .replace("Connection: close\r\n", headers)
                + body
        };
        let line = |from: &str, to: &str| good.replace(from, to);
        let host = format!("Host: {PUBLIC}\r\n");
        for (name, bytes) in [
            (
                "two lengths",
                post("Content-Length: 0\r\nContent-Length: 50\r\n", hidden),
            ),
            (
                "a list of lengths",
                post("Content-Length: 0, 50\r\n", hidden),
            ),
            (
                "a length with a sign",
                post("Content-Length: +0\r\n", hidden),
            ),
            (
                "a length in hexadecimal",
                post("Content-Length: 0x10\r\n", hidden),
            ),
            ("a negative length", post("Content-Length: -1\r\n", hidden)),
            (
                "an encoding that is none",
                post("Transfer-Encoding: xchunked\r\n", hidden),
            ),
            (
                "an encoding after chunked",
                post(
                    "Transfer-Encoding: chunked, identity\r\n",
                    &format!("0\r\n\r\n{hidden}"),
                ),
            ),
            (
                "two encodings",
                post(
                    "Transfer-Encoding: gzip, chunked\r\n",
                    &format!("0\r\n\r\n{hidden}"),
                ),
            ),
            (
                "an encoding in quotes",
                post(
                    "Transfer-Encoding: \"chunked\"\r\n",
                    &format!("0\r\n\r\n{hidden}"),
                ),
            ),
            (
                "an encoding after a tab",
                post(
                    "Transfer-Encoding:\x0bchunked\r\n",
                    &format!("0\r\n\r\n{hidden}"),
                ),
            ),
            (
                "a space before a colon",
                post(
                    "Transfer-Encoding : chunked\r\n",
                    &format!("0\r\n\r\n{hidden}"),
                ),
            ),
            (
                "a chunk of no size",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    &format!("x\r\n\r\n{hidden}"),
                ),
            ),
            (
                "a chunk too large to count",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    &format!("fffffffffffffffff\r\n\r\n{hidden}"),
                ),
            ),
            (
                "a chunk with a sign",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    &format!("+0\r\n\r\n{hidden}"),
                ),
            ),
            ("no host", line(&host, "")),
            (
                "two hosts",
                line(&host, &format!("{host}Host: github.corp.internal\r\n")),
            ),
            ("an empty host", line(&host, "Host:\r\n")),
            (
                "the inner host",
                line(&host, "Host: github.corp.internal\r\n"),
            ),
            (
                "another host in the line",
                line("GET /", "GET https://github.corp.internal/"),
            ),
            (
                "a host with a user",
                line(&host, "Host: ghe.example.com@github.corp.internal\r\n"),
            ),
            (
                "a host with a path",
                line(&host, "Host: ghe.example.com/setup?\r\n"),
            ),
            (
                "a folded line",
                line("Authorization:", "X-A: b\r\n c\r\nAuthorization:"),
            ),
            ("a bare line end", line("\r\nHost", "\nHost")),
            ("a bare return", line("\r\nHost", "\rX: y\r\nHost")),
            ("a nul", line("Bearer", "Bear\0er")),
            (
                "a line before the headers",
                line("\r\nHost", "\r\n X: y\r\nHost"),
            ),
            (
                "old HTTP with an encoding",
                post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            ),
            (
                "HTTP without a version",
                "GET /api/v3/user\r\n\r\n".to_owned(),
            ),
            ("a version that is none", line("HTTP/1.1", "HTTP/1.9")),
            (
                "a tunnel",
                line("GET /api/v3/user", "CONNECT github.corp.internal:443"),
            ),
            ("a trace", line("GET", "TRACE")),
            ("a method that is none", line("GET", "GET\t")),
            ("a path up", line("/api/v3/user", "/api/v3/../../setup")),
            (
                "an encoded path up",
                line("/api/v3/user", "/api/v3/%2e%2e/%2e%2e/setup"),
            ),
            (
                "a twice encoded path up",
                line("/api/v3/user", "/api/v3/%252e%252e/setup"),
            ),
            ("a backslash", line("/api/v3/user", "/api/v3/..\\..\\setup")),
            (
                "an encoded slash",
                line("/api/v3/user", "/api/v3/user%2f..%2f..%2f..%2fsetup"),
            ),
            ("two slashes", line("/api/v3/user", "//setup")),
            (
                "a path parameter",
                line("/api/v3/user", "/api/v3/user;/../../../setup"),
            ),
            (
                "an encoded nul",
                line("/api/v3/user", "/api/v3/user%00/../../../setup"),
            ),
            ("a fragment", line("/api/v3/user", "/setup#/api/v3/user")),
            ("no slash", line("/api/v3/user", "api/v3/user")),
        ] {
            assert_ne!(bytes, good, "{name}");
            let heard = published.raw(&world, bytes.as_bytes()).await;
            let heard = String::from_utf8_lossy(&heard);
            // A length or an encoding may be made plain; then it is one request, a POST, which
            // this profile refuses. Silence and a closed connection are refusals too.
            let refused = heard.is_empty()
                || heard.starts_with("HTTP/1.1 4")
                || heard.starts_with("HTTP/1.0 4");
            assert!(refused, "{name}: {heard}");
            assert!(!heard.contains("HTTP/1.1 2"), "{name}: {heard}");
            assert!(
                !crate::outside::search::tells(heard.as_bytes()),
                "{name}: {heard}"
            );
            assert_eq!(ghes.seen().len(), 0, "{name}: {:?}", ghes.seen());
        }
    });
}

/// A body that hides a request reaches the server as a body.
#[test]
fn a_body_that_looks_like_a_request_stays_a_body() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let path = "/api/v3/repos/acme/web/issues";
        let answer = http::Response::builder()
            .status(201)
            .header("content-type", "application/json");
        ghes.plant(path, answer.body(b"{}".to_vec()).unwrap());
        let published = Published::allowing(&world, "\"issues/create\"").await;
        let hidden = "GET /setup HTTP/1.1\r\nHost: github.corp.internal\r\n\r\n";
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {PUBLIC}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        );
        for (name, rest) in [
            (
                "a length",
                format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len()),
            ),
            (
                "chunks",
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
                    hidden.len()
                ),
            ),
            (
                "a chunk's note",
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x};a=\"b\"\r\n{hidden}\r\n0\r\n\r\n",
                    hidden.len()
                ),
            ),
            (
                "a length beside chunks",
                format!(
                    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
                    hidden.len()
                ),
            ),
            (
                "a length that hides what follows",
                format!(
                    "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
                    hidden.len() + 5
                ),
            ),
            (
                "a wish for another protocol",
                format!(
                    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: {}\r\n\r\n{hidden}",
                    hidden.len()
                ),
            ),
            (
                "a wish for a socket",
                format!(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: {}\r\n\r\n{hidden}",
                    hidden.len()
                ),
            ),
        ] {
            ghes.forget();
            let heard = published
                .raw(&world, format!("{head}{rest}").as_bytes())
                .await;
            let heard = String::from_utf8_lossy(&heard);
            assert!(!heard.starts_with("HTTP/1.1 101"), "{name}: {heard}");
            for seen in ghes.seen() {
                assert_eq!(seen.target, path, "{name}");
                assert_eq!(seen.header("upgrade"), None, "{name}");
                let both = seen.header("content-length").is_some()
                    && seen.header("transfer-encoding").is_some();
                assert!(!both, "{name}: {seen:?}");
            }
            assert!(ghes.seen().len() <= 1, "{name}: {:?}", ghes.seen());
            assert!(heard.starts_with("HTTP/1.1 "), "{name}: {heard}");
            assert!(
                heard.matches("HTTP/1.1 201").count() <= 1,
                "{name}: {heard}"
            );
        }
    });
}
