//! GitHub is away for two hours. The gate's clock and GitHub's are turned while the gate runs, wall
//! and monotonic alike.

use super::Bench;
use crate::harness::{HOST, eventually, private};
use crate::simulator::{AppKey, Door};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_secs(600);

struct Broker {
    bench: Bench,
    client: reqwest::Client,
    key: String,
}

impl Broker {
    async fn open() -> Option<Self> {
        let mut bench = Bench::open("").await?;
        bench.github.repository("acme/web");
        bench.github.repository("acme/docs");
        let app_key = AppKey::number(0);
        let app = bench
            .github
            .app("sync", "acme", &app_key, &[("contents", "read")]);
        bench.github.install_on(app, "acme", &["web", "docs"]);
        let path = bench.site.path("app.pem");
        std::fs::write(&path, app_key.pkcs1_pem()).unwrap();
        private(&path);
        let made = bench.site.hubgate(&["caller", "key", "build-bot"]);
        let said = String::from_utf8(made.stdout).unwrap();
        let line = |begin: &str| {
            let mut lines = said.lines().map(str::trim);
            lines
                .find(|line| line.starts_with(begin))
                .unwrap()
                .to_owned()
        };
        bench.configure(&format!(
            r#"[broker]
url = "https://{HOST}/"
[[app]]
name = "sync"
github = "ghes"
id = {app}
keys = ["file:{}"]
[[caller]]
name = "build-bot"
{}
[[caller.grant]]
app = "sync"
owner = "acme"
repositories = "all"
permissions = {{ contents = "read" }}
as = ["proxy", "token"]
"#,
            path.display(),
            line("key = "),
        ));
        if !bench.start_turned().await {
            return None;
        }
        let gate = bench.gate.as_ref().unwrap();
        // A connection that is kept ends when time is turned.
        let client = gate
            .client_builder()
            .resolve(HOST, bench.door)
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let key = line("hgk_");
        Some(Self { bench, client, key })
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(&self.key).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.bench.door.port())
    }

    async fn token(&self, repository: &str) -> (u16, Value) {
        let wanted = json!({ "app": "sync", "owner": "acme", "repositories": [repository] });
        self.answer(self.client.post(self.url("/v1/token")).json(&wanted))
            .await
    }

    async fn get(&self, repository: &str) -> (u16, Value) {
        let path = format!("/github/sync/api/v3/repos/acme/{repository}");
        self.answer(self.client.get(self.url(&path))).await
    }
}

fn code((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_have_tokens_as_long_as_they_are_good_and_again_when_github_is_back() {
    for door in [Door::Refused, Door::Reset] {
        let Some(mut broker) = Broker::open().await else {
            return;
        };
        let (status, held) = broker.token("web").await;
        assert_eq!(status, 201, "{held}");
        assert_eq!(broker.get("web").await.0, 200);
        broker.bench.github.mood(|mood| mood.door = door).await;
        for step in 0..12 {
            let minutes = step * 10;
            let again = broker.token("web").await;
            // One that ends within a minute and a half is not handed out.
            if minutes < 59 {
                assert_eq!(
                    (again.0, &again.1["token"]),
                    (201, &held["token"]),
                    "{minutes}"
                );
            } else {
                assert_eq!(code(&again), (502, "github_unreachable"), "{minutes}");
            }
            let fresh = broker.token("docs").await;
            assert_eq!(code(&fresh), (502, "github_unreachable"), "{minutes}");
            let asked = broker.get("web").await;
            assert_eq!(asked.0, 502, "{minutes}: {}", asked.1);
            let (status, own) = broker
                .answer(broker.client.get(broker.url("/v1/whoami")))
                .await;
            assert_eq!(
                (status, &own["caller"]),
                (200, &json!("build-bot")),
                "{own}"
            );
            broker.bench.turn(STEP);
        }
        broker.bench.noticed("away").await;
        let list = broker.bench.said(0, &["list"]);
        assert!(
            list.contains("unknown") && list.contains("GitHub could not be asked"),
            "{list}"
        );
        // It is back, and nobody does anything about it.
        broker
            .bench
            .github
            .mood(|mood| mood.door = Door::Open)
            .await;
        let began = Instant::now();
        let fresh = loop {
            let (status, fresh) = broker.token("web").await;
            if status == 201 {
                break fresh;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{status}: {fresh}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_ne!(fresh["token"], held["token"]);
        assert_eq!(broker.token("docs").await.0, 201);
        assert_eq!(broker.get("web").await.0, 200);
        broker.bench.noticed("installed").await;
        let log = broker.bench.site.log();
        let secret = fresh["token"].as_str().unwrap();
        assert!(!log.contains(secret) && !log.contains("panicked"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_never_answers_is_waited_for_so_long() {
    let Some(mut broker) = Broker::open().await else {
        return;
    };
    let (status, held) = broker.token("web").await;
    assert_eq!(status, 201, "{held}");
    let silent = Some("access_tokens".to_owned());
    broker.bench.github.mood(|mood| mood.held = silent).await;
    broker.bench.github.forget();
    let wanted = json!({ "app": "sync", "owner": "acme", "repositories": ["docs"] });
    let asked = broker.client.post(broker.url("/v1/token")).json(&wanted);
    let asked = tokio::spawn(asked.bearer_auth(&broker.key).send());
    let under_way = || {
        (!broker
            .bench
            .github
            .asked("POST", "access_tokens")
            .is_empty())
        .then_some(())
    };
    eventually(under_way).await;
    broker.bench.turn(Duration::from_secs(120));
    // What is held is given out meanwhile.
    assert_eq!(broker.token("web").await.1["token"], held["token"]);
    let answer = asked.await.unwrap().unwrap();
    let answer = (answer.status().as_u16(), answer.json().await.unwrap());
    assert_eq!(code(&answer), (504, "github_timeout"));
    broker.bench.github.mood(|mood| mood.held = None).await;
    assert_eq!(broker.token("docs").await.0, 201);
}
