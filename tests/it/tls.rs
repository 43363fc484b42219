//! The public listener, judged by a scanner of TLS.

use crate::harness::{HOST, Site, Tool, vacant};
use crate::packaging::tool;
use crate::world::Authority;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;

/// A certificate such as public authorities issue: for three months.
fn issue_publicly(authority: &Authority, chain: &Path, key: &Path) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut asked = CertificateParams::new([HOST.to_owned()]).unwrap();
    asked.not_before = rcgen::date_time_ymd(1970, 1, 1) + (now - DAY);
    asked.not_after = asked.not_before + 90 * DAY;
    asked.distinguished_name.push(DnType::CommonName, HOST);
    asked.use_authority_key_identifier_extension = true;
    asked.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pair = KeyPair::generate().unwrap();
    std::fs::write(chain, authority.sign(asked, &pair)).unwrap();
    std::fs::write(key, pair.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_nothing_against_the_public_listener() {
    let Some(scanner) = tool("sslyze") else {
        return;
    };
    let (site, target) = (Site::new(), Tool::open().await);
    site.configure_hook("", target.address, "");
    let authority = Authority::new("a public authority");
    let trusted = site.path("authority.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    issue_publicly(&authority, &site.path("chain.pem"), &site.path("key.pem"));
    let gate = site.start().await;
    let found = site.path("found.json");
    let scanned = Command::new(scanner)
        .args(["--mozilla_config", "intermediate", "--sni", HOST])
        .arg("--certinfo_ca_file")
        .arg(trusted)
        .arg("--json_out")
        .arg(&found)
        .arg(gate.address.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&scanned.stdout).into_owned();
    assert!(scanned.status.success(), "{said}");
    assert!(said.contains("OK - Compliant."), "{said}");

    let found = std::fs::read_to_string(found).unwrap();
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let scan = &found["server_scan_results"][0];
    assert_eq!(scan["scan_status"], "COMPLETED");
    let results = &scan["scan_result"];
    let of = |check: &str, path: &str| {
        let result = results[check]["result"].pointer(path);
        result
            .cloned()
            .unwrap_or_else(|| panic!("{check} has no {path}: {}", results[check]))
    };
    assert_eq!(of("heartbleed", "/is_vulnerable_to_heartbleed"), false);
    assert_eq!(
        of("openssl_ccs_injection", "/is_vulnerable_to_ccs_injection"),
        false
    );
    assert_eq!(of("tls_compression", "/supports_compression"), false);
    assert_eq!(of("tls_fallback_scsv", "/supports_fallback_scsv"), true);
    let renegotiation = "session_renegotiation";
    assert_eq!(of(renegotiation, "/supports_secure_renegotiation"), true);
    assert_eq!(
        of(renegotiation, "/is_vulnerable_to_client_renegotiation_dos"),
        false
    );
    assert_eq!(
        of("tls_extended_master_secret", "/supports_ems_extension"),
        true
    );
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        let check = format!("{old}_cipher_suites");
        assert_eq!(of(&check, "/accepted_cipher_suites"), serde_json::json!([]));
    }
    for new in ["tls_1_2", "tls_1_3"] {
        let check = format!("{new}_cipher_suites");
        let accepted = of(&check, "/accepted_cipher_suites");
        assert_eq!(accepted.as_array().unwrap().len(), 3, "{accepted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_its_own_tell_browsers_to_guess_nothing_and_load_nothing() {
    let (site, target) = (Site::new(), Tool::open().await);
    let (plain, moving) = (vacant().await, vacant().await);
    let doors = format!(
        "[[listen]]\nname = \"plain\"\naddress = \"{plain}\"\ntls = false\n\
         [[listen]]\nname = \"moving\"\naddress = \"{moving}\"\ntls = false\nonly = \"redirect\""
    );
    site.configure_hook("", target.address, &doors);
    let gate = site.start().await;
    let client = gate.client();
    let challenge = format!("http://{moving}/.well-known/acme-challenge/x");
    for (url, status, secure) in [
        (gate.url("/hook"), 405, true),
        (gate.url("/other"), 404, true),
        // With a head over 64 KiB, which never reaches a route.
        (gate.url("/large"), 431, false),
        (format!("http://{plain}/hook"), 405, false),
        (format!("http://{moving}/hook"), 308, false),
        (challenge, 404, false),
    ] {
        let filling = "a".repeat(if status == 431 { 65 << 10 } else { 1 });
        let asked = client.get(&url).header("host", HOST);
        let answer = asked.header("x-filling", filling).send().await.unwrap();
        assert_eq!(answer.status(), status, "{url}");
        let of = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(of("x-content-type-options"), Some("nosniff"), "{url}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(of("content-security-policy"), Some(policy), "{url}");
        let held = secure.then_some("max-age=31536000");
        assert_eq!(of("strict-transport-security"), held, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_chooses_the_cipher_and_not_the_client() {
    let (site, target) = (Site::new(), Tool::open().await);
    site.configure_hook("", target.address, "");
    let authority = Authority::new("a public authority");
    issue_publicly(&authority, &site.path("chain.pem"), &site.path("key.pem"));
    let gate = site.start().await;
    for (version, chosen) in [
        (
            &rustls::version::TLS12,
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (&rustls::version::TLS13, "TLS13_AES_128_GCM_SHA256"),
    ] {
        let mut provider = aws_lc_rs::default_provider();
        // ChaCha20 first, AES with 128 bits last of each version.
        provider.cipher_suites.sort_by_key(|suite| {
            let name = format!("{:?}", suite.suite());
            (name.contains("AES"), name.contains("AES_128"))
        });
        let mut roots = rustls::RootCertStore::empty();
        let pem = authority.pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(gate.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(HOST).unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        let suite = stream.get_ref().1.negotiated_cipher_suite().unwrap();
        assert_eq!(format!("{:?}", suite.suite()), chosen);
    }
}
