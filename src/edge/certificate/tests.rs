//! Tests of the store, with certificates made for them.

use super::*;
use crate::types::{Clock, SystemClock, Timestamp};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

struct Made {
    chain: String,
    key: String,
    serial: String,
}

fn made(names: &[&str], serial: u64) -> Made {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut asked =
        rcgen::CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())
            .unwrap();
    asked.serial_number = Some(serial.into());
    Made {
        chain: asked.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
        serial: format!("{serial:02x}"),
    }
}

fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn pattern(text: &str) -> HostPattern {
    HostPattern {
        wildcard: text.starts_with("*."),
        name: text.trim_start_matches("*.").parse().unwrap(),
    }
}

fn files(dir: &Path, hosts: &[&str]) -> Certificate {
    Certificate {
        hosts: hosts.iter().map(|host| pattern(host)).collect(),
        origin: Origin::Files {
            chain: dir.join("chain.pem"),
            key: SecretSource::File(dir.join("key.pem")),
        },
    }
}

fn self_signed(hosts: &[&str]) -> Certificate {
    Certificate {
        hosts: hosts.iter().map(|host| pattern(host)).collect(),
        origin: Origin::SelfSigned,
    }
}

fn load(certificates: &[Certificate]) -> Result<Arc<Store>, Vec<Fault>> {
    Store::load(certificates, Arc::new(SystemClock)).map(|(store, _)| store)
}

fn leaf(store: &Store, name: &str) -> Option<Vec<u8>> {
    Some(store.find(name)?.cert.first()?.to_vec())
}

#[test]
fn an_exact_host_is_chosen_before_a_wildcard_and_a_wildcard_stands_for_one_label() {
    let store = load(&[
        self_signed(&["*.example.com"]),
        self_signed(&["hooks.example.com"]),
    ])
    .unwrap();
    let exact = leaf(&store, "hooks.example.com").unwrap();
    let wild = leaf(&store, "other.example.com").unwrap();
    assert_ne!(exact, wild);
    assert_eq!(leaf(&store, "HOOKS.example.COM"), Some(exact));
    for unknown in ["a.b.example.com", "example.com", "", ".example.org", "x"] {
        assert_eq!(leaf(&store, unknown), None, "{unknown}");
    }
}

#[test]
fn every_fault_is_reported_and_says_which_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let good = made(&["a.example.com"], 1);
    let other = made(&["a.example.com"], 2);
    let (none, text, broken, mismatch, wrong, open, nokey) = (
        at("none"),
        at("text"),
        at("broken"),
        at("mismatch"),
        at("wrong"),
        at("open"),
        at("nokey"),
    );
    for (path, chain, key) in [
        (&text, "not PEM", &good.key),
        (
            &broken,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &good.key,
        ),
        (&mismatch, good.chain.as_str(), &other.key),
        (&wrong, good.chain.as_str(), &good.key),
        (&open, good.chain.as_str(), &good.key),
        (&nokey, good.chain.as_str(), &"nothing".to_owned()),
    ] {
        std::fs::write(path.join("chain.pem"), chain).unwrap();
        write_secret(&path.join("key.pem"), key);
    }
    std::fs::set_permissions(open.join("key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let faults = load(&[
        files(&none, &["a.example.com"]),
        files(&text, &["b.example.com"]),
        files(&broken, &["c.example.com"]),
        files(&mismatch, &["d.example.com"]),
        files(&wrong, &["e.example.com"]),
        files(&open, &["f.example.com"]),
        files(&nokey, &["g.example.com"]),
        self_signed(&["g.example.com"]),
    ])
    .unwrap_err();
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let expected = [
        "none/chain.pem`: No such file",
        "text/chain.pem` holds no PEM certificate",
        "broken/chain.pem` cannot be served",
        "mismatch/key.pem` does not belong to the first certificate",
        "not valid for `e.example.com`, only for DNSName(a.example.com)",
        "run `chmod o-rwx",
        "nokey/key.pem` is not an unencrypted PEM private key",
        "`g.example.com` is claimed by another [[certificate]]",
    ];
    for (number, part) in expected.iter().enumerate() {
        assert!(
            said.iter().any(|line| line.contains(part)),
            "{part}\n{said:#?}"
        );
        assert!(faults.iter().any(|fault| fault.entry == number));
    }
    assert_eq!(faults.len(), expected.len());
}

#[test]
fn a_certificate_replaced_by_rename_is_served_and_a_wrong_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let place = |made: &Made| {
        for (name, text) in [("chain.pem", &made.chain), ("key.pem", &made.key)] {
            let new = dir.path().join(format!("{name}.new"));
            write_secret(&new, text);
            std::fs::rename(new, dir.path().join(name)).unwrap();
        }
    };
    let (first, second) = (made(&["a.test"], 0x11), made(&["a.test"], 0x22));
    place(&first);
    let store = load(&[files(dir.path(), &["a.test"])]).unwrap();
    assert_eq!(store.list()[0].serial, first.serial);
    let generation = store.generation();
    assert!(store.refresh().is_empty());
    assert_eq!(store.generation(), generation);

    // The chain is there before its key: for that moment they do not belong together.
    std::fs::write(dir.path().join("chain.pem"), &second.chain).unwrap();
    let faults = store.refresh();
    assert!(matches!(faults[0].problem, Problem::Mismatch { .. }));
    assert!(store.refresh().is_empty(), "said once");
    assert_eq!(store.list()[0].serial, first.serial);
    assert_eq!(store.generation(), generation);

    place(&second);
    assert!(store.refresh().is_empty());
    assert_eq!(store.list()[0].serial, second.serial);
    assert!(store.generation() > generation);

    std::fs::remove_file(dir.path().join("chain.pem")).unwrap();
    assert!(matches!(
        store.refresh()[0].problem,
        Problem::Unreadable { .. }
    ));
    assert!(store.find("a.test").is_some());
}

#[test]
fn a_certificate_behind_a_symbolic_link_that_turns_is_served() {
    let dir = tempfile::tempdir().unwrap();
    for (name, serial) in [("1", 1), ("2", 2)] {
        let made = made(&["a.test"], serial);
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("chain.pem"), made.chain).unwrap();
        write_secret(&dir.path().join(name).join("key.pem"), &made.key);
    }
    let live = dir.path().join("live");
    std::os::unix::fs::symlink("1", &live).unwrap();
    let store = load(&[files(&live, &["a.test"])]).unwrap();
    assert_eq!(store.list()[0].serial, "01");
    std::os::unix::fs::symlink("2", dir.path().join("new")).unwrap();
    std::fs::rename(dir.path().join("new"), &live).unwrap();
    assert!(store.refresh().is_empty());
    assert_eq!(store.list()[0].serial, "02");
}

#[test]
fn a_failed_replacement_changes_nothing_and_a_self_signed_pair_outlives_a_reload() {
    let store = load(&[self_signed(&["a.test"])]).unwrap();
    let before = leaf(&store, "a.test");
    let missing = files(Path::new("/nonexistent"), &["b.test"]);
    assert!(store.replace(&[missing]).is_err());
    assert_eq!(leaf(&store, "a.test"), before);
    store
        .replace(&[self_signed(&["b.test"]), self_signed(&["a.test"])])
        .unwrap();
    assert_eq!(leaf(&store, "a.test"), before);
    assert!(leaf(&store, "b.test").is_some());
}

#[derive(Debug)]
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .after(std::time::Duration::from_secs(10_000 * 24 * 3600 * 100))
    }
}

#[test]
fn an_expired_certificate_is_served_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(&["a.test"], 1);
    std::fs::write(dir.path().join("chain.pem"), made.chain).unwrap();
    write_secret(&dir.path().join("key.pem"), &made.key);
    let certificate = files(dir.path(), &["a.test"]);
    let (store, warnings) = Store::load(&[certificate], Arc::new(Later)).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("a.test expired at"));
    assert!(store.find("a.test").is_some());
}

#[test]
fn the_list_says_what_is_served_and_until_when() {
    let store = load(&[self_signed(&["localhost", "127.0.0.1"])]).unwrap();
    let listed = &store.list()[0];
    assert_eq!(listed.hosts, ["localhost", "127.0.0.1"]);
    assert_eq!(listed.origin, "self_signed");
    assert!(listed.issuer.contains("hubgate self-signed"));
    let days = listed.not_after.since(SystemClock.now()).as_secs() / 86_400;
    assert_eq!(days, 89);
    let pem = store
        .self_signed_pem(&"localhost".parse().unwrap())
        .unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let json = serde_json::to_value(listed).unwrap();
    assert!(json["not_after"].as_str().unwrap().ends_with('Z'));
}

#[derive(Debug)]
struct Turned(std::sync::atomic::AtomicI64);
impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }
}

fn authority(place: &Path) -> Authority {
    Authority {
        directory: "https://ca.example/directory".parse().unwrap(),
        contact: "net@example.com".to_owned(),
        roots: None,
        binding: None,
        place: place.join("acme"),
    }
}

fn issued_by(authority: &Authority, hosts: &[&str]) -> Certificate {
    Certificate {
        hosts: hosts.iter().map(|host| pattern(host)).collect(),
        origin: Origin::Acme(Arc::new(authority.clone())),
    }
}

fn bytes(chain: &str, key: &str) -> crate::types::Secret {
    crate::types::Secret::new(format!("{key}{chain}").into_bytes())
}

/// Good from 2030 to 2031.
fn dated(names: &[&str]) -> Made {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut asked = rcgen::CertificateParams::new(names).unwrap();
    asked.not_before = rcgen::date_time_ymd(2030, 1, 1);
    asked.not_after = rcgen::date_time_ymd(2031, 1, 1);
    Made {
        chain: asked.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
        serial: String::new(),
    }
}

const IN_2029: i64 = 1_870_000_000_000;
const IN_2030: i64 = 1_900_000_000_000;
const IN_2032: i64 = 1_960_000_000_000;

#[test]
fn what_was_issued_is_served_where_it_fits_and_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let wanted = issued_by(&authority, &["a.example.com", "b.example.com"]);
    let clock = Arc::new(Turned(IN_2030.into()));
    let (store, _) = Store::load(std::slice::from_ref(&wanted), clock.clone()).unwrap();
    let first = leaf(&store, "a.example.com").unwrap();
    assert!(store.list()[0].stands_in && store.list()[0].origin == "acme");
    assert_eq!(store.issued(&authority, &wanted.hosts), None);

    let good = dated(&["a.example.com", "b.example.com"]);
    let other = dated(&["a.example.com", "b.example.com"]);
    let narrow = dated(&["a.example.com"]);
    let install = |bytes| store.install(&authority, &wanted.hosts, &bytes);
    let rows = [
        (
            IN_2030,
            bytes("", &good.key),
            "there is no certificate in it",
        ),
        (IN_2030, bytes(&good.chain, ""), "the key cannot be used"),
        (IN_2030, bytes(&good.chain, &other.key), "for another key"),
        (
            IN_2030,
            bytes(&narrow.chain, &narrow.key),
            "not valid for `b.example.com`",
        ),
        (
            IN_2029,
            bytes(&good.chain, &good.key),
            "is this machine's clock right?",
        ),
        (
            IN_2032,
            bytes(&good.chain, &good.key),
            "is this machine's clock right?",
        ),
    ];
    for (now, bytes, expected) in rows {
        clock.0.store(now, std::sync::atomic::Ordering::Relaxed);
        let refused = install(bytes).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(leaf(&store, "a.example.com").unwrap(), first);
    }
    clock.0.store(IN_2030, std::sync::atomic::Ordering::Relaxed);
    let generation = store.generation();
    let life = install(bytes(&good.chain, &good.key)).unwrap();
    assert!(life.not_before.as_millis() < IN_2030 && life.not_after.as_millis() > IN_2030);
    assert_eq!(store.generation(), generation + 1);
    let second = leaf(&store, "b.example.com").unwrap();
    assert_ne!(second, first);

    // After a restart it is there, with its life, even where that is over; broken, it is not.
    clock.0.store(IN_2032, std::sync::atomic::Ordering::Relaxed);
    let (store, warnings) = Store::load(std::slice::from_ref(&wanted), clock.clone()).unwrap();
    assert_eq!(leaf(&store, "a.example.com").unwrap(), second);
    let (served, shown) = store.issued(&authority, &wanted.hosts).unwrap();
    assert_eq!((served, shown.to_vec()), (life, second));
    assert_eq!(warnings.len(), 1);
    std::fs::write(authority.certificate_file(&wanted.hosts), "half of it").unwrap();
    let (store, _) = Store::load(&[wanted], clock).unwrap();
    assert!(store.list()[0].stands_in);
}

#[test]
fn what_is_kept_is_told_apart_by_directory_and_hosts_in_any_order() {
    let one = authority(Path::new("/state"));
    let hosts = ["b.example.com", "a.example.com"].map(pattern);
    let file = one.certificate_file(&hosts);
    let [b, a] = hosts.clone();
    assert_eq!(file, one.certificate_file(&[a.clone(), b]));
    assert_ne!(file, one.certificate_file(&[a]));
    let mut other = one.clone();
    other.directory = "https://other.example/directory".parse().unwrap();
    assert_ne!(file, other.certificate_file(&hosts));
    assert_ne!(one.account_file(), other.account_file());
    let mut other = one.clone();
    other.contact = "security@example.com".to_owned();
    assert_eq!(file, other.certificate_file(&hosts));
    assert_ne!(one.account_file(), other.account_file());
    assert!(!one.is_same(&other) && one.is_same(&one.clone()));
}

#[test]
fn what_nobody_wants_goes_a_month_after_its_end() {
    const LATER_BY_29_DAYS: i64 = 1_927_497_600_000;
    const LATER_BY_31_DAYS: i64 = 1_927_670_400_000;
    let dir = tempfile::tempdir().unwrap();
    let authority = authority(dir.path());
    let wanted = issued_by(&authority, &["a.example.com"]);
    let place = &authority.place;
    std::fs::create_dir(place).unwrap();
    // Good until 2031 begins.
    let made = dated(&["a.example.com", "b.example.com"]);
    let text = format!("{}{}", made.key, made.chain);
    let file = |hosts: &[&str]| {
        let hosts: Vec<HostPattern> = hosts.iter().map(|host| pattern(host)).collect();
        authority.certificate_file(&hosts)
    };
    let unwanted = file(&["b.example.com"]);
    let mut foreign = authority.clone();
    foreign.directory = "https://other.example/directory".parse().unwrap();
    let elsewhere = foreign.certificate_file(&wanted.hosts);
    let broken = file(&["c.example.com"]);
    let links = file(&["d.example.com"]);
    let kept = [
        file(&["a.example.com"]),
        authority.account_file(),
        place.join("notes.pem"),
        place.join("-0123456789abcdef.pem"),
        place.join("b.example.com-0123456789ABCDEF.pem"),
        place.join("b.example.com-0123456789abcdef.pem.bak"),
    ];
    for path in kept.iter().chain([&unwanted, &elsewhere]) {
        std::fs::write(path, &text).unwrap();
    }
    std::fs::write(&broken, "half of it").unwrap();
    std::os::unix::fs::symlink(place.join("notes.pem"), &links).unwrap();
    let now = Timestamp::from_millis;
    tidy(place, std::slice::from_ref(&wanted), now(LATER_BY_29_DAYS));
    assert!(unwanted.exists() && elsewhere.exists());
    tidy(place, &[wanted], now(LATER_BY_31_DAYS));
    assert!(!unwanted.exists() && !elsewhere.exists());
    for path in kept.iter().chain([&broken, &links]) {
        assert!(path.exists(), "{}", path.display());
    }
    // Where none was ever issued there is nothing to do.
    tidy(&dir.path().join("none"), &[], now(LATER_BY_31_DAYS));
}
