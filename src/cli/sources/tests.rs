//! Tests of the source lists as a person sees them.

use super::*;
use crate::cli::client::tests::{arguments, with_gateway};

#[test]
fn sources_are_a_table_with_their_age() {
    with_gateway(|open, _| {
        let (text, good) = answer(&arguments(open, "")).unwrap();
        assert!(good);
        insta::assert_snapshot!(text, @r"
        SOURCE        NETWORKS  AGE      STATE  FROM                         LAST ERROR
        github-hooks  6         12m 34s  fresh  https://api.github.com/meta  -
        old           6         4d 15h   STALE  https://api.github.com/meta  cannot fetch
        flow          2         -        fixed  configuration                -
        ");
        let (json, _) = answer(&arguments(open, "--json")).unwrap();
        let sources: Vec<Source> = serde_json::from_str(&json).unwrap();
        assert_eq!(sources.len(), 3);
    });
}

#[test]
fn a_refresh_that_failed_for_one_says_so_and_fails() {
    with_gateway(|open, _| {
        let (text, good) = answer(&arguments(open, "refresh")).unwrap();
        assert!(!good);
        insta::assert_snapshot!(text, @r"
        github-hooks: changed, 6 networks
        old: the old list stays: it answers 500, 6 networks
        ");
    });
    assert!(refreshes(&[]).contains("No source list is fetched"));
}
