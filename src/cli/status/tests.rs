//! Tests of what a person sees at a glance.

use super::*;
use crate::admin::answer::{Certificate, Listener, Readiness, Route, Source, Spool, Window};
use crate::cli::client::tests::{arguments, with_gateway};

fn certificates() -> Vec<Certificate> {
    vec![
        Certificate {
            hosts: vec!["hooks.example.com".to_owned()],
            origin: "acme".to_owned(),
            issuer: "CN=Some CA".to_owned(),
            stands_in: false,
            not_after: Some("2027-01-20T08:00:00.000Z".to_owned()),
            days_left: Some(61),
            age_seconds: Some(2_505_600),
            next_attempt: Some("2026-12-21T08:00:00.000Z".to_owned()),
            next_attempt_reason: Some("authority".to_owned()),
            failures: Some(0),
            last_error: None,
            issued_reason: Some("life".to_owned()),
            window: Some(Window {
                start: "2026-12-20T08:00:00.000Z".to_owned(),
                end: "2026-12-22T08:00:00.000Z".to_owned(),
                explanation: Some("https://ca.example/why".to_owned()),
            }),
            window_error: None,
        },
        Certificate {
            hosts: vec!["ghe.example.com".to_owned()],
            origin: "acme".to_owned(),
            issuer: "CN=self-signed".to_owned(),
            stands_in: true,
            not_after: Some("2027-01-20T08:00:00.000Z".to_owned()),
            days_left: Some(61),
            age_seconds: Some(3600),
            next_attempt: Some("2026-11-21T09:10:00.000Z".to_owned()),
            next_attempt_reason: Some("retry".to_owned()),
            failures: Some(3),
            last_error: Some("cannot reach the CA".to_owned()),
            issued_reason: None,
            window: None,
            window_error: Some("no answer within 60 s".to_owned()),
        },
    ]
}

fn status() -> Status {
    let target = Target {
        name: "jira".to_owned(),
        url: Some("http://jira.corp.internal/".to_owned()),
        routes: Vec::new(),
        state: TargetState::Up,
        pending: 0,
        dead: 0,
        oldest: None,
        oldest_age_seconds: None,
        last_error: None,
        last_error_at: None,
    };
    let source = Source {
        name: "github-hooks".to_owned(),
        origin: "https://api.github.com/meta".to_owned(),
        networks: 6,
        fetched: Some("2026-11-20T08:00:00.000Z".to_owned()),
        age_seconds: Some(754),
        stale: false,
        last_error: None,
    };
    Status {
        version: "0.1.0".to_owned(),
        started: "2026-11-20T08:00:00.000Z".to_owned(),
        uptime_seconds: 90_061,
        readiness: Readiness {
            ready: true,
            reasons: Vec::new(),
            warnings: Vec::new(),
        },
        listeners: vec![
            Listener {
                name: "public".to_owned(),
                address: "[::]:443".to_owned(),
                tls: true,
            },
            Listener {
                name: "plain".to_owned(),
                address: "[::]:80".to_owned(),
                tls: false,
            },
        ],
        routes: vec![Route {
            key: "hooks.example.com/jira".to_owned(),
            from: vec!["github-hooks".to_owned()],
            mode: "store".to_owned(),
            events: Vec::new(),
            targets: vec!["jira".to_owned(), "jenkins".to_owned()],
            allow: Vec::new(),
            setup_until: None,
        }],
        targets: vec![
            target.clone(),
            Target {
                name: "jenkins".to_owned(),
                state: TargetState::Down,
                pending: 17,
                dead: 2,
                oldest_age_seconds: Some(3_700),
                last_error: Some("connection refused\u{1b}[2J".to_owned()),
                ..target
            },
        ],
        certificates: certificates(),
        sources: vec![
            source.clone(),
            Source {
                name: "flow".to_owned(),
                origin: "configuration".to_owned(),
                networks: 2,
                fetched: None,
                age_seconds: None,
                ..source
            },
        ],
        spool: Spool {
            condition: Condition::Ready,
            why: None,
            used_bytes: 1_300_000_000,
            limit_bytes: 20 << 30,
            deliveries: 1234,
        },
    }
}

#[test]
fn a_gateway_that_takes_traffic() {
    insta::assert_snapshot!(text(&status()), @r"
    hubgate 0.1.0 is ready, up 1d 1h
    Spool: ready, 1.2 GiB of 20.0 GiB used, 1234 deliveries kept

    LISTENER  ADDRESS   TLS
    public    [::]:443  yes
    plain     [::]:80   no

    ROUTE                   MODE   FROM          EVENTS  TO
    hooks.example.com/jira  store  github-hooks  all     jira, jenkins

    TARGET   STATE  PENDING  OLDEST  DEAD  LAST ERROR
    jira     up     0        -       0     -
    jenkins  DOWN   17       1h 1m   2     connection refused\u{1b}[2J

    SOURCE        NETWORKS  AGE      STATE  FROM                         LAST ERROR
    github-hooks  6         12m 34s  fresh  https://api.github.com/meta  -
    flow          2         -        fixed  configuration                -

    CERTIFICATE        FROM  STATE      NOT AFTER                 NEXT ATTEMPT              WHY THEN            LAST ERROR
    hooks.example.com  acme  good       2027-01-20T08:00:00.000Z  2026-12-21T08:00:00.000Z  authority's window  -
    ghe.example.com    acme  STANDS IN  2027-01-20T08:00:00.000Z  2026-11-21T09:10:00.000Z  failed 3 times      cannot reach the CA
    ");
}

#[test]
fn a_gateway_that_does_not_says_why_first() {
    let mut status = status();
    status.readiness = Readiness {
        ready: false,
        reasons: vec!["nothing can be stored: the disk is full".to_owned()],
        warnings: vec!["source list `old` is out of date".to_owned()],
    };
    status.spool.condition = Condition::Full;
    status.spool.why = Some("the disk is full".to_owned());
    status.spool.deliveries = 1;
    let text = text(&status);
    let head: Vec<_> = text.lines().take(4).collect();
    insta::assert_snapshot!(head.join("\n"), @r"
    hubgate 0.1.0 is NOT ready, up 1d 1h
      because nothing can be stored: the disk is full
      warning: source list `old` is out of date
    Spool: FULL (the disk is full), 1.2 GiB of 20.0 GiB used, 1 delivery kept
    ");
}

#[test]
fn the_exit_code_says_whether_traffic_is_taken() {
    with_gateway(|open, _| {
        let (text, ready) = answer(&arguments(open, "")).unwrap();
        assert!(ready && text.contains("is ready, up 1d 1h"), "{text}");
        open.fake
            .set(|scene| scene.ready = Err(vec!["draining".to_owned()]));
        let (text, ready) = answer(&arguments(open, "--json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(!ready);
        assert_eq!(json["reasons"][0], "draining");
    });
}
