//! `[[webhook]]`.

use super::{Group, Running, rows, see};
use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid, sign};
use std::time::Duration;

rows! {
    Hooks:
    "webhook.url" => url,
    "webhook.from" => from,
    "webhook.secrets" => secrets,
    "webhook.events" => events,
    "webhook.filter" => filter,
    "webhook.mode" => mode,
    "webhook.max_body" => max_body,
    "webhook.redelivery_window" => redelivery_window,
}

/// A route, and a second one that whoever is tested may use too.
pub struct Hooks {
    running: Running,
    tool: Tool,
    client: reqwest::Client,
}

impl Group for Hooks {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Hooks {
    async fn open() -> Self {
        let (site, tool) = (Site::new(), Tool::open().await);
        let at = tool.address;
        site.configure(&format!(
            r#"[[source]]
name = "elsewhere"
networks = ["198.51.100.0/24"]
[[webhook]]
url = "https://{HOST}/hook"
from = ["here"] # hook
secrets = ["inline:{SECRET}"] # hook
# keys of the hook
[[webhook.to]]
name = "tool"
url = "http://{at}/in"
[[webhook]]
url = "https://{HOST}/beside"
from = ["here"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "beside"
url = "http://{at}/beside"
"#
        ));
        let running = Running::start(site).await;
        let client = running.gate.client();
        Self {
            running,
            tool,
            client,
        }
    }

    /// Adds these keys to the route's.
    fn add(&self, keys: &str) {
        self.running.change(&[("# keys of the hook", keys)]);
    }

    async fn push(&self, id: &str, body: &[u8]) -> (u16, String) {
        let pushed = self.running.gate.push(&self.client, id, body).send().await;
        let answer = pushed.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Status and answer of a push that is like no other.
    async fn pushed(&self) -> (u16, String) {
        self.push(&guid(), b"{}").await
    }

    /// It is taken, and the tool has it.
    async fn is_taken(&self) {
        let before = self.tool.count();
        assert_eq!(self.pushed().await.0, 202);
        eventually(|| (self.tool.count() > before).then_some(())).await;
    }
}

async fn url(hooks: &Hooks) {
    let post = async |path: &str| {
        let request = hooks.running.gate.push(&hooks.client, &guid(), b"{}");
        let mut request = request.build().unwrap();
        request.url_mut().set_path(path);
        let answer = hooks.client.execute(request).await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((post("/hook").await, post("/moved").await), (202, 404));
    let (from, to) = (format!("{HOST}/hook"), format!("{HOST}/moved"));
    hooks.running.change(&[(&from, &to)]);
    assert_eq!((post("/hook").await, post("/moved").await), (404, 202));
}

async fn from(hooks: &Hooks) {
    hooks.is_taken().await;
    let other = ("from = [\"here\"] # hook", "from = [\"elsewhere\"]");
    hooks.running.change(&[other]);
    let (status, said) = hooks.pushed().await;
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("source_not_allowed"), "{said}");
}

async fn secrets(hooks: &Hooks) {
    let fresh = "a secret that is made anew";
    let signed = async || {
        let request = hooks.running.gate.push(&hooks.client, &guid(), b"{}");
        let mut request = request.build().unwrap();
        let value = sign(fresh, b"{}").parse().unwrap();
        request.headers_mut().insert("x-hub-signature-256", value);
        let answer = hooks.client.execute(request).await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((hooks.pushed().await.0, signed().await), (202, 401));
    let secrets = format!("secrets = [\"inline:{fresh}\"]");
    let old = format!("secrets = [\"inline:{SECRET}\"] # hook");
    hooks.running.change(&[(&old, &secrets)]);
    assert_eq!((hooks.pushed().await.0, signed().await), (401, 202));
}

const IGNORED: &str = r#"{"status":"ignored"}"#;

async fn events(hooks: &Hooks) {
    hooks.is_taken().await;
    hooks.add("events = [\"pull_request\"]");
    assert_eq!(hooks.pushed().await, (202, IGNORED.to_owned()));
}

async fn filter(hooks: &Hooks) {
    hooks.is_taken().await;
    hooks.add("filter = 'event != \"push\"'");
    assert_eq!(hooks.pushed().await, (202, IGNORED.to_owned()));
}

async fn mode(hooks: &Hooks) {
    let (status, said) = hooks.pushed().await;
    assert_eq!(status, 202, "{said}");
    hooks.add("mode = \"through\"");
    let answered = (200, "the tool's answer".to_owned());
    assert_eq!(hooks.pushed().await, answered);
}

async fn max_body(hooks: &Hooks) {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
    assert_eq!(hooks.push(&guid(), long.as_bytes()).await.0, 202);
    hooks.add("max_body = \"100B\"");
    assert_eq!(hooks.push(&guid(), long.as_bytes()).await.0, 413);
    assert_eq!(hooks.pushed().await.0, 202);
}

async fn redelivery_window(hooks: &Hooks) {
    hooks.add("redelivery_window = \"1h\"");
    let id = guid();
    assert_eq!(hooks.push(&id, b"{}").await.0, 202);
    assert_eq!(hooks.push(&id, b"{}").await.0, 200);
    hooks.add("redelivery_window = \"1ms\"");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(hooks.push(&id, b"{}").await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_says_takes_effect() {
    see(&Hooks::open().await, ROWS).await;
}

/// A route that passes answers needs two files for each connection.
#[tokio::test(flavor = "multi_thread")]
async fn fewer_connections_are_taken_where_a_reload_has_them_need_more_files() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let limits = "ulimit -S -n 300 && ulimit -H -n 600";
    let gate = site.start_after(&[], limits).await;
    // Kept open; with two files each there may be 164.
    let mut kept = Vec::new();
    for _ in 0..200 {
        let client = gate.client();
        let answer = client.get(gate.url("/nowhere")).send().await.unwrap();
        assert_eq!(answer.status(), 404);
        kept.push(client);
    }
    let text = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    let reload = |text: &str| {
        site.write(text);
        let socket = site.path("admin.sock");
        let out = site.hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
        assert!(out.status.success(), "{out:?}");
    };
    let comes = async || gate.push(&gate.client(), &guid(), b"{}").send().await;
    let secrets = "secrets = [";
    reload(&text.replace(secrets, &format!("mode = \"through\"\n{secrets}")));
    assert!(comes().await.is_err());
    assert!(site.log().contains("164 connections are taken at once"));
    reload(&text);
    assert_eq!(comes().await.unwrap().status(), 202);
}
