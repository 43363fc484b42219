//! Tests of grants.

use super::*;
use proptest::prelude::*;

pub(super) fn permissions(list: &[(&str, Level)]) -> Permissions {
    let mut permissions = Permissions::none();
    for (kind, level) in list {
        permissions.set(kind, *level).unwrap();
    }
    permissions
}

fn grant(reach: &[&str], allowed: &[(&str, Level)]) -> Grant {
    let patterns = reach
        .iter()
        .map(|name| format!("acme/{name}").parse().unwrap())
        .collect();
    Grant {
        app: "jira-sync".parse().unwrap(),
        owner: "Acme".parse().unwrap(),
        reach: Reach::Some(patterns),
        permissions: Allowed::Only(permissions(allowed)),
        uses: Uses {
            proxy: true,
            token: true,
        },
    }
}

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

#[test]
fn a_repository_is_inside_by_owner_and_pattern_whatever_its_letters_case() {
    let grant = grant(&["web-*", "docs"], &[("contents", Level::Read)]);
    for (name, inside) in [
        ("acme/web-1", true),
        ("ACME/Web-1", true),
        ("acme/docs", true),
        ("acme/docs.git", true),
        ("acme/web", false),
        ("acme2/web-1", false),
        ("acme/xweb-1", false),
    ] {
        assert_eq!(grant.admits(&repository(name)), inside, "{name}");
    }
}

#[test]
fn what_is_asked_for_is_had_only_where_all_of_it_is_granted() {
    let granted = grant(
        &["docs"],
        &[("contents", Level::Read), ("issues", Level::Write)],
    );
    let asked = |list: &[(&str, Level)]| granted.permissions(Some(&permissions(list)));
    assert!(asked(&[("contents", Level::Read)]).is_some());
    assert!(asked(&[("issues", Level::Read), ("metadata", Level::Read)]).is_some());
    assert!(asked(&[("contents", Level::Write)]).is_none());
    assert!(asked(&[("issues", Level::Admin)]).is_none());
    assert!(asked(&[("contents", Level::Read), ("actions", Level::Read)]).is_none());
    assert_eq!(granted.permissions(None), Some(granted.permissions.clone()));
}

#[test]
fn git_gets_what_git_needs_and_no_more() {
    let reader = grant(
        &["docs"],
        &[("contents", Level::Read), ("issues", Level::Write)],
    );
    let only = |list: &[(&str, Level)]| Some(Allowed::Only(permissions(list)));
    assert_eq!(
        reader.for_git(Level::Read),
        only(&[("contents", Level::Read)])
    );
    assert_eq!(reader.for_git(Level::Write), None);
    let writer = grant(
        &["docs"],
        &[("contents", Level::Write), ("workflows", Level::Write)],
    );
    assert_eq!(
        writer.for_git(Level::Write),
        only(&[("contents", Level::Write), ("workflows", Level::Write)])
    );
}

#[test]
fn only_literal_names_are_known_without_asking() {
    let names =
        |names: &[&str]| Repositories::Named(names.iter().map(|name| Box::from(*name)).collect());
    let literal = grant(&["docs", "Web"], &[("contents", Level::Read)]);
    assert_eq!(literal.extent(), Extent::Known(names(&["docs", "web"])));
    let pattern = grant(&["docs", "web-*"], &[("contents", Level::Read)]);
    assert_eq!(pattern.extent(), Extent::Matching);
    assert_eq!(
        pattern.matching(["Docs", "web-1", "other", "..", "a b"]),
        Some(names(&["docs", "web-1"]))
    );
    let many: Vec<String> = (0..=MOST_REPOSITORIES)
        .map(|n| format!("web-{n}"))
        .collect();
    assert_eq!(pattern.matching(many.iter().map(String::as_str)), None);
}

#[test]
fn a_digest_is_of_what_the_grant_says_and_of_nothing_else() {
    let one = grant(&["docs", "web-*"], &[("contents", Level::Read)]);
    let mut other = grant(&["web-*", "docs"], &[("contents", Level::Read)]);
    other.uses.token = false;
    assert_eq!(one.digest(), other.digest());
    for differs in [
        grant(&["docs"], &[("contents", Level::Read)]),
        grant(&["docs", "web-*"], &[("contents", Level::Write)]),
        Grant {
            reach: Reach::All,
            ..one.clone()
        },
        Grant {
            permissions: Allowed::All,
            ..one.clone()
        },
        Grant {
            owner: "other".parse().unwrap(),
            ..one.clone()
        },
        Grant {
            app: "other".parse().unwrap(),
            ..one.clone()
        },
    ] {
        assert_ne!(one.digest(), differs.digest(), "{differs:?}");
    }
}

fn any_permissions() -> impl Strategy<Value = Permissions> {
    let kind = prop_oneof![
        Just("contents"),
        Just("issues"),
        Just("metadata"),
        Just("actions")
    ];
    let level = prop_oneof![Just(Level::Read), Just(Level::Write), Just(Level::Admin)];
    proptest::collection::btree_map(kind, level, 0..4)
        .prop_map(|map| permissions(&map.into_iter().collect::<Vec<_>>()))
}

proptest! {
    #[test]
    fn nothing_wider_than_the_grant_is_ever_had(
        granted in any_permissions(),
        wanted in any_permissions(),
    ) {
        let grant = Grant {
            permissions: Allowed::Only(granted.clone()),
            ..grant(&["docs"], &[])
        };
        if let Some(Allowed::Only(had)) = grant.permissions(Some(&wanted)) {
            for (kind, level) in had.iter() {
                let free = kind == "metadata" && level == Level::Read;
                prop_assert!(free || granted.level(kind).is_some_and(|most| most >= level));
            }
        }
    }
}
