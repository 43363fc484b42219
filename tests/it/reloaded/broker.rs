//! `[broker]` and `[[github]]`: where callers are answered, and what for.

use super::{Group, Running, rows, see};
use crate::brokered::Caller;
use crate::harness::{HOST, SECRET, Site, Tool, eventually, private};
use crate::simulator::{AppKey, Chosen, Seen, Shape, Simulator};
use crate::world::Authority;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

rows! {
    Brokered:
    "broker.url" => url,
    "broker.from" => from,
    "broker.cache" => cache,
    "github.name" => github_name,
    "github.url" => github_url,
    "github.ca" => github_ca,
    "github.via" => github_via,
}

/// A caller of a broker, an App in use and one beside it, and two servers that have both.
pub struct Brokered {
    pub running: Running,
    pub caller: Caller,
    /// Who issues callers' certificates.
    pub authority: Authority,
    pub github: Simulator,
    pub second: Simulator,
    /// The App in use, and the other.
    pub apps: [u64; 2],
    client: reqwest::Client,
}

impl Group for Brokered {
    fn running(&self) -> &Running {
        &self.running
    }
}

const INSTALLED: [(&str, &str); 3] = [
    ("contents", "write"),
    ("issues", "write"),
    ("metadata", "read"),
];
/// Where the API is, as the App in use.
pub const API: &str = "/github/sync/api/v3";
pub const WEB: &str = "/github/sync/api/v3/repos/acme/web-1";

/// A GitHub with two Apps, whose numbers are the same at each.
async fn github() -> Option<(Simulator, [u64; 2])> {
    let github = Simulator::start(Shape::Ghes).await?;
    for name in ["acme/web-1", "acme/docs", "other/web-1"] {
        github.repository(name);
    }
    let apps = ["sync", "beside"].map(|name| {
        let app = github.app(name, "acme", &AppKey::number(0), &INSTALLED);
        github.install(app, "acme", Chosen::All);
        github.install_on(app, "other", &["web-1"]);
        app
    });
    Some((github, apps))
}

impl Brokered {
    /// None without GitHub's description.
    pub async fn open() -> Option<Self> {
        let (github, apps) = self::github().await?;
        let (second, same) = self::github().await?;
        assert_eq!(apps, same);
        let (site, caller) = (Site::new(), Caller::make());
        let authority = Authority::new("Callers");
        let both = github.ca() + &second.ca();
        for (file, text) in [
            ("both.pem", both),
            ("second.pem", second.ca()),
            ("clients.pem", authority.pem()),
            ("app.pem", AppKey::number(0).pkcs1_pem()),
            ("new.pem", AppKey::number(1).pkcs1_pem()),
        ] {
            std::fs::write(site.path(file), text).unwrap();
            private(&site.path(file));
        }
        let tool = Tool::open().await;
        configure(&site, [&github, &second], apps, (&caller, tool.address));
        let running = Running::start(site).await;
        let client = running.gate.client();
        Some(Self {
            running,
            caller,
            authority,
            github,
            second,
            apps,
            client,
        })
    }

    /// Asks as the caller.
    pub async fn asked(&self, path: &str) -> reqwest::Response {
        self.asked_with(path, &self.caller.key).await
    }

    pub async fn asked_with(&self, path: &str, key: &str) -> reqwest::Response {
        let asked = self.client.get(self.running.gate.url(path));
        asked.bearer_auth(key).send().await.unwrap()
    }

    /// The status of what the caller is answered.
    pub async fn get(&self, path: &str) -> u16 {
        self.get_with(path, &self.caller.key).await
    }

    pub async fn get_with(&self, path: &str, key: &str) -> u16 {
        let answer = self.asked_with(path, key).await;
        let status = answer.status().as_u16();
        answer.bytes().await.unwrap();
        status
    }

    /// The status where the caller wants a token for its own hands.
    pub async fn token(&self, request: &Value) -> u16 {
        let asked = self.client.post(self.running.gate.url("/v1/token"));
        let asked = asked.bearer_auth(&self.caller.key).json(request);
        asked.send().await.unwrap().status().as_u16()
    }

    /// Sends a delivery that is not a push.
    pub async fn deliver(&self, event: &str, body: &Value) -> u16 {
        let body = body.to_string();
        let id = crate::harness::guid();
        let pushed = self.running.gate.push(&self.client, &id, body.as_bytes());
        let mut request = pushed.build().unwrap();
        let headers = request.headers_mut();
        headers.insert("x-github-event", event.parse().unwrap());
        let answer = self.client.execute(request).await.unwrap();
        answer.status().as_u16()
    }
}

fn configure(
    site: &Site,
    [github, second]: [&Simulator; 2],
    [app, beside]: [u64; 2],
    (caller, tool): (&Caller, SocketAddr),
) {
    let at = site.path("");
    let at = at.to_str().unwrap().trim_end_matches('/');
    site.configure(&format!(
        r#"[[source]]
name = "elsewhere"
networks = ["198.51.100.0/24"]
[[github]]
name = "ghes"
url = "{}" # first
ca = "{at}/both.pem"
# github
[[github]]
name = "two"
url = "{}"
ca = "{at}/second.pem"
[[app]]
name = "sync"
github = "ghes" # sync
id = {app} # sync
keys = ["file:{at}/app.pem"]
# app
[[app]]
name = "beside"
github = "ghes"
id = {beside}
keys = ["file:{at}/app.pem"]
[broker]
url = "https://{HOST}/"
# broker
[[caller]]
name = "build-bot"
{} # proof
# caller
[[caller.grant]]
app = "sync" # grant
owner = "acme"
repositories = ["web-*"]
permissions = {{ contents = "read" }}
as = ["proxy"]
# grant
[[profile]]
name = "repos"
allow = ["repos/get"]
[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "tool"
url = "http://{tool}/in"
"#,
        github.web(),
        second.web(),
        caller.line
    ));
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let door = "address = \"127.0.0.1:0\"";
    let asked = format!("{door}\nclient_ca = \"{at}/clients.pem\"");
    site.write(&text.replacen(door, &asked, 1));
}

async fn url(broker: &Brokered) {
    let (here, there) = ("/v1/whoami", "/moved/v1/whoami");
    assert_eq!(
        (broker.get(here).await, broker.get(there).await),
        (200, 404)
    );
    let (from, to) = (
        format!("[broker]\nurl = \"https://{HOST}/\""),
        format!("[broker]\nurl = \"https://{HOST}/moved/\""),
    );
    broker.running.change(&[(&from, &to)]);
    assert_eq!(
        (broker.get(here).await, broker.get(there).await),
        (404, 200)
    );
    assert_eq!(broker.get(&format!("/moved{WEB}")).await, 200);
}

async fn from(broker: &Brokered) {
    assert_eq!(broker.get("/v1/whoami").await, 200);
    let elsewhere = ("# broker", "from = [\"elsewhere\"]");
    broker.running.change(&[elsewhere]);
    assert_eq!(broker.get("/v1/whoami").await, 403);
    assert_eq!(broker.get(WEB).await, 403);
}

/// Whether GitHub is asked if what is held is still so, where the same is asked twice.
async fn asks_whether_still_so(broker: &Brokered) -> bool {
    assert_eq!(broker.get(WEB).await, 200);
    broker.github.forget();
    assert_eq!(broker.get(WEB).await, 200);
    let asked = broker.github.asked("GET", "/repos/acme/web-1");
    asked.last().unwrap().header("if-none-match").is_some()
}

async fn cache(broker: &Brokered) {
    assert!(asks_whether_still_so(broker).await);
    broker.running.change(&[("# broker", "cache = \"0\"")]);
    assert!(!asks_whether_still_so(broker).await);
}

async fn github_name(broker: &Brokered) {
    let shown = || {
        let all = broker.running.shown(&["app", "list"]);
        let all = all.as_array().unwrap().clone();
        let app = all.into_iter().find(|one| one["name"] == "sync").unwrap();
        app["github"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(), "ghes");
    broker.running.change(&[
        ("name = \"ghes\"", "name = \"renamed\""),
        ("github = \"ghes\"", "github = \"renamed\""),
        ("github = \"ghes\"", "github = \"renamed\""),
    ]);
    assert_eq!(shown(), "renamed");
    assert_eq!(broker.get(WEB).await, 200);
}

/// What a GitHub was asked with, and that is nothing that another gave.
pub fn knows_its_own_tokens_only(github: &Simulator, other: &Simulator) {
    for token in other.tokens() {
        let shown = |seen: &Seen| {
            let headers = seen.headers.values();
            let mut all = headers.map(|value| String::from_utf8_lossy(value.as_bytes()));
            all.any(|value| value.contains(&token.text))
        };
        assert!(!github.seen().iter().any(shown));
    }
}

async fn github_url(broker: &Brokered) {
    assert_eq!(broker.get(WEB).await, 200);
    let asked = |github: &Simulator| !github.asked("GET", "/repos/acme/web-1").is_empty();
    assert!(asked(&broker.github));
    let (from, to) = (broker.github.web(), broker.second.web());
    let (from, to) = (
        format!("url = \"{from}\" # first"),
        format!("url = \"{to}\""),
    );
    broker.second.forget();
    broker.running.change(&[(&from, &to)]);
    broker.github.forget();
    assert_eq!(broker.get(WEB).await, 200);
    assert!(asked(&broker.second) && !asked(&broker.github));
    knows_its_own_tokens_only(&broker.second, &broker.github);
    // What the first gave out ends there.
    let alive = || broker.github.alive().len();
    eventually(|| (alive() == 0).then_some(())).await;
}

async fn github_ca(broker: &Brokered) {
    assert_eq!(broker.get(WEB).await, 200);
    broker.running.change(&[("both.pem", "second.pem")]);
    broker.github.forget();
    assert_eq!(broker.get(WEB).await, 502);
    assert!(broker.github.asked("GET", "/repos/acme/web-1").is_empty());
}

/// A proxy that leads where it is asked to, and counts how often.
async fn proxy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let count: Arc<AtomicUsize> = Arc::default();
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(lead(stream));
        }
    });
    (at, count)
}

async fn lead(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let to = line.strip_prefix("CONNECT ").unwrap();
    let to = to.split(' ').next().unwrap().to_owned();
    while line.trim() != "" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    let mut server = TcpStream::connect(to).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    drop(copy_bidirectional(&mut stream, &mut server).await);
}

async fn github_via(broker: &Brokered) {
    let (at, count) = proxy().await;
    assert_eq!(broker.get(WEB).await, 200);
    let via = format!("via = \"http://{at}/\"");
    broker.running.change(&[("# github", &via)]);
    let before = count.load(Ordering::SeqCst);
    assert_eq!(broker.get(WEB).await, 200);
    assert!(count.load(Ordering::SeqCst) > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_and_its_servers_say_takes_effect() {
    if let Some(broker) = Brokered::open().await {
        see(&broker, ROWS).await;
    }
}
