//! A gateway in a directory of its own, a target that records, and a client that signs.

use axum::serve::Listener;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const SECRET: &str = "correct horse battery staple";
pub const HOST: &str = "hooks.example.test";

/// The directory of a gateway: configuration, certificate, state. Outlives its processes.
pub struct Site {
    dir: tempfile::TempDir,
    certificate: String,
}

impl Site {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let site = Self { dir, certificate };
        std::fs::write(site.path("chain.pem"), &site.certificate).unwrap();
        let key = site.path("key.pem");
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        private(&key);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn configure(&self, rest: &str) {
        let at = self.dir.path().display();
        let text = format!(
            r#"insecure_inline_secrets = true
[gateway]
state_dir = "{at}/state"
drain = "5s"
[[listen]]
name = "public"
address = "127.0.0.1:0"
[[certificate]]
hosts = ["{HOST}"]
chain = "{at}/chain.pem"
key = "file:{at}/key.pem"
[[source]]
name = "here"
networks = ["127.0.0.0/8"]
[admin]
socket = "{at}/admin.sock"
[audit]
file = "{at}/audit.jsonl"
{rest}
"#
        );
        self.write(&text);
    }

    /// The whole configuration.
    pub fn write(&self, text: &str) {
        std::fs::write(self.path("hubgate.toml"), text).unwrap();
    }

    /// One route at `/hook` with one target, and more of its keys.
    pub fn configure_hook(&self, keys: &str, target: SocketAddr, target_keys: &str) {
        self.configure(&format!(
            r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
{keys}
[[webhook.to]]
name = "tool"
url = "http://{target}/in"
attempts = {{ for = "1h", first = "10ms", most = "50ms" }}
{target_keys}
"#
        ));
    }

    pub fn hubgate(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .args(arguments)
            .output()
            .unwrap()
    }

    pub fn status(&self) -> Option<Value> {
        let socket = self.path("admin.sock");
        let out = self.hubgate(&["status", "--json", "--socket", socket.to_str().unwrap()]);
        serde_json::from_slice(&out.stdout).ok()
    }

    pub async fn start(&self) -> Gate {
        self.start_as(Command::new(env!("CARGO_BIN_EXE_hubgate")))
            .await
    }

    /// Starts it by a shell that does this first, in namespaces of its own where they are named.
    pub async fn start_after(&self, namespaces: &[&str], script: &str) -> Gate {
        let mut words: Vec<&str> = namespaces.to_vec();
        let script = format!("{script}; exec \"$0\" \"$@\"");
        words.extend(["sh", "-ec", &script, env!("CARGO_BIN_EXE_hubgate")]);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        self.start_as(command).await
    }

    /// Starts it with the time that this file says, such as `+3600`, whenever it looks at a clock;
    /// none where what turns it is not installed.
    pub async fn start_turned(&self, clock: &Path) -> Option<Gate> {
        let mut places = std::fs::read_dir("/usr/lib").unwrap().flatten();
        let library = places.find_map(|place| {
            let library = place.path().join("faketime/libfaketimeMT.so.1");
            library.exists().then_some(library)
        });
        let Some(library) = library else {
            skipped("faketime is not installed");
            return None;
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_hubgate"));
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", clock)
            .env("FAKETIME_NO_CACHE", "1")
            // Files keep the times that they have.
            .env("NO_FAKE_STAT", "1");
        Some(self.start_as(command).await)
    }

    async fn start_as(&self, mut command: Command) -> Gate {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let mut child = command
            .args(["run", "--config"])
            .arg(self.path("hubgate.toml"))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(ended) = child.try_wait().unwrap() {
                panic!("the gateway ended with {ended}: {}", self.log());
            }
            let found = self
                .status()
                .and_then(|status| status["listeners"][0]["address"].as_str()?.parse().ok());
            if let Some(address) = found {
                return Gate {
                    child,
                    address,
                    certificate: self.certificate.clone(),
                };
            }
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("audit.jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The audit record of the request with this id, once it is written.
    pub async fn audited(&self, request: &str) -> Value {
        eventually(|| {
            self.audit()
                .into_iter()
                .find(|record| record["request_id"] == request && record["kind"] == "request")
        })
        .await
    }
}

/// Says why a test did not run; in CI that is a failure.
pub fn skipped(why: &str) {
    assert!(std::env::var("CI").is_err(), "cannot be tested: {why}");
    eprintln!("skipped: {why}; tests/tools/setup says how to get it");
}

pub fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// An address where nobody listens until the test does. It is no other test's: a port of 127.0.0.1
/// that is free now may be somebody's own end of a connection when it is wanted.
pub async fn vacant() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let nth = NEXT.fetch_add(1, Ordering::SeqCst);
    let own = Ipv4Addr::new(127, 64 | (high & 63), low, nth);
    let held = tokio::net::TcpListener::bind((own, 0)).await.unwrap();
    held.local_addr().unwrap()
}

/// Asks until there is an answer; the deadline is only there to fail, and long enough for programs
/// that read megabytes before they listen, on a machine that is busy.
pub async fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A running gateway; killed when it goes.
pub struct Gate {
    child: Child,
    pub address: SocketAddr,
    certificate: String,
}

impl Gate {
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub async fn ended(&mut self) -> std::process::ExitStatus {
        eventually(|| self.child.try_wait().unwrap()).await
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> reqwest::Client {
        self.client_builder().build().unwrap()
    }

    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap()])
            .resolve(HOST, self.address)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.address.port())
    }

    /// A push to `/hook`, as GitHub sends it.
    pub fn push(
        &self,
        client: &reqwest::Client,
        guid: &str,
        body: &[u8],
    ) -> reqwest::RequestBuilder {
        client
            .post(self.url("/hook"))
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/044aadd")
            .header("x-github-event", "push")
            .header("x-github-delivery", guid)
            .header("x-github-hook-id", "292430182")
            .header("x-hub-signature-256", sign(SECRET, body))
            .body(body.to_vec())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let hex: String = aws_lc_rs::hmac::sign(&key, body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}

pub fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What a target was given.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A tool that records and answers as it is told.
#[derive(Clone)]
pub struct Tool {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Tool {
    /// Answers every request with 200.
    pub async fn open() -> Self {
        Self::answering(|_| 200).await
    }

    /// Answers the nth request, from 0, as `answer` says.
    pub async fn answering(answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(socket, answer)
    }

    pub fn on(
        socket: impl Listener<Addr = SocketAddr>,
        answer: impl Fn(usize) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self::judging(socket, move |nth, _| answer(nth))
    }

    /// Answers by what it is given, too.
    pub fn judging(
        socket: impl Listener<Addr = SocketAddr>,
        answer: impl Fn(usize, &Got) -> u16 + Send + Sync + 'static,
    ) -> Self {
        let address = socket.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (record, answer) = (got.clone(), Arc::new(answer));
        let app = axum::Router::new()
            .fallback(
                move |head: axum::http::request::Parts, body: axum::body::Bytes| {
                    let text = |value: &axum::http::HeaderValue| {
                        String::from_utf8_lossy(value.as_bytes()).into_owned()
                    };
                    let one = Got {
                        path: head.uri.path().to_owned(),
                        headers: head
                            .headers
                            .iter()
                            .map(|(name, value)| (name.to_string(), text(value)))
                            .collect(),
                        body: body.to_vec(),
                    };
                    let status = {
                        let mut all = record.lock().unwrap();
                        let status = answer(all.len(), &one);
                        all.push(one);
                        status
                    };
                    async move {
                        (
                            axum::http::StatusCode::from_u16(status).unwrap(),
                            "the tool's answer",
                        )
                    }
                },
            )
            .layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
        Self { address, got }
    }

    pub fn all(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    pub async fn one(&self) -> Got {
        eventually(|| self.got.lock().unwrap().first().cloned()).await
    }
}
