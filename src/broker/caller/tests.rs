//! Tests of who is known by what.

use super::super::credential::fresh_key;
use super::super::oidc::tests::{Fixed, Issuer};
use super::super::rate::Rate;
use super::*;
use crate::types::Timestamp;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;

fn caller(name: &str, proofs: Vec<Proof>) -> Caller {
    Caller {
        name: name.parse().unwrap(),
        proofs,
        rate: Rate::DEFAULT,
        grants: Vec::new(),
    }
}

fn presented(line: &str) -> Credential {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, line.parse().unwrap());
    Credential::of(&headers)
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| Box::from(*name)).collect()
}

fn nobody() -> Issuers {
    Issuers::new(
        Arc::new(Issuer::new("https://nobody.example")),
        Arc::new(Fixed(Timestamp::from_millis(0))),
    )
}

#[tokio::test]
async fn a_caller_is_known_by_its_key_or_its_certificate_and_by_nobody_elses() {
    let (one, other) = (fresh_key().unwrap(), fresh_key().unwrap());
    let roster = Roster::new(vec![
        caller("one", vec![Proof::Key(KeyDigest::of(&one))]),
        caller(
            "two",
            vec![
                Proof::Certificate("spiffe://corp/two".into()),
                Proof::Key(KeyDigest::of(&other)),
            ],
        ),
    ]);
    let issuers = nobody();
    let known = async |line: Option<&str>, shown: &[&str]| {
        let credential = line.map_or(Credential::Nothing, presented);
        roster.identify(&credential, &names(shown), &issuers).await
    };
    assert_eq!(known(Some(&format!("Bearer {}", *one)), &[]).await, Ok(0));
    assert_eq!(known(Some(&format!("token {}", *other)), &[]).await, Ok(1));
    assert_eq!(known(None, &["spiffe://corp/two"]).await, Ok(1));
    // What is presented decides, and a certificate does not make up for it.
    let both = known(Some(&format!("Bearer {}", *one)), &["spiffe://corp/two"]).await;
    assert_eq!(both, Ok(0));
    for (line, shown) in [
        (None, &[][..]),
        (None, &["spiffe://corp/three"]),
        (None, &["spiffe://corp/two/x"]),
        (Some("Bearer hgk_unknown"), &["spiffe://corp/two"]),
        (Some("Bearer something"), &["spiffe://corp/two"]),
        (Some("Bearer a.b.c"), &["spiffe://corp/two"]),
    ] {
        assert_eq!(known(line, shown).await, Err(Refusal::Caller), "{line:?}");
    }
}

#[tokio::test]
async fn a_certificate_with_the_names_of_two_callers_is_nobodys() {
    let certificate = |name: &str| vec![Proof::Certificate(name.into())];
    let roster = Roster::new(vec![
        caller("one", certificate("one.corp")),
        caller("two", certificate("two.corp")),
    ]);
    let known = async |shown: &[&str]| {
        roster
            .identify(&Credential::Nothing, &names(shown), &nobody())
            .await
    };
    assert_eq!(known(&["x.corp", "one.corp"]).await, Ok(0));
    assert_eq!(known(&["one.corp", "two.corp"]).await, Err(Refusal::Caller));
}
