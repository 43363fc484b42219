//! A clock that is not right yet.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::edge::acme::account::Accounts;
use crate::edge::certificate::{Certificate, Origin, Store};
use crate::types::{Clock, SystemEntropy};
use std::sync::atomic::AtomicI64;
use tempfile::TempDir;

/// The certificate is good from 2030 to 2031, and is renewed when September begins.
const IN_MARCH: Timestamp = Timestamp::from_millis(1_899_000_000_000);
const IN_DECEMBER: Timestamp = Timestamp::from_millis(1_922_800_000_000);
const IN_2032: Timestamp = Timestamp::from_millis(1_960_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
struct Turned(AtomicI64);

impl Turned {
    fn to(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct Bench {
    clock: Arc<Turned>,
    keeper: Keeper,
    questions: Questions,
    _dir: TempDir,
}

impl Bench {
    /// Begins at `now` with a certificate, at an authority that is away.
    fn begun(now: Timestamp) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Turned(IN_MARCH.as_millis().into()));
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let directory = format!("https://{}/directory", free.local_addr().unwrap());
        let authority = Arc::new(Authority {
            directory: directory.parse().unwrap(),
            contact: "net@example.com".to_owned(),
            roots: None,
            binding: None,
            place: dir.path().join("acme"),
        });
        let hosts = vec![HostPattern {
            wildcard: false,
            name: "a.example.com".parse().unwrap(),
        }];
        let certificate = Certificate {
            hosts: hosts.clone(),
            origin: Origin::Acme(Arc::clone(&authority)),
        };
        let (store, _) = Store::load(&[certificate], clock.clone()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut asked = rcgen::CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
        asked.not_before = rcgen::date_time_ymd(2030, 1, 1);
        asked.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let chain = asked.self_signed(&key).unwrap().pem();
        let bytes = Secret::new(format!("{}{chain}", key.serialize_pem()).into_bytes());
        store.install(&authority, &hosts, &bytes).unwrap();
        clock.to(now);
        let parts = Parts {
            store,
            challenges: Arc::default(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            ways: vec![super::super::Way::Http01],
            accounts: Accounts::default(),
        };
        Self {
            clock,
            keeper: Keeper::new(Arc::new(parts), authority, hosts),
            questions: Questions::new(now),
            _dir: dir,
        }
    }

    /// What the keeper makes of it being `now`.
    fn at(&mut self, now: Timestamp) -> Standing {
        self.clock.to(now);
        self.keeper.follow(&mut self.questions, now);
        self.keeper.standing()
    }
}

#[tokio::test]
async fn what_failed_while_the_clock_was_ahead_is_tried_again_once_it_is_right() {
    let mut bench = Bench::begun(IN_2032);
    assert_eq!(bench.keeper.standing().due, Due::Missing);
    bench.keeper.step(&mut bench.questions).await;
    let failed = bench.keeper.standing();
    assert_eq!((failed.failures, failed.due), (1, Due::Retry));
    let pause = failed.next.since(IN_2032);

    let set_right = bench.at(IN_MARCH);
    assert_eq!(set_right.next, IN_MARCH.after(pause));
    // That once: it comes.
    let next = set_right.next;
    assert_eq!(bench.at(IN_MARCH.after(pause / 2)).next, next);
    bench.clock.to(next);
    bench.keeper.step(&mut bench.questions).await;
    assert_eq!(bench.keeper.standing().failures, 2);
}

#[test]
fn what_was_missing_while_the_clock_was_ahead_is_due_once_it_is_right() {
    let mut bench = Bench::begun(IN_2032);
    assert_eq!(bench.at(IN_MARCH).next, IN_MARCH);
}

#[test]
fn a_certificate_that_seemed_old_is_renewed_at_two_thirds_of_its_life() {
    let mut bench = Bench::begun(IN_DECEMBER);
    let hasty = bench.keeper.standing();
    assert_eq!(hasty.due, Due::Life);
    assert_eq!(hasty.next.since(IN_DECEMBER).as_secs(), 60);
    let next = bench.at(IN_MARCH).next;
    let (life, _) = bench.keeper.served().unwrap();
    let two_thirds = life.not_before.after(DAY * 365 * 2 / 3);
    assert!(
        next >= two_thirds && next <= two_thirds.after(DAY * 365 / 30),
        "{next}"
    );
    // A clock that goes on, or was right, changes nothing.
    assert_eq!(bench.at(IN_MARCH.after(DAY)).next, next);
}

#[test]
fn a_window_is_kept_when_the_clock_is_set_right_and_a_pause_is_counted_anew() {
    let mut bench = Bench::begun(IN_DECEMBER);
    let window = |start: Timestamp| Window {
        start,
        end: start.after(DAY),
        explanation: None,
    };
    let wanted = |bench: &Bench, window: Window| {
        let mut standing = bench.keeper.standing.lock().unwrap();
        standing.due = Due::Authority;
        standing.next = IN_DECEMBER.after(DAY);
        standing.counted = IN_DECEMBER;
        standing.window = Some(window);
    };
    let soon = window(IN_MARCH.after(DAY * 9));
    wanted(&bench, soon.clone());
    let next = bench.at(IN_MARCH).next;
    assert!(soon.start <= next && next <= soon.end, "{next}");

    // One that is over holds back for no longer than it would have.
    bench.questions.renewed(false, None, IN_DECEMBER);
    wanted(&bench, window(IN_MARCH.before(DAY * 9)));
    let next = bench.at(IN_MARCH).next;
    assert_eq!(next, IN_MARCH.after(Duration::from_secs(60)));
}
