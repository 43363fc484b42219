//! Tests of what is said of a setup window.

use super::*;
use crate::cli::client::tests::{arguments, with_gateway};

#[test]
fn a_setup_window_is_opened_for_a_while_and_closed() {
    with_gateway(|open, _| {
        let asked: Open = arguments(open, "ghe.example.com --for 1h");
        let text = answer(&asked).unwrap();
        assert_eq!(
            text,
            "ghe.example.com/ converts manifests until 2027-01-15T09:00:00.000Z\n"
        );
        let asked: Open = arguments(open, "ghe.example.com/ --for 0s");
        assert_eq!(
            answer(&asked).unwrap(),
            "ghe.example.com/ converts no manifests\n"
        );
        let asked: Open = arguments(open, "hooks.example.com/jira");
        let why = answer(&asked).unwrap_err().to_string();
        assert!(why.contains("is no published route"), "{why}");
    });
}

#[test]
fn a_route_is_one_segment_of_a_path() {
    assert_eq!(encoded("ghe.example.com"), "ghe.example.com%2F");
    assert_eq!(encoded("gw.example.com/ghes"), "gw.example.com%2Fghes");
}
