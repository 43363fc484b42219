//! Keys that only a restart changes: a reload names them each time, and what ran goes on.

use super::Running;
use crate::harness::{HOST, SECRET, Site, Tool, guid, private, vacant};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const TOKEN: &str = "the token of the admin API";

/// A key, what it is changed from and to, and what the reply names then.
struct Row {
    key: &'static str,
    from: &'static str,
    to: &'static str,
}

const fn row(key: &'static str, from: &'static str, to: &'static str) -> Row {
    Row { key, from, to }
}

const ROWS: [Row; 16] = [
    row("gateway.state_dir", "/state\"", "/elsewhere\""),
    row("gateway.workers", "drain =", "workers = 3\ndrain ="),
    row("listen.name", "name = \"public\"", "name = \"other\""),
    row("listen.address", "127.0.0.1:0\" # public", "127.0.0.1:1\""),
    row("listen.tls", "tls = false # plain", "tls = true"),
    row("listen.h2", "# public", "\nh2 = true #"),
    row("listen.only", "# plain", "\nonly = \"redirect\" #"),
    row(
        "listen.proxy_protocol",
        "# plain",
        "\nproxy_protocol = [\"192.0.2.0/24\"] #",
    ),
    row("listen.client_ca", "clients.pem", "chain.pem"),
    row(
        "listen.client_auth",
        "# asked",
        "\nclient_auth = \"required\" #",
    ),
    row("spool.engine", "engine = \"sqlite\"", "engine = \"other\""),
    row("spool.keep", "keep = \"2d\"", "keep = \"1s\""),
    row(
        "spool.max_size",
        "max_size = \"1GiB\"",
        "max_size = \"1MiB\"",
    ),
    row("admin.socket", "admin.sock", "other.sock"),
    row("admin.address", "# admin\naddress", "# address"),
    row("admin.token", "token\"", "other-token\""),
];

pub fn keys() -> impl Iterator<Item = String> {
    ROWS.iter().map(|row| row.key.to_owned())
}

/// A gateway with everything that only a restart changes.
async fn running(tool: SocketAddr, admin: SocketAddr) -> Running {
    let site = Site::new();
    let ca = crate::world::Authority::new("Clients");
    std::fs::write(site.path("clients.pem"), ca.pem()).unwrap();
    for (name, text) in [("token", TOKEN), ("other-token", "quite another token")] {
        std::fs::write(site.path(name), text).unwrap();
        private(&site.path(name));
    }
    let at = site.path("");
    let at = at.to_str().unwrap().trim_end_matches('/');
    site.write(&format!(
        r#"insecure_inline_secrets = true
[gateway]
state_dir = "{at}/state"
drain = "1s"
[[listen]]
name = "public"
address = "127.0.0.1:0" # public
client_ca = "{at}/clients.pem" # asked
[[listen]]
name = "plain"
address = "127.0.0.1:0"
tls = false # plain
[[certificate]]
hosts = ["{HOST}"]
chain = "{at}/chain.pem"
key = "file:{at}/key.pem"
[spool]
engine = "sqlite"
keep = "2d"
max_size = "1GiB"
[admin]
socket = "{at}/admin.sock"
# admin
address = "{admin}"
token = "file:{at}/token"
[audit]
file = "{at}/audit.jsonl"
[[webhook]]
url = "https://{HOST}/hook"
from = "anywhere"
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "tool"
url = "http://{tool}/in"
"#
    ));
    Running::start(site).await
}

/// The keys that a reply names.
fn named(said: &str) -> Vec<&str> {
    let named = said.trim().split_once("needs a restart: ");
    named.map_or_else(Vec::new, |(_, keys)| keys.split(", ").collect())
}

/// A delivery comes in by the door that was opened at the start and is delivered; metrics are where
/// they were, for who has the token of the start.
async fn goes_on(running: &Running, tool: &Tool, admin: SocketAddr) {
    let id = guid();
    let pushed = running.gate.push(&running.gate.client(), &id, b"{}").send();
    assert_eq!(pushed.await.unwrap().status(), 202);
    crate::harness::eventually(|| {
        let all = tool.all();
        all.iter()
            .any(|got| got.headers["x-github-delivery"] == id)
            .then_some(())
    })
    .await;
    let client = reqwest::Client::new();
    let asked = client.get(format!("http://{admin}/metrics"));
    let answer = asked.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_restart_is_named_each_time_and_what_ran_goes_on() {
    let (tool, admin) = (Tool::open().await, vacant().await);
    let running = running(tool.address, admin).await;
    goes_on(&running, &tool, admin).await;
    for Row { key, from, to } in &ROWS {
        eprintln!("{key}");
        let changed = running.with(&[(from, to)]);
        for _ in 0..2 {
            let out = running.reload(&changed);
            let said = String::from_utf8_lossy(&[&*out.stdout, &*out.stderr].concat()).into_owned();
            if *key == "spool.engine" {
                // There is no other, so that it cannot be changed.
                assert_eq!(out.status.code(), Some(1), "{said}");
                assert!(said.contains("spool.engine"), "{said}");
            } else {
                assert!(out.status.success(), "{key}: {said}");
                assert_eq!(named(&said), [*key], "{said}");
            }
            goes_on(&running, &tool, admin).await;
        }
        let said = running.reset();
        assert_eq!(named(&said), Vec::<&str>::new(), "{key}: {said}");
    }
    assert!(!running.site.path("elsewhere").exists());
    assert!(!running.site.path("other.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_text_in_the_same_file_is_a_change_too() {
    let (tool, admin) = (Tool::open().await, vacant().await);
    let running = running(tool.address, admin).await;
    let token = running.site.path("token");
    let authorities = running.site.path("clients.pem");
    let other = crate::world::Authority::new("Other clients").pem();
    for (file, text, key) in [
        (token, "quite another token", "admin.token"),
        (authorities, &*other, "listen.client_ca"),
    ] {
        let before = std::fs::read(&file).unwrap();
        std::fs::write(&file, text).unwrap();
        for _ in 0..2 {
            assert_eq!(named(&running.reset()), [key]);
            goes_on(&running, &tool, admin).await;
        }
        std::fs::write(&file, before).unwrap();
        assert_eq!(named(&running.reset()), Vec::<&str>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_or_fewer_doors_wait_for_a_restart() {
    let (tool, admin) = (Tool::open().await, vacant().await);
    let running = running(tool.address, admin).await;
    let more = "[[listen]]\nname = \"more\"\naddress = \"127.0.0.1:0\"\n[spool]";
    assert_eq!(named(&running.change(&[("[spool]", more)])), ["listen"]);
    goes_on(&running, &tool, admin).await;
}

/// The documentation says beside these keys, and no others, that they need a restart.
#[test]
fn the_documentation_says_which_keys_need_a_restart() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let waiting = rows.filter(|line| line.contains("; restart |"));
    let key = |line: &str| line.split('`').nth(1).unwrap().to_owned();
    let told: BTreeSet<String> = waiting.map(key).collect();
    assert_eq!(told, keys().collect());
}
