//! Tests of what no profile lets through.

use super::*;
use crate::publish::operation::Operation;
use proptest::prelude::*;
use proptest::sample::select;

/// What is open, though some of it begins or ends with such a word.
const OPEN: [&str; 27] = [
    "/",
    "/api/v3",
    "/api/v3/enterprises/e/dependabot/alerts",
    "/enterprises/acme",
    "/enterprises",
    "/acme/setup",
    "/acme/admin",
    "/api/v3/repos/acme/admin",
    "/api/v3/repos/setup/x",
    "/mailer/x",
    "/managers/web",
    "/scimmy/x",
    "/api/graphql",
    "/acme/web.git/info/refs",
    "/api/v3/advisories",
    "/api/v3/app",
    "/gists",
    "/api/uploads/repos/a/b",
    "/api/v3/repos/a/b/labels/x%2Fsetup",
    "/admin-team/web.git/info/refs",
    "/Admins/web",
    "/setup-scripts/web/raw/main/setup",
    "/stafftools2/web",
    "/devtools-team/x",
    "/graphite-eu/render",
    "/authorizations-api/web",
    "/api/v3/repos/admin-team/web",
];

fn closed(raw: &str) -> Option<Never> {
    find(&Path::parse(raw).unwrap(), 0)
}

#[test]
fn the_consoles_and_inner_services_are_closed_in_every_spelling() {
    for raw in [
        "/setup",
        "/setup/",
        "/setup/settings",
        "/setup/api/settings",
        "/Setup",
        "/SETUP/API",
        "/%73etup",
        "/set%75p/x",
        "/setup%2Fapi",
        "/setup%3Fx",
        "/setup%23",
        "/manage",
        "/manage/v1/config",
        "/MANAGE/v1",
        "/manage%3f",
        "/manage.json",
        "/api/v3/scim.JSON/v2",
        "/stafftools",
        "/stafftools/users/x",
        "/admin",
        "/admin/users",
        "/enterprises/acme/settings",
        "/enterprises/acme/settings/apps",
        "/enterprises/acme/Settings_x",
        "/api/v3/admin/users",
        "/api/v3/Admin/users",
        "/API/V3/admin/users",
        "/api/v3/%61dmin",
        "/api/v3%2Fadmin",
        "/api%2Fv3%2Fadmin%2Fusers",
        "/api/v4/admin",
        "/api/admin",
        "/api/v3/manage/v1/version",
        "/api/v3/setup/api/start",
        "/api/v3/enterprise/stats/all",
        "/api/v3/enterprise",
        "/api/v3/enterprise/anything",
        "/api/v3/scim/v2/Users",
        "/scim/v2/x",
        "/api/v3/authorizations",
        "/api/v3/authorizations/1",
        "/authorizations",
        "/_services/pipelines",
        "/_private/x",
        "/_privatex",
        "/_sockets/u",
        "/devtools",
        "/graphite/render",
        "/mail",
        "/mail/x",
        "/api/v3/stafftools",
        "/api/v3/enterprises/e/settings/billing/advanced-security",
        "/setup~",
        "/setup%20",
        "/setup%20x/api",
        "/setup,x",
        "/setup%25",
        "/setup%C2%A0",
        "/setup..",
        "/setup_x",
        "/admin:x",
        "/admin%2Fx",
        "/ADMIN+x/users",
        "/stafftools@x/users",
        "/stafftools%20/users",
        "/devtools=x",
        "/graphite!/render",
        "/api/v3/authorizations~",
        "/api/v3/scim~/v2/Users",
    ] {
        assert!(matches!(closed(raw), Some(Never::Exposed(_))), "{raw}");
    }
    for raw in OPEN {
        assert_eq!(closed(raw), None, "{raw}");
    }
}

proptest! {
    /// An account has its repositories, whatever its name begins with.
    #[test]
    fn only_an_account_that_is_called_just_so_is_closed(
        start in select(&["setup", "admin", "stafftools", "manage", "devtools", "graphite", "mail"][..]),
        more in "[a-zA-Z0-9-][a-zA-Z0-9-]{0,12}",
        rest in "(/[a-z.]{1,8}){0,3}",
    ) {
        let raw = format!("/{start}{more}{rest}");
        // `..` is no path.
        if let Ok(path) = Path::parse(&raw) {
            prop_assert_eq!(find(&path, 0), None, "{}", raw);
        }
    }

    /// What no account can be called ends the word.
    #[test]
    fn a_word_is_closed_with_whatever_follows_that_is_in_no_name(
        start in select(&["setup", "Admin", "STAFFTOOLS", "manage", "%73etup", "api/v3/admin"][..]),
        next in select(&["%20", "~", ".", "..", ",", "_", "+", "%3F", "%23", "%C2%A0", "%2F", "/", "!", ":", "@", "%26"][..]),
        more in "[a-z0-9]{0,8}",
    ) {
        let raw = format!("/{start}{next}{more}");
        if let Ok(path) = Path::parse(&raw) {
            prop_assert!(matches!(find(&path, 0), Some(Never::Exposed(_))), "{}", raw);
        }
    }
}

#[test]
fn an_apps_private_key_is_behind_a_door_of_its_own() {
    for raw in [
        "/api/v3/app-manifests/abc/conversions",
        "/api/v3/APP-manifests/abc/Conversions",
        "/app-manifests/abc/conversions/",
        "/api/v3/app-manifests/abc%2Fconversions",
        "/api/v3/app-manifests/abc/conversions%3Fx",
        "/api/v3/app-manifests/abc/conversions.json",
    ] {
        assert_eq!(closed(raw), Some(Never::Setup), "{raw}");
    }
    assert_eq!(closed("/api/v3/app-manifests/abc"), None);
}

#[test]
fn a_host_for_one_part_has_no_console_either() {
    let path = Path::parse_under(&["raw"], "/setup/x").unwrap();
    assert!(matches!(find(&path, 1), Some(Never::Exposed(_))));
    assert_eq!(find(&path, 0), None);
    let path = Path::parse_under(&["api", "uploads"], "/admin/x").unwrap();
    assert!(matches!(find(&path, 2), Some(Never::Exposed(_))));
}

#[test]
fn just_these_operations_are_closed_to_everyone() {
    let closed: Vec<_> = Operation::all()
        .filter(|operation| {
            let pattern = operation.pattern();
            find(
                &Path::of(pattern.split('/').filter(|word| !word.is_empty())),
                0,
            )
            .is_some()
        })
        .map(|operation| operation.pattern().split('/').nth(1).unwrap())
        .collect();
    let count = |first: &str| closed.iter().filter(|word| **word == first).count();
    let all = [
        ("admin", 33),
        ("app-manifests", 1),
        ("authorizations", 7),
        ("enterprise", 25),
        ("enterprises", 1),
        ("manage", 19),
        ("scim", 12),
    ];
    for (first, expected) in all {
        assert_eq!(count(first), expected, "{first}");
    }
    assert_eq!(
        closed.len(),
        all.iter().map(|(_, count)| count).sum::<usize>()
    );
}
