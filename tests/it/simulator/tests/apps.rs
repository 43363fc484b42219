//! Apps and their installations.

use super::{BOTH, Scene};
use crate::simulator::{AppKey, Chosen, Shape, Side};
use serde_json::{Value, json};

#[tokio::test]
async fn an_app_is_known_by_its_jwt() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let said = scene.get("/app", &scene.jwt()).await;
        assert_eq!(said.status, 200);
        let app = said.json();
        assert_eq!(
            (&app["id"], &app["slug"]),
            (&json!(scene.app), &json!("jira-sync"))
        );
        assert_eq!(app["permissions"]["contents"], "write");
        assert_eq!(
            said.headers.contains_key("x-github-enterprise-version"),
            shape == Shape::Ghes
        );
    }
}

#[tokio::test]
async fn a_jwt_is_judged_by_the_clock_the_key_and_the_issuer() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let now = jiff::Timestamp::now().as_second();
        let client_id = scene.github.app_now(scene.app).unwrap().client_id;
        let claims = |iat: i64, exp: i64, iss: Value| json!({ "iat": now + iat, "exp": now + exp, "iss": iss });
        let by_client = if shape == Shape::Dotcom { 200 } else { 404 };
        for (claims, status, message) in [
            (claims(-60, 540, json!(scene.app)), 200, ""),
            (claims(-60, 540, json!(client_id)), by_client, ""),
            (claims(60, 540, json!(scene.app)), 401, "'Issued at'"),
            (
                claims(-60, 700, json!(scene.app)),
                401,
                "too far in the future",
            ),
            (claims(-60, -1, json!(scene.app)), 401, "'Expiration time'"),
            (claims(-60, 540, json!(1)), 404, "Integration not found"),
        ] {
            let said = scene.get("/app", &scene.key.sign(&claims)).await;
            assert_eq!(said.status, status, "{claims}");
            assert!(said.message().contains(message), "{}", said.message());
        }
        let right = claims(-60, 540, json!(scene.app));
        let said = scene.get("/app", &AppKey::number(1).sign(&right)).await;
        assert_eq!(said.status, 401);
        assert_eq!(scene.get("/app", "a.b.c").await.status, 401);
        assert_eq!(scene.get("/app", "").await.status, 401);
    }
}

#[tokio::test]
async fn a_skewed_clock_is_in_the_date_and_in_the_judgement() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({ "iat": now - 60, "exp": now + 540, "iss": scene.app });
    for skew in [-300, 300] {
        scene.github.mood(|mood| mood.skew = skew).await;
        let said = scene.get("/app", &scene.key.sign(&claims)).await;
        assert_eq!(said.status, if skew < 0 { 401 } else { 200 });
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(said.header("date"));
        let off = date.unwrap().as_second() - now;
        assert!((off - skew).abs() < 60, "{off}");
    }
}

#[tokio::test]
async fn several_keys_are_good_until_they_are_withdrawn() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let other = AppKey::number(1);
    scene
        .github
        .change_app(scene.app, |app| app.keys.push(other.clone()));
    for key in [&scene.key, &other] {
        let said = scene.get("/app", &scene.github.jwt(scene.app, key)).await;
        assert_eq!(said.status, 200);
    }
    let gone = scene.key.fingerprint();
    scene.github.change_app(scene.app, |app| {
        app.keys.retain(|key| key.fingerprint() != gone);
    });
    assert_eq!(scene.get("/app", &scene.jwt()).await.status, 401);
    let said = scene
        .get("/app", &scene.github.jwt(scene.app, &other))
        .await;
    assert_eq!(said.status, 200);
    scene.github.delete_app(scene.app);
    assert_eq!(
        scene
            .get("/app", &scene.github.jwt(scene.app, &other))
            .await
            .status,
        404
    );
}

#[test]
fn a_key_is_written_both_ways() {
    let key = AppKey::number(0);
    for pem in [key.pkcs1_pem(), key.pkcs8_pem()] {
        use rustls_pki_types::pem::PemObject as _;
        let read = rustls_pki_types::PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        rustls::crypto::aws_lc_rs::sign::any_supported_type(&read).unwrap();
    }
    assert!(
        key.pkcs1_pem()
            .starts_with("-----BEGIN RSA PRIVATE KEY-----\n")
    );
    assert_eq!(key.fingerprint(), AppKey::number(0).fingerprint());
}

#[tokio::test]
async fn installations_are_found_by_account_repository_and_list() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let (github, jwt) = (&scene.github, scene.jwt());
        github.user("mona");
        let hers = github.install(scene.app, "mona", Chosen::All);
        for (path, id) in [
            ("/orgs/acme/installation", Some(scene.installation)),
            ("/users/mona/installation", Some(hers)),
            ("/repos/acme/web/installation", Some(scene.installation)),
            ("/repos/acme/vault/installation", None),
            ("/orgs/nobody/installation", None),
        ] {
            let said = scene.get(path, &jwt).await;
            assert_eq!(said.status, if id.is_some() { 200 } else { 404 }, "{path}");
            assert_eq!(said.json()["id"].as_u64(), id, "{path}");
        }
        let page = scene.get("/app/installations?per_page=1", &jwt).await;
        assert_eq!(page.json().as_array().unwrap().len(), 1);
        let next = format!(
            "<{}/app/installations?per_page=1&page=2>; rel=\"next\"",
            github.api()
        );
        assert!(
            page.header("link").contains(&next),
            "{}",
            page.header("link")
        );

        let outdated = scene.get("/app/installations?outdated=1", &jwt).await;
        assert_eq!(outdated.json(), json!([]));
        github.grant(scene.installation, &[("contents", "read")]);
        let outdated = scene.get("/app/installations?outdated=1", &jwt).await;
        assert_eq!(outdated.json()[0]["id"], scene.installation);
        let one = scene.get(&format!("/app/installations/{hers}"), &jwt).await;
        assert_eq!(one.json()["target_type"], "User");
    }
}

#[tokio::test]
async fn a_renamed_repository_leads_to_its_id() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        scene.github.rename(scene.web, "web-one");
        let said = scene
            .get("/repos/acme/web/installation", &scene.jwt())
            .await;
        assert_eq!(said.status, 301);
        let there = format!("/repositories/{}/installation", scene.web);
        assert_eq!(
            said.header("location"),
            format!("{}{there}", scene.github.api())
        );
        assert_eq!(
            scene.get(&there, &scene.jwt()).await.json()["id"],
            scene.installation
        );
        let said = scene
            .get("/repos/acme/web-one/installation", &scene.jwt())
            .await;
        assert_eq!(said.status, 200);
        scene.github.transfer(scene.web, "other");
        let said = scene
            .get("/repos/acme/web-one/installation", &scene.jwt())
            .await;
        assert_eq!(said.status, 404);
    }
}

#[tokio::test]
async fn an_installation_is_suspended_resumed_by_the_same_side_and_removed() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let (github, jwt) = (&scene.github, scene.jwt());
        let path = format!("/app/installations/{}", scene.installation);
        let suspended = format!("{path}/suspended");
        assert_eq!(
            scene.ask("PUT", &suspended, &jwt, Value::Null).await.status,
            204
        );
        let seen = scene.get(&path, &jwt).await.json();
        assert_eq!(seen["suspended_by"]["login"], "jira-sync[bot]");
        assert!(!github.unsuspend(scene.installation, Side::Account));
        assert_eq!(
            scene
                .ask("DELETE", &suspended, &jwt, Value::Null)
                .await
                .status,
            204
        );
        github.suspend(scene.installation, Side::Account);
        assert_eq!(
            scene.get(&path, &jwt).await.json()["suspended_by"]["login"],
            "acme"
        );
        assert_eq!(
            scene
                .ask("DELETE", &suspended, &jwt, Value::Null)
                .await
                .status,
            404
        );
        assert_eq!(
            scene.ask("DELETE", &path, &jwt, Value::Null).await.status,
            204
        );
        assert_eq!(scene.get(&path, &jwt).await.status, 404);
        assert!(github.installation(scene.installation).is_none());
    }
}

#[tokio::test]
async fn requests_to_install_are_listed_until_it_is_done() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        scene
            .github
            .request_installation(scene.app, "other", "mona");
        let said = scene.get("/app/installation-requests", &scene.jwt()).await;
        assert_eq!(said.json()[0]["account"]["login"], "other");
        assert_eq!(said.json()[0]["requester"]["login"], "mona");
        scene.github.install(scene.app, "other", Chosen::All);
        let said = scene.get("/app/installation-requests", &scene.jwt()).await;
        assert_eq!(said.json(), json!([]));
    }
}
