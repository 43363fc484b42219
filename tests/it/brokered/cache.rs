//! Answers that are held: GitHub is asked each time, and what it says is still so costs nothing of
//! its limits. Nobody is served what another was allowed to see.

use super::{Broker, Caller, WIDE, asker, refused, url};
use crate::harness::skipped;
use crate::outside::languages::installed;
use crate::outside::{Client, run};
use crate::simulator::{Shape, Side};
use crate::world::{World, world};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const ISSUES: &str = "/github/sync/api/v3/repos/acme/web-1/issues";

impl Broker {
    /// Gives `acme/web-1` these issues.
    fn issues(&self, titles: &[&str]) {
        let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
        self.github
            .change(self.ids["acme/web-1"], |one| one.issues = titles);
    }

    /// What became of each request for a path, as GitHub saw it.
    fn statuses(&self, path: &str) -> Vec<u16> {
        let seen = self.github.asked("GET", path);
        seen.iter().map(|seen| seen.status.unwrap()).collect()
    }

    /// The titles that a caller is told, and the tag of the answer.
    async fn titles(&self, world: &World, key: &str, path: &str) -> (Vec<String>, String) {
        let answer = self.get(world, key, path).await;
        assert_eq!(answer.status(), 200);
        let head = answer.headers().clone();
        let tag = head["etag"].to_str().unwrap().to_owned();
        let kind = head["content-type"].to_str().unwrap();
        assert_eq!(kind, "application/json; charset=utf-8");
        let body = answer.bytes().await.unwrap();
        if let Some(length) = head.get("content-length") {
            assert_eq!(length.to_str().unwrap(), body.len().to_string());
        }
        let said: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("corp.internal") && !text.contains("//api.github.com"));
        let titles = said
            .iter()
            .map(|one| one["title"].as_str().unwrap().to_owned());
        (titles.collect(), tag)
    }
}

async fn polled(world: &World, shape: Shape) {
    let caller = Caller::make();
    let section = caller.section("build-bot", WIDE);
    let Some(broker) = Broker::with(world, shape, "", &section).await else {
        return;
    };
    let purse = format!("installation ID {}", broker.installation);
    let mut tags = BTreeSet::new();
    for change in 0..3 {
        let title = format!("issue {change}");
        broker.issues(&[&title]);
        for _ in 0..10 {
            let (titles, tag) = broker.titles(world, &caller.key, ISSUES).await;
            assert_eq!(titles, [title.as_str()]);
            tags.insert(tag);
        }
    }
    // What changed has another tag, and what did not has the same.
    assert_eq!(tags.len(), 3);
    let seen = broker.statuses("/repos/acme/web-1/issues");
    let changes = [200_u16, 304, 304, 304, 304, 304, 304, 304, 304, 304];
    assert_eq!(seen, changes.repeat(3));
    if shape == Shape::Dotcom {
        assert_eq!(broker.github.used(&purse, "core"), 3);
        let answer = broker.get(world, &caller.key, ISSUES).await;
        assert_eq!(answer.headers()["x-ratelimit-remaining"], "4997");
    }
    let held = broker.audited(|one| one["reason"] == "unchanged").await;
    assert_eq!(
        (&held["status"], &held["decision"]),
        (&200.into(), &"allow".into())
    );
    assert!(held["sent"].as_u64().unwrap() > 100, "{held}");
    // Of a request with a body, or one that says so, nothing is held and nothing served.
    for private in [false, true] {
        broker.github.forget();
        let asked = asker(world).get(url(ISSUES)).bearer_auth(&caller.key);
        let asked = if private {
            asked.header("cache-control", "max-age=0, No-Store")
        } else {
            asked.body("{}")
        };
        assert_eq!(asked.send().await.unwrap().status(), 200);
        let seen = broker.github.asked("GET", "/repos/acme/web-1/issues");
        assert!(seen[0].header("if-none-match").is_none());
    }
    // A client that knows the tag itself is told that nothing changed, as before.
    let current = broker.titles(world, &caller.key, ISSUES).await.1;
    let asked = asker(world).get(url(ISSUES)).bearer_auth(&caller.key);
    let answer = asked
        .header("if-none-match", &current)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 304);
    assert_eq!(answer.headers()["etag"].to_str().unwrap(), current);
    let asked = asker(world).get(url(ISSUES)).bearer_auth(&caller.key);
    let answer = asked.header("if-none-match", "\"another\"").send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let head = asker(world).head(url(ISSUES)).bearer_auth(&caller.key);
    assert_eq!(head.send().await.unwrap().status(), 200);
    broker.no_secret_escaped(&[&caller.key], &[]);
}

#[test]
fn polling_a_server_costs_what_its_changes_cost() {
    world(async |world| polled(&world, Shape::Ghes).await);
}

#[test]
fn polling_github_com_costs_what_its_changes_cost() {
    world(async |world| polled(&world, Shape::Dotcom).await);
}

#[test]
fn two_callers_are_never_served_each_others() {
    world(async |world| {
        let (wide, narrow) = (Caller::make(), Caller::make());
        let grant =
            "repositories = [\"web-2\"]\npermissions = { issues = \"read\" }\nas = [\"proxy\"]";
        let unlimited = |section: String| {
            section.replace("[[caller.grant]]", "rate = \"100000/m\"\n[[caller.grant]]")
        };
        let sections = format!(
            "{}{}",
            unlimited(wide.section("wide", WIDE)),
            unlimited(narrow.section("narrow", grant))
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let listed = "/github/sync/api/v3/installation/repositories";
        let seed = std::env::var("SEED").map_or(7, |seed| seed.parse().unwrap());
        let mut chance = StdRng::seed_from_u64(seed);
        let mut title = String::new();
        let (mut fresh, mut hits) = (0, 0);
        for number in 0..150 {
            if chance.random_bool(0.2) {
                title = format!("issue {number}");
                broker.issues(&[&title]);
            }
            let is_wide = chance.random_bool(0.5);
            let (caller, reach) = if is_wide {
                (&wide, &["acme/web-1", "acme/web-2", "acme/docs"][..])
            } else {
                (&narrow, &["acme/web-2"][..])
            };
            if chance.random_bool(0.5) {
                let answer = broker.get(&world, &caller.key, listed).await;
                let said: Value = answer.json().await.unwrap();
                let said = said["repositories"].as_array().unwrap().iter();
                let names: Vec<&str> = said.map(|one| one["full_name"].as_str().unwrap()).collect();
                assert_eq!(names, reach, "SEED={seed} step {number}");
            } else if is_wide {
                let (titles, _) = broker.titles(&world, &caller.key, ISSUES).await;
                let expected: Vec<&str> = [title.as_str()]
                    .into_iter()
                    .filter(|t| !t.is_empty())
                    .collect();
                assert_eq!(titles, expected, "SEED={seed} step {number}");
            } else {
                let answer = broker.get(&world, &caller.key, ISSUES).await;
                assert_eq!(refused(answer).await, (403, "not_granted".to_owned()));
            }
        }
        for seen in broker.github.seen() {
            match seen.status {
                Some(304) => hits += 1,
                _ => fresh += 1,
            }
        }
        assert!(hits > 50 && fresh > 5, "{hits} {fresh}");
    });
}

#[test]
fn what_was_had_with_another_token_is_not_served() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        broker.issues(&["old"]);
        for _ in 0..3 {
            broker.titles(&world, &caller.key, ISSUES).await;
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        broker.forget_tokens().await;
        broker.github.forget();
        for _ in 0..3 {
            let (titles, _) = broker.titles(&world, &caller.key, ISSUES).await;
            assert_eq!(titles, ["old"]);
        }
        let seen = broker.statuses("/repos/acme/web-1/issues");
        assert_eq!(seen, [401, 200, 304, 304]);
        let asked = broker.github.asked("GET", "/repos/acme/web-1/issues");
        assert!(asked[1].header("if-none-match").is_none());
    });
}

#[test]
fn what_is_held_is_no_way_around_a_suspension() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        broker.issues(&["secret"]);
        for _ in 0..2 {
            broker.titles(&world, &caller.key, ISSUES).await;
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        broker.github.suspend(broker.installation, Side::Account);
        for _ in 0..2 {
            let answer = broker.get(&world, &caller.key, ISSUES).await;
            assert!(answer.status().is_client_error(), "{}", answer.status());
            assert!(!answer.text().await.unwrap().contains("secret"));
        }
        broker.github.unsuspend(broker.installation, Side::Account);
    });
}

#[test]
fn long_answers_are_not_held_and_memory_is_bounded() {
    world(async |world| {
        let caller = Caller::make();
        let section = format!("cache = \"256KiB\"\n{}", caller.section("build-bot", WIDE));
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        let title = "x".repeat(1000);
        // An eighth of it, 32 KiB, is the most that one answer may have.
        broker.issues(&vec![title.as_str(); 50]);
        let many = format!("{ISSUES}?per_page=50");
        let few = format!("{ISSUES}?per_page=1");
        for path in [&many, &many, &few, &few] {
            assert_eq!(broker.get(&world, &caller.key, path).await.status(), 200);
        }
        let seen = broker.statuses("/repos/acme/web-1/issues");
        assert_eq!(seen, [200, 200, 200, 304]);
        for page in 1..=200 {
            let path = format!("{ISSUES}?per_page=1&page={}&n={page}", page % 50);
            assert_eq!(broker.get(&world, &caller.key, &path).await.status(), 200);
        }
        let metrics = broker.metrics();
        let held = metrics
            .lines()
            .find_map(|line| line.strip_prefix("hubgate_cache_bytes "));
        let held: f64 = held.unwrap().parse().unwrap();
        assert!(held > 10_000.0 && held <= 300_000.0, "{held}");
        assert!(metrics.contains("hubgate_cache_total{app=\"sync\",outcome=\"unchanged\"} 1"));
        // Nothing is held where nothing is to be.
        broker
            .reload(|text| text.replace("cache = \"256KiB\"", "cache = \"0\""))
            .await;
        broker.github.forget();
        for _ in 0..2 {
            assert_eq!(broker.get(&world, &caller.key, &few).await.status(), 200);
        }
        let seen = broker.statuses("/repos/acme/web-1/issues");
        assert_eq!(seen, [200, 200]);
    });
}

#[test]
fn what_is_held_is_served_over_http_2_and_on_connections_that_go_on() {
    if !installed("curl") {
        return skipped("curl is not installed");
    }
    world(async |world| {
        let caller = Caller::make();
        let section = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::with(&world, Shape::Ghes, "h2 = true", &section).await else {
            return;
        };
        broker.issues(&["one"]);
        let client = Client::at_the_gate(&world);
        for version in ["--http1.1", "--http2"] {
            let mut command = client.command("curl");
            let bearer = format!("Authorization: Bearer {}", caller.key);
            let told = "%{http_code} %{http_version} %{num_connects} %{size_download}\n";
            command.args(["-sS", version, "-m", "30", "-H", &bearer, "-w", told]);
            for _ in 0..4 {
                command.args(["-o", "/dev/null", &url(ISSUES)]);
            }
            let said = run(command).await.good().out;
            let lines: Vec<Vec<&str>> =
                said.lines().map(|line| line.split(' ').collect()).collect();
            assert_eq!(lines.len(), 4, "{said}");
            for (number, line) in lines.iter().enumerate() {
                assert_eq!(line[0], "200", "{said}");
                assert_eq!(line[1], version.trim_start_matches("--http"), "{said}");
                // One connection for all, and the same bytes each time.
                assert_eq!(line[2], if number == 0 { "1" } else { "0" }, "{said}");
                assert_eq!(line[3], lines[0][3], "{said}");
            }
        }
        let seen = broker.statuses("/repos/acme/web-1/issues");
        assert_eq!(seen, [200, 304, 304, 304, 304, 304, 304, 304]);
        let log = broker.site.log();
        assert!(!log.contains("already sent"), "{log}");
        let warned = |line: &&str| line.contains("WARN") && line.contains("pingora");
        assert_eq!(log.lines().find(warned), None);
    });
}
