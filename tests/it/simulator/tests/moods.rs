//! The moods of a server.

use super::{BOTH, Scene};
use crate::simulator::{Door, Fault, Limits, Secondary, Shape, Young};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_young_token_is_not_known_everywhere() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        for status in [401, 403] {
            let young = Young {
                status,
                requests: 2,
                seconds: 0,
            };
            scene.github.mood(|mood| mood.young = Some(young)).await;
            let token = scene.token().await;
            let mut statuses = Vec::new();
            for _ in 0..3 {
                statuses.push(scene.get("/repos/acme/web", &token).await.status);
            }
            assert_eq!(statuses, [status, status, 200]);
        }
        let young = Young {
            status: 401,
            requests: 0,
            seconds: 5,
        };
        scene.github.mood(|mood| mood.young = Some(young)).await;
        let token = scene.token().await;
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 401);
        scene.github.turn(5);
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 200);
    }
}

#[tokio::test]
async fn a_server_that_is_down_refuses_or_resets_and_comes_back() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let url = format!("{}/app", scene.github.api());
    for (door, words) in [(Door::Refused, "refused"), (Door::Reset, "")] {
        scene.github.mood(|mood| mood.door = door).await;
        let failed = scene.client.get(&url).send().await.unwrap_err();
        assert!(failed.is_connect() || failed.is_request(), "{failed:?}");
        assert!(
            format!("{failed:?}").to_lowercase().contains(words),
            "{failed:?}"
        );
    }
    scene.github.mood(|mood| mood.door = Door::Open).await;
    assert_eq!(scene.get("/app", &scene.jwt()).await.status, 200);
    assert_eq!(
        scene.github.address().port(),
        url::Url::parse(&url).unwrap().port().unwrap()
    );
}

#[tokio::test]
async fn a_slow_or_held_server_answers_later() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let slow = Duration::from_millis(50);
    scene.github.mood(|mood| mood.slow = Some(slow)).await;
    let start = Instant::now();
    scene.get("/app", &scene.jwt()).await;
    assert!(start.elapsed() >= slow);
    scene.github.mood(|mood| mood.slow = None).await;

    scene
        .github
        .mood(|mood| mood.held = Some("/access_tokens".to_owned()))
        .await;
    scene.github.forget();
    let free = async {
        while scene.github.asked("POST", "/access_tokens").len() < 3 {
            tokio::task::yield_now().await;
        }
        assert!(scene.github.seen().iter().all(|seen| seen.status.is_none()));
        assert!(scene.github.tokens().is_empty());
        scene.github.mood(|mood| mood.held = None).await;
    };
    let ask = || scene.asked_for(json!({}));
    let (first, second, third, ()) = tokio::join!(ask(), ask(), ask(), free);
    assert_eq!([first.status, second.status, third.status], [201; 3]);
    assert_eq!(scene.github.most_at_once(), 3);
}

/// Whoever is killed between asking and knowing leaves a token behind.
#[tokio::test]
async fn a_stalled_server_has_acted_before_it_answers() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let stalled = Some("/access_tokens".to_owned());
    scene.github.mood(|mood| mood.stalled = stalled).await;
    let minted = async {
        while scene.github.alive().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = scene.asked_for(json!({})) => panic!("answered"),
        () = minted => {}
    }
    let asked = scene.github.asked("POST", "/access_tokens");
    assert_eq!((asked.len(), asked[0].status), (1, None));
}

#[tokio::test]
async fn failures_come_as_often_as_they_are_ordered() {
    let Some(scene) = Scene::of(Shape::Dotcom).await else {
        return;
    };
    let fault = Fault {
        path: "/app".to_owned(),
        status: 503,
        times: Some(2),
    };
    scene.github.mood(|mood| mood.faults.push(fault)).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(scene.get("/app", &scene.jwt()).await.status);
    }
    assert_eq!(statuses, [503, 503, 200]);
}

#[tokio::test]
async fn limits_are_counted_told_and_kept() {
    let Some(scene) = Scene::of(Shape::Dotcom).await else {
        return;
    };
    for status in [403, 429] {
        let limits = Limits {
            core: 3,
            status,
            ..Limits::default()
        };
        scene.github.turn(3600);
        scene.github.mood(|mood| mood.limits = Some(limits)).await;
        let token = scene.token().await;
        let first = scene.get("/repos/acme/web", &token).await;
        assert_eq!(first.header("x-ratelimit-limit"), "3");
        assert_eq!(first.header("x-ratelimit-remaining"), "2");
        assert_eq!(first.header("x-ratelimit-resource"), "core");
        let again = [("if-none-match", first.header("etag"))];
        for _ in 0..5 {
            // What has not changed costs nothing.
            let said = scene
                .ask_with("GET", "/repos/acme/web", &token, Value::Null, &again)
                .await;
            assert_eq!(said.status, 304);
            assert!(said.body.is_empty());
        }
        scene.get("/repos/acme/web", &token).await;
        scene.get("/repos/acme/web", &token).await;
        let said = scene.get("/repos/acme/web", &token).await;
        assert_eq!(said.status, status);
        assert_eq!(said.header("x-ratelimit-remaining"), "0");
        assert!(
            said.message()
                .starts_with("API rate limit exceeded for installation ID")
        );
        let left = scene.get("/rate_limit", &token).await.json();
        assert_eq!(left["resources"]["core"]["remaining"], 0);
        assert_eq!(
            scene
                .github
                .used(&format!("installation ID {}", scene.installation), "core"),
            3
        );
        scene.github.turn(3600);
        // The token's hour has passed too.
        let token = scene.token().await;
        assert_eq!(scene.get("/repos/acme/web", &token).await.status, 200);
    }
}

#[tokio::test]
async fn a_ghes_has_no_limits_unless_it_is_told_to() {
    let Some(scene) = Scene::of(Shape::Ghes).await else {
        return;
    };
    let token = scene.token().await;
    let said = scene.get("/repos/acme/web", &token).await;
    assert!(!said.headers.contains_key("x-ratelimit-limit"));
    assert_eq!(scene.get("/rate_limit", &token).await.status, 404);
}

#[tokio::test]
async fn a_tag_is_of_one_token_only() {
    for shape in BOTH {
        let Some(scene) = Scene::of(shape).await else {
            return;
        };
        let (one, other) = (scene.token().await, scene.token().await);
        let tag = scene
            .get("/repos/acme/web", &one)
            .await
            .header("etag")
            .to_owned();
        let shown = [("if-none-match", tag.as_str())];
        for (token, status) in [(&one, 304), (&other, 200)] {
            let said = scene
                .ask_with("GET", "/repos/acme/web", token, Value::Null, &shown)
                .await;
            assert_eq!(said.status, status);
        }
    }
}

#[tokio::test]
async fn secondary_limits_and_abuse_say_when_to_come_back() {
    let Some(scene) = Scene::of(Shape::Dotcom).await else {
        return;
    };
    let token = scene.token().await;
    for (status, retry_after, abuse, words) in [
        (403, Some(60), false, "secondary rate limit"),
        (429, None, false, "secondary rate limit"),
        (403, Some(30), true, "abuse detection"),
    ] {
        let secondary = Secondary {
            status,
            retry_after,
            abuse,
        };
        scene
            .github
            .mood(|mood| mood.secondary = Some(secondary))
            .await;
        let said = scene.get("/repos/acme/web", &token).await;
        assert_eq!(said.status, status);
        assert!(said.message().contains(words));
        let told = retry_after.map_or(String::new(), |seconds| seconds.to_string());
        assert_eq!(said.header("retry-after"), told);
    }
    scene.github.mood(|mood| mood.secondary = None).await;
    let limits = Limits {
        at_once: Some(0),
        ..Limits::default()
    };
    scene.github.mood(|mood| mood.limits = Some(limits)).await;
    let said = scene.get("/repos/acme/web", &token).await;
    assert!(said.message().contains("secondary rate limit"));
}

#[tokio::test]
async fn an_ip_allow_list_names_itself() {
    let Some(scene) = Scene::of(Shape::Dotcom).await else {
        return;
    };
    let token = scene.token().await;
    scene.github.mood(|mood| mood.ip_allow_list = true).await;
    let said = scene.get("/repos/acme/web", &token).await;
    assert_eq!(said.status, 403);
    assert!(said.message().contains(
        "the `acme` organization has an IP allow list enabled, and your IP address is not permitted"
    ));
    assert_eq!(scene.get("/app", &scene.jwt()).await.status, 200);
    assert_eq!(scene.asked_for(json!({})).await.status, 403);
}
