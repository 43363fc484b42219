//! Tests of routing, of the bound on bytes in flight, and of what is told of refusals.

use super::flight::Flight;
use super::refuse::Refusal;
use super::refuse::Unread;
use super::route::{Counts, Hook, Route, Table, Way};
use crate::apps::people;
use crate::broker;
use crate::edge::CODES;
use crate::edge::source::{Directory, From};
use crate::publish::profile::Reason;
use crate::publish::{self, asked, graphql, path, scope};
use crate::types::{Host, RouteKey};
use crate::webhook::Mode;
use crate::webhook::receive::{self, Receiver};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn route(key: &str) -> Arc<Route> {
    let key = RouteKey::recorded(key);
    Arc::new(Route {
        admission: Directory::new([]).compile(&From::Anywhere).unwrap(),
        way: Way::Webhook(Arc::new(Hook {
            secrets: Box::default(),
            receiver: Arc::new(Receiver::new(&[], &[], None, 1)),
            mode: Mode::Store,
            targets: Arc::new([]),
            through: None,
            window: Duration::ZERO,
        })),
        counts: Counts::of(&key),
        key,
    })
}

#[test]
fn the_longest_path_that_ends_where_a_segment_does_is_the_route() {
    let mut table = Table::default();
    let host = |text: &str| text.parse::<Host>().unwrap();
    for path in ["/", "/jira", "/jira/cloud"] {
        table.add(host("a.test"), path, route(&format!("a.test{path}")));
    }
    table.add(host("b.test"), "/jira", route("b.test/jira"));
    let rows = [
        ("a.test", "/jira", Some("a.test/jira")),
        ("a.test", "/jira/", Some("a.test/jira")),
        ("a.test", "/jira/x", Some("a.test/jira")),
        ("a.test", "/jira/cloud/x", Some("a.test/jira/cloud")),
        ("a.test", "/jira/cloudy", Some("a.test/jira")),
        ("a.test", "/jiraffe", Some("a.test/")),
        ("a.test", "/Jira", Some("a.test/")),
        ("b.test", "/jira", Some("b.test/jira")),
        ("b.test", "/jiraffe", None),
        ("b.test", "/%6aira", None),
        ("b.test", "//jira", None),
        ("b.test", "", None),
        ("c.test", "/jira", None),
    ];
    for (at, path, expected) in rows {
        let found = table
            .find(&host(at), path)
            .map(|route| route.key.to_string());
        assert_eq!(found.as_deref(), expected, "{at}{path}");
    }
}

#[test]
fn bytes_in_flight_are_bounded_and_given_back() {
    let flight = Arc::new(Flight::new(100));
    let (mut first, mut second) = (flight.clone().board(), flight.clone().board());
    assert!(first.take(60).is_some());
    assert!(second.take(41).is_none());
    assert!(second.take(40).is_some());
    drop(first);
    assert!(second.take(60).is_some());
    assert!(second.take(1).is_none());
}

/// Every refusal. A new one does not compile until it stands here.
fn of_people() -> impl Iterator<Item = people::Refusal> {
    let all = [
        people::Refusal::Ended,
        people::Refusal::Unreachable,
        people::Refusal::NotKept,
    ];
    all.into_iter().inspect(|refusal| match refusal {
        people::Refusal::Ended | people::Refusal::Unreachable | people::Refusal::NotKept => {}
    })
}

fn every_refusal() -> Vec<Refusal> {
    let mut all = vec![
        Refusal::Source,
        Refusal::NoRoute,
        Refusal::NoHost,
        Refusal::Method("POST"),
        Refusal::CredentialsRequired,
        Refusal::SignIn(Unread::Form),
        Refusal::SignIn(Unread::Unclear("it says no client_id")),
        Refusal::Malformed,
        Refusal::DocumentTooLarge,
        Refusal::DocumentEncoded,
        Refusal::ServiceUnavailable,
        Refusal::ServiceTimeout,
        Refusal::AnswerHeldBack,
        Refusal::BodyIncomplete,
        Refusal::BodyTooSlow,
        Refusal::Busy,
        Refusal::SpoolFull,
        Refusal::SpoolUnavailable,
        Refusal::TargetUnavailable,
        Refusal::TargetTimeout,
        Refusal::AnswerTooLarge,
    ];
    all.extend(of_webhooks().map(Refusal::Webhook));
    all.extend(of_published().into_iter().map(Refusal::Publish));
    all.extend(of_the_broker().map(Refusal::Broker));
    all.extend(of_people().map(Refusal::User));
    for refusal in &all {
        match refusal {
            Refusal::Source
            | Refusal::NoRoute
            | Refusal::NoHost
            | Refusal::Method(_)
            | Refusal::Broker(_)
            | Refusal::User(_)
            | Refusal::SignIn(Unread::Form | Unread::Unclear(_))
            | Refusal::Webhook(_)
            | Refusal::Publish(_)
            | Refusal::CredentialsRequired
            | Refusal::Malformed
            | Refusal::DocumentTooLarge
            | Refusal::DocumentEncoded
            | Refusal::ServiceUnavailable
            | Refusal::ServiceTimeout
            | Refusal::AnswerHeldBack
            | Refusal::BodyIncomplete
            | Refusal::BodyTooSlow
            | Refusal::Busy
            | Refusal::SpoolFull
            | Refusal::SpoolUnavailable
            | Refusal::TargetUnavailable
            | Refusal::TargetTimeout
            | Refusal::AnswerTooLarge => {}
        }
    }
    all
}

fn of_webhooks() -> [receive::Refusal; 8] {
    use receive::Refusal as Hook;
    let json = receive::json::outline(b"{").unwrap_err();
    let all = [
        Hook::Method,
        Hook::Header("x-github-event"),
        Hook::MediaType,
        Hook::Encoded,
        Hook::TooLarge(1),
        Hook::Unsigned,
        Hook::Signature,
        Hook::Json(json),
    ];
    for refusal in &all {
        match refusal {
            Hook::Method
            | Hook::Header(_)
            | Hook::MediaType
            | Hook::Encoded
            | Hook::TooLarge(_)
            | Hook::Unsigned
            | Hook::Signature
            | Hook::Json(_) => {}
        }
    }
    all
}

fn of_the_broker() -> [broker::Refusal; 17] {
    use broker::Refusal as Broker;
    let all = [
        Broker::Caller,
        Broker::NotGranted,
        Broker::Ambiguous,
        Broker::TooMany,
        Broker::Request(String::new()),
        Broker::Rate(Duration::ZERO),
        Broker::Suspended,
        Broker::NotInstalled(None),
        Broker::Limited(Duration::ZERO),
        Broker::Share(Duration::ZERO),
        Broker::Crowded(Duration::ZERO),
        Broker::Unreachable,
        Broker::TimedOut,
        Broker::Key,
        Broker::Address,
        Broker::Token,
        Broker::Unexpected,
    ];
    for refusal in &all {
        match refusal {
            Broker::Caller
            | Broker::NotGranted
            | Broker::Ambiguous
            | Broker::TooMany
            | Broker::Request(_)
            | Broker::Rate(_)
            | Broker::Suspended
            | Broker::NotInstalled(_)
            | Broker::Limited(_)
            | Broker::Share(_)
            | Broker::Crowded(_)
            | Broker::Unreachable
            | Broker::TimedOut
            | Broker::Key
            | Broker::Address
            | Broker::Token
            | Broker::Unexpected => {}
        }
    }
    all
}

fn of_published() -> Vec<publish::Refusal> {
    use asked::Refusal as Asked;
    let asked = [
        Asked::Path(path::Fault::Empty),
        Asked::Ambiguous,
        Asked::GitService,
        Asked::GitProtocol,
        Asked::GitRepository,
        Asked::Lfs,
        Asked::GraphqlMethod,
    ];
    let mut all = vec![publish::Refusal::Header, publish::Refusal::Batch];
    all.extend(asked.map(publish::Refusal::Asked));
    all.extend(Reason::ALL.map(publish::Refusal::Policy));
    all.extend(scope::Refusal::ALL.map(publish::Refusal::Scope));
    all.extend(graphql::Refusal::ALL.map(publish::Refusal::Graphql));
    for refusal in &all {
        match refusal {
            publish::Refusal::Asked(
                Asked::Path(_)
                | Asked::Ambiguous
                | Asked::GitService
                | Asked::GitProtocol
                | Asked::GitRepository
                | Asked::Lfs
                | Asked::GraphqlMethod,
            )
            | publish::Refusal::Header
            | publish::Refusal::Policy(_)
            | publish::Refusal::Scope(_)
            | publish::Refusal::Graphql(_)
            | publish::Refusal::Batch => {}
        }
    }
    all
}

#[test]
fn a_code_has_one_status_and_the_documentation_has_every_code() {
    const ANSWERS: &str = include_str!("../../docs/answers.md");
    let known: BTreeSet<(String, u16)> = every_refusal()
        .iter()
        .map(|refusal| (refusal.code(), refusal.status().as_u16()))
        .chain(CODES)
        .map(|(code, status)| (code.to_owned(), status))
        .collect();
    let documented: Vec<(String, u16)> = ANSWERS
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let code = cells.next()?.strip_suffix('`')?.to_owned();
            let status = cells.next()?.parse().ok()?;
            let told = cells.filter(|cell| !cell.is_empty()).count();
            assert_eq!(told, 2, "{code}: what it means, and what to do");
            Some((code, status))
        })
        .collect();
    let once: BTreeSet<_> = documented.iter().cloned().collect();
    assert_eq!(once.len(), documented.len(), "a code stands there twice");
    assert_eq!(once, known);
    let codes: BTreeSet<&str> = known.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes.len(), known.len(), "a code has two statuses");
}

/// Elsewhere a code stands behind its status: 403 `never_exposed`.
#[test]
fn what_the_documentation_says_of_a_code_elsewhere_is_right() {
    let known: BTreeSet<(&str, u16)> = every_refusal()
        .iter()
        .map(|refusal| (refusal.code(), refusal.status().as_u16()))
        .chain(CODES)
        .collect();
    let mut found = 0;
    for text in [
        include_str!("../../docs/publishing.md"),
        include_str!("../../docs/configuration.md"),
    ] {
        for (at, _) in text.match_indices(" `") {
            let status = text
                .get(..at)
                .and_then(|before| before.get(at.checked_sub(3)?..));
            let Some(status) = status.and_then(|digits| digits.parse::<u16>().ok()) else {
                continue;
            };
            let code = text.get(at + 2..).and_then(|rest| rest.split('`').next());
            let code = code.unwrap_or_default();
            assert!(known.contains(&(code, status)), "{status} `{code}`");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
