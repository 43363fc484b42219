//! The public listener, judged by a scanner of TLS.

use crate::harness::{HOST, Site, Tool, vacant};
use crate::packaging::tool;
use crate::world::Authority;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    let plain = vacant().await;
    let door = format!("[[listen]]\nname = \"plain\"\naddress = \"{plain}\"\ntls = false");
    site.configure_hook("", target.address, &door);
    let gate = site.start().await;
    let client = gate.client();
    let clear = format!("http://{plain}/hook");
    for (url, secure) in [
        (gate.url("/hook"), true),
        (gate.url("/other"), true),
        (clear, false),
    ] {
        let answer = client.get(&url).header("host", HOST).send().await.unwrap();
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
