//! `[[app]]`, and the process that holds its keys.

use super::broker::{API, Brokered, WEB, knows_its_own_tokens_only};
use super::{Running, rows, see};
use crate::harness::{Site, eventually, private};
use crate::simulator::{AppKey, Simulator};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

rows! {
    Brokered:
    "app.name" => name,
    "app.github" => github,
    "app.id" => id,
    "app.keys" => keys,
    "app.recover" => recover,
    "app.webhook_secret" => webhook_secret,
    "gateway.signer" => signer,
}

async fn name(broker: &Brokered) {
    let renamed = WEB.replace("sync", "renamed");
    let both = async || (broker.get(WEB).await, broker.get(&renamed).await);
    assert_eq!(both().await, (200, 404));
    broker.running.change(&[
        ("name = \"sync\"", "name = \"renamed\""),
        ("app = \"sync\" # grant", "app = \"renamed\""),
    ]);
    assert_eq!(both().await, (404, 200));
}

/// Nothing that a GitHub gave out before is in use any more.
async fn all_ended(before: &[String], github: &Simulator) {
    let alive = || {
        let mut alive = github.alive().into_iter();
        alive.any(|token| before.contains(&token.text))
    };
    eventually(|| (!alive()).then_some(())).await;
}

fn texts(github: &Simulator) -> Vec<String> {
    let tokens = github.tokens().into_iter();
    tokens.map(|token| token.text).collect()
}

async fn github(broker: &Brokered) {
    assert_eq!(broker.get(WEB).await, 200);
    let before = texts(&broker.github);
    broker.second.forget();
    let other = ("github = \"ghes\" # sync", "github = \"two\"");
    broker.running.change(&[other]);
    assert_eq!(broker.get(WEB).await, 200);
    assert!(!broker.second.asked("GET", "/repos/acme/web-1").is_empty());
    knows_its_own_tokens_only(&broker.second, &broker.github);
    all_ended(&before, &broker.github).await;
}

async fn id(broker: &Brokered) {
    assert_eq!(broker.get(WEB).await, 200);
    let before = texts(&broker.github);
    let [app, beside] = broker.apps;
    // Two Apps have two numbers: they change places.
    broker.running.change(&[
        (&format!("id = {app} # sync"), &format!("id = {beside}")),
        (
            &format!("github = \"ghes\"\nid = {beside}"),
            &format!("github = \"ghes\"\nid = {app}"),
        ),
    ]);
    broker.github.forget();
    assert_eq!(broker.get(WEB).await, 200);
    let asked = broker.github.asked("GET", "/repos/acme/web-1").pop();
    let shown = asked.unwrap().authorization().unwrap().to_owned();
    let tokens = broker.github.tokens().into_iter();
    let used = tokens.rev().find(|token| shown.contains(&token.text));
    assert_eq!(used.unwrap().app, beside);
    all_ended(&before, &broker.github).await;
}

/// The status where a token has to be minted, with the App's key: that for a fresh repository.
async fn is_minted(broker: &Brokered) -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(3);
    let fresh = format!("acme/web-{}", NEXT.fetch_add(1, Ordering::SeqCst));
    broker.github.repository(&fresh);
    broker.get(&format!("{API}/repos/{fresh}")).await
}

async fn keys(broker: &Brokered) {
    let (app, old, new) = (broker.apps[0], AppKey::number(0), AppKey::number(1));
    assert_eq!(is_minted(broker).await, 200);
    broker.github.change_app(app, |app| app.keys = vec![new]);
    assert_ne!(is_minted(broker).await, 200);
    let text = broker.running.with(&[]);
    let (before, after) = text.split_once("# app\n").unwrap();
    let changed = before.replace("app.pem", "new.pem") + after;
    assert!(broker.running.reload(&changed).status.success());
    assert_eq!(is_minted(broker).await, 200);
    broker.github.change_app(app, |app| app.keys = vec![old]);
    broker.running.reset();
    // A key that was refused is tried again when GitHub is asked for all of them.
    while is_minted(broker).await != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn recover(broker: &Brokered) {
    let asked = || {
        let seen = broker.github.seen();
        seen.iter().any(|one| one.path.contains("/app/hook"))
    };
    broker.running.reset();
    assert_eq!(is_minted(broker).await, 200);
    assert!(!asked());
    broker.running.change(&[("# app", "recover = true")]);
    eventually(|| asked().then_some(())).await;
    broker.running.reset();
    broker.github.forget();
}

async fn webhook_secret(broker: &Brokered) {
    let told = json!({
        "action": "created",
        "installation": { "id": 1, "app_id": broker.apps[0], "account": { "login": "acme" } },
    });
    let believed = || {
        let log = broker.running.site.log();
        let lines = log.lines();
        lines
            .filter(|line| line.contains("an installation has changed"))
            .count()
    };
    assert_eq!(broker.deliver("installation", &told).await, 202);
    eventually(|| (believed() == 1).then_some(())).await;
    let own = "webhook_secret = \"inline:of the App's own webhook\"";
    broker.running.change(&[("# app", own)]);
    assert_eq!(broker.deliver("installation", &told).await, 202);
    broker.running.reset();
    assert_eq!(broker.deliver("installation", &told).await, 202);
    eventually(|| (believed() >= 2).then_some(())).await;
    assert_eq!(believed(), 2);
}

/// A process that holds the App's key; ends with its guard.
struct Signer(Child);

impl Signer {
    fn start(socket: &Path, key: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hubgate"));
        command.args(["signer", "--socket"]).arg(socket).arg(key);
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn signer(broker: &Brokered) {
    let site = &broker.running.site;
    let (right, wrong) = (site.path("signer.sock"), site.path("nobody.sock"));
    let _signer = Signer::start(&right, &site.path("app.pem"));
    eventually(|| right.exists().then_some(())).await;
    let text = broker.running.with(&[]);
    let (before, after) = text.split_once("# app\n").unwrap();
    let (front, _) = before.rsplit_once("keys = ").unwrap();
    let named = format!("SHA256:{}", AppKey::number(0).fingerprint());
    let at = |socket: &Path| {
        let text = format!("{front}keys = [\"{named}\"]\n{after}");
        let signer = format!("[gateway]\nsigner = {socket:?}");
        let out = broker.running.reload(&text.replace("[gateway]", &signer));
        assert!(out.status.success(), "{out:?}");
    };
    at(&wrong);
    assert_ne!(is_minted(broker).await, 200);
    at(&right);
    assert_eq!(is_minted(broker).await, 200);
}

/// No key of the configuration: a file that is there or not.
#[tokio::test(flavor = "multi_thread")]
async fn another_key_that_seals_peoples_tokens_waits_for_a_restart_and_is_named() {
    let site = Site::new();
    let secrets = site.path("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let (key, sealing) = (site.path("app.pem"), secrets.join("apps-key"));
    std::fs::write(&key, AppKey::number(0).pkcs1_pem()).unwrap();
    private(&key);
    site.configure(&format!(
        "[[github]]\nname = \"ghes\"\nurl = \"https://localhost:9\"\n[[app]]\nname = \"sync\"\n\
         github = \"ghes\"\nid = 1\nkeys = [\"file:{}\"]\nuser_tokens = true\n",
        key.display()
    ));
    let base = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    let script = format!("export CREDENTIALS_DIRECTORY='{}'", secrets.display());
    let gate = site.start_after(&[], &script).await;
    let running = Running { site, gate, base };
    assert!(!running.reset().contains("restart"));
    std::fs::write(&sealing, [7; 32]).unwrap();
    private(&sealing);
    for _ in 0..2 {
        let said = running.reset();
        let named = "needs a restart: the credential `apps-key`";
        assert!(said.contains(named), "{said}");
    }
    std::fs::remove_file(&sealing).unwrap();
    assert!(!running.reset().contains("restart"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_an_app_takes_effect() {
    if let Some(broker) = Brokered::open().await {
        see(&broker, ROWS).await;
    }
}
