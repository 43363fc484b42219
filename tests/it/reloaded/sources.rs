//! `[[source]]`.

use super::{Group, Running, rows, see};
use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid};
use axum::Json;
use axum::routing::get;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

rows! {
    Sources:
    "source.name" => name,
    "source.networks" => networks,
    "source.meta.url" => meta_url,
    "source.meta.sections" => meta_sections,
    "source.meta.refresh" => meta_refresh,
}

/// A route for a list that is written, and one for a list that is fetched.
pub struct Sources {
    running: Running,
    client: reqwest::Client,
}

/// Lists that are served: at `/others` who tests is in another section, at `/ours` in each.
struct Lists {
    address: SocketAddr,
    fetched: Arc<AtomicUsize>,
}

impl Lists {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fetched: Arc<AtomicUsize> = Arc::default();
        let counted = fetched.clone();
        let us = "127.0.0.0/8";
        let ours = json!({ "hooks": [us], "web": [us] });
        let others = json!({ "hooks": ["192.0.2.0/24"], "web": [us] });
        let app = axum::Router::new()
            .route("/ours", get(async move || Json(ours)))
            .route(
                "/others",
                get(async move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                    Json(others)
                }),
            );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, fetched }
    }

    fn section(&self, refresh: &str) -> String {
        format!(
            r#"[[source]]
name = "listed"
meta = {{ url = "http://{}/others", sections = ["hooks"], refresh = "{refresh}" }}
"#,
            self.address
        )
    }
}

fn route(path: &str, from: &str, tool: SocketAddr) -> String {
    format!(
        r#"[[webhook]]
url = "https://{HOST}{path}"
from = ["{from}"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "{from}"
url = "http://{tool}/in"
"#
    )
}

impl Group for Sources {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Sources {
    async fn open() -> Self {
        let (site, tool, lists) = (Site::new(), Tool::open().await, Lists::open().await);
        let more = "[[source]]\nname = \"all\"\nnetworks = [\"127.0.0.0/8\"]\n";
        site.configure(&format!(
            "{}{more}{}{}{}",
            lists.section("7d"),
            route("/written", "here", tool.address),
            route("/listed", "listed", tool.address),
            // So that a connection is not dropped before it has asked.
            route("/all", "all", tool.address)
        ));
        let running = Running::start(site).await;
        let client = running.gate.client();
        Self { running, client }
    }

    /// The status of a delivery there, and what it is called.
    async fn push(&self, path: &str) -> (u16, String) {
        let request = self.running.gate.push(&self.client, &guid(), b"{}");
        let mut request = request.build().unwrap();
        request.url_mut().set_path(path);
        let answer = self.client.execute(request).await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        (answer.status().as_u16(), id.to_owned())
    }

    /// Whoever tests is in the list that is fetched, by now.
    async fn are_listed(&self) {
        while self.push("/listed").await.0 != 202 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The list that is fetched at first is there, and whoever tests is not in it.
    async fn are_not_listed(&self) {
        eventually(|| {
            let all = self.running.shown(&["sources"]);
            let all = all.as_array().unwrap().clone();
            let listed = all.into_iter().find(|one| one["name"] == "listed").unwrap();
            (listed["networks"] == 1).then_some(())
        })
        .await;
        assert_eq!(self.push("/listed").await.0, 403);
    }
}

async fn name(sources: &Sources) {
    let (status, id) = sources.push("/written").await;
    assert_eq!(status, 202);
    assert_eq!(sources.running.site.audited(&id).await["source"], "here");
    let rename = ("name = \"here\"", "name = \"renamed\"");
    let text = sources.running.with(&[rename]);
    // Who names it has to name it so.
    assert_eq!(sources.running.reload(&text).status.code(), Some(1));
    let used = ("from = [\"here\"]", "from = [\"renamed\"]");
    sources.running.change(&[rename, used]);
    let (status, id) = sources.push("/written").await;
    assert_eq!(status, 202);
    assert_eq!(sources.running.site.audited(&id).await["source"], "renamed");
}

async fn networks(sources: &Sources) {
    assert_eq!(sources.push("/written").await.0, 202);
    let other = (
        "networks = [\"127.0.0.0/8\"]",
        "networks = [\"192.0.2.0/24\"]",
    );
    sources.running.change(&[other]);
    assert_eq!(sources.push("/written").await.0, 403);
}

async fn meta_url(sources: &Sources) {
    sources.are_not_listed().await;
    sources.running.change(&[("/others\"", "/ours\"")]);
    sources.are_listed().await;
}

async fn meta_sections(sources: &Sources) {
    sources.are_not_listed().await;
    sources.running.change(&[("[\"hooks\"]", "[\"web\"]")]);
    sources.are_listed().await;
}

/// On a clock that is turned.
async fn meta_refresh(_: &Sources) {
    let (site, tool, lists) = (Site::new(), Tool::open().await, Lists::open().await);
    let route = route("/listed", "listed", tool.address);
    site.configure(&format!("{}{route}", lists.section("7d")));
    let clock = site.path("clock");
    let turn = |seconds: u32| {
        let fresh = site.path("clock.new");
        std::fs::write(&fresh, format!("+{seconds}")).unwrap();
        std::fs::rename(fresh, site.path("clock")).unwrap();
    };
    turn(0);
    let Some(_gate) = site.start_turned(&clock).await else {
        return;
    };
    let fetched = || {
        // Any request has the gate look at its clock, which turned while it slept.
        site.status();
        lists.fetched.load(Ordering::SeqCst)
    };
    eventually(|| (fetched() == 1).then_some(())).await;
    turn(300);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(fetched(), 1);
    }
    let text = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    site.write(&text.replace("\"7d\"", "\"1m\""));
    let socket = site.path("admin.sock");
    let out = site.hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
    assert!(out.status.success(), "{out:?}");
    // Time goes on, but for less than a day: what is fetched may not be taken in yet when it turns.
    let mut seconds = 300;
    eventually(|| {
        if seconds < 86_400 {
            seconds += 300;
            turn(seconds);
        }
        (fetched() >= 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_says_takes_effect() {
    see(&Sources::open().await, ROWS).await;
}
