//! Certificates that an authority issues: asked for, served, renewed, kept, and what happens where
//! that does not work.

mod away;
pub mod pebble;
mod relay;
mod strangers;
mod turned;
mod windows;

use crate::harness::{Gate, Site, eventually};
use pebble::{Pebble, Ports};
use relay::Relay;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use turned::{Bench, hours};

pub const HOSTS: [&str; 2] = ["hooks.example.com", "ghe.example.com"];

/// Which doors there are.
#[derive(Clone, Copy, PartialEq)]
pub enum Doors {
    Both,
    TlsOnly,
}

/// A gate with one certificate for both hosts, and a route that only `from` may use.
pub fn configure(site: &Site, ports: Ports, doors: Doors, certificates: &str, from: &str) {
    let at = site.path("").display().to_string();
    let at = at.trim_end_matches('/');
    let (tls, http) = (ports.tls, ports.http);
    let plain = match doors {
        Doors::Both => format!(
            "[[listen]]\nname = \"plain\"\naddress = \"{http}\"\ntls = false\nonly = \"redirect\""
        ),
        Doors::TlsOnly => String::new(),
    };
    site.write(&format!(
        r#"insecure_inline_secrets = true
[gateway]
state_dir = "{at}/state"
drain = "1s"
[[listen]]
name = "public"
address = "{tls}"
{plain}
{certificates}
[[source]]
name = "here"
networks = ["{from}"]
[[webhook]]
url = "https://{}/hook"
from = ["here"]
secrets = ["inline:correct horse battery staple"]
[[webhook.to]]
name = "tool"
url = "http://127.0.0.1:9/in"
[admin]
socket = "{at}/admin.sock"
[audit]
file = "{at}/audit.jsonl"
"#,
        HOSTS[0]
    ));
}

pub fn certificate(hosts: &[&str], keys: &str) -> String {
    format!("[[certificate]]\nhosts = {hosts:?}\n{keys}\n")
}

/// What the gate says of the certificate for a host.
pub fn shown(site: &Site, host: &str) -> Option<Value> {
    let socket = site.path("admin.sock");
    let out = site.hubgate(&["cert", "--json", "--socket", socket.to_str().unwrap()]);
    let all: Vec<Value> = serde_json::from_slice(&out.stdout).ok()?;
    all.into_iter()
        .find(|one| one["hosts"].as_array().unwrap().iter().any(|it| it == host))
}

pub async fn issued(site: &Site) -> Value {
    eventually(|| {
        shown(site, HOSTS[0]).filter(|one| one["origin"] == "acme" && one["stands_in"] == false)
    })
    .await
}

pub fn renew(site: &Site, arguments: &[&str]) -> std::process::Output {
    let socket = site.path("admin.sock");
    let words = [
        &["cert", "renew"],
        arguments,
        &["--socket", socket.to_str().unwrap()],
    ];
    site.hubgate(&words.concat())
}

pub fn trusting(root: &str, protocols: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap())
        .unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

pub async fn connect(
    gate: &Gate,
    config: Arc<rustls::ClientConfig>,
    host: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let plain = TcpStream::connect(gate.address).await?;
    let tls = tokio_rustls::TlsConnector::from(config);
    tls.connect(host.try_into().unwrap(), plain).await
}

/// The leaf that is served for a host, to one who trusts `root` only.
pub async fn leaf(gate: &Gate, root: &str, host: &'static str) -> Vec<u8> {
    let stream = connect(gate, trusting(root, &[]), host).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

async fn plain(ports: Ports, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(ports.http).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_issued_by_http_01_and_used_again_after_a_restart() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let Some(mut pebble) = Pebble::start(ports, "").await else {
        return;
    };
    let keys = certificate(&HOSTS, &pebble.keys(""));
    configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
    let mut gate = site.start().await;
    let one = issued(&site).await;
    assert_eq!(one["last_error"], Value::Null);
    assert!(one["next_attempt"].is_string() && one["days_left"].as_i64().unwrap() > 30);
    let root = pebble.root().await;
    let first = leaf(&gate, &root, HOSTS[0]).await;
    assert_eq!(first, leaf(&gate, &root, HOSTS[1]).await);
    let log = pebble.log();
    assert!(log.contains("/.well-known/acme-challenge/"), "{log}");
    // What no order is waiting for is refused, whoever's it is; all else goes to https.
    for (host, token) in [
        (HOSTS[0], "abc"),
        (HOSTS[0], ""),
        ("other.example.com", "abc"),
    ] {
        let answer = plain(ports, host, &format!("/.well-known/acme-challenge/{token}")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.contains("unknown_challenge"), "{answer}");
    }
    for path in ["/", "/.well-known/security.txt"] {
        let answer = plain(ports, HOSTS[0], path).await;
        let moved = format!("ocation: https://{}{path}\r\n", HOSTS[0]);
        assert!(
            answer.starts_with("HTTP/1.1 308") && answer.contains(&moved),
            "{answer}"
        );
    }

    let mut kept = Vec::new();
    for entry in std::fs::read_dir(site.path("state/acme")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        kept.push(entry.file_name().into_string().unwrap());
    }
    kept.sort();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[0].starts_with("account-") && kept[1].starts_with("ghe.example.com-"));

    // The authority is away: nothing is asked of it.
    gate.kill();
    pebble.stop();
    let gate = site.start().await;
    let two = issued(&site).await;
    assert_eq!(two["not_after"], one["not_after"]);
    assert_eq!(two["last_error"], Value::Null);
    assert_eq!(leaf(&gate, &root, HOSTS[0]).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_alpn_01_is_answered_to_whoever_looks_and_nothing_else_is() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let Some(pebble) = Pebble::start(ports, "").await else {
        return;
    };
    let keys = certificate(&HOSTS, &pebble.keys(""));
    // Nobody here may use the route: neither the authority nor the test.
    configure(&site, ports, Doors::TlsOnly, &keys, "192.0.2.0/24");
    let gate = site.start().await;
    issued(&site).await;
    let root = pebble.root().await;
    for protocols in [&[][..], &[&b"http/1.1"[..]], &[&b"acme-tls/1"[..]]] {
        assert!(
            connect(&gate, trusting(&root, protocols), HOSTS[0])
                .await
                .is_err()
        );
    }
    let dropped = |record: &Value| record["reason"] == "source_not_allowed";
    eventually(|| site.audit().into_iter().find(dropped)).await;
    // Those who may use it are served what was issued.
    configure(&site, ports, Doors::TlsOnly, &keys, "127.0.0.0/8");
    let socket = site.path("admin.sock");
    let reloaded = site.hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    leaf(&gate, &root, HOSTS[1]).await;
    // One who asks for a challenge's certificate is refused where there is no challenge.
    let asked = trusting(&root, &[b"acme-tls/1"]);
    assert!(connect(&gate, asked, HOSTS[0]).await.is_err());
    let refused = |record: &Value| record["reason"] == "unknown_challenge";
    eventually(|| site.audit().into_iter().find(refused)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_http_01_fails_tls_alpn_01_is_tried() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    // Port 80 leads to somewhere else.
    let elsewhere = Ports {
        http: Ports::vacant().await.http,
        ..ports
    };
    let Some(pebble) = Pebble::start(elsewhere, "").await else {
        return;
    };
    let keys = certificate(&HOSTS, &pebble.keys(""));
    configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
    let gate = site.start().await;
    issued(&site).await;
    leaf(&gate, &pebble.root().await, HOSTS[0]).await;
    assert!(site.log().contains("http-01 failed"), "{}", site.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_under_steady_load_fail_no_handshake() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let Some(pebble) = Pebble::start(ports, "").await else {
        return;
    };
    let keys = certificate(&HOSTS, &pebble.keys(""));
    configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
    let gate = Arc::new(site.start().await);
    issued(&site).await;
    let root = pebble.root().await;
    let mut last = leaf(&gate, &root, HOSTS[0]).await;
    let over = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            // Sessions are resumed, too.
            let (gate, over, config) = (gate.clone(), over.clone(), trusting(&root, &[]));
            tokio::spawn(async move {
                let mut shaken = 0;
                while !over.load(Ordering::Acquire) {
                    let stream = connect(&gate, config.clone(), HOSTS[1]).await;
                    stream.unwrap().shutdown().await.unwrap();
                    shaken += 1;
                }
                shaken
            })
        })
        .collect();
    for arguments in [&[][..], &[HOSTS[0]], &[HOSTS[1]]] {
        let renewed = tokio::task::block_in_place(|| renew(&site, arguments));
        let said = String::from_utf8_lossy(&renewed.stdout).into_owned();
        assert!(renewed.status.success(), "{renewed:?} {}", site.log());
        assert!(said.contains("renewed, good until 20"), "{said}");
        let next = leaf(&gate, &root, HOSTS[0]).await;
        assert_ne!(next, last);
        last = next;
    }
    over.store(true, Ordering::Release);
    for one in load {
        assert!(one.await.unwrap() > 10);
    }
    // They are written a moment after.
    let renewals = || -> Vec<String> {
        let audited = site.audit().into_iter();
        let of_renewals = audited.filter(|record| record["action"] == "renew_certificates");
        let outcome = |record: serde_json::Value| record["outcome"].as_str().unwrap().to_owned();
        of_renewals.map(outcome).collect()
    };
    let all = eventually(|| Some(renewals()).filter(|all| all.len() >= 3)).await;
    let expected = ["all: ok", "hooks.example.com: ok", "ghe.example.com: ok"];
    assert_eq!(all, expected);
    let unknown = renew(&site, &["other.example.com"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        !unknown.status.success() && said.contains("no authority issues"),
        "{said}"
    );
}

/// `/metrics`, over the socket.
async fn metrics(site: &Site) -> String {
    let mut stream = tokio::net::UnixStream::connect(site.path("admin.sock"))
        .await
        .unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_authority_is_away_what_is_there_is_served() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let Some(mut pebble) = Pebble::start(ports, "").await else {
        return;
    };
    pebble.stop();
    let keys = certificate(&HOSTS, &pebble.keys(""));
    configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
    let gate = site.start().await;
    // Before the first one: a self-signed one stands in, and it is said why.
    let one =
        eventually(|| shown(&site, HOSTS[0]).filter(|one| one["last_error"].is_string())).await;
    assert_eq!(
        (&one["stands_in"], &one["origin"]),
        (&true.into(), &"acme".into())
    );
    assert!(
        one["issuer"].as_str().unwrap().contains("self-signed"),
        "{one}"
    );
    assert!(
        one["last_error"].as_str().unwrap().contains("cannot reach"),
        "{one}"
    );
    let status = site.status().unwrap();
    assert_eq!(status["ready"], true);
    assert!(
        status["warnings"]
            .to_string()
            .contains("no certificate was issued yet"),
        "{status}"
    );

    pebble.again().await;
    let renewed = renew(&site, &[]);
    assert!(renewed.status.success(), "{renewed:?}");
    let root = pebble.root().await;
    let first = leaf(&gate, &root, HOSTS[0]).await;

    pebble.stop();
    let failed = renew(&site, &[HOSTS[0]]);
    assert_eq!(failed.status.code(), Some(1));
    let said = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert!(said.contains("NOT renewed: cannot reach"), "{said}");
    let one = shown(&site, HOSTS[0]).unwrap();
    assert_eq!(one["stands_in"], false);
    assert!(
        one["last_error"].is_string() && one["next_attempt"].is_string(),
        "{one}"
    );
    assert_eq!(leaf(&gate, &root, HOSTS[0]).await, first);
    let measured = metrics(&site).await;
    let hosts = "hosts=\"hooks.example.com, ghe.example.com\"";
    for line in [
        format!("hubgate_certificate_orders_total{{{hosts},outcome=\"failed\"}} 2\n"),
        format!("hubgate_certificate_orders_total{{{hosts},outcome=\"issued\"}} 1\n"),
        format!("hubgate_certificate_not_after_seconds{{{hosts}}} "),
    ] {
        assert!(measured.contains(&line), "{line} {measured}");
    }

    // It comes again and has forgotten us.
    pebble.again().await;
    let renewed = renew(&site, &[]);
    assert!(renewed.status.success(), "{renewed:?} {}", site.log());
    leaf(&gate, &pebble.root().await, HOSTS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_to_one_that_the_authority_knows() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let known = format!(
        r#","externalAccountBindingRequired":true,"externalAccountMACKeys":{{"kid-1":"{key}"}}"#
    );
    let Some(pebble) = Pebble::start(ports, &known).await else {
        return;
    };
    let keys = certificate(&HOSTS, &pebble.keys(""));
    configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
    let gate = site.start().await;
    let one =
        eventually(|| shown(&site, HOSTS[0]).filter(|one| one["last_error"].is_string())).await;
    let why = one["last_error"].as_str().unwrap().to_lowercase();
    assert!(why.contains("external"), "{why}");

    let bound = pebble.keys(&format!(
        ", eab = {{ kid = \"kid-1\", key = \"inline:{key}\" }}"
    ));
    configure(
        &site,
        ports,
        Doors::Both,
        &certificate(&HOSTS, &bound),
        "127.0.0.0/8",
    );
    gate.signal("-HUP");
    issued(&site).await;
    leaf(&gate, &pebble.root().await, HOSTS[0]).await;
    let log = site.log();
    assert!(!log.contains(key) && !log.contains("PRIVATE"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_adds_changes_and_removes() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let Some(mut pebble) = Pebble::start(ports, "").await else {
        return;
    };
    let reload = |certificates: &str| {
        configure(&site, ports, Doors::Both, certificates, "127.0.0.0/8");
        let socket = site.path("admin.sock");
        let out = site.hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
        assert!(out.status.success(), "{out:?}");
    };
    let own = certificate(&HOSTS, "self_signed = true");
    configure(&site, ports, Doors::Both, &own, "127.0.0.0/8");
    let gate = site.start().await;
    assert_eq!(shown(&site, HOSTS[0]).unwrap()["origin"], "self_signed");

    reload(&certificate(&HOSTS, &pebble.keys("")));
    issued(&site).await;
    let root = pebble.root().await;
    let first = leaf(&gate, &root, HOSTS[0]).await;

    // The same again changes nothing; fewer hosts are another certificate, and the one before
    // stands in as long as that takes.
    reload(&certificate(&HOSTS, &pebble.keys("")));
    assert_eq!(leaf(&gate, &root, HOSTS[0]).await, first);
    pebble.stop();
    reload(&certificate(&HOSTS[..1], &pebble.keys("")));
    let one = shown(&site, HOSTS[0]).unwrap();
    assert_eq!(one["stands_in"], true);
    assert_eq!(leaf(&gate, &root, HOSTS[0]).await, first);

    // It is wanted no more: nothing is asked for it.
    reload(&own);
    let one = shown(&site, HOSTS[0]).unwrap();
    assert_eq!(
        (&one["origin"], &one["next_attempt"]),
        (&"self_signed".into(), &Value::Null)
    );
    assert!(!renew(&site, &[HOSTS[0]]).status.success());
    // What was issued is there still.
    reload(&certificate(&HOSTS, &pebble.keys("")));
    assert_eq!(leaf(&gate, &root, HOSTS[0]).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_refuses_good_nonces_is_asked_again() {
    for (doors, reused) in [(Doors::Both, 0), (Doors::TlsOnly, 0), (Doors::Both, 100)] {
        let (site, ports) = (Site::new(), Ports::vacant().await);
        let Some(mut pebble) = Pebble::start(ports, "").await else {
            return;
        };
        pebble.stop();
        pebble.reused = reused;
        pebble.again().await;
        let relay = Relay::start(&pebble).await;
        let keys = certificate(&HOSTS, &relay.keys());
        configure(&site, ports, doors, &keys, "127.0.0.0/8");
        let gate = site.start().await;
        issued(&site).await;
        let root = pebble.root().await;
        let first = leaf(&gate, &root, HOSTS[0]).await;
        // With so many requests some are refused.
        let mut renewed = 0;
        while renewed < 3 || relay.book().refused_nonces < 3 {
            let done = renew(&site, &[]);
            assert!(done.status.success(), "{done:?} {}", site.log());
            renewed += 1;
        }
        assert_ne!(leaf(&gate, &root, HOSTS[0]).await, first);
        // Whether it looked in each order, or remembered.
        let log = pebble.log();
        let looks = log.matches("Pulled a task from the Tasks queue").count();
        if reused == 0 {
            assert!(looks >= HOSTS.len() * (1 + renewed), "{looks} {log}");
        } else {
            assert!(looks < HOSTS.len() * (1 + renewed), "{looks} {log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_any_more_goes_a_month_after_its_end() {
    // Ten days.
    let life = ",\"certificateValidityPeriod\":864000";
    let Some(mut bench) = Bench::open(life, |_| ()).await else {
        return;
    };
    bench.once(|one| one["stands_in"] == false).await;
    let kept = |bench: &Bench| {
        let entries = std::fs::read_dir(bench.site.path("state/acme")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let (accounts, certificates): (Vec<_>, Vec<_>) =
            names.partition(|name| name.starts_with("account-"));
        (accounts.len(), certificates.len())
    };
    let reload = |bench: &Bench| {
        let socket = bench.site.path("admin.sock");
        let words = ["reload", "--socket", socket.to_str().unwrap()];
        let out = bench.site.hubgate(&words);
        assert!(out.status.success(), "{out:?}");
    };
    let own = certificate(&HOSTS, "self_signed = true");
    configure(&bench.site, bench.ports, Doors::Both, &own, "127.0.0.0/8");
    reload(&bench);
    bench.turn(hours(39 * 24));
    reload(&bench);
    assert_eq!(kept(&bench), (1, 1));
    bench.turn(hours(2 * 24));
    reload(&bench);
    assert_eq!(kept(&bench), (1, 0));
    let logged = bench.logged("a certificate was removed");
    assert_eq!(logged.len(), 1, "{logged:?}");
    let file = logged[0]["file"].as_str().unwrap();
    assert!(file.contains("/state/acme/ghe.example.com-"), "{file}");
}
