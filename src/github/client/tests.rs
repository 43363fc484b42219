//! Tests of the client against a GitHub that answers as each test wants.

use super::*;
use crate::github::fake::{Fake, NOW, Seen, Turned, date, reply};
use crate::github::{Allowed, Jwt, Minted, Repositories, Scope};
use crate::types::{AppId, InstallationId, Level, Owner, Permissions};
use axum::response::Response;
use proptest::prelude::*;
use std::collections::BTreeSet;

const TOKEN: &str = "ghs_0123456789abcdef0123456789abcdef0123";

fn client(fake: &Fake) -> Client {
    Client::new(fake.site(), Turned::new()).unwrap()
}

fn jwt() -> Jwt {
    Jwt::new("aa.bb.cc".to_owned())
}

fn owner() -> Owner {
    "acme".parse().unwrap()
}

fn token() -> Secret {
    Secret::new(TOKEN.as_bytes().to_vec())
}

fn permissions(all: &[(&str, Level)]) -> Permissions {
    let mut permissions = Permissions::none();
    for (kind, level) in all {
        permissions.set(kind, *level).unwrap();
    }
    permissions
}

fn named(names: &[&str]) -> Repositories {
    Repositories::Named(names.iter().map(|name| (*name).into()).collect())
}

fn narrow() -> Scope {
    Scope {
        repositories: named(&["web", "api"]),
        permissions: Allowed::Only(permissions(&[("contents", Level::Read)])),
    }
}

const INSTALLATION: &str = r#"{"id":77,"app_id":12,"app_slug":"sync","target_type":"Organization",
    "account":{"login":"Acme","id":1},"repository_selection":"selected",
    "permissions":{"contents":"read","brand_new":"sometimes"},"events":["push"],
    "suspended_at":null,"suspended_by":null,"html_url":"https://x/77"}"#;

#[tokio::test]
async fn every_request_says_who_asks_and_for_which_version() {
    let fake = Fake::answering(|_| reply(200, &[], INSTALLATION)).await;
    let found = client(&fake)
        .installation_of(&jwt(), &owner())
        .await
        .unwrap();
    assert_eq!(found.id, InstallationId(77));
    assert_eq!(found.owner.as_str(), "acme");
    assert_eq!(found.permissions.to_string(), "contents: read");
    assert!(found.selected && found.suspended.is_none());
    let seen = &fake.seen()[0];
    assert_eq!(seen.line, "GET /api/v3/orgs/acme/installation");
    assert_eq!(seen.header("authorization"), "Bearer aa.bb.cc");
    assert_eq!(seen.header("accept"), "application/vnd.github+json");
    assert_eq!(seen.header("x-github-api-version"), "2022-11-28");
    assert!(seen.header("user-agent").starts_with("hubgate/"));
}

#[tokio::test]
async fn an_account_that_is_no_organization_is_asked_for_as_a_user() {
    let fake = Fake::answering(|seen: &Seen| {
        if seen.line.contains("/users/") {
            reply(200, &[], INSTALLATION)
        } else {
            reply(404, &[], "{}")
        }
    });
    let fake = fake.await;
    client(&fake)
        .installation_of(&jwt(), &owner())
        .await
        .unwrap();
    assert_eq!(fake.lines().len(), 2);
}

/// What a server answers that answers so.
async fn faulted(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let body = body.to_owned();
    let fake = Fake::answering(move |_| {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        reply(status, &headers, &body)
    });
    let fake = fake.await;
    client(&fake).registration(&jwt()).await.unwrap_err()
}

fn said(text: &str) -> String {
    format!(r#"{{"message":"{text}"}}"#)
}

#[tokio::test]
async fn what_is_answered_has_the_meaning_that_status_and_message_give_it() {
    const IP: &str = "Although you appear to have the correct authorization credentials, the \
        `acme` organization has an IP allow list enabled, and your IP address 192.0.2.7 is not \
        permitted to access this resource.";
    let forbidden = |said: &str| Fault::Forbidden {
        said: said.to_owned(),
    };
    let seen = Some("192.0.2.7".parse().unwrap());
    let date = Some(Timestamp::from_millis(NOW));
    let unprocessable = Fault::Unprocessable {
        said: "no such repository".to_owned(),
    };
    let odd = said(&format!("see {TOKEN} \\u001b[2J"));
    let table = [
        (401, said("Bad credentials"), Fault::Unauthorized { date }),
        (
            403,
            said("This installation has been suspended"),
            Fault::Suspended,
        ),
        (403, said(IP), Fault::IpNotAllowed { seen }),
        (
            403,
            said("Resource not accessible"),
            forbidden("Resource not accessible"),
        ),
        (403, "<html>".to_owned(), forbidden("(no message)")),
        (403, odd, forbidden("see (hidden) \\u{1b}[2J")),
        (404, said("Not Found"), Fault::NotFound),
        (422, said("no such repository"), unprocessable),
        (500, said("oops"), Fault::Unexpected(500)),
    ];
    for (status, body, expected) in table {
        assert_eq!(
            faulted(status, &[], &body).await,
            expected,
            "{status} {body}"
        );
    }
    let moved = [("location", "/api/v3/app")];
    assert_eq!(faulted(302, &moved, "{}").await, Fault::Unexpected(302));
}

/// First `retry-after`, then the reset where nothing is left, then a minute.
#[tokio::test]
async fn a_limit_lasts_as_long_as_the_headers_say_in_their_order() {
    let reset = (NOW / 1000 + 90).to_string();
    let behind = date(-30);
    let used_up = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", &*reset),
    ];
    let both = [used_up[0], used_up[1], ("retry-after", "7")];
    let skewed = [used_up[0], used_up[1], ("date", &*behind)];
    let left = [("x-ratelimit-remaining", "5"), used_up[1]];
    let (slow, secondary) = (
        said("slow down"),
        said("You have exceeded a secondary rate limit."),
    );
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let table: [(u16, Headers<'_>, &str, u64, bool); 7] = [
        (403, &both, &slow, 7, true),
        (429, &used_up, &slow, 90, true),
        (403, &skewed, &slow, 120, true),
        (429, &left, &slow, 60, false),
        (403, &[], &secondary, 60, false),
        (429, &[], &slow, 60, false),
        (429, &[("retry-after", "999999")], &slow, 7200, true),
    ];
    for (status, headers, body, seconds, told) in table {
        let expected = Fault::Limited {
            retry_after: Duration::from_secs(seconds),
            told,
        };
        assert_eq!(
            faulted(status, headers, body).await,
            expected,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_sensible_is_told_apart() {
    let fake = Fake::answering(|_| reply(200, &[], r#"{"id":"ghs_secret"}"#)).await;
    let fault = client(&fake).registration(&jwt()).await.unwrap_err();
    assert_eq!(fault, Fault::Unreadable("an App should have come"));
    let huge = "x".repeat(LARGEST + 1);
    let fake = Fake::answering(move |_| reply(200, &[], &huge)).await;
    let fault = client(&fake).registration(&jwt()).await.unwrap_err();
    assert_eq!(fault, Fault::Unreadable("it is larger than 8 MiB"));
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut site = (*fake.site()).clone();
    site.web = format!("http://{}/", nobody.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(nobody);
    let client = Client::new(Arc::new(site), Turned::new()).unwrap();
    let fault = client.registration(&jwt()).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unreachable { why } if why.contains("refused")),
        "{fault}"
    );
}

/// A server that takes the request and says nothing.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = Fake::answering(|_| reply(200, &[], "{}")).await;
    let mut site = (*fake.site()).clone();
    site.web = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut client = Client::new(Arc::new(site), Turned::new()).unwrap();
    client.http = reqwest::Client::builder()
        .timeout(Duration::from_millis(50))
        .no_proxy()
        .build()
        .unwrap();
    let fault = client.registration(&jwt()).await.unwrap_err();
    assert_eq!(fault, Fault::TimedOut);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_once_and_only_on_the_same_host() {
    fn serve(to: &'static str) -> impl Fn(&Seen) -> Response {
        move |seen| match &*seen.line {
            "GET /api/v3/repos/acme/web/installation" => reply(301, &[("location", to)], "{}"),
            "GET /api/v3/repositories/9/installation" => reply(200, &[], INSTALLATION),
            _ => reply(
                307,
                &[("location", "/api/v3/repositories/9/installation")],
                "{}",
            ),
        }
    }
    let repository = "acme/web".parse().unwrap();
    let rows = [
        ("/api/v3/repositories/9/installation", true, 2),
        ("/api/v3/repositories/8/installation", false, 2),
        (
            "https://evil.example/api/v3/repositories/9/installation",
            false,
            1,
        ),
    ];
    for (to, works, asked) in rows {
        let fake = Fake::answering(serve(to)).await;
        let found = client(&fake).installation_for(&jwt(), &repository).await;
        assert_eq!(found.is_ok(), works, "{to}: {found:?}");
        assert_eq!(fake.lines().len(), asked, "{to}");
    }
    let fake = Fake::answering(|_| reply(200, &[], INSTALLATION)).await;
    for odd in ["acme/..", "../acme", "./acme"] {
        let found = client(&fake)
            .installation_for(&jwt(), &odd.parse().unwrap())
            .await;
        assert_eq!(found, Err(Fault::NotFound), "{odd}");
    }
    assert!(fake.lines().is_empty());
}

#[tokio::test]
async fn lists_are_read_page_by_page_on_our_own_host_and_within_bounds() {
    let fake = Fake::answering(|seen: &Seen| {
        let body = format!("[{INSTALLATION},{{\"id\":5,\"app_id\":12,\"account\":null}}]");
        if seen.line.ends_with("page=2") {
            reply(200, &[], &body)
        } else {
            let link = r#"<https://elsewhere.example/x?per_page=100&page=2>; rel="next""#;
            reply(200, &[("link", link)], &body)
        }
    });
    let fake = fake.await;
    assert_eq!(client(&fake).installations(&jwt()).await.unwrap().len(), 2);
    let expected = [
        "GET /api/v3/app/installations?per_page=100",
        "GET /api/v3/app/installations?per_page=100&page=2",
    ];
    assert_eq!(fake.lines(), expected);
    let endless = r#"</x?page=2>; rel="next""#;
    let fake = Fake::answering(|_| reply(200, &[("link", endless)], "[]")).await;
    let found = client(&fake).installations(&jwt()).await;
    assert_eq!(
        found,
        Err(Fault::Unreadable("it has more than 10,000 installations"))
    );
    assert_eq!(fake.lines().len(), 100);
}

fn minted(repositories: &str, permissions: &str) -> String {
    format!(
        r#"{{"token":"{TOKEN}","expires_at":"2027-01-15T09:00:00Z",
        "permissions":{permissions}{repositories}}}"#
    )
}

async fn mint(scope: &Scope, body: String) -> (Fake, Result<Minted, Fault>) {
    let fake = Fake::answering(move |seen: &Seen| {
        if seen.line.starts_with("POST ") {
            reply(201, &[], &body)
        } else {
            reply(204, &[], "")
        }
    });
    let fake = fake.await;
    let outcome = client(&fake).mint(&jwt(), InstallationId(77), scope).await;
    (fake, outcome)
}

const WEB: &str =
    r#","repository_selection":"selected","repositories":[{"id":1,"full_name":"Acme/Web"}]"#;

#[tokio::test]
async fn a_token_is_asked_for_by_sorted_names_and_read_as_it_came() {
    let body = minted(WEB, r#"{"contents":"read","metadata":"read"}"#);
    let (fake, outcome) = mint(&narrow(), body).await;
    let got = outcome.unwrap();
    assert_eq!(got.token.expose(), TOKEN.as_bytes());
    assert_eq!(got.expires.to_string(), "2027-01-15T09:00:00.000Z");
    assert_eq!(got.repositories, named(&["web"]));
    assert!(got.is_within(&narrow()));
    assert!(!format!("{got:?}").contains("ghs_"));
    let seen = &fake.seen()[0];
    assert_eq!(seen.line, "POST /api/v3/app/installations/77/access_tokens");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(
        seen.body,
        r#"{"repositories":["api","web"],"permissions":{"contents":"read"}}"#
    );
}

#[tokio::test]
async fn a_token_whose_reach_cannot_be_read_is_revoked() {
    for odd in [
        minted(WEB, r#"{"contents":"sometimes"}"#),
        minted(WEB, "null"),
        minted("", r#"{"contents":"read"}"#).replace("2027-01", "soon"),
        minted(r#","repositories":[{"id":1}]"#, r#"{"contents":"read"}"#),
    ] {
        let (fake, outcome) = mint(&narrow(), odd.clone()).await;
        assert!(matches!(outcome, Err(Fault::Unreadable(_))), "{odd}");
        let seen = fake.seen();
        assert_eq!(seen[1].line, "DELETE /api/v3/installation/token", "{odd}");
        assert_eq!(seen[1].header("authorization"), format!("Bearer {TOKEN}"));
    }
}

#[tokio::test]
async fn nothing_is_sent_for_a_scope_that_github_would_take_for_everything() {
    let empty = Scope {
        repositories: named(&[]),
        ..narrow()
    };
    let none = Scope {
        permissions: Allowed::Only(Permissions::none()),
        ..narrow()
    };
    let many: BTreeSet<Box<str>> = (0..501).map(|n| format!("r{n}").into()).collect();
    let many = Scope {
        repositories: Repositories::Named(many),
        ..narrow()
    };
    for scope in [empty, none, many] {
        let (fake, outcome) = mint(&scope, String::new()).await;
        assert_eq!(outcome.unwrap_err(), Fault::Indefinite);
        assert!(fake.lines().is_empty());
    }
}

#[test]
fn what_came_back_is_within_what_was_asked_for_or_it_is_not() {
    let scope = narrow();
    let read = permissions(&[("contents", Level::Read), ("metadata", Level::Read)]);
    let write = permissions(&[("contents", Level::Write)]);
    let more = permissions(&[("contents", Level::Read), ("issues", Level::Read)]);
    let table = [
        (named(&["web", "api"]), &read, true),
        (named(&["web"]), &read, true),
        (named(&["web", "secret"]), &read, false),
        (Repositories::All, &read, false),
        (named(&["web"]), &write, false),
        (named(&["web"]), &more, false),
        (named(&["web"]), &Permissions::none(), true),
    ];
    for (repositories, permissions, within) in table {
        let got = Minted {
            token: token(),
            expires: Timestamp::default(),
            installation: InstallationId(1),
            permissions: permissions.clone(),
            repositories,
        };
        assert_eq!(got.is_within(&scope), within, "{got:?}");
        let all = Scope {
            repositories: Repositories::All,
            permissions: Allowed::All,
        };
        assert!(got.is_within(&all));
    }
}

proptest! {
    #[test]
    fn a_body_never_lacks_a_list_and_never_has_an_empty_one_unless_all_was_asked_for(
        names in proptest::option::of(proptest::collection::btree_set("[a-z0-9._-]{1,20}", 0..600)),
        kinds in proptest::option::of(proptest::collection::btree_map("[a-z_]{1,20}", 0_u8..3, 0..9)),
    ) {
        let levels = [Level::Read, Level::Write, Level::Admin];
        let scope = Scope {
            repositories: match &names {
                None => Repositories::All,
                Some(names) => Repositories::Named(names.iter().map(|n| (&**n).into()).collect()),
            },
            permissions: match &kinds {
                None => Allowed::All,
                Some(kinds) => {
                    let all: Vec<_> =
                        kinds.iter().map(|(k, l)| (&**k, levels[usize::from(*l)])).collect();
                    Allowed::Only(permissions(&all))
                }
            },
        };
        prop_assume!(scope.is_definite());
        let body = serde_json::to_value(token::Body::of(&scope)).unwrap();
        let list = body.get("repositories").map(|list| list.as_array().unwrap().len());
        prop_assert_eq!(list, names.map(|names| names.len()));
        prop_assert_ne!(list, Some(0));
        let map = body.get("permissions").map(|map| map.as_object().unwrap().len());
        prop_assert_eq!(map, kinds.map(|kinds| kinds.len()));
        prop_assert_ne!(map, Some(0));
    }
}

#[tokio::test]
async fn a_token_that_github_does_not_know_is_gone_already() {
    for (status, gone) in [(204, true), (401, true), (403, false), (502, false)] {
        let fake = Fake::answering(move |_| reply(status, &[], "{}")).await;
        let outcome = client(&fake).revoke(&token()).await;
        assert_eq!(outcome.is_ok(), gone, "{status}");
    }
}

#[tokio::test]
async fn deliveries_have_numbers_beyond_what_a_double_holds() {
    let one = r#"[{"id":18446744073709551615,"guid":"g-1","delivered_at":"2027-01-15T08:00:00Z",
        "redelivery":false,"duration":0.1,"status":"Timed out","status_code":0,"event":"push",
        "action":null,"installation_id":7,"repository_id":9,"throttled_at":null}]"#;
    let fake = Fake::answering(move |seen: &Seen| {
        if seen.line.starts_with("POST ") {
            return reply(202, &[], "");
        }
        let link = r#"<https://x/app/hook/deliveries?per_page=100&cursor=v1_a%2Bb>; rel="next""#;
        reply(200, &[("link", link)], one)
    });
    let fake = fake.await;
    let (client, jwt) = (client(&fake), jwt());
    let by = Credential::App(&jwt);
    let page = client.deliveries(by, &Hook::App, None).await.unwrap();
    let found = &page.items[0];
    assert_eq!((found.id, found.is_ok()), (u64::MAX, false));
    client
        .deliveries(by, &Hook::App, page.next.as_ref())
        .await
        .unwrap();
    let hook = Hook::Organization(owner(), 4);
    client.redeliver(by, &hook, found.id).await.unwrap();
    let hook = Hook::Repository("acme/web".parse().unwrap(), 5);
    client.redeliver(by, &hook, 6).await.unwrap();
    let expected = [
        "GET /api/v3/app/hook/deliveries?per_page=100",
        "GET /api/v3/app/hook/deliveries?per_page=100&cursor=v1_a%2Bb",
        "POST /api/v3/orgs/acme/hooks/4/deliveries/18446744073709551615/attempts",
        "POST /api/v3/repos/acme/web/hooks/5/deliveries/6/attempts",
    ];
    assert_eq!(fake.lines(), expected);
}

#[tokio::test]
async fn a_manifests_code_becomes_an_app_and_an_odd_code_is_not_sent() {
    let made = r#"{"id":12,"slug":"sync","node_id":"x","name":"Sync","html_url":"https://x",
        "client_id":"Iv1.a","client_secret":"cs","webhook_secret":null,"pem":"-----BEGIN",
        "owner":{"login":"acme"},"permissions":{},"events":[]}"#;
    let fake = Fake::answering(move |_| reply(201, &[], made)).await;
    let client = client(&fake);
    let created = client.convert("0123abcd").await.unwrap();
    assert_eq!((created.id, &*created.slug), (AppId(12), "sync"));
    assert_eq!(created.pem.expose(), b"-----BEGIN");
    assert!(created.webhook_secret.is_none());
    assert!(!format!("{created:?}").contains("BEGIN"));
    assert_eq!(
        fake.lines(),
        ["POST /api/v3/app-manifests/0123abcd/conversions"]
    );
    assert_eq!(fake.seen()[0].header("authorization"), "");
    for odd in ["", "a/b", "..", "a?b", "a b"] {
        assert!(
            matches!(client.convert(odd).await, Err(Fault::NotFound)),
            "{odd}"
        );
    }
    assert_eq!(fake.lines().len(), 1);
}

#[tokio::test]
async fn a_hooks_settings_are_shown_and_changed() {
    let fake = Fake::answering(|_| {
        reply(
            200,
            &[],
            r#"{"url":"https://h/x","content_type":"json","secret":"********"}"#,
        )
    });
    let fake = fake.await;
    let client = client(&fake);
    let config = client.hook_config(&jwt()).await.unwrap();
    assert_eq!(config.url.as_deref(), Some("https://h/x"));
    let change = HookChange {
        url: None,
        secret: Some(Secret::new(b"new".to_vec())),
    };
    client.set_hook_config(&jwt(), &change).await.unwrap();
    let expected = r#"{"content_type":"json","insecure_ssl":"0","secret":"new"}"#;
    assert_eq!(fake.seen()[1].body, expected);
}

#[tokio::test]
async fn a_users_token_is_renewed_and_a_refusal_with_200_is_one() {
    let fake = Fake::answering(|seen: &Seen| {
        if seen.body.contains("refresh_token=old") {
            let body = r#"{"access_token":"ghu_1","expires_in":28800,"refresh_token":"ghr_1",
                "refresh_token_expires_in":15811200,"scope":"","token_type":"bearer"}"#;
            reply(200, &[], body)
        } else {
            reply(200, &[], r#"{"error":"bad_refresh_token"}"#)
        }
    });
    let fake = fake.await;
    let client = client(&fake);
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let renewed = client.renew("Iv1", &secret("cs"), &secret("old")).await;
    let Ok(Renewed::Tokens(tokens)) = renewed else {
        panic!("{renewed:?}");
    };
    assert_eq!(tokens.access.expose(), b"ghu_1");
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(28_800)));
    let seen = &fake.seen()[0];
    assert_eq!(seen.line, "POST /login/oauth/access_token");
    assert_eq!(seen.header("accept"), "application/json");
    let again = client.renew("Iv1", &secret("cs"), &secret("spent")).await;
    assert!(matches!(again, Ok(Renewed::Refused(code)) if code == "bad_refresh_token"));
}

#[test]
fn authorities_that_cannot_be_read_are_told_with_their_site() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let site = Site {
        name: "ghes".parse().unwrap(),
        product: crate::github::Product::Server,
        web: "https://github.corp.internal/".parse().unwrap(),
        ca: Some("/nowhere/ca.pem".into()),
        via: None,
    };
    let fault = Client::new(Arc::new(site), Turned::new()).unwrap_err();
    let text = fault.to_string();
    assert!(
        text.contains("`ghes`") && text.contains("/nowhere/ca.pem"),
        "{text}"
    );
}

#[test]
fn a_server_that_is_named_by_its_address_has_no_hosts_below_it() {
    let site = |web: &str| Site {
        name: "ghes".parse().unwrap(),
        product: crate::github::Product::Server,
        web: web.parse().unwrap(),
        ca: None,
        via: None,
    };
    let below = site("https://github.corp.internal").stores();
    assert_eq!(below.len(), 3);
    assert_eq!(below[0], "https://codeload.github.corp.internal");
    for address in ["https://192.0.2.1", "https://[2001:db8::1]:8443"] {
        assert_eq!(site(address).stores(), [""; 0], "{address}");
    }
}
