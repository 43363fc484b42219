//! Tests of the words.

use super::*;

#[test]
fn an_event_pattern_selects_by_event_and_action() {
    let rows = [
        ("push", "push", None, true),
        ("push", "push", Some("x"), true),
        ("push", "create", None, false),
        ("pull_request.opened", "pull_request", Some("opened"), true),
        ("pull_request.opened", "pull_request", Some("closed"), false),
        ("pull_request.opened", "pull_request", None, false),
        ("installation.*", "installation", Some("created"), true),
        ("installation.*", "installation", None, false),
        ("*", "anything", None, true),
    ];
    for (pattern, event, action, expected) in rows {
        let pattern: EventPattern = pattern.parse().unwrap();
        let event: EventName = event.parse().unwrap();
        assert_eq!(
            pattern.matches(&event, action),
            expected,
            "{pattern:?} {event} {action:?}"
        );
    }
    for wrong in ["", ".", "push.", ".opened", "a b", "a.b.c", "*.opened"] {
        assert!(wrong.parse::<EventPattern>().is_err(), "{wrong}");
    }
}

#[test]
fn a_host_is_read_from_an_authority_without_its_port() {
    let rows = [
        ("Hooks.Example.com", "hooks.example.com"),
        ("hooks.example.com:8443", "hooks.example.com"),
        ("hooks.example.com.", "hooks.example.com"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("192.0.2.1:80", "192.0.2.1"),
    ];
    for (text, expected) in rows {
        assert_eq!(Host::from_authority(text).unwrap().as_str(), expected);
    }
    for wrong in [
        "", "a b", "a:b", "a:", "a/b", "[::1", "[::1]x", "a..b", "-a", "a@b", "a:123456",
    ] {
        assert!(Host::from_authority(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_and_durations_read_as_people_write_them() {
    for (text, bytes) in [
        ("512", 512),
        ("25MiB", 25 << 20),
        ("20GiB", 20 << 30),
        ("1 KB", 1000),
    ] {
        assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes);
    }
    for wrong in ["", "MiB", "-1", "1.5GiB", "99999999TiB", "1mib"] {
        assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
    }
    assert_eq!(ByteSize::new(25 << 20).to_string(), "25MiB");
    assert_eq!(
        "7d".parse::<Span>().unwrap().duration().as_secs(),
        7 * 86_400
    );
    assert!("7 fortnights".parse::<Span>().is_err());
}

#[test]
fn a_mapped_address_counts_as_its_ipv4_address() {
    let mapped = ClientAddr::new("::ffff:192.0.2.1".parse().unwrap());
    assert_eq!(mapped, ClientAddr::new("192.0.2.1".parse().unwrap()));
}

#[test]
fn a_moment_is_written_as_rfc_3339() {
    assert_eq!(
        Timestamp::from_millis(1_700_000_000_123).to_string(),
        "2023-11-14T22:13:20.123Z"
    );
}

#[test]
fn a_secret_never_shows_itself() {
    let secret = Secret::new(b"canary".to_vec());
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert!(!format!("{:?}", SecretSource::Held(secret)).contains("canary"));
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook");
    std::fs::write(&path, "s3cret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let source = SecretSource::File(path.clone());
    assert!(matches!(
        source.read(),
        Err(SecretError::Exposed { mode: 0o644, .. })
    ));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(source.read().unwrap().expose(), b"s3cret");
}
