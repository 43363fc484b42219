//! Slow clients by the thousand do not stop ordinary requests, and memory stays bounded.
//!
//! Debian's slowhttptest names no host in its TLS handshake, which the gateway refuses at once; so
//! it speaks plainly to a relay here, which opens a TLS connection with the name for each of its
//! own and passes on each byte when it comes.

use crate::harness::{Gate, HOST, Site, Tool, eventually, guid, skipped, sign};
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
async fn relay(gate: SocketAddr, certificate: &str) -> (SocketAddr, Arc<Opened>) {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    let certificate = rustls_pki_types::CertificateDer::from_pem_slice(certificate.as_bytes());
    roots.add(certificate.unwrap()).unwrap();
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
                let name = HOST.try_into().unwrap();
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

fn elsewhere(gate: &Gate) -> reqwest::Client {
    gate.client_builder()
        .local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// Ordinary requests go through while `attack` does.
async fn ordinary_requests_go_on(attack: &[&str]) {
    if Command::new("slowhttptest").arg("-h").output().is_err() {
        return skipped("slowhttptest is not installed");
    }
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    let client = elsewhere(&gate);
    let body = br#"{"repository":{"full_name":"acme/web"}}"#;
    let first = gate.push(&client, &guid(), body).send().await.unwrap();
    assert_eq!(first.status(), 202);
    let before = memory(gate.process(), "VmRSS:");

    let (at, opened) = relay(gate.address, gate.certificate()).await;
    let (connections, seconds) = (CONNECTIONS.to_string(), SECONDS.to_string());
    let mut slow = Command::new("slowhttptest")
        .args(["-c", &connections, "-r", "400", "-l", &seconds])
        .args(attack)
        .args(["-u", &format!("http://{at}/hook")])
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
    assert!(all >= CONNECTIONS / 2, "only {all} slow connections");
    assert!(sent > 50, "only {sent} ordinary requests");
    assert!(grown < MOST_GROWTH, "memory grew by {grown} KiB");
    eventually(|| (tool.count() >= sent).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_stop_nobody_else() {
    ordinary_requests_go_on(&["-H", "-i", "3", "-x", "24"]).await;
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
    let attack = ["-B", "-i", "3", "-x", "10", "-s", "8192", "-f", "application/json"];
    ordinary_requests_go_on(&[&attack[..], &["-j", &delivery]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_stop_nobody_else() {
    let attack = ["-X", "-w", "1", "-y", "16", "-n", "2", "-z", "4", "-k", "20"];
    ordinary_requests_go_on(&attack).await;
}
