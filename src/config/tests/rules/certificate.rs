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
            "certificate[0]: says nothing of where it comes from; expected `chain` and `key`, or `self_signed = true`",
        ),
    ];
    for (origin, expected) in rows {
        let said = place.complaint(&with(SELF_SIGNED, origin));
        let said: String = said.lines().take_while(|l| *l != "1 mistake").collect();
        let said = said.splitn(3, ':').nth(2).unwrap_or_default().trim();
        assert_eq!(said, expected, "{origin}");
    }
}
