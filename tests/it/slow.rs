//! Slow clients by the thousand do not stop ordinary requests, and memory stays bounded.
//!
//! Debian's slowhttptest names no host in its TLS handshake, which the gateway refuses at once; so
//! it speaks plainly to a relay here, which opens a TLS connection with the name for each of its
//! own and passes on each byte when it comes.

use crate::harness::{Gate, SECRET, Site, Tool, eventually, guid, private, sign, skipped};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 1_000;
const SECONDS: u64 = 15;
/// A thousand connections may take this much more memory than none: 128 KiB each, in a build
/// without optimisation.
const MOST_GROWTH: u64 = 128 << 10;

/// Kibibytes of memory that a process holds, or held at most.
fn memory(process: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.and_then(|text| text.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// Connections that were opened to the gateway, and those of them that are open now.
#[derive(Default)]
struct Opened {
    all: AtomicUsize,
    most: AtomicUsize,
    now: AtomicUsize,
}

/// Where slowhttptest connects to.
async fn relay(
    gate: SocketAddr,
    certificate: CertificateDer<'static>,
) -> (SocketAddr, Arc<Opened>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let opened = Arc::new(Opened::default());
    let counted = opened.clone();
    tokio::spawn(async move {
        while let Ok((mut slow, _)) = door.accept().await {
            let (tls, opened) = (tls.clone(), counted.clone());
            tokio::spawn(async move {
                let Ok(plain) = TcpStream::connect(gate).await else {
                    return;
                };
                let name = "localhost".try_into().unwrap();
                let Ok(mut gate) = tls.connect(name, plain).await else {
                    return;
                };
                opened.all.fetch_add(1, Ordering::Relaxed);
                let now = opened.now.fetch_add(1, Ordering::Relaxed) + 1;
                opened.most.fetch_max(now, Ordering::Relaxed);
                // Small buffers, so that a slow reader is slow towards the gateway too.
                let both = tokio::io::copy_bidirectional_with_sizes(&mut slow, &mut gate, 512, 512);
                drop(both.await);
                opened.now.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    (address, opened)
}

/// The ordinary route again at `localhost`, which is the host that slowhttptest asks for.
fn configure(site: &Site, tool: SocketAddr) -> CertificateDer<'static> {
    site.configure_hook("", tool, "");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(site.path("local.pem"), made.cert.pem()).unwrap();
    let key = site.path("local.key");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    private(&key);
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = format!(
        r#"[[certificate]]
hosts = ["localhost"]
chain = "{}"
key = "file:{}"
[[webhook]]
url = "https://localhost/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "nobody"
url = "http://{tool}/slow"
"#,
        site.path("local.pem").display(),
        key.display()
    );
    std::fs::write(&file, text + &more).unwrap();
    made.cert.der().clone()
}

fn elsewhere(gate: &Gate) -> reqwest::Client {
    gate.client_builder()
        .local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// Ordinary requests go through while `attack` does.
async fn ordinary_requests_go_on(attack: &[&str], at_once: usize) {
    if Command::new("slowhttptest").arg("-h").output().is_err() {
        return skipped("slowhttptest is not installed");
    }
    let (site, tool) = (Site::new(), Tool::open().await);
    let certificate = configure(&site, tool.address);
    let gate = site.start().await;
    let client = elsewhere(&gate);
    let body = br#"{"repository":{"full_name":"acme/web"}}"#;
    let first = gate.push(&client, &guid(), body).send().await.unwrap();
    assert_eq!(first.status(), 202);
    let before = memory(gate.process(), "VmRSS:");

    let (at, opened) = relay(gate.address, certificate).await;
    let (connections, seconds) = (CONNECTIONS.to_string(), SECONDS.to_string());
    let mut slow = Command::new("slowhttptest")
        .args(["-c", &connections, "-r", "400", "-l", &seconds])
        .args(attack)
        .args(["-u", &format!("http://localhost:{}/hook", at.port())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut sent, mut longest) = (1_usize, Duration::ZERO);
    while slow.try_wait().unwrap().is_none() {
        let began = Instant::now();
        let answer = gate.push(&client, &guid(), body).send().await;
        longest = longest.max(began.elapsed());
        assert_eq!(answer.unwrap().status(), 202, "after {sent}");
        sent += 1;
    }
    let grown = memory(gate.process(), "VmHWM:").saturating_sub(before);
    let (all, most) = (
        opened.all.load(Ordering::Relaxed),
        opened.most.load(Ordering::Relaxed),
    );
    eprintln!(
        "{attack:?}: {all} slow connections, {most} at once; {sent} ordinary ones, the longest took {longest:?}; memory grew by {grown} KiB"
    );
    assert!(tool.all().iter().all(|got| got.path == "/in"));
    assert!(all >= CONNECTIONS / 2, "only {all} slow connections");
    assert!(most >= at_once, "only {most} at once");
    assert!(sent > 50, "only {sent} ordinary requests");
    assert!(grown < MOST_GROWTH, "memory grew by {grown} KiB");
    eventually(|| (tool.count() >= sent).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_stop_nobody_else() {
    ordinary_requests_go_on(&["-H", "-i", "3", "-x", "24"], CONNECTIONS * 9 / 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_stop_nobody_else() {
    // It offers no way to name headers but the cookie; with those of a delivery the gateway waits
    // for the body.
    let delivery = format!(
        "a=b\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: {}",
        guid(),
        sign("another secret", b"{}")
    );
    let attack = [
        "-B",
        "-i",
        "3",
        "-x",
        "10",
        "-s",
        "8192",
        "-f",
        "application/json",
    ];
    ordinary_requests_go_on(
        &[&attack[..], &["-j", &delivery]].concat(),
        CONNECTIONS * 9 / 10,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_stop_nobody_else() {
    let attack = [
        "-X", "-w", "1", "-y", "16", "-n", "2", "-z", "4", "-k", "10",
    ];
    // Each ends when it has its answers.
    ordinary_requests_go_on(&attack, 1).await;
}
