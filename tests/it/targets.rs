//! What a target's keys ask for happens: whom to trust, where it may be, in which order.

use crate::harness::{Got, SECRET, Site, Tool, eventually, guid, sign, skipped};
use axum::serve::Listener;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const BODY: &[u8] = br#"{"repository":{"full_name":"acme/web"}}"#;

/// Where a tool that speaks TLS listens.
pub struct Encrypted {
    pub socket: TcpListener,
    pub tls: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.socket.accept().await.unwrap();
            // One who does not trust it hangs up.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn rewrite(site: &Site, from: &str, to: &str) {
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// Why an attempt failed, once one failed for this reason.
async fn failure(site: &Site, reason: &str) -> String {
    eventually(|| {
        let audit = site.audit().into_iter();
        let mut errors = audit.filter_map(|record| Some(record["error"].as_str()?.to_owned()));
        errors.find(|error| error.contains(reason))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_trusted_by_its_own_authority_and_by_no_other() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let (site, (own, key), (other, _)) = (
        Site::new(),
        certificate("localhost"),
        certificate("localhost"),
    );
    std::fs::write(site.path("own.pem"), &own).unwrap();
    std::fs::write(site.path("other.pem"), other).unwrap();
    let chain = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tool = Tool::on(
        Encrypted {
            socket,
            tls: TlsAcceptor::from(Arc::new(tls)),
        },
        |_| 200,
    );
    site.configure_hook("", tool.address, "ca = \"other.pem\"");
    let (plain, encrypted) = (
        format!("http://{}", tool.address),
        format!("https://localhost:{}", tool.address.port()),
    );
    rewrite(&site, &plain, &encrypted);
    let gate = site.start().await;
    let answer = gate.push(&gate.client(), &guid(), BODY).send().await;
    assert_eq!(answer.unwrap().status(), 202);
    failure(&site, "no TLS with 127.0.0.1").await;
    assert_eq!(tool.count(), 0);

    // What waits is delivered as soon as the file is right.
    rewrite(&site, "other.pem", "own.pem");
    gate.signal("-HUP");
    assert_eq!(tool.one().await.body, BODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_reaches_only_addresses_that_its_target_may_be_at() {
    const UNSHARE: [[&str; 3]; 2] = [
        ["unshare", "--mount", "--"],
        ["unshare", "--map-root-user", "--mount"],
    ];
    let namespaces = UNSHARE.iter().find(|words| {
        let tried = Command::new(words[0])
            .args(&words[1..])
            .arg("true")
            .output();
        tried.is_ok_and(|out| out.status.success())
    });
    let Some(namespaces) = namespaces else {
        return skipped("a hosts file for the gateway alone, which needs a mount namespace");
    };
    let tool = Tool::open().await;
    let begin = async |site: &Site, name: &str| {
        let hosts = "127.0.0.1 inside.corp.test\n169.254.169.254 cloud.corp.test\n";
        std::fs::write(site.path("hosts"), hosts).unwrap();
        site.configure_hook("", tool.address, "");
        let at = format!("{name}:{}", tool.address.port());
        rewrite(site, &tool.address.to_string(), &at);
        let hosts = site.path("hosts");
        let script = format!("mount --bind '{}' /etc/hosts", hosts.display());
        let gate = site.start_after(namespaces, &script).await;
        let answer = gate.push(&gate.client(), &guid(), BODY).send().await;
        assert_eq!(answer.unwrap().status(), 202);
        gate
    };
    let cloud = Site::new();
    let _gate = begin(&cloud, "cloud.corp.test").await;
    let why = failure(&cloud, "a metadata service").await;
    assert!(
        why.contains("169.254.169.254") && why.contains("`allow`"),
        "{why}"
    );

    let inside = Site::new();
    let gate = begin(&inside, "inside.corp.test").await;
    let why = failure(&inside, "this machine").await;
    assert!(
        why.contains("inside.corp.test") && why.contains("`allow`"),
        "{why}"
    );
    // The address is allowed, at another port; then at its own.
    let keys = |port: u16| format!("name = \"tool\"\nallow = [\"127.0.0.0/8:{port}\"]");
    rewrite(&inside, "name = \"tool\"", &keys(1));
    gate.signal("-HUP");
    failure(&inside, "not in the target's `allow`").await;
    assert_eq!(tool.count(), 0);
    rewrite(&inside, &keys(1), &keys(tool.address.port()));
    gate.signal("-HUP");
    assert_eq!(tool.one().await.body, BODY);
}

/// A push in a repository, told apart by its number.
fn push_in(repository: &str, number: usize) -> Vec<u8> {
    format!(r#"{{"repository":{{"full_name":"{repository}"}},"number":{number}}}"#).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_repository_one_that_fails_holds_back_its_own_later_ones_and_no_others() {
    for (order, held) in [("repository", true), ("none", false)] {
        let site = Site::new();
        let (first, second) = (push_in("acme/web", 1), push_in("Acme/Web", 2));
        let other = push_in("acme/api", 3);
        let mended = Arc::new(AtomicBool::new(false));
        let (failing, works) = (first.clone(), mended.clone());
        let tool = Tool::judging(
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            move |_, got: &Got| {
                if got.body == failing && !works.load(Ordering::SeqCst) {
                    500
                } else {
                    200
                }
            },
        );
        site.configure_hook("", tool.address, &format!("order = \"{order}\""));
        let gate = site.start().await;
        let client = gate.client();
        let push = async |body: &[u8]| {
            let sent = gate.push(&client, &guid(), body).send();
            assert_eq!(sent.await.unwrap().status(), 202);
        };
        let count = |body: &[u8]| tool.all().iter().filter(|got| got.body == body).count();
        push(&first).await;
        eventually(|| (count(&first) >= 1).then_some(())).await;
        push(&second).await;
        push(&other).await;
        eventually(|| (count(&other) == 1).then_some(())).await;
        let tried = count(&first);
        eventually(|| (count(&first) >= tried + 3).then_some(())).await;
        if held {
            assert_eq!(count(&second), 0, "{order}");
        } else {
            eventually(|| (count(&second) == 1).then_some(())).await;
        }
        mended.store(true, Ordering::SeqCst);
        eventually(|| (count(&second) == 1).then_some(())).await;
        let all = tool.all();
        let at = |body: &[u8]| all.iter().rposition(|got| got.body == body).unwrap();
        assert!(!held || at(&first) < at(&second));
        assert!(
            all.iter()
                .all(|got| { got.headers["x-hub-signature-256"] == sign(SECRET, &got.body) })
        );
    }
}
