//! A limit to repositories: no way that a request has of choosing a repository leads outside.

use super::{Published, code, url};
use crate::inside::{Ghes, Seen, TOKEN};
use crate::world::{PUBLIC, World, world};
use http::{Method, Response};
use serde_json::json;

const KEYS: &str = "allow = \"everything\"\nrepositories = [\"acme/*\"]";
const GRAPHQL: &str = "/api/graphql";

fn plant(ghes: &Ghes, target: &str, body: &str) {
    let answer = Response::builder().header("content-type", "application/json");
    ghes.plant(target, answer.body(body.as_bytes().to_vec()).unwrap());
}

/// What the server says of whose an id is, and what a name stands for.
async fn limited(world: &World) -> (Ghes, Published, reqwest::Client) {
    let ghes = Ghes::open(world).await;
    for (id, name) in [(1, "acme/web"), (2, "vault/keys")] {
        let body = json!({ "id": id, "full_name": name }).to_string();
        plant(&ghes, &format!("/api/v3/repos/{name}"), &body);
        plant(&ghes, &format!("/api/v3/repositories/{id}"), &body);
    }
    for (id, login) in [(11, "acme"), (12, "vault")] {
        let body = json!({ "id": id, "login": login }).to_string();
        plant(&ghes, &format!("/api/v3/user/{id}"), &body);
    }
    // Renamed and given away: the old name leads to it.
    let body = json!({ "id": 2, "full_name": "vault/keys" }).to_string();
    plant(&ghes, "/api/v3/repos/acme/moved", &body);
    plant(&ghes, GRAPHQL, "{}");
    let published = Published::open(world, KEYS, "").await;
    let asker = published.asker(world);
    (ghes, published, asker)
}

/// Where a target is asked for: at its host where it names one.
fn at(target: &str) -> String {
    match target.split_once("://") {
        Some((part, rest)) => format!("https://{part}.{PUBLIC}{rest}"),
        None => url(target),
    }
}

/// What the gate asks of its own accord, to learn whose an id is.
fn inquiry(seen: &Seen) -> bool {
    let path = seen.target.strip_prefix("/api/v3").unwrap_or_default();
    let words: Vec<&str> = path.split('/').skip(1).collect();
    seen.method == Method::GET
        && matches!(
            words.as_slice(),
            ["repositories" | "user", _] | ["repos", _, _]
        )
}

const OUTSIDE: [(&str, &str, &str); 38] = [
    ("GET", "/api/v3/repos/vault/keys/contents/a", ""),
    ("GET", "/api/v3/repos/VAULT/keys/pulls", ""),
    ("GET", "/api/v3/repos/acme%2F..%2Fvault/keys/pulls", ""),
    ("GET", "/api/v3/repos/acme%2Fweb/keys/pulls", ""),
    ("GET", "/api/v3/repositories/2/contents/a", ""),
    ("GET", "/api/v3/repositories/02/contents/a", ""),
    ("GET", "/api/v3/repositories/9/contents/a", ""),
    ("DELETE", "/api/v3/repos/vault/keys", ""),
    (
        "GET",
        "/api/v3/repos/acme/web/compare/main...vault:main",
        "",
    ),
    (
        "GET",
        "/api/v3/repos/acme/web/compare/vault:keys:main...main",
        "",
    ),
    ("GET", "/api/v3/repos/acme/web/forks", ""),
    (
        "POST",
        "/api/v3/repos/acme/web/forks",
        r#"{"organization":"vault"}"#,
    ),
    (
        "POST",
        "/api/v3/repos/acme/web/transfer",
        r#"{"new_owner":"vault"}"#,
    ),
    (
        "POST",
        "/api/v3/repos/acme/web/pulls",
        r#"{"head":"vault:main","base":"main"}"#,
    ),
    (
        "POST",
        "/api/v3/repos/acme/web/pulls",
        r#"{"head":"a","head":"vault:main","base":"main"}"#,
    ),
    (
        "POST",
        "/api/v3/repos/acme/web/pulls",
        r#"{"head":"a","head_repo":"vault/keys"}"#,
    ),
    (
        "POST",
        "/api/v3/repos/acme/web/pulls?head=vault:main",
        r#"{"head":"a","base":"main"}"#,
    ),
    (
        "POST",
        "/api/v3/repositories/1/pulls",
        r#"{"head":"vault:main","base":"main"}"#,
    ),
    ("GET", "/api/v3/search/code?q=repo:vault/keys", ""),
    ("GET", "/api/v3/user/repos", ""),
    ("GET", "/api/v3/repositories", ""),
    ("GET", "/api/v3/issues", ""),
    ("GET", "/api/v3/notifications", ""),
    ("GET", "/api/v3/events", ""),
    ("GET", "/api/v3/gists/abc", ""),
    ("GET", "/api/v3/orgs/vault/repos", ""),
    ("GET", "/api/v3/organizations/12/repos", ""),
    ("GET", "/api/v3/repos/acme/web/nothing/known", ""),
    ("GET", "codeload:///vault/keys/zip/main", ""),
    (
        "GET",
        "codeload:///vault/keys/legacy.tar.gz/refs/heads/main?token=x",
        "",
    ),
    ("GET", "raw:///vault/keys/main/a?token=x", ""),
    ("GET", "/vault/keys/archive/main.zip", ""),
    ("GET", "/vault/keys/raw/main/a", ""),
    ("GET", "/vault/keys/releases/download/v1/a", ""),
    ("GET", "/vault/keys", ""),
    (
        "GET",
        "/vault/keys.wiki.git/info/refs?service=git-upload-pack",
        "",
    ),
    (
        "POST",
        "/vault/keys.git/info/lfs/objects/batch",
        r#"{"operation":"download","objects":[]}"#,
    ),
    (
        "POST",
        "uploads:///repos/vault/keys/releases/1/assets?name=a",
        "a",
    ),
];

#[test]
fn no_way_of_asking_reaches_a_repository_outside() {
    world(async |world| {
        let (ghes, published, asker) = limited(&world).await;
        for (method, target, body) in OUTSIDE {
            ghes.forget();
            let asked = asker
                .request(method.parse().unwrap(), at(target))
                .bearer_auth(TOKEN)
                .header("content-type", "application/json")
                .body(body);
            let answer = asked.send().await.unwrap();
            let status = answer.status().as_u16();
            assert!([400, 403].contains(&status), "{method} {target}: {status}");
            let id = answer.headers()["x-request-id"]
                .to_str()
                .unwrap()
                .to_owned();
            let code = code(answer).await;
            let reached: Vec<Seen> = ghes
                .seen()
                .into_iter()
                .filter(|seen| !inquiry(seen))
                .collect();
            // Of a body that is judged, the head may be there before it is.
            let acted = reached.iter().any(|seen| body.is_empty() || seen.whole());
            assert!(!acted, "{method} {target}: {reached:?}");
            let record = published.site.audited(&id).await;
            assert_eq!(record["decision"], "deny", "{record}");
            assert_eq!(record["reason"], *code, "{record}");
            assert_eq!(record["source"], "outside", "{record}");
            assert_eq!(record["route"], "ghe.example.com/", "{record}");
            assert!(
                record["operation"].is_string() || code == "path_refused",
                "{record}"
            );
        }
        published.nothing_leaked();
    });
}

#[test]
fn what_is_inside_is_reached_and_recorded_with_the_rule_that_let_it() {
    world(async |world| {
        let (ghes, published, asker) = limited(&world).await;
        for (method, target, body, operation) in [
            ("GET", "/api/v3/repos/acme/web/pulls", "", "pulls/list"),
            ("GET", "/api/v3/repos/ACME/web/pulls", "", "pulls/list"),
            ("GET", "/api/v3/repositories/1/pulls", "", "pulls/list"),
            (
                "GET",
                "/api/v3/repos/acme/web/compare/main...acme:dev",
                "",
                "repos/compare-commits-with-basehead",
            ),
            (
                "POST",
                "/api/v3/repos/acme/web/pulls",
                r#"{"head":"dev","base":"main"}"#,
                "pulls/create",
            ),
            (
                "GET",
                "/api/v3/organizations/11/repos",
                "",
                "repos/list-for-org",
            ),
            ("GET", "/api/v3/rate_limit", "", "rate-limit/get"),
            (
                "GET",
                "codeload:///acme/web/zip/main",
                "",
                "repos/download-zipball-archive",
            ),
        ] {
            let inner = target.split_once("://").map_or(target, |(_, path)| path);
            plant(&ghes, inner, "[]");
            let asked = asker
                .request(method.parse().unwrap(), at(target))
                .bearer_auth(TOKEN)
                .header("content-type", "application/json")
                .body(body);
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{method} {target}");
            assert_eq!(answer.text().await.unwrap(), "[]");
            let path = inner.split('?').next().unwrap();
            let record = published
                .audited(|record| record["path"] == path && record["method"] == method)
                .await;
            assert_eq!(record["decision"], "allow", "{record}");
            assert_eq!(record["operation"], operation, "{record}");
            assert_eq!(record["rule"], "`everything` of the route", "{record}");
            if target.contains("/repos/acme/") {
                assert_eq!(record["repository"], "acme/web", "{record}");
            }
        }
        published.nothing_leaked();
    });
}

#[test]
fn a_query_names_what_is_inside_or_does_not_pass() {
    world(async |world| {
        let (ghes, published, asker) = limited(&world).await;
        let ask = async |document: serde_json::Value| {
            ghes.forget();
            let asked = asker.post(url(GRAPHQL)).bearer_auth(TOKEN).json(&document);
            let answer = asked.send().await.unwrap();
            let status = answer.status().as_u16();
            drop(answer.bytes().await.unwrap());
            let acted = ghes
                .seen()
                .iter()
                .any(|seen| seen.target == GRAPHQL && seen.whole());
            (status, acted)
        };
        let one = |text: &str| json!({ "query": text });
        let inside = r#"{ repository(owner: "acme", name: "web") { url issues(first: 9) { nodes { title } } } }"#;
        assert_eq!(ask(one(inside)).await, (200, true));
        let by_variable = "query($o: String!) { repository(owner: $o, name: \"web\") { id } }";
        let with = |owner: &str| json!({ "query": by_variable, "variables": { "o": owner } });
        assert_eq!(ask(with("acme")).await, (200, true));
        for document in [
            with("vault"),
            json!({ "query": by_variable }),
            one(r#"{ repository(owner: "vault", name: "keys") { url } }"#),
            one(r#"{ repository(owner: "acme", name: "moved") { url } }"#),
            one(
                r#"{ a: repository(owner: "acme", name: "web") { id } b: repository(owner: "vault", name: "keys") { id } }"#,
            ),
            one(
                r#"{ ...F } fragment F on Query { repository(owner: "vault", name: "keys") { id } }"#,
            ),
            one(
                r#"{ repository(owner: "acme", name: "web") { forks(first: 9) { nodes { id } } } }"#,
            ),
            one(
                r#"{ repository(owner: "acme", name: "web") { parent { object(expression: "main:a") { id } } } }"#,
            ),
            one(r#"{ viewer { repositories(first: 9) { nodes { nameWithOwner } } } }"#),
            one(r#"{ organization(login: "vault") { repositories(first: 9) { nodes { id } } } }"#),
            one(r#"{ user(login: "mona") { repositories(first: 9) { nodes { id } } } }"#),
            one(r#"{ search(query: "repo:vault/keys", type: ISSUE, first: 9) { issueCount } }"#),
            one(r#"{ node(id: "MDEwOlJlcG9zaXRvcnky") { ... on Repository { url } } }"#),
            one(r#"{ nodes(ids: ["MDEwOlJlcG9zaXRvcnky"]) { id } }"#),
            one(r#"{ resource(url: "https://ghe.example.com/vault/keys") { url } }"#),
            one(r#"{ enterprise(slug: "corp") { id } }"#),
            one(
                r#"mutation { addStar(input: {starrableId: "MDEwOlJlcG9zaXRvcnky"}) { clientMutationId } }"#,
            ),
        ] {
            let (status, acted) = ask(document.clone()).await;
            assert!(status == 403 && !acted, "{document}: {status} {acted}");
        }
        published.nothing_leaked();
    });
}
