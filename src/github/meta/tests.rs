//! Tests of the watched list, against a real HTTP server that answers as each test wants.

use super::*;
use crate::telemetry::Tasks;
use crate::types::{SystemEntropy, Timestamp};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const NOW: i64 = 1_800_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Turned {
    fn pass(&self, span: Duration) {
        self.0
            .fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// A server that gives its answers one after the other, then closes connections unanswered.
struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    tasks: Tasks,
}

impl Server {
    async fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (tasks, heard) = (Tasks::new(), Arc::clone(&asked));
        let stop = tasks.stopping();
        tasks.spawn("server", async move {
            let mut answers = VecDeque::from(answers);
            loop {
                let (mut stream, _) = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap(),
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(String::from_utf8_lossy(&head).to_lowercase());
                let answer = answers.pop_front().unwrap_or_default();
                if stream.write_all(&answer).await.is_ok() && answer.ends_with(b"HANG") {
                    stop.cancelled().await;
                    return;
                }
            }
        });
        Self {
            address,
            asked,
            tasks,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "ETag: \"one\"\r\n", body)
}

const GOOD: &str = r#"{"verifiable_password_authentication":true,"domains":{"x":["y"]},
    "hooks":["192.30.252.0/22","2a0a:a440::/29","140.82.112.0/20","192.30.252.0/22"],
    "web":["0.0.0.0/0"]}"#;

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<Turned>,
    server: Server,
}

impl Bench {
    async fn with(answers: Vec<Vec<u8>>) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Arc::new(Turned(AtomicI64::new(NOW))),
            server: Server::answering(answers).await,
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            name: "github-hooks".parse().unwrap(),
            url: format!("http://{}/meta", self.server.address)
                .parse()
                .unwrap(),
            sections: vec!["hooks".to_owned()],
            refresh: HOUR,
            directory: self.dir.path().join("sources"),
        }
    }

    fn watcher(&self) -> Watcher {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Watcher::load(self.settings(), clock, Arc::new(SystemEntropy))
    }
}

fn texts(watcher: &Watcher) -> Vec<String> {
    watcher
        .current()
        .networks
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn a_list_is_fetched_kept_and_taken_up_again_by_the_next_process() {
    let bench = Bench::with(vec![ok(GOOD), answer("304 Not Modified", "", "")]).await;
    let watcher = bench.watcher();
    assert_eq!(watcher.current().origin, Origin::Nowhere);
    assert!(watcher.health().stale);
    let mut changes = watcher.changes();
    assert_eq!(
        watcher.refresh().await.unwrap(),
        Refreshed::Changed {
            added: 3,
            removed: 0
        }
    );
    assert!(changes.has_changed().unwrap());
    assert_eq!(changes.borrow_and_update().networks.len(), 3);
    let expected = ["140.82.112.0/20", "192.30.252.0/22", "2a0a:a440::/29"];
    assert_eq!(texts(&watcher), expected);

    bench.clock.pass(HOUR);
    let next = bench.watcher();
    assert_eq!(next.current().origin, Origin::Kept);
    assert_eq!(texts(&next), expected);
    assert_eq!(next.health().age, Some(HOUR));
    assert_eq!(next.refresh().await.unwrap(), Refreshed::Unchanged);
    assert_eq!(next.health().age, Some(Duration::ZERO));
    let asked = bench.server.asked();
    assert!(!asked[0].contains("if-none-match"), "{}", asked[0]);
    assert!(asked[1].contains("if-none-match: \"one\""), "{}", asked[1]);
    assert!(asked[0].contains("user-agent: hubgate/"));

    let third = bench.watcher();
    assert_eq!(third.health().age, Some(Duration::ZERO), "304 is kept too");
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn what_cannot_be_right_never_replaces_a_good_list() {
    let huge = format!(
        r#"{{"x":"{}","hooks":["192.30.252.0/22"]}}"#,
        "y".repeat(6 << 20)
    );
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (answer("500 Oops", "", GOOD), "answers 500"),
        (answer("204 No Content", "", ""), "answers 204"),
        (ok(""), "malformed"),
        (ok("<html>maintenance</html>"), "malformed"),
        (ok(r#"{"hooks":["192.30.252.0/22"]"#), "malformed"),
        (ok(r#"{"hooks":["192.30.252.0/22"]}x"#), "malformed"),
        (ok(r#"{"hooks":["not a network"]}"#), "is no network"),
        (ok(r#"{"hooks":[7]}"#), "malformed"),
        (ok(r#"{"hooks":{}}"#), "malformed"),
        (
            ok(r#"{"hooks":["192.30.252.0/22"],"hooks":[]}"#),
            "comes twice",
        ),
        (ok(r#"{"hooks":[]}"#), "names no network"),
        (ok(r#"{"web":["192.30.252.0/22"]}"#), "no list `hooks`"),
        (ok(r#"{"hooks":["0.0.0.0/0"]}"#), "wider than /8"),
        (ok(r#"{"hooks":["64.0.0.0/7"]}"#), "wider than /8"),
        (ok(r#"{"hooks":["2000::/15"]}"#), "wider than /16"),
        (ok(r#"{"hooks":["::ffff:0:0/96"]}"#), "is no network"),
        (ok(r#"{"hooks":["192.30.252.0/22"]}"#), "less than half"),
        (ok(&huge), "larger than 5 MiB"),
        (
            answer("302 Found", "Location: http://127.0.0.2:9/meta\r\n", ""),
            "another host",
        ),
        (
            answer("302 Found", "Location: http://localhost:9/meta\r\n", ""),
            "another host",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hooks\"".to_vec(),
            "cannot fetch",
        ),
        (Vec::new(), "cannot fetch"),
    ];
    let answers = std::iter::once(ok(GOOD))
        .chain(rows.iter().map(|(answer, _)| answer.clone()))
        .collect();
    let bench = Bench::with(answers).await;
    let watcher = bench.watcher();
    watcher.refresh().await.unwrap();
    let file = bench.dir.path().join("sources/github-hooks.json");
    let (before, kept) = (watcher.current(), std::fs::read(&file).unwrap());
    bench.clock.pass(HOUR);
    for (_, expected) in &rows {
        let failure = watcher.refresh().await.unwrap_err().to_string();
        assert!(failure.contains(expected), "{expected}: {failure}");
        assert_eq!(watcher.current(), before, "{expected}");
        assert_eq!(std::fs::read(&file).unwrap(), kept, "{expected}");
        let health = watcher.health();
        assert_eq!(health.last_error.as_deref(), Some(failure.as_str()));
        assert_eq!(health.age, Some(HOUR));
    }
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_but_not_for_ever() {
    let hop = || answer("301 Moved", "Location: /meta/\r\n", "");
    let mut answers = vec![hop(), ok(GOOD)];
    answers.extend((0..10).map(|_| hop()));
    let bench = Bench::with(answers).await;
    let watcher = bench.watcher();
    watcher.refresh().await.unwrap();
    assert_eq!(watcher.current().networks.len(), 3);
    let failure = watcher.refresh().await.unwrap_err().to_string();
    assert!(failure.contains("too many redirects"), "{failure}");
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn a_server_that_hangs_costs_ten_seconds() {
    let bench = Bench::with(vec![
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHANG".to_vec(),
    ])
    .await;
    let watcher = bench.watcher();
    let asked = async {
        while bench.server.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        // Only now is it safe to turn the time: the connection stands.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
    };
    let (outcome, ()) = tokio::join!(watcher.refresh(), asked);
    assert!(outcome.unwrap_err().to_string().contains("cannot fetch"));
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn a_file_of_another_document_or_a_damaged_one_is_not_used() {
    let bench = Bench::with(vec![ok(GOOD)]).await;
    bench.watcher().refresh().await.unwrap();
    let clock: Arc<dyn Clock> = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let other = Settings {
        sections: vec!["web".to_owned()],
        ..bench.settings()
    };
    let watcher = Watcher::load(other, clock, Arc::new(SystemEntropy));
    assert_eq!(watcher.current().origin, Origin::Nowhere);

    let file = bench.dir.path().join("sources/github-hooks.json");
    let good = std::fs::read_to_string(&file).unwrap();
    for damaged in [
        String::new(),
        good.chars().take(100).collect(),
        good.replace("192.30.252.0/22", "0.0.0.0/0"),
        good.replace("2027-", "no date "),
    ] {
        assert_ne!(damaged, good);
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(bench.watcher().current().origin, Origin::Nowhere);
    }
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn the_first_start_knows_githubs_own_hooks_and_nothing_else() {
    let bench = Bench::with(Vec::new()).await;
    let load = |url: &str, section: &str| {
        let settings = Settings {
            url: url.parse().unwrap(),
            sections: vec![section.to_owned()],
            ..bench.settings()
        };
        let clock: Arc<dyn Clock> = Arc::clone(&bench.clock) as Arc<dyn Clock>;
        Watcher::load(settings, clock, Arc::new(SystemEntropy)).current()
    };
    let list = load("https://api.github.com/meta", "hooks");
    assert_eq!((list.origin, list.networks.len()), (Origin::Snapshot, 6));
    let inside: std::net::IpAddr = "140.82.115.7".parse().unwrap();
    assert!(
        list.networks
            .iter()
            .any(|network| network.contains(&inside))
    );
    for (url, section) in [
        ("https://api.github.com/meta", "web"),
        ("https://ghes.example.com/api/v3/meta", "hooks"),
        ("http://api.github.com/meta", "hooks"),
    ] {
        assert_eq!(load(url, section).origin, Origin::Nowhere);
    }
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn a_watched_list_is_fetched_at_once_and_its_age_is_told() {
    let bench = Bench::with(vec![ok(GOOD)]).await;
    let watcher = bench.watcher();
    let mut changes = watcher.changes();
    let tasks = Tasks::new();
    watcher.watch(&tasks);
    changes.changed().await.unwrap();
    assert_eq!(watcher.current().origin, Origin::Fetched);
    assert!(!watcher.health().stale);
    bench.clock.pass(24 * HOUR);
    assert!(!watcher.health().stale);
    bench.clock.pass(HOUR);
    assert!(watcher.health().stale);
    tasks.stop().await;
    bench.server.tasks.stop().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_costs_only_the_next_start() {
    let bench = Bench::with(vec![ok(GOOD)]).await;
    std::fs::write(bench.dir.path().join("sources"), "a file in the way").unwrap();
    let watcher = bench.watcher();
    watcher.refresh().await.unwrap();
    assert_eq!(watcher.current().networks.len(), 3);
    bench.server.tasks.stop().await;
}

#[test]
fn many_narrow_networks_must_not_add_up_to_the_world() {
    let list: Vec<String> = (0..=255)
        .map(|first| format!("\"{first}.0.0.0/8\""))
        .collect();
    let body = format!("{{\"hooks\":[{}]}}", list.join(","));
    let wrong = document::read(body.as_bytes(), &["hooks".to_owned()]).unwrap_err();
    assert!(matches!(wrong, DocumentError::TooWide(_)), "{wrong}");
    let list: Vec<String> = (0x2000..0x2400)
        .map(|first| format!("\"{first:x}::/16\""))
        .collect();
    let body = format!("{{\"hooks\":[{}]}}", list.join(","));
    let wrong = document::read(body.as_bytes(), &["hooks".to_owned()]).unwrap_err();
    assert!(matches!(wrong, DocumentError::TooWide(_)), "{wrong}");
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[0-9a-f.:/]{0,24}".prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map("hooks|web|[a-z]{1,4}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_brings_the_reader_down_or_opens_the_world(value in json()) {
        let sections = ["hooks".to_owned(), "web".to_owned()];
        if let Ok(networks) = document::read(value.to_string().as_bytes(), &sections) {
            prop_assert!(!networks.is_empty());
            prop_assert!(networks.iter().all(|network| network.prefix_len() >= 8));
        }
    }

    #[test]
    fn no_bytes_bring_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert!(document::read(&bytes, &["hooks".to_owned()]).is_err());
    }
}
