//! Tests of requests for tokens.

use super::*;
use crate::broker::grant::{Reach, Uses};
use crate::types::Level;
use proptest::prelude::*;

fn grant(reach: Reach) -> Grant {
    let mut permissions = Permissions::none();
    permissions.set("contents", Level::Read).unwrap();
    permissions.set("issues", Level::Write).unwrap();
    Grant {
        app: "sync".parse().unwrap(),
        owner: "acme".parse().unwrap(),
        reach,
        permissions: Allowed::Only(permissions),
        uses: Uses {
            proxy: true,
            token: true,
        },
    }
}

fn some(names: &[&str]) -> Reach {
    let pattern = |name: &&str| format!("acme/{name}").parse().unwrap();
    Reach::Some(names.iter().map(pattern).collect())
}

#[test]
fn what_is_absent_is_what_the_grant_says() {
    let request = TokenRequest::read(br#"{"app":"sync","owner":"Acme"}"#).unwrap();
    assert_eq!(
        (&request.repositories, &request.permissions),
        (&None, &None)
    );
    let named =
        |names: &[&str]| Repositories::Named(names.iter().map(|name| Box::from(*name)).collect());
    let all = grant(Reach::All).permissions;
    for (reach, expected) in [
        (
            some(&["docs", "web"]),
            Narrowed::Scope(Scope {
                repositories: named(&["docs", "web"]),
                permissions: all.clone(),
            }),
        ),
        (some(&["web-*"]), Narrowed::Matching(all.clone())),
        (
            Reach::All,
            Narrowed::Scope(Scope {
                repositories: Repositories::All,
                permissions: all.clone(),
            }),
        ),
    ] {
        assert_eq!(narrowed(&grant(reach), &request), Ok(expected));
    }
}

#[test]
fn what_is_asked_for_narrows_and_never_widens() {
    let asked = |body: &str| {
        narrowed(
            &grant(some(&["web-*"])),
            &TokenRequest::read(body.as_bytes()).unwrap(),
        )
    };
    let scope = asked(
        r#"{"app":"sync","owner":"acme","repositories":["Web-1","acme/web-2"],"permissions":{"issues":"read"}}"#,
    );
    let Ok(Narrowed::Scope(scope)) = scope else {
        panic!("{scope:?}");
    };
    let names: BTreeSet<Box<str>> = ["web-1", "web-2"].map(Box::from).into();
    assert_eq!(scope.repositories, Repositories::Named(names));
    let Allowed::Only(permissions) = scope.permissions else {
        panic!("all");
    };
    assert_eq!(permissions.to_string(), "issues: read");
    for body in [
        r#"{"app":"sync","owner":"acme","repositories":["other"]}"#,
        r#"{"app":"sync","owner":"acme","repositories":["web-1","other"]}"#,
        r#"{"app":"sync","owner":"acme","permissions":{"contents":"write"}}"#,
        r#"{"app":"sync","owner":"acme","permissions":{"issues":"write","actions":"read"}}"#,
    ] {
        assert_eq!(asked(body), Err(Refusal::NotGranted), "{body}");
    }
}

#[test]
fn what_could_be_taken_for_everything_or_for_nothing_is_wrong() {
    for body in [
        "",
        "[]",
        r#"{"app":"sync"}"#,
        r#"{"app":"Sync!","owner":"acme"}"#,
        r#"{"app":"sync","owner":"ac/me"}"#,
        r#"{"app":"sync","owner":"acme","repositories":[]}"#,
        r#"{"app":"sync","owner":"acme","repositories":["other/web"]}"#,
        r#"{"app":"sync","owner":"acme","repositories":["a/b/c"]}"#,
        r#"{"app":"sync","owner":"acme","permissions":{}}"#,
        r#"{"app":"sync","owner":"acme","permissions":{"contents":"all"}}"#,
        r#"{"app":"sync","owner":"acme","permissions":{"Contents":"read"}}"#,
        r#"{"app":"sync","owner":"acme","repository":["web"]}"#,
    ] {
        let refused = TokenRequest::read(body.as_bytes());
        assert!(
            matches!(refused, Err(Refusal::Request(_))),
            "{body}: {refused:?}"
        );
    }
    let many: Vec<String> = (0..=500).map(|n| format!("\"web-{n}\"")).collect();
    let body = format!(
        r#"{{"app":"sync","owner":"acme","repositories":[{}]}}"#,
        many.join(",")
    );
    let request = TokenRequest::read(body.as_bytes()).unwrap();
    assert_eq!(
        narrowed(&grant(Reach::All), &request),
        Err(Refusal::TooMany)
    );
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(TokenRequest::read(&body));
    }
}
