//! Tests of the reload as a person sees it.

use super::*;
use crate::cli::client::tests::{arguments, with_gateway};

#[test]
fn a_reload_says_what_changed_and_a_refused_one_why_not() {
    with_gateway(|open, _| {
        let said = answer(&arguments(open, "")).unwrap();
        assert_eq!(said, "2 routes added\n");
        open.fake.set(|scene| {
            scene.reload = Err("webhook[2].to[0].url: found `x`, expected a URL".to_owned());
        });
        let refused = answer(&arguments(open, "")).unwrap_err().to_string();
        assert!(refused.contains("the old one runs on"), "{refused}");
        assert!(refused.contains("webhook[2].to[0].url"), "{refused}");
    });
}
