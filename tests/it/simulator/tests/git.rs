//! git with a token.

use super::Scene;
use crate::inside::{commits, git};
use crate::simulator::{Shape, Simulator};
use base64::Engine as _;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Runs git in this directory with a token, and gives whether it was content.
async fn gitted(github: &Simulator, place: &Path, token: &str, arguments: &[&str]) -> bool {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{token}"));
    let header = format!("http.extraHeader=Authorization: Basic {basic}");
    let ca = place.join("ca.pem");
    std::fs::write(&ca, github.ca()).unwrap();
    let mut command = Command::new("git");
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSL_CAINFO", ca);
    command
        .current_dir(place)
        .args(["-c", &header])
        .args(arguments);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    ran.await.unwrap().status.success()
}

#[tokio::test]
async fn git_reads_and_writes_what_a_token_may() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let file = ("a.txt".to_owned(), b"text".to_vec());
    commits(&scene.github.git_place("acme/web"), [file.clone()]);
    commits(&scene.github.git_place("acme/vault"), [file]);
    let (token, url) = (
        scene.token().await,
        format!("{}/acme/web.git", scene.github.web()),
    );
    let narrow = scene
        .asked_for(json!({ "permissions": { "contents": "read" } }))
        .await
        .json();
    let narrow = narrow["token"].as_str().unwrap();
    let run = async |token: &str, arguments: &[&str]| {
        gitted(&scene.github, place.path(), token, arguments).await
    };
    assert!(run(narrow, &["clone", "-q", &url, "web"]).await);
    assert!(!run(&token, &["ls-remote", &url.replace("web.git", "vault.git")]).await);
    assert!(!run("ghs_none", &["ls-remote", &url]).await);
    let web = place.path().join("web");
    commits(&web.join(".git"), [("b.txt".to_owned(), b"more".to_vec())]);
    let push = ["-C", "web", "push", "-q", "origin", "main:topic"];
    assert!(!run(narrow, &push).await);
    assert!(run(&token, &push).await);
    let there = git(
        &scene.github.git_place("acme/web"),
        &["rev-parse", "topic"],
        b"",
    );
    assert_eq!(there, git(&web, &["rev-parse", "main"], b""));
    let short = url.trim_end_matches(".git").to_owned();
    assert!(run(&token, &["ls-remote", &short]).await);
    scene.github.rename(scene.web, "web-one");
    assert!(run(&token, &["ls-remote", &url]).await);
}

#[tokio::test]
async fn large_files_are_kept_for_those_who_may() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let token = scene.token().await;
    let url = format!("{}/acme/web.git/info/lfs/objects/batch", scene.github.web());
    let batch = async |operation: &str, token: &str| {
        let asked = json!({ "operation": operation, "objects": [{ "oid": "abc", "size": 3 }] });
        let request = scene
            .client
            .post(&url)
            .basic_auth("x-access-token", Some(token));
        let answer = request.json(&asked).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap_or_default(),
        )
    };
    let missing = batch("download", &token).await.1;
    assert_eq!(missing["objects"][0]["error"]["code"], 404);
    let narrow = json!({ "permissions": { "contents": "read" } });
    let narrow = scene.asked_for(narrow).await.json();
    let narrow = narrow["token"].as_str().unwrap();
    assert_eq!(batch("upload", narrow).await.0, 403);
    assert_eq!(batch("download", "ghs_none").await.0, 401);
    let there = batch("upload", &token).await.1;
    let told = |there: &Value, action: &str| {
        let action = &there["objects"][0]["actions"][action];
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        (
            word(&action["href"]),
            word(&action["header"]["Authorization"]),
        )
    };
    let (href, secret) = told(&there, "upload");
    let put = scene.client.put(&href).header("authorization", secret);
    assert_eq!(put.body("abc").send().await.unwrap().status(), 200);
    let (verify, secret) = told(&there, "verify");
    let verify = scene.client.post(verify).header("authorization", secret);
    let verify = verify.json(&json!({ "oid": "abc", "size": 3 }));
    assert_eq!(verify.send().await.unwrap().status(), 200);
    let there = batch("download", narrow).await.1;
    let (href, secret) = told(&there, "download");
    let got = scene.client.get(&href).header("authorization", secret);
    assert_eq!(got.send().await.unwrap().text().await.unwrap(), "abc");
    assert_eq!(scene.client.get(&href).send().await.unwrap().status(), 403);
    let none = href.rsplit_once('/').unwrap().0;
    let got = scene
        .client
        .get(format!("{none}/none"))
        .send()
        .await
        .unwrap();
    assert_eq!(got.status(), 403);
}
