//! What is a mistake, a warning or right of a certificate.

use super::SELF_SIGNED;
use crate::config::tests::{Place, with};

#[test]
fn a_certificate_comes_from_its_files_or_is_self_signed() {
    let place = Place::new();
    place.write_certificate("a.pem", "a.key", &["hooks.example.com"]);
    place.write_certificate("b.pem", "b.key", &["hooks.example.com"]);
    place.write("text", "no PEM at all");
    place.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    );
    std::fs::create_dir(place.path("directory")).unwrap();
    let rows = [
        ("chain = \"a.pem\"\nkey = \"file:a.key\"", ""),
        (
            "chain = \"a.pem\"\nkey = \"file:b.key\"",
            "certificate[0].key: is not the key of the first certificate in `chain`",
        ),
        (
            "chain = \"a.pem\"",
            "certificate[0].key: missing; expected a secret such as `file:hooks.key`",
        ),
        (
            "chain = \"none.pem\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/none.pem` cannot be read: No such file or directory (os error 2); expected a PEM file with certificates",
        ),
        (
            "chain = \"directory\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/directory` is not a regular file; expected a PEM file with certificates",
        ),
        (
            "chain = \"text\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/text` holds no certificate; expected a PEM file with certificates",
        ),
        (
            "chain = \"broken.pem\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/broken.pem` is not well-formed PEM; expected a PEM file with certificates",
        ),
        (
            "chain = \"a.pem\"\nkey = \"file:text\"",
            "certificate[0].key: is not a private key in PEM; expected one that begins with `-----BEGIN PRIVATE KEY-----` or alike",
        ),
        (
            "self_signed = true\nchain = \"a.pem\"",
            "certificate[0].chain: has no use with `self_signed = true`; expected one or the other",
        ),
        (
            "self_signed = false",
            "certificate[0]: says nothing of where it comes from; expected `chain` and `key`, `acme`, or `self_signed = true`",
        ),
    ];
    for (origin, expected) in rows {
        let said = place.complaint(&with(SELF_SIGNED, origin));
        let said: String = said.lines().take_while(|l| *l != "1 mistake").collect();
        let said = said.splitn(3, ':').nth(2).unwrap_or_default().trim();
        assert_eq!(said, expected, "{origin}");
    }
}

#[test]
fn an_authority_is_named_wholly_and_can_be_answered() {
    let place = Place::new();
    place.write_certificate("ca.pem", "ca.key", &["ca"]);
    place.write(
        "secrets/eab",
        "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n",
    );
    place.write("secrets/odd", "not base64url at all!\n");
    let good = "directory = \"letsencrypt\", contact = \"net@example.com\"";
    let directory = "certificate[0].acme.directory";
    let expected = "expected `\"letsencrypt\"`, `\"letsencrypt-staging\"` or an https address";
    let rows = [
        (good.to_owned(), String::new()),
        (good.replace("letsencrypt", "letsencrypt-staging"), String::new()),
        (good.replace("letsencrypt", "https://ca.corp.internal:9000/acme/directory"), String::new()),
        (format!("{good}, ca = \"ca.pem\""), String::new()),
        (
            good.replace("letsencrypt", "http://ca.corp.internal/"),
            format!("{directory}: found `http://ca.corp.internal/`, {expected}"),
        ),
        (
            good.replace("letsencrypt", "letsencrpyt"),
            format!("{directory}: found `letsencrpyt`, {expected}"),
        ),
        (
            good.replace("letsencrypt", "https://a:secret@ca.corp.internal/"),
            format!("{directory}: found an address that is not fit, {expected}"),
        ),
        ("contact = \"net@example.com\"".to_owned(), format!("{directory}: missing; {expected}")),
        (
            "directory = \"letsencrypt\"".to_owned(),
            "certificate[0].acme.contact: missing; expected an e-mail address such as `net@example.com`".to_owned(),
        ),
        (
            good.replace("net@", "net?a=b@"),
            "certificate[0].acme.contact: found `net?a=b@example.com`, expected an e-mail address such as `net@example.com`".to_owned(),
        ),
        (
            format!("{good}, ca = \"none.pem\""),
            "certificate[0].acme.ca: `DIR/none.pem` cannot be read: No such file or directory (os error 2); expected a PEM file with certificates".to_owned(),
        ),
        (
            format!("{good}, eab = {{ key = \"inline:c2VjcmV0\" }}"),
            "certificate[0].acme.eab.kid: missing; expected the key's name, as the authority gave it".to_owned(),
        ),
        (
            format!("{good}, eab = {{ kid = \"a b\", key = \"inline:c2VjcmV0\" }}"),
            "certificate[0].acme.eab.kid: is empty, too long or not plain text, expected the key's name, as the authority gave it".to_owned(),
        ),
        (
            format!("{good}, eab = {{ kid = \"kid-1\" }}"),
            "certificate[0].acme.eab.key: missing; expected a secret such as `file:eab-key`".to_owned(),
        ),
        (
            format!("{good}, eab = {{ kid = \"kid-1\", key = \"inline:no base64!\" }}"),
            "certificate[0].acme.eab.key: the key of `eab` is not base64url; give it as the authority shows it".to_owned(),
        ),
    ];
    for (keys, expected) in rows {
        let said = place.complaint(&with(SELF_SIGNED, &format!("acme = {{ {keys} }}")));
        assert_eq!(first(&said), expected, "{keys}");
    }
}

#[test]
fn an_authority_needs_hosts_that_can_be_proved_and_a_listener_that_can() {
    let place = Place::new();
    let good = "directory = \"letsencrypt\", contact = \"net@example.com\"";
    let with_it = with(SELF_SIGNED, &format!("acme = {{ {good} }}"));
    let rows = [
        (
            "acme = {",
            "key = \"file:a.key\"\nacme = {",
            "certificate[0].key: has no use with `acme`; expected one or the other",
        ),
        (
            "acme = {",
            "self_signed = true\nacme = {",
            "certificate[0].acme: has no use with `self_signed = true`; expected one or the other",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"*.example.com\"]",
            "certificate[0].hosts[0]: `*.example.com` cannot be proved by a listener, only in DNS, which hubgate does not write; name each host, or use `chain` and `key`",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"hooks.example.com\", \"192.0.2.1\"]",
            "certificate[0].hosts[1]: `192.0.2.1` is an address; expected a host name",
        ),
        (
            super::LISTEN,
            "address = \"127.0.0.1:8443\"\ntls = false",
            "certificate[0].acme: no listener can answer the authority; expected one with `only = \"redirect\"` that its port 80 leads to, or one with TLS for port 443",
        ),
    ];
    for (old, new, expected) in rows {
        assert!(with_it.contains(old), "{with_it}");
        let said = place.complaint(&with_it.replace(old, new));
        assert_eq!(first(&said), expected, "{new}");
    }
}

/// The first mistake, without where it stands.
fn first(said: &str) -> String {
    let line = said.lines().find(|line| line.contains("certificate[0]"));
    let line = line.unwrap_or_default();
    line.splitn(3, ':')
        .nth(2)
        .unwrap_or_default()
        .trim()
        .to_owned()
}
