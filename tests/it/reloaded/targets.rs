//! `[[webhook.to]]`.

use super::{Group, Running, rows, see};
use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid, sign};
use crate::targets::Encrypted;
use crate::world::Authority;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

rows! {
    Targets:
    "webhook.to.name" => name,
    "webhook.to.url" => url,
    "webhook.to.timeout" => timeout,
    "webhook.to.attempts.for" => attempts_for,
    "webhook.to.attempts.first" => attempts_first,
    "webhook.to.attempts.most" => attempts_most,
    "webhook.to.concurrency" => concurrency,
    "webhook.to.order" => order,
    "webhook.to.headers" => headers,
    "webhook.to.allow" => allow,
    "webhook.to.resign" => resign,
    "webhook.to.ca" => ca,
}

const BODY: &[u8] = br#"{"repository":{"full_name":"acme/web"}}"#;
const ATTEMPTS: &str = "{ for = \"1h\", first = \"10ms\", most = \"50ms\" }";

/// A route with one target, which refuses the deliveries that it is told to.
pub struct Targets {
    running: Running,
    tool: Tool,
    refused: Arc<Mutex<BTreeSet<String>>>,
    client: reqwest::Client,
}

impl Group for Targets {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Targets {
    async fn open() -> Self {
        let site = Site::new();
        let refused: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = refused.clone();
        let tool = Tool::judging(socket, move |_, got| {
            let id = &got.headers["x-github-delivery"];
            // Not one that says that the target is down.
            if refusing.lock().unwrap().contains(id) {
                500
            } else {
                200
            }
        });
        site.configure(&format!(
            r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "tool"
url = "http://{}/in"
attempts = {ATTEMPTS}
# keys of the target
"#,
            tool.address
        ));
        let running = Running::start(site).await;
        let client = running.gate.client();
        Self {
            running,
            tool,
            refused,
            client,
        }
    }

    fn add(&self, keys: &str) {
        self.running.change(&[("# keys of the target", keys)]);
    }

    fn attempts(&self, attempts: &str) {
        self.running.change(&[(ATTEMPTS, attempts)]);
    }

    /// Leads to another place instead, with these keys.
    fn lead(&self, to: &str, keys: &str) {
        let old = format!("http://{}/in", self.tool.address);
        let keys = ("# keys of the target", keys);
        self.running.change(&[(&old, to), keys]);
    }

    /// Sends one; its id.
    async fn push(&self) -> String {
        self.send(BODY, false).await
    }

    /// Sends one that the tool refuses.
    async fn push_refused(&self) -> String {
        self.send(BODY, true).await
    }

    async fn send(&self, body: &[u8], refused: bool) -> String {
        let id = guid();
        if refused {
            self.refused.lock().unwrap().insert(id.clone());
        }
        let pushed = self.running.gate.push(&self.client, &id, body).send().await;
        assert_eq!(pushed.unwrap().status(), 202);
        id
    }

    /// The record of an attempt for a delivery that ended so.
    async fn ended(&self, id: &str, outcome: &str) -> Value {
        let fits = |one: &Value| one["guid"] == id && one["outcome"] == outcome;
        self.running.audited(fits).await
    }

    /// How often it was tried.
    fn tries(&self, id: &str) -> usize {
        let all = self.tool.all().into_iter();
        all.filter(|got| got.headers["x-github-delivery"] == id)
            .count()
    }

    async fn tried(&self, id: &str, times: usize) {
        eventually(|| (self.tries(id) >= times).then_some(())).await;
    }

    /// The headers of one that is sent and delivered now.
    async fn arrives(&self) -> std::collections::BTreeMap<String, String> {
        let id = self.push().await;
        let all = || self.tool.all().into_iter();
        let its = |got: &crate::harness::Got| got.headers["x-github-delivery"] == id;
        eventually(|| all().find(its)).await.headers
    }
}

async fn name(targets: &Targets) {
    let id = targets.push().await;
    assert_eq!(targets.ended(&id, "delivered").await["target"], "tool");
    let changed = ("name = \"tool\"", "name = \"renamed\"");
    targets.running.change(&[changed]);
    let id = targets.push().await;
    assert_eq!(targets.ended(&id, "delivered").await["target"], "renamed");
}

async fn url(targets: &Targets) {
    let other = Tool::open().await;
    targets.arrives().await;
    targets.lead(&format!("http://{}/moved", other.address), "");
    let id = targets.push().await;
    let got = other.one().await;
    assert_eq!(
        (&*got.path, &got.headers["x-github-delivery"]),
        ("/moved", &id)
    );
    assert_eq!(targets.tries(&id), 0);
}

/// A tool that answers as often as it is let, and knows what waits.
pub struct Held {
    pub address: SocketAddr,
    pub may: Arc<Semaphore>,
    waiting: Arc<Mutex<usize>>,
}

impl Held {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (may, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(0)));
        let (let_go, counted) = (may.clone(), waiting.clone());
        let app = axum::Router::new().fallback(move || async move {
            *counted.lock().unwrap() += 1;
            let_go.acquire().await.unwrap().forget();
            *counted.lock().unwrap() -= 1;
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            may,
            waiting,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub async fn holds(&self, number: usize) {
        eventually(|| (*self.waiting.lock().unwrap() == number).then_some(())).await;
    }
}

async fn timeout(targets: &Targets) {
    let held = Held::open().await;
    targets.lead(&held.url(), "");
    let id = targets.push().await;
    held.holds(1).await;
    held.may.add_permits(1);
    targets.ended(&id, "delivered").await;
    targets.lead(&held.url(), "timeout = \"50ms\"");
    let id = targets.push().await;
    let error = targets.ended(&id, "retry").await["error"].to_string();
    assert!(error.contains("50") && error.contains("ms"), "{error}");
}

async fn attempts_for(targets: &Targets) {
    let id = targets.push_refused().await;
    targets.tried(&id, 5).await;
    targets.attempts("{ for = \"1ms\", first = \"10ms\", most = \"50ms\" }");
    // What fails since longer is given up at its next attempt, what comes now at its second.
    targets.ended(&id, "dead").await;
    let id = targets.push_refused().await;
    targets.ended(&id, "dead").await;
    assert!(targets.tries(&id) <= 2);
}

async fn attempts_first(targets: &Targets) {
    targets.attempts("{ for = \"30d\", first = \"24h\", most = \"24h\" }");
    let waits = targets.push_refused().await;
    targets.ended(&waits, "retry").await;
    targets.attempts("{ for = \"30d\", first = \"1ms\", most = \"24h\" }");
    let tried = targets.push_refused().await;
    targets.tried(&tried, 4).await;
    assert_eq!(targets.tries(&waits), 1);
    targets.refused.lock().unwrap().clear();
    targets.ended(&tried, "delivered").await;
}

async fn attempts_most(targets: &Targets) {
    // The pauses double from 1 ms on: twenty take minutes.
    targets.attempts("{ for = \"30d\", first = \"1ms\", most = \"24h\" }");
    let waits = targets.push_refused().await;
    targets.tried(&waits, 8).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(targets.tries(&waits) < 20);
    targets.attempts("{ for = \"30d\", first = \"1ms\", most = \"2ms\" }");
    let tried = targets.push_refused().await;
    targets.tried(&tried, 40).await;
    targets.refused.lock().unwrap().clear();
    targets.ended(&tried, "delivered").await;
}

async fn concurrency(targets: &Targets) {
    let held = Held::open().await;
    targets.lead(&held.url(), "concurrency = 1");
    let ids = [targets.push().await, targets.push().await];
    held.holds(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*held.waiting.lock().unwrap(), 1);
    targets.lead(&held.url(), "concurrency = 2");
    held.holds(2).await;
    held.may.add_permits(2);
    for id in ids {
        targets.ended(&id, "delivered").await;
    }
}

async fn order(targets: &Targets) {
    // No other row's, some of which wait for days.
    let body = br#"{"repository":{"full_name":"acme/in-order"}}"#;
    let first = targets.send(body, true).await;
    targets.tried(&first, 1).await;
    let second = targets.send(body, false).await;
    targets.ended(&second, "delivered").await;
    targets.refused.lock().unwrap().clear();
    targets.ended(&first, "delivered").await;

    targets.add("order = \"repository\"");
    let first = targets.send(body, true).await;
    targets.tried(&first, 1).await;
    let second = targets.send(body, false).await;
    targets.tried(&first, 10).await;
    assert_eq!(targets.tries(&second), 0);
    targets.refused.lock().unwrap().clear();
    targets.ended(&second, "delivered").await;
}

async fn headers(targets: &Targets) {
    assert_eq!(targets.arrives().await.get("x-own"), None);
    targets.add("headers = { X-Own = \"inline:of our own\" }");
    assert_eq!(targets.arrives().await["x-own"], "of our own");
}

async fn allow(targets: &Targets) {
    let by_name = format!("http://localhost:{}/in", targets.tool.address.port());
    targets.lead(&by_name, "allow = [\"127.0.0.0/8\", \"::1/128\"]");
    targets.arrives().await;
    targets.lead(&by_name, "allow = [\"192.0.2.0/24\"]");
    let id = targets.push().await;
    targets.ended(&id, "retry").await;
    assert_eq!(targets.tries(&id), 0);
}

async fn resign(targets: &Targets) {
    let signed = sign(SECRET, BODY);
    assert_eq!(targets.arrives().await["x-hub-signature-256"], signed);
    let own = "the tool's own secret";
    targets.add(&format!("resign = \"inline:{own}\""));
    assert_eq!(
        targets.arrives().await["x-hub-signature-256"],
        sign(own, BODY)
    );
}

async fn ca(targets: &Targets) {
    let (own, other) = (Authority::new("Its own"), Authority::new("Another"));
    let site = &targets.running.site;
    std::fs::write(site.path("own.pem"), own.pem()).unwrap();
    std::fs::write(site.path("another.pem"), other.pem()).unwrap();
    let encrypted = Encrypted {
        socket: tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
        tls: TlsAcceptor::from(own.server(&["localhost".to_owned()])),
    };
    let tool = Tool::on(encrypted, |_| 200);
    let there = format!("https://localhost:{}/in", tool.address.port());
    targets.lead(&there, "ca = \"another.pem\"");
    let id = targets.push().await;
    targets.ended(&id, "retry").await;
    assert_eq!(tool.count(), 0);
    targets.lead(&there, "ca = \"own.pem\"");
    targets.ended(&id, "delivered").await;
    // The same file with another authority in it.
    std::fs::write(site.path("own.pem"), other.pem()).unwrap();
    targets.lead(&there, "ca = \"own.pem\"");
    let id = targets.push().await;
    targets.ended(&id, "retry").await;
    assert_eq!(tool.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_says_takes_effect() {
    see(&Targets::open().await, ROWS).await;
}
