//! A file with a mistake changes nothing, whichever section it is in: the reply and the log name the
//! key, and what ran answers as before.

use super::Running;
use crate::brokered::Caller;
use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid, private};
use crate::simulator::AppKey;
use std::net::SocketAddr;

/// What is put in another's place, and the key that is named then.
const MISTAKES: [(&str, &str, &str); 26] = [
    ("drain = \"5s\"", "drain = \"5 parsecs\"", "gateway.drain"),
    ("/state\"", "/state\"\nsigner = \"here\"", "gateway.signer"),
    ("name = \"public\"", "name = \"Public!\"", "listen[0].name"),
    ("key.pem\"", "none.pem\"", "certificate[0].key"),
    ("chain.pem", "app.pem", "certificate[0]"),
    ("127.0.0.0/8", "127.0.0.1/8", "source[0].networks[0]"),
    ("/hook\"", "/a/../hook\"", "webhook[0].url"),
    ("# hook", "filter = 'event =='", "webhook[0].filter"),
    ("inline:", "file:/nowhere#", "webhook[0].secrets[0]"),
    ("http://127", "ftp://127", "webhook[0].to[0].url"),
    ("# target", "ca = \"none.pem\"", "webhook[0].to[0].ca"),
    (
        "# target",
        "attempts = { first = \"2h\" }",
        "webhook[0].to[0].attempts.first",
    ),
    (
        "allow = [\"some\"]",
        "allow = [\"none\"]",
        "publish[0].allow",
    ),
    ("# published", "timeout = \"1ms\"", "publish[0].timeout"),
    ("GET /one", "GOT /one", "profile[0].allow[0]"),
    ("# server", "ca = \"none.pem\"", "github[0].ca"),
    ("app.pem", "key.pem", "app[0].keys[0]"),
    ("github = \"ghes\"", "github = \"gehs\"", "app[0].github"),
    ("sha256:", "sha256:x", "caller[0].key"),
    ("= \"read\"", "= \"red\"", "caller[0].grant[0].permissions"),
    ("# broker", "cache = \"17GiB\"", "broker.cache"),
    ("# end", "[spool]\nkeep = \"0s\"", "spool.keep"),
    (
        "admin.sock\"",
        "admin.sock\"\naddress = \"here\"",
        "admin.address",
    ),
    ("audit.jsonl", "none/audit.jsonl", "audit.file"),
    ("# end", "[log]\nlevel = \"loud\"", "log.level"),
    ("# end", "[lgo]\nlevel = \"info\"", "lgo"),
];

fn configure(site: &Site, tool: SocketAddr) {
    let at = site.path("app.pem");
    std::fs::write(&at, AppKey::number(0).pkcs1_pem()).unwrap();
    private(&at);
    let (at, caller) = (at.display(), Caller::make().line);
    site.configure(&format!(
        r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
# hook
[[webhook.to]]
name = "tool"
url = "http://{tool}/in"
# target
[[publish]]
url = "https://{HOST}/tool/"
to = "http://{tool}/"
from = ["here"]
service = "other"
allow = ["some"]
# published
[[profile]]
name = "some"
allow = ["GET /one"]
[[github]]
name = "ghes"
url = "https://localhost:9"
# server
[[app]]
name = "sync"
github = "ghes"
id = 1
keys = ["file:{at}"]
[broker]
url = "https://{HOST}/broker/"
# broker
[[caller]]
name = "build-bot"
{caller}
[[caller.grant]]
app = "sync"
owner = "acme"
repositories = "all"
permissions = {{ contents = "read" }}
as = ["proxy"]
# end
"#
    ));
}

/// What the last reload came to, as metrics have it.
fn succeeded(running: &Running) -> bool {
    let out = std::process::Command::new("curl")
        .args(["--silent", "--unix-socket"])
        .arg(running.site.path("admin.sock"))
        .arg("http://localhost/metrics")
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("hubgate_reload_succeeded "));
    match value {
        Some("1") => true,
        Some("0") => false,
        other => panic!("{other:?} in {text}"),
    }
}

/// A delivery is taken, the service answers what its profile allows and nothing else, and so does
/// the broker.
async fn answers(running: &Running, client: &reqwest::Client) -> [u16; 4] {
    let pushed = running.gate.push(client, &guid(), b"{}").send().await;
    let mut all = [pushed.unwrap().status().as_u16(), 0, 0, 0];
    for (status, path) in all[1..]
        .iter_mut()
        .zip(["/tool/one", "/tool/two", "/broker/v1/whoami"])
    {
        let answer = client.get(running.gate.url(path)).send().await.unwrap();
        *status = answer.status().as_u16();
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_any_section_leaves_what_ran_as_it_was() {
    let (site, tool) = (Site::new(), Tool::open().await);
    configure(&site, tool.address);
    let running = Running::start(site).await;
    let client = running.gate.client();
    let before = answers(&running, &client).await;
    assert_eq!(before, [202, 200, 403, 401]);
    // What is right in the same file does not take effect either.
    let right = ("GET /one\"", "GET /two\"");
    for (from, to, key) in MISTAKES {
        eprintln!("{key}");
        let changed = running.with(&[(from, to)]).replacen(right.0, right.1, 1);
        let out = running.reload(&changed);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{key}: {said}");
        assert!(said.contains(key), "{key}: {said}");
        assert!(!succeeded(&running), "{key}");
        let log = running.site.log();
        let mut refused = log.lines().filter(|line| line.contains("not reloaded"));
        let last = refused.next_back().unwrap();
        assert!(last.contains(key), "{key}: {last}");
        let fits = |one: &serde_json::Value| {
            let outcome = one["outcome"].as_str().unwrap_or_default();
            one["action"] == "reload" && outcome.contains(key)
        };
        running.audited(fits).await;
        assert_eq!(answers(&running, &client).await, before, "{key}");
    }
    running.reset();
    assert!(succeeded(&running));
    assert_eq!(answers(&running, &client).await, before);
    // What is no TOML, or not there, is no configuration.
    for text in ["[gateway", "gateway = 1"] {
        assert_eq!(running.reload(text).status.code(), Some(1));
        assert!(!succeeded(&running));
    }
    std::fs::remove_file(running.site.path("hubgate.toml")).unwrap();
    assert_eq!(running.command(&["reload"]).status.code(), Some(1));
    assert_eq!(answers(&running, &client).await, before);
    running.site.write(&running.with(&[right]));
    running.gate.signal("-HUP");
    eventually(|| {
        let log = running.site.log();
        log.lines().last()?.contains("reloaded: ").then_some(())
    })
    .await;
    assert!(succeeded(&running));
    assert_eq!(answers(&running, &client).await, [202, 403, 200, 401]);
}
