//! The pages where Apps are made and installed.

use super::{BOTH, Scene};
use crate::simulator::{Chosen, Shape, Side, Simulator};
use serde_json::{Value, json};

/// Sends a form as a browser does; where it leads, and the page.
async fn send(github: &Simulator, path: &str, form: &[(&str, &str)]) -> (Option<String>, String) {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = github
        .client()
        .post(format!("{}{path}", github.web()))
        .body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.send().await.unwrap();
    let to = answer
        .headers()
        .get("location")
        .map(|to| to.to_str().unwrap().to_owned());
    (to, answer.text().await.unwrap())
}

fn manifest() -> String {
    json!({
        "name": "Build Bot",
        "url": "https://hubgate.test/",
        "redirect_url": "http://127.0.0.1:1/back",
        "setup_url": "http://127.0.0.1:1/installed",
        "hook_attributes": { "url": "https://hooks.test/bot" },
        "default_permissions": { "contents": "read" },
        "default_events": ["push"],
    })
    .to_string()
}

#[tokio::test]
async fn a_manifest_becomes_an_app_once_and_within_the_hour() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let github = &scene.github;
        let manifest = manifest();
        let new = "/organizations/acme/settings/apps/new?state=s-1";
        let (_, page) = send(github, new, &[("manifest", &manifest)]).await;
        assert!(page.contains("Create GitHub App</button>"), "{page}");
        let press = async |name: &str| {
            let form = [
                ("manifest", manifest.as_str()),
                ("state", "s-1"),
                ("name", name),
            ];
            send(github, "/organizations/acme/settings/apps/manifest", &form).await
        };
        assert!(press("jira sync").await.1.contains("Name is already taken"));
        let to = press("Build Bot").await.0.unwrap();
        let code = to.strip_prefix("http://127.0.0.1:1/back?code=").unwrap();
        let (code, state) = code.split_once('&').unwrap();
        assert_eq!(state, "state=s-1");
        let path = format!("/app-manifests/{code}/conversions");
        let said = scene.post(&path, "", Value::Null).await;
        assert_eq!(said.status, 201);
        let app = said.json();
        assert_eq!(
            (&app["slug"], &app["owner"]["login"]),
            (&json!("build-bot"), &json!("acme"))
        );
        assert!(
            app["pem"]
                .as_str()
                .unwrap()
                .starts_with("-----BEGIN RSA PRIVATE KEY-----")
        );
        assert!(app["webhook_secret"].is_string());
        assert_eq!(scene.post(&path, "", Value::Null).await.status, 404);

        let to = press("Other Bot").await.0.unwrap();
        github.turn(3600);
        let code = url::Url::parse(&to)
            .unwrap()
            .query_pairs()
            .next()
            .unwrap()
            .1
            .into_owned();
        let said = scene
            .post(
                &format!("/app-manifests/{code}/conversions"),
                "",
                Value::Null,
            )
            .await;
        assert_eq!(said.status, 404);
        // The App is there all the same, and nobody has its key.
        assert!(github.app_called("other-bot").is_some());
        let (_, page) = send(github, "/settings/apps/new", &[("manifest", "{}")]).await;
        assert!(page.contains("Invalid GitHub App configuration"));
    }
}

#[tokio::test]
async fn an_app_is_installed_on_what_is_chosen() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let github = &scene.github;
        github.change_app(scene.app, |app| {
            app.setup_url = Some("http://127.0.0.1:1/installed".to_owned());
        });
        let page = format!("{}/installations/new", github.app_page("jira-sync"));
        let kind = if shape == Shape::Ghes {
            "/github-apps/"
        } else {
            "/apps/"
        };
        assert!(page.contains(kind));
        let shown = github.client().get(&page).send().await.unwrap();
        assert!(shown.text().await.unwrap().contains("value=\"acme/vault\""));
        let path = page.strip_prefix(github.web()).unwrap();
        github.uninstall(scene.installation);
        let form = [
            ("account", "acme"),
            ("selection", "selected"),
            ("repository", "acme/vault"),
        ];
        let to = send(github, path, &form).await.0.unwrap();
        let to = url::Url::parse(&to).unwrap();
        let (name, id) = to.query_pairs().next().unwrap();
        assert_eq!(name, "installation_id");
        let one = github.installation(id.parse().unwrap()).unwrap();
        assert!(matches!(&one.repositories, Chosen::Some(ids) if ids.len() == 1));
        github.change_app(scene.app, |app| app.setup_url = None);
        let to = send(github, path, &[("account", "acme"), ("selection", "all")])
            .await
            .0
            .unwrap();
        let page = github.client().get(to).send().await.unwrap();
        assert!(page.text().await.unwrap().contains("Uninstall"));
        assert_eq!(
            github.installation(one.id).unwrap().repositories,
            Chosen::All
        );
        let settings = format!("/organizations/acme/settings/installations/{}", one.id);
        send(github, &settings, &[("press", "Suspend")]).await;
        assert!(!github.unsuspend(one.id, Side::App));
        send(github, &settings, &[("press", "Unsuspend")]).await;
        assert!(github.installation(one.id).unwrap().suspended.is_none());
        send(github, &settings, &[("press", "Uninstall")]).await;
        assert!(github.installation(one.id).is_none());
        let said = scene.get("/apps/jira-sync", &scene.jwt()).await;
        assert_eq!(said.json()["id"], scene.app);
        let settings = "/organizations/acme/settings/apps/jira-sync/advanced";
        send(github, settings, &[("press", "Delete")]).await;
        assert!(github.app_now(scene.app).is_none());
    }
}
