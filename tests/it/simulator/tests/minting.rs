//! Installation tokens: asked for, answered, used, ended.

use super::{BOTH, Scene};
use crate::simulator::{Permissions, Shape, Side, Token, Wider};
use serde_json::{Value, json};

#[tokio::test]
async fn nothing_or_an_empty_list_means_everything() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        for asked in [
            Value::Null,
            json!({}),
            json!({ "repositories": [], "permissions": {} }),
        ] {
            let said = scene.asked_for(asked).await;
            assert_eq!(said.status, 201);
            let body = said.json();
            assert_eq!(
                body["permissions"],
                json!({ "contents": "write", "issues": "read", "metadata": "read", "repository_hooks": "write" })
            );
            assert_eq!(body["repository_selection"], "selected");
        }
        assert_eq!(scene.github.tokens().len(), 3);
        let (names, _) = scene.github.reach(&scene.github.tokens()[0]);
        assert_eq!(names, ["acme/web".to_owned()].into());
    }
}

#[tokio::test]
async fn a_narrow_token_is_narrow() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let asked = json!({ "repositories": ["web"], "permissions": { "contents": "read" } });
        let said = scene.asked_for(asked.clone()).await;
        assert_eq!(said.status, 201);
        let body = said.json();
        assert_eq!(
            body["permissions"],
            json!({ "contents": "read", "metadata": "read" })
        );
        assert_eq!(body["repositories"][0]["full_name"], "acme/web");
        let token: &Token = &scene.github.alive()[0];
        assert_eq!(token.asked, asked);
        let granted = Permissions::of(&[("contents", "write"), ("metadata", "read")]);
        assert!(token.permissions.within(&granted));
    }
}

#[tokio::test]
async fn what_is_not_granted_is_not_minted() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let many: Vec<String> = (0..501).map(|number| format!("r{number}")).collect();
        for (asked, words) in [
            (
                json!({ "permissions": { "issues": "write" } }),
                "permissions requested",
            ),
            (
                json!({ "permissions": { "contents": "everything" } }),
                "not valid",
            ),
            (
                json!({ "repositories": ["vault"] }),
                "does not exist or is not accessible",
            ),
            (
                json!({ "repository_ids": [1] }),
                "does not exist or is not accessible",
            ),
            (json!({ "repositories": many }), "500"),
        ] {
            let said = scene.asked_for(asked).await;
            assert_eq!(said.status, 422);
            assert!(said.message().contains(words), "{}", said.message());
        }
        let said = scene
            .post(
                "/app/installations/1/access_tokens",
                &scene.jwt(),
                json!({}),
            )
            .await;
        assert_eq!(said.status, 404);
        let said = scene
            .post("/app/installations/1/access_tokens", "", json!({}))
            .await;
        assert_eq!(said.status, 401);
        scene.github.suspend(scene.installation, Side::Account);
        let said = scene.asked_for(json!({})).await;
        assert_eq!(
            (said.status, said.message().as_str()),
            (403, "This installation has been suspended")
        );
        assert!(scene.github.tokens().is_empty());
    }
}

#[tokio::test]
async fn tokens_are_long_or_short_and_end() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let token = scene.token().await;
        match shape {
            Shape::Dotcom => assert!((500..540).contains(&token.len()), "{}", token.len()),
            Shape::Ghes => assert_eq!(token.len(), 40),
        }
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 200);
        scene.github.turn(3601);
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 401);
        let token = scene.token().await;
        assert_eq!(
            scene
                .ask("DELETE", "/installation/token", &token, Value::Null)
                .await
                .status,
            204
        );
        assert_eq!(
            scene
                .ask("DELETE", "/installation/token", &token, Value::Null)
                .await
                .status,
            401
        );
        assert!(scene.github.alive().is_empty());
        assert!(scene.github.tokens()[1].revoked);
        assert_eq!(scene.github.tokens()[1].text, token);
    }
}

#[tokio::test]
async fn a_token_loses_what_its_installation_loses() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let token = scene.token().await;
    scene
        .github
        .grant(scene.installation, &[("contents", "read")]);
    let said = scene.get("/repos/acme/web/issues", &token).await;
    assert_eq!(
        (said.status, said.message().as_str()),
        (403, "Resource not accessible by integration")
    );
    scene.github.choose(scene.installation, &["vault"]);
    assert_eq!(scene.get("/repos/acme/web", &token).await.status, 404);
    assert_eq!(scene.get("/repos/acme/vault", &token).await.status, 200);
    scene.github.suspend(scene.installation, Side::App);
    assert_eq!(scene.get("/repos/acme/vault", &token).await.status, 403);
    scene.github.uninstall(scene.installation);
    assert_eq!(scene.get("/repos/acme/vault", &token).await.status, 401);
}

#[tokio::test]
async fn a_server_in_that_mood_gives_more_than_was_asked_for() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    scene.github.choose(scene.installation, &["web", "vault"]);
    let asked = json!({ "repositories": ["web"], "permissions": { "contents": "read" } });
    scene
        .github
        .mood(|mood| mood.wider = Some(Wider::Repositories))
        .await;
    let said = scene.asked_for(asked.clone()).await.json();
    assert_eq!(said["repositories"].as_array().unwrap().len(), 2);
    let token = said["token"].as_str().unwrap();
    assert_eq!(scene.get("/repos/acme/vault", token).await.status, 200);
    scene
        .github
        .mood(|mood| mood.wider = Some(Wider::Permissions))
        .await;
    let said = scene.asked_for(asked).await.json();
    assert_eq!(said["permissions"]["repository_hooks"], "write");
    assert_eq!(said["repositories"].as_array().unwrap().len(), 1);
    scene
        .github
        .mood(|mood| mood.wider = Some(Wider::Everything))
        .await;
    let asked = json!({ "repositories": ["web"] });
    let said = scene.asked_for(asked).await.json();
    assert_eq!(said["repositories"], Value::Null);
    let token = said["token"].as_str().unwrap();
    assert_eq!(scene.get("/repos/acme/vault", token).await.status, 200);
}
