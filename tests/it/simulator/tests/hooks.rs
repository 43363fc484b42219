//! Hooks, what was delivered to them, and sending it again.

use super::{BOTH, Scene};
use crate::harness::{Tool, eventually, sign};
use crate::simulator::{Hook, Place, Shape};
use serde_json::{Value, json};

fn hook(tool: &Tool) -> Hook {
    Hook {
        url: Some(format!("http://{}/hook", tool.address)),
        secret: Some("secret".to_owned()),
        form: false,
        active: true,
    }
}

#[tokio::test]
async fn what_failed_is_listed_and_sent_again() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let (github, jwt) = (&scene.github, scene.jwt());
        let tool = Tool::answering(|nth| if nth == 0 { 503 } else { 200 }).await;
        github.change_app(scene.app, |app| app.hook = hook(&tool));
        let payload = json!({ "action": "opened", "repository": { "id": scene.web } });
        let failed = github.event(scene.app, "issues", payload.clone()).await;
        assert_eq!(failed.status_code, 503);
        assert!(failed.id > 1 << 53);
        let said = scene.get("/app/hook/deliveries?status=failure", &jwt).await;
        let listed = said.json();
        assert_eq!(listed[0]["id"], failed.id);
        assert_eq!(listed[0]["repository_id"], scene.web);
        let one = scene
            .get(&format!("/app/hook/deliveries/{}", failed.id), &jwt)
            .await;
        assert_eq!(one.json()["request"]["payload"], payload);
        let again = format!("/app/hook/deliveries/{}/attempts", failed.id);
        assert_eq!(scene.post(&again, &jwt, Value::Null).await.status, 202);
        eventually(|| (github.deliveries().len() == 2).then_some(())).await;
        let got = &tool.all()[1];
        assert_eq!(got.headers["x-github-delivery"], failed.guid);
        assert_eq!(
            got.headers["x-hub-signature-256"],
            sign("secret", &got.body)
        );
        assert!(got.headers["x-hub-signature"].starts_with("sha1="));
        assert_eq!(
            got.headers.contains_key("x-github-enterprise-host"),
            shape == Shape::Ghes
        );
        let newest = scene.get("/app/hook/deliveries", &jwt).await.json();
        assert_eq!(
            (&newest[0]["redelivery"], &newest[0]["status"]),
            (&json!(true), &json!("OK"))
        );
    }
}

#[tokio::test]
async fn lists_lead_on_by_a_cursor_and_forget() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let github = &scene.github;
        let tool = Tool::open().await;
        let of_web = github.hook(Place::Repository(scene.web), hook(&tool));
        for number in 0..5 {
            github.past(of_web, "push", json!({ "n": number }), 200 + number * 100);
        }
        let token = scene.token().await;
        let hooks = scene.get("/repos/acme/web/hooks", &token).await.json();
        assert_eq!(hooks[0]["config"]["content_type"], "json");
        let mut path = format!("/repos/acme/web/hooks/{of_web}/deliveries?per_page=2");
        let mut found = Vec::new();
        loop {
            let said = scene.get(&path, &token).await;
            found.extend(said.json().as_array().unwrap().clone());
            let link = said.header("link");
            if link.is_empty() {
                break;
            }
            let next = link.trim_start_matches('<').split('>').next().unwrap();
            path = next.strip_prefix(github.api()).unwrap().to_owned();
        }
        assert_eq!(found.len(), 5);
        assert_eq!(tool.count(), 0);
        let days = if shape == Shape::Ghes { 7 } else { 3 };
        github.turn(days * 86_400 - 1800);
        let token = scene.token().await;
        let path = format!("/repos/acme/web/hooks/{of_web}/deliveries");
        assert_eq!(
            scene
                .get(&path, &token)
                .await
                .json()
                .as_array()
                .unwrap()
                .len(),
            5
        );
        github.turn(1800);
        assert_eq!(scene.get(&path, &token).await.json(), json!([]));
        let other = format!("/repos/acme/web/hooks/{}/deliveries", of_web + 1);
        assert_eq!(scene.get(&other, &token).await.status, 404);
    }
}

#[tokio::test]
async fn an_organisations_hook_needs_the_organisations_permission() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let tool = Tool::open().await;
    let acme = scene.github.organization("acme");
    let form = Hook {
        form: true,
        ..hook(&tool)
    };
    let id = scene.github.hook(Place::Organization(acme), form);
    let sent = scene.github.event(id, "push", json!({ "a": "b c" })).await;
    let path = format!("/orgs/acme/hooks/{id}/deliveries");
    let token = scene.token().await;
    assert_eq!(scene.get(&path, &token).await.status, 403);
    scene
        .github
        .grant(scene.installation, &[("organization_hooks", "write")]);
    let token = scene.token().await;
    assert_eq!(scene.get(&path, &token).await.json()[0]["guid"], sent.guid);
    let hooks = scene.get("/orgs/acme/hooks", &token).await.json();
    assert_eq!(hooks[0]["id"], id);
    let again = format!("{path}/{}/attempts", sent.id);
    assert_eq!(scene.post(&again, &token, Value::Null).await.status, 202);
    eventually(|| (tool.count() == 2).then_some(())).await;
    let got = tool.one().await;
    assert_eq!(
        got.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert!(got.body.starts_with(b"payload=%7B"));
}

#[tokio::test]
async fn an_app_turns_its_hook_elsewhere_and_is_told_what_becomes_of_it() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let (github, jwt) = (&scene.github, scene.jwt());
        github.send_by(reqwest::Client::new());
        let tool = Tool::open().await;
        github.change_app(scene.app, |app| app.hook.active = true);
        let url = format!("http://{}/there", tool.address);
        let asked = json!({ "url": url, "content_type": "json", "secret": "new" });
        let said = scene.ask("PATCH", "/app/hook/config", &jwt, asked).await;
        assert_eq!(said.status, 200);
        let config = scene.get("/app/hook/config", &jwt).await.json();
        assert_eq!(
            (&config["url"], &config["secret"]),
            (&json!(url), &json!("********"))
        );
        github.rename_account(github.organization("acme"), "apex");
        let got = tool.one().await;
        assert_eq!(got.headers["x-github-event"], "installation_target");
        github.rename_account(github.organization("apex"), "acme");
        eventually(|| (tool.count() == 2).then_some(())).await;
        github.choose(scene.installation, &["vault"]);
        eventually(|| (tool.count() == 4).then_some(())).await;
        let mut told: Vec<Value> = tool
            .all()
            .split_off(2)
            .iter()
            .map(|got| serde_json::from_slice(&got.body).unwrap())
            .collect();
        told.sort_by_key(|told| told["action"].to_string());
        assert_eq!(told[0]["repositories_added"][0]["full_name"], "acme/vault");
        assert_eq!(told[1]["repositories_removed"][0]["full_name"], "acme/web");
        github.uninstall(scene.installation);
        eventually(|| (tool.count() == 5).then_some(())).await;
        let got = tool.all().remove(4);
        assert_eq!(got.headers["x-github-event"], "installation");
        let body: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(
            (&body["action"], &body["installation"]["id"]),
            (&json!("deleted"), &json!(scene.installation))
        );
    }
}
