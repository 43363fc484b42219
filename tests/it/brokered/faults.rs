//! GitHub in each of its moods: callers hear what is the matter, and what was given stays narrow.

use super::{Broker, Caller, WIDE, asker, refused, url};
use crate::harness::{SECRET, eventually};
use crate::simulator::{AppKey, Door, Side, Wider, Young};
use crate::world::world;
use serde_json::json;
use std::time::Duration;

const WEB: &str = "/github/sync/api/v3/repos/acme/web-1";

#[test]
fn callers_hear_what_is_the_matter_with_the_installation() {
    world(async |world| {
        let caller = Caller::make();
        let mut section = caller.section("build-bot", WIDE);
        section.push_str("[[caller.grant]]\napp = \"sync\"\nowner = \"other\"\nrepositories = \"all\"\npermissions = { contents = \"read\" }\nas = [\"proxy\", \"token\"]\n");
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        let answer = broker
            .get(&world, &caller.key, "/github/sync/api/v3/repos/other/web-1")
            .await;
        assert_eq!(answer.status(), 424);
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["error"]["code"], "app_not_installed");
        let message = said["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("/github-apps/sync/installations/new"),
            "{message}"
        );
        broker.github.suspend(broker.installation, Side::Account);
        let answer = broker.get(&world, &caller.key, WEB).await;
        assert_eq!(
            refused(answer).await,
            (409, "installation_suspended".to_owned())
        );
        let request = json!({ "app": "sync", "owner": "acme" });
        let (status, said) = broker.token(&world, &caller.key, &request).await;
        assert_eq!(
            (status, &said["error"]["code"]),
            (409, &json!("installation_suspended"))
        );
    });
}

#[test]
fn a_suspension_that_ends_is_heard_of_by_webhook() {
    world(async |world| {
        let caller = Caller::make();
        let route = format!(
            "[[webhook]]\nurl = \"{}\"\nfrom = \"anywhere\"\nsecrets = [\"inline:{SECRET}\"]\nevents = [\"push\"]\n\
             [[webhook.to]]\nname = \"tool\"\nurl = \"http://127.0.0.1:9/\"\n",
            url("/hook")
        );
        let section = format!("{}{route}", caller.section("build-bot", WIDE));
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        broker.github.change_app(broker.app, |app| {
            app.hook.url = Some(url("/hook"));
            app.hook.secret = Some(SECRET.to_owned());
            app.hook.active = true;
        });
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
        broker.github.suspend(broker.installation, Side::Account);
        let other = "/github/sync/api/v3/repos/acme/web-2";
        let answer = broker.get(&world, &caller.key, other).await;
        assert_eq!(answer.status(), 409);
        // Without the webhook, a suspension counts for half a minute.
        assert!(broker.github.unsuspend(broker.installation, Side::Account));
        let heard = |record: &serde_json::Value| {
            record["event"] == "installation" && record["action"] == "unsuspend"
        };
        let record = broker.audited(heard).await;
        assert_eq!(record["reason"], "ignored_event");
        let answer = broker.get(&world, &caller.key, other).await;
        assert_eq!(answer.status(), 200);
    });
}

#[test]
fn github_that_is_away_is_told_and_what_is_held_goes_on_until_it_ends() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let request = json!({ "app": "sync", "owner": "acme", "repositories": ["docs"] });
        let (status, held) = broker.token(&world, &caller.key, &request).await;
        assert_eq!(status, 201, "{held}");
        for door in [Door::Refused, Door::Reset] {
            broker.github.mood(|mood| mood.door = door).await;
            let (status, again) = broker.token(&world, &caller.key, &request).await;
            assert_eq!((status, &again["token"]), (201, &held["token"]));
            let other = json!({ "app": "sync", "owner": "acme", "repositories": ["web-2"] });
            let (status, said) = broker.token(&world, &caller.key, &other).await;
            assert_eq!(
                (status, &said["error"]["code"]),
                (502, &json!("github_unreachable"))
            );
            let answer = broker.get(&world, &caller.key, WEB).await;
            assert_eq!(answer.status(), 502);
        }
        broker.github.mood(|mood| mood.door = Door::Open).await;
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
    });
}

#[test]
fn a_token_that_not_all_of_github_knows_yet_is_tried_again() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        for (status, repository) in [(401, "web-1"), (403, "web-2")] {
            let young = Young {
                status,
                requests: 2,
                seconds: 0,
            };
            broker.github.mood(|mood| mood.young = Some(young)).await;
            let path = format!("/github/sync/api/v3/repos/acme/{repository}");
            let answer = broker.get(&world, &caller.key, &path).await;
            assert_eq!(answer.status(), 200, "{status}");
            let seen = broker
                .github
                .asked("GET", &format!("/repos/acme/{repository}"));
            let seen: Vec<_> = seen.iter().map(|seen| seen.status.unwrap()).collect();
            assert_eq!(seen, [status, status, 200]);
        }
        // It was the same token each time.
        assert_eq!(broker.minted().len(), 2);
    });
}

#[test]
fn a_token_that_github_forgot_is_replaced_and_the_caller_never_knows() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
        // Older than one that may not be known yet.
        tokio::time::sleep(Duration::from_secs(6)).await;
        broker.forget_tokens().await;
        let answer = broker.get(&world, &caller.key, WEB).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(broker.minted().len(), 2);
        // A request with a body is made again whole.
        tokio::time::sleep(Duration::from_secs(6)).await;
        broker.forget_tokens().await;
        let asked = asker(&world)
            .post(url(&format!("{WEB}/issues")))
            .bearer_auth(&caller.key);
        let answer = asked
            .json(&json!({ "title": "made once" }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        let made = broker.github.asked("POST", "/issues");
        let made: Vec<_> = made.iter().map(|seen| seen.status.unwrap()).collect();
        assert_eq!(made, [401, 201]);
    });
}

#[test]
fn what_is_wider_than_asked_for_is_given_back_and_not_used() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        for (wider, name) in [
            (Wider::Repositories, "web-1"),
            (Wider::Permissions, "web-2"),
        ] {
            broker.github.mood(|mood| mood.wider = Some(wider)).await;
            let request = json!({ "app": "sync", "owner": "acme", "repositories": [name],
                "permissions": { "issues": "read" } });
            let (status, said) = broker.token(&world, &caller.key, &request).await;
            assert_eq!(
                (status, &said["error"]["code"]),
                (502, &json!("github_unexpected"))
            );
            let path = format!("/github/sync/api/v3/repos/acme/{name}");
            assert_eq!(broker.get(&world, &caller.key, &path).await.status(), 502);
        }
        assert!(broker.minted().iter().all(|token| token.revoked));
        assert!(broker.github.asked("GET", "/repos/acme/web-1").is_empty());
    });
}

#[test]
fn a_clock_that_is_five_minutes_off_does_not_matter() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        for (skew, repository) in [(300, "web-1"), (-300, "web-2")] {
            broker.github.mood(|mood| mood.skew = skew).await;
            let path = format!("/github/sync/api/v3/repos/acme/{repository}");
            let answer = broker.get(&world, &caller.key, &path).await;
            assert_eq!(answer.status(), 200, "{skew}");
        }
    });
}

#[test]
fn a_thousand_who_ask_at_once_are_one_question_to_github() {
    world(async |world| {
        let caller = Caller::make();
        let section = caller
            .section("build-bot", WIDE)
            .replace("[[caller.grant]]", "rate = \"10000/m\"\n[[caller.grant]]");
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        broker
            .github
            .mood(|mood| mood.held = Some("access_tokens".to_owned()))
            .await;
        let client = asker(&world);
        let request = json!({ "app": "sync", "owner": "acme", "repositories": ["docs"] });
        let all: Vec<_> = (0..200)
            .map(|_| {
                let asked = client
                    .post(url("/v1/token"))
                    .bearer_auth(&caller.key)
                    .json(&request);
                tokio::spawn(async move { asked.send().await.unwrap().status().as_u16() })
            })
            .collect();
        eventually(|| (!broker.github.asked("POST", "access_tokens").is_empty()).then_some(()))
            .await;
        broker.github.mood(|mood| mood.held = None).await;
        for one in all {
            assert_eq!(one.await.unwrap(), 201);
        }
        assert_eq!(broker.minted().len(), 1);
    });
}

#[test]
fn keys_are_changed_under_load_without_one_failure() {
    world(async |world| {
        let caller = Caller::make();
        let section = caller
            .section("build-bot", WIDE)
            .replace("[[caller.grant]]", "rate = \"100000/m\"\n[[caller.grant]]");
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        let (client, key) = (asker(&world), caller.key.clone());
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let load = tokio::spawn(async move {
            let mut answers = Vec::new();
            for number in 0.. {
                if *stopped.borrow_and_update() {
                    break;
                }
                // Each asks for another token, so that the App's key is needed each time.
                let kinds = [
                    ("contents", "read"),
                    ("contents", "write"),
                    ("issues", "read"),
                    ("issues", "write"),
                ];
                let (kind, level) = kinds[number % kinds.len()];
                let name = ["web-1", "web-2", "docs"][number % 3];
                let request = json!({ "app": "sync", "owner": "acme", "repositories": [name], "permissions": { kind: level } });
                let asked = client
                    .post(url("/v1/token"))
                    .bearer_auth(&key)
                    .json(&request);
                answers.push(asked.send().await.unwrap().status().as_u16());
            }
            answers
        });
        let new = AppKey::number(1);
        std::fs::write(broker.site.path("new.pem"), new.pkcs8_pem()).unwrap();
        crate::harness::private(&broker.site.path("new.pem"));
        let text = std::fs::read_to_string(broker.site.path("hubgate.toml")).unwrap();
        let here = broker.site.path("");
        let here = here.display();
        let reload = async |keys: &str| {
            let before = broker
                .site
                .audit()
                .iter()
                .filter(|one| one["action"] == "reload")
                .count();
            let old = format!("keys = [\"file:{here}app.pem\"]");
            assert!(text.contains(&old));
            broker
                .site
                .write(&text.replace(&old, &format!("keys = [{keys}]")));
            broker.gate.signal("-HUP");
            eventually(|| {
                let done = broker
                    .site
                    .audit()
                    .into_iter()
                    .filter(|one| one["action"] == "reload")
                    .nth(before)?;
                assert_eq!(done["outcome"], "ok", "{done}");
                Some(())
            })
            .await;
        };
        // The new one first, as the operator writes it; GitHub does not know it yet.
        reload(&format!("\"file:{here}new.pem\", \"file:{here}app.pem\"")).await;
        broker
            .github
            .change_app(broker.app, |app| app.keys.push(new.clone()));
        broker.github.forget();
        broker.github.change_app(broker.app, |app| {
            app.keys.remove(0);
        });
        reload(&format!("\"file:{here}new.pem\"")).await;
        stop.send_replace(true);
        let answers = load.await.unwrap();
        assert!(answers.iter().all(|status| *status == 201), "{answers:?}");
        let request = json!({ "app": "sync", "owner": "acme", "repositories": ["docs", "web-1"] });
        let (status, said) = broker.token(&world, &caller.key, &request).await;
        assert_eq!(status, 201, "{said}");
    });
}

#[test]
fn a_kill_while_a_token_is_minted_leaves_none_that_is_wider() {
    world(async |world| {
        let caller = Caller::make();
        let Some(mut broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await
        else {
            return;
        };
        let request = json!({ "app": "sync", "owner": "acme", "repositories": ["docs"],
            "permissions": { "issues": "read" } });
        // GitHub has made the token, and its answer is under way.
        let stalled = Some("access_tokens".to_owned());
        broker.github.mood(|mood| mood.stalled = stalled).await;
        let asked = asker(&world).post(url("/v1/token"));
        let asked = asked.bearer_auth(&caller.key).json(&request).send();
        let asked = tokio::spawn(asked);
        eventually(|| (!broker.minted().is_empty()).then_some(())).await;
        broker.gate.kill();
        assert!(asked.await.unwrap().is_err());
        broker.github.mood(|mood| mood.stalled = None).await;
        broker.gate = broker.site.start().await;
        let (status, said) = broker.token(&world, &caller.key, &request).await;
        assert_eq!(status, 201, "{said}");
        let minted = broker.minted();
        assert_eq!(minted.len(), 2);
        for token in minted {
            let (names, permissions) = broker.reach(&token.text).unwrap();
            assert_eq!(names, ["acme/docs"]);
            assert_eq!(permissions, json!({ "issues": "read", "metadata": "read" }));
        }
        let handed = vec![said["token"].as_str().unwrap().to_owned()];
        broker.no_secret_escaped(&[&caller.key], &handed);
    });
}
