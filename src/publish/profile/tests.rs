//! Tests of profiles: what they say, what they decide, and that no spelling gets past them.

use super::*;
use crate::publish::asked::{Asked, Site, What};
use crate::publish::operation::{Access, Operation, Verb};

mod rules;
mod spelling;
mod table;
mod tool;

fn declared(name: &str, base: &[&str], allow: &[&str], deny: &[&str]) -> Declared {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Declared {
        name: name.parse().unwrap(),
        base: list(base),
        allow: list(allow),
        deny: list(deny),
    }
}

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    let profiles = Profiles::check(&[declared("test", &[], allow, deny)]).unwrap();
    profiles.policy(["test"]).unwrap()
}

fn built_in(name: &str) -> Policy {
    Profiles::built_in().policy([name]).unwrap()
}

/// What is decided about a request; `target` is below `/api/v3` unless it begins with `ROOT`.
fn decide(policy: &Policy, method: &str, target: &str) -> &'static str {
    let target = match target.strip_prefix("ROOT") {
        Some(root) => root.to_owned(),
        None => format!("/api/v3{target}"),
    };
    at(policy, Site::Main, method, &target)
}

fn at(policy: &Policy, site: Site<'_>, method: &str, target: &str) -> &'static str {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    match Asked::read(method, site, path, query) {
        Ok(asked) => policy.decide(&asked, Circumstances::default()).code(),
        Err(refusal) => Decision::from(refusal).code(),
    }
}
