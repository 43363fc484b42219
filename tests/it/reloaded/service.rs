//! `[[publish]]` of a service that is no GitHub, and `[[profile]]`.

use super::targets::Held;
use super::{Group, Running, rows, see};
use crate::harness::{Gate, HOST, Site, Tool, private};
use crate::world::Authority;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

rows! {
    Service:
    "publish.url" => url,
    "publish.to" => to,
    "publish.from" => from,
    "publish.hosts" => hosts,
    "publish.require_header.name" => header_name,
    "publish.require_header.value" => header_value,
    "publish.timeout" => timeout,
    "publish.websocket" => websocket,
    "profile.name" => profile_name,
    "profile.base" => profile_base,
    "profile.allow" => profile_allow,
    "profile.deny" => profile_deny,
}

const PARTS: &str = "parts.example.test";

/// A tool that is published with two profiles, of which one is used.
pub struct Service {
    running: Running,
    tool: Tool,
    client: reqwest::Client,
}

impl Group for Service {
    fn running(&self) -> &Running {
        &self.running
    }
}

/// A certificate for both names by an authority of its own, and who trusts that.
fn client(authority: &Authority, gate: &Gate) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes());
    let trusting = reqwest::Client::builder().tls_certs_only([root.unwrap()]);
    let found = trusting.resolve(HOST, gate.address);
    found.resolve(PARTS, gate.address).build().unwrap()
}

impl Service {
    async fn open() -> Self {
        let (site, tool) = (Site::new(), Tool::open().await);
        let authority = Authority::new("Both names");
        let names = [HOST.to_owned(), PARTS.to_owned()];
        authority.issue_to(&names, &site.path("chain.pem"), &site.path("key.pem"));
        private(&site.path("key.pem"));
        site.configure(&format!(
            r#"[[source]]
name = "elsewhere"
networks = ["198.51.100.0/24"]
[[publish]]
url = "https://{HOST}/tool/"
to = "http://{}/"
from = ["here"] # tool
service = "other"
allow = ["some"]
# keys
[[publish]]
url = "https://{HOST}/beside/"
to = "http://{}/"
from = ["here"]
service = "other"
allow = ["some"]
[[profile]]
name = "some"
allow = ["GET /one"]
# profile
[[profile]]
name = "more"
allow = ["GET /two"]
"#,
            tool.address, tool.address
        ));
        let text = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
        let both = format!("hosts = [\"{HOST}\", \"{PARTS}\"]");
        site.write(&text.replace(&format!("hosts = [\"{HOST}\"]"), &both));
        let running = Running::start(site).await;
        let client = client(&authority, &running.gate);
        Self {
            running,
            tool,
            client,
        }
    }

    fn add(&self, keys: &str) {
        self.running.change(&[("# keys", keys)]);
    }

    fn asking(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.running.gate.url(path))
    }

    async fn get(&self, path: &str) -> u16 {
        let answer = self.asking(path).send().await.unwrap();
        answer.status().as_u16()
    }

    async fn with_header(&self, name: &str, value: &str) -> u16 {
        let asked = self.asking("/tool/one").header(name, value);
        asked.send().await.unwrap().status().as_u16()
    }

    /// What two paths are answered with.
    async fn both(&self) -> (u16, u16) {
        (self.get("/tool/one").await, self.get("/tool/two").await)
    }
}

async fn url(service: &Service) {
    let both = async || {
        (
            service.get("/tool/one").await,
            service.get("/moved/one").await,
        )
    };
    assert_eq!(both().await, (200, 404));
    service.running.change(&[("/tool/\"", "/moved/\"")]);
    assert_eq!(both().await, (404, 200));
}

async fn to(service: &Service) {
    let other = Tool::open().await;
    let before = service.tool.count();
    assert_eq!(service.get("/tool/one").await, 200);
    assert_eq!((service.tool.count(), other.count()), (before + 1, 0));
    let (from, to) = (service.tool.address, other.address);
    service
        .running
        .change(&[(&format!("http://{from}/"), &format!("http://{to}/"))]);
    assert_eq!(service.get("/tool/one").await, 200);
    assert_eq!((service.tool.count(), other.count()), (before + 1, 1));
}

async fn from(service: &Service) {
    assert_eq!(service.get("/tool/one").await, 200);
    let other = ("from = [\"here\"] # tool", "from = [\"elsewhere\"]");
    service.running.change(&[other]);
    assert_eq!(service.get("/tool/one").await, 403);
    assert_eq!(service.get("/beside/one").await, 200);
}

async fn hosts(service: &Service) {
    let other = Tool::open().await;
    let port = service.running.gate.address.port();
    let get = async || {
        let asked = service.client.get(format!("https://{PARTS}:{port}/one"));
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(get().await, 404);
    service.add(&format!(
        "hosts = {{ \"{}\" = \"{PARTS}\" }}",
        other.address
    ));
    assert_eq!(get().await, 200);
    assert_eq!(other.count(), 1);
}

fn required(name: &str, value: &str) -> String {
    format!("require_header = {{ name = \"{name}\", value = \"inline:{value}\" }}")
}

async fn header_name(service: &Service) {
    let both = async || {
        let one = service.with_header("x-one", "sesame").await;
        (one, service.with_header("x-two", "sesame").await)
    };
    service.add(&required("X-One", "sesame"));
    assert_eq!(both().await, (200, 403));
    service.add(&required("X-Two", "sesame"));
    assert_eq!(both().await, (403, 200));
}

async fn header_value(service: &Service) {
    let both = async || {
        let one = service.with_header("x-one", "sesame").await;
        (one, service.with_header("x-one", "another").await)
    };
    service.add(&required("X-One", "sesame"));
    assert_eq!(both().await, (200, 403));
    service.add(&required("X-One", "another"));
    assert_eq!(both().await, (403, 200));
}

async fn timeout(service: &Service) {
    let held = Held::open().await;
    let (from, to) = (service.tool.address.to_string(), held.address.to_string());
    service.running.change(&[(&from, &to)]);
    let asked = tokio::spawn(service.asking("/tool/one").send());
    held.holds(1).await;
    // Longer than it is to be silent then.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    held.may.add_permits(1);
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    service
        .running
        .change(&[(&from, &to), ("# keys", "timeout = \"1s\"")]);
    let answer = service.asking("/tool/one").send().await.unwrap();
    assert_eq!(answer.status(), 504);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["error"]["code"], "service_timeout");
}

/// A service that turns to WebSocket where it is asked to.
async fn live() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&buffer[..length]).to_lowercase();
            let answer: &[u8] = if asked.contains("upgrade: websocket") {
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
            } else {
                b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            };
            drop(stream.write_all(answer).await);
        }
    });
    at
}

async fn websocket(service: &Service) {
    let (from, to) = (service.tool.address.to_string(), live().await.to_string());
    let asked = async || {
        let asked = service.asking("/tool/one").header("connection", "upgrade");
        let asked = asked
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        asked.send().await.unwrap().status().as_u16()
    };
    service.running.change(&[(&from, &to)]);
    assert_eq!(asked().await, 426);
    service
        .running
        .change(&[(&from, &to), ("# keys", "websocket = true")]);
    assert_eq!(asked().await, 101);
}

async fn profile_name(service: &Service) {
    let rule = async || {
        let answer = service.asking("/tool/one").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        let record = service.running.site.audited(id).await;
        record["rule"].as_str().unwrap().to_owned()
    };
    let before = rule().await;
    assert!(before.contains("some"), "{before}");
    service.running.change(&[
        ("allow = [\"some\"]", "allow = [\"renamed\"]"),
        ("allow = [\"some\"]", "allow = [\"renamed\"]"),
        ("name = \"some\"", "name = \"renamed\""),
    ]);
    let after = rule().await;
    assert!(after.contains("renamed"), "{after}");
}

async fn profile_base(service: &Service) {
    assert_eq!(service.both().await, (200, 403));
    let base = ("# profile", "base = [\"more\"]");
    service.running.change(&[base]);
    assert_eq!(service.both().await, (200, 200));
}

async fn profile_allow(service: &Service) {
    assert_eq!(service.both().await, (200, 403));
    let other = ("allow = [\"GET /one\"]", "allow = [\"GET /two\"]");
    service.running.change(&[other]);
    assert_eq!(service.both().await, (403, 200));
}

async fn profile_deny(service: &Service) {
    assert_eq!(service.both().await, (200, 403));
    service
        .running
        .change(&[("# profile", "deny = [\"GET /one\"]")]);
    assert_eq!(service.both().await, (403, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_and_its_profiles_say_takes_effect() {
    see(&Service::open().await, ROWS).await;
}
