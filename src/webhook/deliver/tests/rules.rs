//! Guard, answers, schedule, circuit: pure rules.

use crate::types::{Entropy, Timestamp};
use crate::webhook::deliver::answer::{Meaning, meaning};
use crate::webhook::deliver::circuit::{Admission, Circuit, LONGEST_PAUSE, OPENS_AFTER};
use crate::webhook::deliver::guard::{Guard, Verdict};
use crate::webhook::deliver::{Attempts, Reach, schedule};
use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Debug)]
struct Fixed(f64);

impl Entropy for Fixed {
    fn unit(&self) -> f64 {
        self.0
    }
}

#[test]
fn a_guard_judges_the_address_that_is_dialled() {
    let reach = |network: &str, port| Reach {
        network: network.parse().unwrap(),
        port,
    };
    let listed = [
        reach("10.2.0.0/16", Some(8080)),
        reach("2001:db8::/32", None),
    ];
    let rows: [(&[Reach], &str, &str, Verdict); 18] = [
        (&[], "jira.corp", "10.2.3.4:8080", Verdict::Allowed),
        (&[], "jira.corp", "127.0.0.1:8080", Verdict::Loopback),
        (&[], "jira.corp", "[::1]:8080", Verdict::Loopback),
        (&[], "jira.corp", "[::ffff:127.0.0.1]:80", Verdict::Loopback),
        (&[], "localhost", "127.0.0.1:8080", Verdict::Allowed),
        (&[], "127.0.0.1", "127.0.0.1:8080", Verdict::Allowed),
        (&[], "[::1]", "[::1]:8080", Verdict::Allowed),
        (&[], "jira.corp", "169.254.169.254:80", Verdict::Special),
        (&[], "jira.corp", "[fd00:ec2::254]:80", Verdict::Special),
        (&[], "jira.corp", "[fd00:ec2::23]:80", Verdict::Special),
        (&[], "jira.corp", "[fd20:ce::254]:80", Verdict::Special),
        (&[], "jira.corp", "[fe80::1]:80", Verdict::Special),
        (&[], "jira.corp", "0.0.0.0:80", Verdict::Special),
        (&[], "jira.corp", "224.0.0.1:80", Verdict::Special),
        (&listed, "jira.corp", "10.2.3.4:8080", Verdict::Allowed),
        (&listed, "jira.corp", "10.2.3.4:8081", Verdict::NotListed),
        (
            &listed,
            "jira.corp",
            "[::ffff:10.2.3.4]:8080",
            Verdict::Allowed,
        ),
        (&listed, "localhost", "127.0.0.1:8080", Verdict::NotListed),
    ];
    for (allow, host, address, expected) in rows {
        let guard = Guard::new(allow, host);
        assert_eq!(
            guard.judge(address.parse().unwrap()),
            expected,
            "{host} {address}"
        );
    }
}

#[test]
fn each_answer_means_what_the_table_says() {
    let failed = |seconds, down| Meaning::Failed {
        at_least: Duration::from_secs(seconds),
        down,
    };
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let now: jiff::Timestamp = "2015-10-21T07:27:30Z".parse().unwrap();
    let rows = [
        (200, None, Meaning::Delivered),
        (204, None, Meaning::Delivered),
        (301, None, failed(0, false)),
        (400, None, Meaning::Refused),
        (401, None, Meaning::Refused),
        (404, None, Meaning::Refused),
        (408, None, failed(0, false)),
        (410, None, Meaning::Refused),
        (422, None, Meaning::Refused),
        (429, None, failed(60, false)),
        (429, Some("5"), failed(60, false)),
        (429, Some("90"), failed(90, false)),
        (500, None, failed(0, false)),
        (502, None, failed(0, true)),
        (503, Some("7"), failed(7, true)),
        (503, Some(date), failed(30, true)),
        (503, Some("99999999"), failed(3600, true)),
        (503, Some("soon"), failed(0, true)),
        (504, None, failed(0, true)),
    ];
    for (status, retry_after, expected) in rows {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            meaning(status, &headers, now),
            expected,
            "{status} {retry_after:?}"
        );
    }
}

const ATTEMPTS: Attempts = Attempts {
    lasting: Duration::from_hours(72),
    first: Duration::from_secs(1),
    most: Duration::from_hours(1),
};

#[test]
fn pauses_double_up_to_the_longest_and_the_last_attempt_is_at_the_end() {
    let start = Timestamp::from_millis(1_000_000);
    let pause = |failures, now: Timestamp| {
        schedule::next(
            ATTEMPTS,
            ATTEMPTS.lasting,
            failures,
            start,
            now,
            Duration::ZERO,
            &Fixed(1.0),
        )
        .map(|at| at.since(now).as_secs())
    };
    let seconds: Vec<_> = (1..=14)
        .map(|failures| pause(failures, start).unwrap())
        .collect();
    assert_eq!(
        seconds,
        [
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600
        ]
    );
    let late = start.after(ATTEMPTS.lasting - Duration::from_mins(1));
    assert_eq!(pause(20, late), Some(60));
    assert_eq!(pause(21, start.after(ATTEMPTS.lasting)), None);
}

proptest! {
    #[test]
    fn a_pause_is_within_its_bounds(failures in 1u32..200, chance in 0.0f64..1.0, at_least in 0u64..7200, gone in 0u64..72*3600) {
        let start = Timestamp::from_millis(0);
        let now = start.after(Duration::from_secs(gone));
        let at_least = Duration::from_secs(at_least);
        let at = schedule::next(ATTEMPTS, ATTEMPTS.lasting, failures, start, now, at_least, &Fixed(chance)).unwrap();
        prop_assert!(at > now);
        prop_assert!(at.since(now) <= ATTEMPTS.most.max(at_least));
        prop_assert!(at <= start.after(ATTEMPTS.lasting));
        if now.after(at_least) <= start.after(ATTEMPTS.lasting) {
            prop_assert!(at.since(now) >= at_least);
        }
    }
}

#[test]
fn a_circuit_opens_probes_once_at_growing_pauses_and_closes() {
    let mut now = Timestamp::from_millis(0);
    let chance = Fixed(1.0);
    let mut circuit = Circuit::default();
    for _ in 1..OPENS_AFTER {
        circuit = circuit.down(now, false, &chance);
        assert_eq!(circuit.admits(now), Admission::Free);
    }
    assert!(circuit.up().is_closed());
    circuit = circuit.down(now, false, &chance);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Admission::Wait(until) = circuit.admits(now) else {
            panic!("{circuit:?}")
        };
        pauses.push(until.since(now).as_secs());
        now = until;
        assert_eq!(circuit.admits(now), Admission::Probe);
        circuit = circuit.probing();
        assert_eq!(circuit.admits(now), Admission::Busy);
        // One that was under way before says nothing.
        assert_eq!(circuit.down(now, false, &chance), circuit);
        circuit = circuit.down(now, true, &chance);
    }
    assert_eq!(
        pauses,
        [
            1,
            2,
            4,
            8,
            16,
            32,
            LONGEST_PAUSE.as_secs(),
            LONGEST_PAUSE.as_secs()
        ]
    );
    assert!(circuit.probing().up().is_closed());
}
