//! Tests of routing and of the bound on bytes in flight.

use super::flight::Flight;
use super::route::{Counts, Hook, Route, Table, Way};
use crate::edge::source::{Directory, From};
use crate::types::{Host, RouteKey};
use crate::webhook::Mode;
use crate::webhook::receive::Receiver;
use std::sync::Arc;
use std::time::Duration;

fn route(key: &str) -> Arc<Route> {
    let key = RouteKey::recorded(key);
    Arc::new(Route {
        admission: Directory::new([]).compile(&From::Anywhere).unwrap(),
        way: Way::Webhook(Arc::new(Hook {
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
