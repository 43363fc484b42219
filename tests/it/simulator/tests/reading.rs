//! Repositories, organisations and users, read by those who may.

use super::{BOTH, Scene};
use crate::simulator::Shape;
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_reads_and_writes_what_it_may() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        scene.github.change(scene.web, |one| {
            one.files.insert("docs/a.md".to_owned(), b"a".to_vec());
        });
        let token = scene.token().await;
        for (method, path, status) in [
            ("GET", "/repos/acme/web", 200),
            ("HEAD", "/repos/acme/web", 200),
            ("GET", "/meta", 200),
            ("GET", "/repos/acme/web/issues", 200),
            ("POST", "/repos/acme/web/issues", 403),
            ("GET", "/repos/acme/web/pulls", 403),
            ("GET", "/repos/acme/web/contents/README.md", 200),
            ("GET", "/repos/acme/web/contents/docs", 200),
            ("GET", "/repos/acme/web/contents/none", 404),
            ("GET", "/repos/acme/web/branches", 200),
            ("GET", "/repos/acme/web/commits", 200),
            ("GET", "/repos/acme/web/releases/latest", 200),
            ("GET", "/repos/acme/web/languages", 200),
            ("GET", "/repos/acme/web/actions/runs", 403),
            ("DELETE", "/repos/acme/web", 403),
            ("GET", "/repos/acme/vault", 404),
            ("GET", "/repos/acme/none", 404),
            ("GET", "/orgs/acme", 200),
            ("GET", "/orgs/acme/repos", 200),
            ("GET", "/orgs/acme/members", 403),
            ("GET", "/installation/repositories", 200),
            ("GET", "/user", 403),
            ("GET", "/emojis", 200),
            ("GET", "/app", 401),
            ("GET", "/nothing/like/it", 404),
        ] {
            let body = if method == "POST" {
                json!({ "title": "new" })
            } else {
                Value::Null
            };
            let said = scene.ask(method, path, &token, body).await;
            assert_eq!(said.status, status, "{method} {path}: {}", said.message());
        }
        let listed = scene.get("/installation/repositories", &token).await.json();
        assert_eq!(listed["repositories"][0]["full_name"], "acme/web");
        let nobody = scene.get("/repos/acme/web", "").await.status;
        assert_eq!(nobody, if shape == Shape::Ghes { 401 } else { 404 });
        let readme = scene
            .get("/repos/acme/web/contents/README.md", &token)
            .await
            .json();
        assert_eq!(readme["encoding"], "base64");
        assert_eq!(
            readme["url"],
            format!("{}/repos/acme/web/contents/README.md", scene.github.api())
        );
    }
}

#[tokio::test]
async fn whoever_is_known_reads_what_is_public_and_writes_nothing() {
    let Some(scene) = Scene::of(Shape::Dotcom).await else {
        return;
    };
    let open = scene.github.repository("other/open");
    scene.github.change(open, |one| one.private = false);
    let token = scene.token().await;
    assert_eq!(scene.get("/repos/other/open", &token).await.status, 200);
    assert_eq!(scene.get("/repos/other/open/issues", "").await.status, 200);
    let said = scene
        .post(
            "/repos/other/open/issues",
            &token,
            json!({ "title": "new" }),
        )
        .await;
    assert_eq!(said.status, 403);
}

#[tokio::test]
async fn lists_lead_on_by_id() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let permissions = [("issues", "write"), ("pull_requests", "read")];
        scene.github.grant(scene.installation, &permissions);
        scene.github.change(scene.web, |one| {
            one.issues = (1..=44).map(|number| format!("issue {number}")).collect();
            one.pulls = vec!["a change".to_owned()];
        });
        let token = scene.token().await;
        let made = scene
            .post(
                "/repos/acme/web/issues",
                &token,
                json!({ "title": "the 45th" }),
            )
            .await;
        assert_eq!((made.status, &made.json()["number"]), (201, &json!(45)));
        let first = scene.get("/repos/acme/web/issues", &token).await;
        assert_eq!(first.json().as_array().unwrap().len(), 30);
        assert_eq!(first.json()[0]["title"], "the 45th");
        let next = format!("/repositories/{}/issues?page=2", scene.web);
        let link = format!("<{}{next}>; rel=\"next\"", scene.github.api());
        assert!(
            first.header("link").starts_with(&link),
            "{}",
            first.header("link")
        );
        let second = scene.get(&next, &token).await;
        assert_eq!(second.json().as_array().unwrap().len(), 15);
        assert!(second.header("link").contains("rel=\"prev\""));
        assert_eq!(
            scene.get("/repos/acme/web/pulls", &token).await.json()[0]["title"],
            "a change"
        );
        assert_eq!(
            scene.get("/repos/acme/web/issues/45", &token).await.status,
            200
        );
        assert_eq!(
            scene.get("/repos/acme/web/pulls/1", &token).await.status,
            200
        );
        assert_eq!(
            scene.get("/repos/acme/web/pulls/2", &token).await.status,
            404
        );
        let whole = scene.get("/organizations/0/repos", &token).await;
        assert_eq!(whole.status, 404);
    }
}

#[tokio::test]
async fn a_renamed_repository_is_found_again_by_those_who_may() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let token = scene.token().await;
        scene.github.rename(scene.web, "web-one");
        let said = scene.get("/repos/acme/web/issues", &token).await;
        let there = format!("{}/repositories/{}/issues", scene.github.api(), scene.web);
        assert_eq!(
            (said.status, said.header("location")),
            (301, there.as_str())
        );
        let said = scene
            .ask("PUT", "/repos/acme/web/contents/a", &token, json!({}))
            .await;
        assert_eq!(said.status, 307);
        let said = scene
            .get(&format!("/repositories/{}", scene.web), &token)
            .await;
        assert_eq!(said.json()["full_name"], "acme/web-one");
        scene.github.choose(scene.installation, &["vault"]);
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 404);
        scene.github.remove_repository(scene.web);
        assert_eq!(scene.get("/repos/acme/web-one", &token).await.status, 404);
    }
}

async fn graphed(scene: &Scene, token: &str, query: &str) -> Value {
    let request = scene.client.post(scene.github.graphql()).bearer_auth(token);
    let variables = json!({ "o": "acme", "n": "vault" });
    let answer = request
        .json(&json!({ "query": query, "variables": variables }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn graphql_says_who_one_is_and_what_one_may_see() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let token = scene.token().await;
        let said = graphed(&scene, &token, "{ viewer { login } r: repository(owner: \"acme\", name: \"web\") { nameWithOwner } rateLimit { remaining } }").await;
        assert_eq!(said["data"]["viewer"]["login"], "jira-sync[bot]");
        assert_eq!(said["data"]["r"]["nameWithOwner"], "acme/web");
        assert_eq!(said["data"]["rateLimit"].is_null(), shape == Shape::Ghes);
        let said = graphed(
            &scene,
            &token,
            "query($o: String!, $n: String!) { repository(owner: $o, name: $n) { nameWithOwner } }",
        )
        .await;
        assert_eq!(said["data"]["repository"], Value::Null);
        assert_eq!(said["errors"][0]["type"], "NOT_FOUND");
        let query = "fragment repo on Repository { id owner { login } defaultBranchRef { name } }
            query($n: String!) { repository(owner: \"acme\", name: \"web\") { ...repo parent { ...repo } viewerPermission } }";
        let said = graphed(&scene, &token, query).await;
        let found = &said["data"]["repository"];
        assert_eq!(found["owner"], json!({ "login": "acme" }));
        assert_eq!(
            (&found["parent"], &found["viewerPermission"]),
            (&Value::Null, &json!("WRITE"))
        );
        let said = graphed(&scene, &token, "mutation { a { b } }").await;
        assert_eq!(said["errors"][0]["type"], "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_users_token_ends_and_is_renewed_once() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let github = &scene.github;
        let (access, refresh) = github.user_token(scene.app, "mona", true);
        let (lasting, none) = github.user_token(scene.app, "mona", false);
        assert_eq!(none, None);
        assert_eq!(scene.get("/user", &access).await.json()["login"], "mona");
        assert_eq!(scene.get("/repos/acme/web", &access).await.status, 200);
        github.turn(8 * 3600);
        assert_eq!(scene.get("/user", &access).await.status, 401);
        assert_eq!(scene.get("/user", &lasting).await.status, 200);
        let app = github.app_now(scene.app).unwrap();
        let renew = async |refresh: &str| -> Value {
            let form = [
                ("client_id", app.client_id.as_str()),
                ("client_secret", &app.client_secret),
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh),
            ];
            let url = format!("{}/login/oauth/access_token", github.web());
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish();
            let request = scene
                .client
                .post(url)
                .header("accept", "application/json")
                .body(body);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            request.send().await.unwrap().json().await.unwrap()
        };
        let refresh = refresh.unwrap();
        let renewed = renew(&refresh).await;
        assert_eq!(renewed["expires_in"], 28_800);
        let access = renewed["access_token"].as_str().unwrap();
        assert_eq!(scene.get("/user", access).await.status, 200);
        assert_eq!(renew(&refresh).await["error"], "bad_refresh_token");
        github.turn(185 * 24 * 3600);
        let late = renew(renewed["refresh_token"].as_str().unwrap()).await;
        assert_eq!(late["error"], "bad_refresh_token");
    }
}
