//! Services that are slow, or fall silent: each request ends, with an answer or a connection that
//! is cut, and a record of it.

use super::{Published, code, url};
use crate::inside::TOKEN;
use crate::world::{INTERNAL, SERVER, World, all_of, world};
use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const KEYS: &str = "allow = \"everything\"\ntimeout = \"1s\"";
/// Long beside the pauses of who is slow, also on a machine that is busy, and shorter than they
/// take in all.
const PATIENT: &str = "allow = \"everything\"\ntimeout = \"4s\"";
const LONG: Duration = Duration::from_secs(5);
/// After this somebody would call it a hang.
const SOON: Duration = Duration::from_secs(20);
const PATH: &str = "/api/v3/user";

/// What a service does with each request.
#[derive(Clone, Copy)]
enum Habit {
    /// Reads what comes, says this, then nothing.
    Says(&'static str),
    /// Says this piece by piece, with pauses shorter than the gate's patience.
    Drips(&'static [&'static str]),
    /// Reads until this many bytes came, then answers.
    Waits(usize),
    /// Reads the head, and nothing more.
    TakesNothing,
}

async fn service(world: &World, habit: Habit) {
    let listener = TcpListener::bind(SERVER).await.unwrap();
    let acceptor = TlsAcceptor::from(world.corp.server(&all_of(INTERNAL)));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else {
                    return;
                };
                let mut buffer = [0; 4096];
                let mut came = stream.read(&mut buffer).await.unwrap_or(0);
                match habit {
                    Habit::Says(text) => drop(stream.write_all(text.as_bytes()).await),
                    Habit::Drips(pieces) => {
                        for piece in pieces {
                            tokio::time::sleep(Duration::from_millis(400)).await;
                            drop(stream.write_all(piece.as_bytes()).await);
                            drop(stream.flush().await);
                        }
                    }
                    Habit::Waits(length) => {
                        while came < length {
                            match stream.read(&mut buffer).await {
                                Ok(more @ 1..) => came += more,
                                Ok(0) | Err(_) => return,
                            }
                        }
                        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        drop(stream.write_all(whole).await);
                    }
                    Habit::TakesNothing => return std::future::pending().await,
                }
                drop(stream.flush().await);
                // It stays, until the gate goes.
                while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
            });
        }
    });
}

fn asked(published: &Published, world: &World) -> reqwest::RequestBuilder {
    let asker = published.asker(world);
    asker.get(url(PATH)).bearer_auth(TOKEN)
}

#[test]
fn a_service_that_does_not_answer_is_given_up_with_504() {
    world(async |world| {
        service(&world, Habit::Says("HTTP/1.1 200 OK\r\ncontent-ty")).await;
        let published = Published::open(&world, KEYS, "").await;
        let query = serde_json::json!({ "query": "{ viewer { login } }" });
        let graphql = published.asker(&world).post(url("/api/graphql"));
        for request in [
            asked(&published, &world),
            graphql.bearer_auth(TOKEN).json(&query),
        ] {
            let begun = Instant::now();
            let answer = request.send().await.unwrap();
            assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
            assert_eq!(answer.status(), 504);
            let id = answer.headers()["x-request-id"]
                .to_str()
                .unwrap()
                .to_owned();
            assert_eq!(code(answer).await, "service_timeout");
            let record = published.site.audited(&id).await;
            assert_eq!(record["reason"], "service_timeout", "{record}");
            assert_eq!(record["status"], 504, "{record}");
        }
        published.nothing_leaked();
    });
}

#[test]
fn an_answer_that_stops_in_the_middle_is_cut_off_and_recorded() {
    world(async |world| {
        let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":";
        service(&world, Habit::Says(half)).await;
        let published = Published::open(&world, KEYS, "").await;
        let begun = Instant::now();
        let answer = asked(&published, &world).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(answer.bytes().await.is_err());
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let record = published.site.audited(&id).await;
        assert_eq!(record["reason"], "broken_off", "{record}");
    });
}

#[test]
fn a_service_that_takes_nothing_of_a_push_is_given_up() {
    world(async |world| {
        service(&world, Habit::TakesNothing).await;
        let published = Published::open(&world, KEYS, "").await;
        let begun = Instant::now();
        let push = published
            .asker(&world)
            .post(url("/acme/web.git/git-receive-pack"))
            .bearer_auth(TOKEN)
            .body(vec![0; 64 << 20]);
        // The answer may come while the body is still being sent, which a client may not see.
        if let Ok(answer) = push.send().await {
            assert_eq!(answer.status(), 504);
        }
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let record = published
            .audited(|record| record["operation"] == "git:write")
            .await;
        assert_eq!(record["reason"], "service_timeout", "{record}");
    });
}

#[test]
fn what_is_slow_and_never_silent_for_long_comes_whole() {
    world(async |world| {
        let pieces = &[
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
            "content-length: 12\r\n\r\n",
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
            "9",
            "a",
            "b",
            "c",
        ];
        service(&world, Habit::Drips(pieces)).await;
        let published = Published::open(&world, PATIENT, "").await;
        let begun = Instant::now();
        let raw = "/api/v3/repos/acme/web/tarball/main";
        let asked = published.asker(&world).get(url(raw)).bearer_auth(TOKEN);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.unwrap(), "123456789abc");
        assert!(begun.elapsed() > LONG);
    });
}

/// A service says nothing while it is given a push, however long that takes.
#[test]
fn a_slow_push_is_no_silence() {
    world(async |world| {
        service(&world, Habit::Waits(40_000)).await;
        let published = Published::open(&world, PATIENT, "").await;
        let begun = Instant::now();
        let pieces = futures_util::stream::unfold(0, |sent| async move {
            if sent == 40 {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            let piece = Frame::data(Bytes::from(vec![b'x'; 1000]));
            Some((Ok::<_, std::io::Error>(piece), sent + 1))
        });
        let push = published
            .asker(&world)
            .post(url("/acme/web.git/git-receive-pack"))
            .bearer_auth(TOKEN)
            .body(reqwest::Body::wrap(StreamBody::new(pieces)));
        let answer = push.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.unwrap(), "ok");
        assert!(begun.elapsed() > LONG);
    });
}

/// Whose an id is cannot be told where the server does not say.
#[test]
fn a_server_that_does_not_say_whose_an_id_is_lets_nothing_through() {
    world(async |world| {
        service(&world, Habit::Says("")).await;
        let keys = "allow = [\"read-only\"]\nrepositories = [\"acme/*\"]";
        let published = Published::open(&world, keys, "").await;
        let begun = Instant::now();
        let asked = published
            .asker(&world)
            .get(url("/api/v3/repositories/7/pulls"))
            .bearer_auth(TOKEN);
        let answer = asked.send().await.unwrap();
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert_eq!(answer.status(), 502);
        assert_eq!(code(answer).await, "repository_unresolved");
        published
            .audited(|record| record["reason"] == "repository_unresolved")
            .await;
    });
}
