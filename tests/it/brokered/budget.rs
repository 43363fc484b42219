//! What GitHub allows the App is shared among its callers, and asked for no more often than that.

use super::{Broker, Caller, WIDE, asker, refused, url};
use crate::harness::eventually;
use crate::simulator::{Limits, Secondary, Shape};
use crate::world::{World, world};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const WEB: &str = "/github/sync/api/v3/repos/acme/web-1";
/// Nothing is held, so that each request is asked in full.
const WITHOUT_CACHE: &str = "cache = \"0\"\n";

/// Two callers with the same grant.
fn two(greedy: &Caller, modest: &Caller) -> String {
    let greedy = greedy.section("greedy", WIDE);
    format!("{WITHOUT_CACHE}{greedy}{}", modest.section("modest", WIDE))
}

fn rated(section: &str, rate: &str) -> String {
    let grant = format!("rate = \"{rate}\"\n[[caller.grant]]");
    section.replace("[[caller.grant]]", &grant)
}

impl Broker {
    pub(super) fn metrics(&self) -> String {
        let socket = self.site.path("admin.sock");
        let asked = ["-s", "http://admin/metrics", "--unix-socket"];
        let said = Command::new("curl").args(asked).arg(socket).output();
        String::from_utf8(said.unwrap().stdout).unwrap()
    }

    async fn whoami(&self, world: &World, key: &str) -> Value {
        let answer = self.get(world, key, "/v1/whoami").await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Asks until it is refused; says how often it was not, and for how many seconds it is.
    async fn run_down(&self, world: &World, key: &str, code: &str) -> (u64, u64) {
        let mut number = 0;
        loop {
            let path = format!("{WEB}/issues?page={number}");
            let answer = self.get(world, key, &path).await;
            if answer.status() != 200 {
                let wait = wait(&answer);
                assert_eq!(refused(answer).await, (429, code.to_owned()));
                return (number, wait);
            }
            number += 1;
        }
    }

    async fn core(&self, limit: u64) {
        let limits = Limits {
            core: limit,
            ..Limits::default()
        };
        self.github.mood(|mood| mood.limits = Some(limits)).await;
    }

    fn purse(&self) -> String {
        format!("installation ID {}", self.installation)
    }

    fn reloads(&self) -> usize {
        let records = self.site.audit().into_iter();
        records.filter(|one| one["action"] == "reload").count()
    }

    pub(super) async fn reload(&self, change: impl Fn(String) -> String) {
        let before = self.reloads();
        let text = std::fs::read_to_string(self.site.path("hubgate.toml")).unwrap();
        self.site.write(&change(text));
        self.gate.signal("-HUP");
        eventually(|| (self.reloads() > before).then_some(())).await;
    }
}

fn wait(answer: &reqwest::Response) -> u64 {
    let after = answer.headers().get("retry-after");
    after.map_or(0, |after| after.to_str().unwrap().parse().unwrap())
}

#[test]
fn a_greedy_caller_stops_at_its_share_and_a_modest_one_goes_on() {
    world(async |world| {
        let (greedy, modest) = (Caller::make(), Caller::make());
        let sections = two(&greedy, &modest);
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &sections).await else {
            return;
        };
        broker.core(60).await;
        assert_eq!(broker.get(&world, &modest.key, WEB).await.status(), 200);
        // A fifth of 60 is kept for those who have not used a half.
        let (taken, wait) = broker
            .run_down(&world, &greedy.key, "caller_share_used")
            .await;
        assert_eq!(taken, 47);
        assert!((3500..=3600).contains(&wait), "{wait}");
        assert_eq!(broker.github.used(&broker.purse(), "core"), 48);
        // Another resource is another matter.
        let query = json!({ "query": "{ repository(owner: \"acme\", name: \"web-1\") { nameWithOwner } }" });
        let asked = asker(&world).post(url("/github/sync/api/graphql"));
        let asked = asked.bearer_auth(&greedy.key).json(&query).send().await;
        assert_eq!(asked.unwrap().status(), 200);
        let quota = broker.whoami(&world, &modest.key).await["quota"].clone();
        let of = |resource: &str| {
            let mut all = quota.as_array().unwrap().iter();
            all.find(|one| one["resource"] == resource)
                .cloned()
                .unwrap()
        };
        let core = of("core");
        assert_eq!(
            (&core["limit"], &core["remaining"]),
            (&json!(60), &json!(12))
        );
        assert_eq!(
            (&core["app"], &core["owner"]),
            (&json!("sync"), &json!("acme"))
        );
        assert_eq!(core["installation_id"], broker.installation);
        assert_eq!(of("graphql")["remaining"], 4999);
        // What the gate itself had to ask about that query is not known yet.
        let before = broker.github.used(&broker.purse(), "core");
        assert!((48..52).contains(&before), "{before}");
        let (taken, _) = broker
            .run_down(&world, &modest.key, "github_rate_limited")
            .await;
        assert_eq!(taken, 60 - before);
        // GitHub never had to refuse anybody.
        let seen = broker.github.seen();
        assert!(seen.iter().all(|seen| seen.status != Some(403)));
        assert_eq!(broker.github.used(&broker.purse(), "core"), 60);
        let metrics = broker.metrics();
        let left = metrics.lines().find(|line| {
            line.starts_with("hubgate_github_remaining") && line.contains("resource=\"core\"")
        });
        let left = left.unwrap();
        assert!(left.ends_with(" 0"), "{left}");
        assert!(left.contains(&format!("installation=\"{}\"", broker.installation)));
        for reason in ["caller_share_used", "github_rate_limited"] {
            let line =
                format!("hubgate_budget_refused_total{{app=\"sync\",reason=\"{reason}\"}} 1");
            assert!(metrics.contains(&line), "{metrics}");
        }
    });
}

#[test]
fn a_new_window_begins_for_everybody() {
    world(async |world| {
        let (greedy, modest) = (Caller::make(), Caller::make());
        let sections = two(&greedy, &modest);
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &sections).await else {
            return;
        };
        broker.core(20).await;
        assert_eq!(broker.get(&world, &modest.key, WEB).await.status(), 200);
        // The window lasts ten seconds more.
        broker.github.turn(3590);
        let (taken, wait) = broker
            .run_down(&world, &greedy.key, "caller_share_used")
            .await;
        assert_eq!(taken, 15);
        assert!(wait <= 10, "{wait}");
        tokio::time::sleep(Duration::from_secs(wait + 1)).await;
        // The App's token has ended meanwhile, and nobody notices.
        assert_eq!(broker.get(&world, &modest.key, WEB).await.status(), 200);
        let (taken, _) = broker
            .run_down(&world, &greedy.key, "caller_share_used")
            .await;
        assert_eq!(taken, 15);
    });
}

#[test]
fn after_a_secondary_limit_github_is_left_alone_and_git_goes_on() {
    world(async |world| {
        let caller = Caller::make();
        let section = format!("{WITHOUT_CACHE}{}", caller.section("build-bot", WIDE));
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &section).await else {
            return;
        };
        let refs = "/github/sync/acme/web-1.git/info/refs?service=git-upload-pack";
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
        // Older than one that may not be known yet.
        tokio::time::sleep(Duration::from_secs(6)).await;
        for (status, retry_after, abuse, waits) in [
            (403, Some(2), false, 1..=2),
            (429, Some(2), false, 1..=2),
            (403, None, true, 50..=60),
        ] {
            let secondary = Secondary {
                status,
                retry_after,
                abuse,
            };
            let mood = Some(secondary);
            broker
                .github
                .mood(|mood_now| mood_now.secondary = mood)
                .await;
            // What GitHub says, it says itself.
            let answer = broker.get(&world, &caller.key, WEB).await;
            assert_eq!(answer.status(), status);
            assert_eq!(wait(&answer), retry_after.unwrap_or(0));
            let said: Value = answer.json().await.unwrap();
            let message = said["message"].as_str().unwrap();
            assert!(message.contains("secondary") || message.contains("abuse"));
            broker.github.mood(|mood| mood.secondary = None).await;
            broker.github.forget();
            for path in [WEB, "/github/sync/api/v3/repos/acme/web-2"] {
                let answer = broker.get(&world, &caller.key, path).await;
                assert!(waits.contains(&wait(&answer)), "{}", wait(&answer));
                let limited = (429, "github_rate_limited".to_owned());
                assert_eq!(refused(answer).await, limited);
                assert!(broker.github.asked("GET", "/repos/acme/web-1").is_empty());
                assert!(broker.github.asked("GET", "/repos/acme/web-2").is_empty());
            }
            assert_eq!(broker.get(&world, &caller.key, refs).await.status(), 200);
            if retry_after.is_some() {
                tokio::time::sleep(Duration::from_millis(2100)).await;
                assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
            }
        }
        let log = broker.site.log();
        assert_eq!(log.matches("GitHub wants to be asked less").count(), 3);
    });
}

#[test]
fn a_server_without_limits_holds_nobody_back_and_what_is_forbidden_is_no_excess() {
    world(async |world| {
        let (caller, reader) = (Caller::make(), Caller::make());
        let grant =
            "repositories = [\"docs\"]\npermissions = { issues = \"read\" }\nas = [\"proxy\"]";
        let sections = format!(
            "{WITHOUT_CACHE}{}{}",
            caller.section("build-bot", WIDE),
            reader.section("reader", grant)
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        for _ in 0..200 {
            assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
        }
        let issues = "/github/sync/api/v3/repos/acme/docs/issues";
        for _ in 0..3 {
            let asked = asker(&world).post(url(issues)).bearer_auth(&reader.key);
            let answer = asked.json(&json!({ "title": "no" })).send().await.unwrap();
            assert_eq!(answer.status(), 403);
            let said: Value = answer.json().await.unwrap();
            assert_eq!(said["message"], "Resource not accessible by integration");
            assert_eq!(broker.get(&world, &reader.key, issues).await.status(), 200);
        }
        let said = broker.whoami(&world, &caller.key).await;
        assert_eq!(said["quota"], json!([]));
        assert!(!broker.metrics().contains("hubgate_github_remaining{"));
    });
}

#[test]
fn a_hundred_are_under_way_at_most_and_the_others_wait_their_turn() {
    world(async |world| {
        let (greedy, modest) = (Caller::make(), Caller::make());
        let sections = rated(&two(&greedy, &modest), "10000/m");
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        assert_eq!(broker.get(&world, &greedy.key, WEB).await.status(), 200);
        let slow = Some(Duration::from_millis(500));
        broker.github.mood(|mood| mood.slow = slow).await;
        broker.github.forget();
        let client = asker(&world);
        let all: Vec<_> = (0..300)
            .map(|number| {
                let key = if number < 290 { &greedy } else { &modest };
                let asked = client.get(url(WEB)).bearer_auth(&key.key);
                tokio::spawn(async move { asked.send().await.unwrap().status().as_u16() })
            })
            .collect();
        for one in all {
            assert_eq!(one.await.unwrap(), 200);
        }
        let most = broker.github.most_at_once();
        assert!((50..=100).contains(&most), "{most}");
        // Where none ends for long, those who wait are told so, and GitHub is not asked more.
        broker
            .github
            .mood(|mood| mood.held = Some("web-1".to_owned()))
            .await;
        broker.github.forget();
        let all: Vec<_> = (0..110)
            .map(|_| {
                let asked = client.get(url(WEB)).bearer_auth(&greedy.key);
                tokio::spawn(async move {
                    let answer = asked.send().await.unwrap();
                    (answer.status().as_u16(), wait(&answer))
                })
            })
            .collect();
        eventually(|| (broker.github.asked("GET", "/repos/acme/web-1").len() == 90).then_some(()))
            .await;
        // One caller has not all places, and the others go on.
        let other = "/github/sync/api/v3/repos/acme/web-2";
        let answer = broker.get(&world, &modest.key, other).await;
        assert_eq!(answer.status(), 200);
        eventually(|| {
            let told = broker.metrics().contains("installation_busy\"} 20");
            told.then_some(())
        })
        .await;
        broker.github.mood(|mood| mood.held = None).await;
        let mut ends = Vec::new();
        for one in all {
            ends.push(one.await.unwrap());
        }
        ends.sort_unstable();
        assert_eq!(ends[..90], [(200, 0); 90]);
        assert_eq!(ends[90..], [(429, 5); 20]);
    });
}

#[test]
fn an_address_that_is_not_on_the_list_is_told_to_the_operator_once() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
        tokio::time::sleep(Duration::from_secs(6)).await;
        broker.github.mood(|mood| mood.ip_allow_list = true).await;
        for _ in 0..3 {
            let answer = broker.get(&world, &caller.key, WEB).await;
            assert_eq!(answer.status(), 403);
            let said: Value = answer.json().await.unwrap();
            assert!(said["message"].as_str().unwrap().contains("IP allow list"));
        }
        let told = |log: &str| log.matches("lacks the address that GitHub sees").count();
        eventually(|| (told(&broker.site.log()) > 0).then_some(())).await;
        assert_eq!(told(&broker.site.log()), 1);
        // It is no excess, and good again once it is on the list.
        broker.github.mood(|mood| mood.ip_allow_list = false).await;
        assert_eq!(broker.get(&world, &caller.key, WEB).await.status(), 200);
    });
}

#[test]
fn a_reload_gives_no_caller_a_new_rate() {
    world(async |world| {
        let caller = Caller::make();
        let section = rated(&caller.section("build-bot", WIDE), "3/h");
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        for left in [2, 1, 0] {
            let said = broker.whoami(&world, &caller.key).await;
            assert_eq!(said["rate"]["remaining"], left);
        }
        let limited = (429, "caller_rate_limited".to_owned());
        let answer = broker.get(&world, &caller.key, "/v1/whoami").await;
        assert_eq!(refused(answer).await, limited);
        broker
            .reload(|text| text.replace("drain = \"5s\"", "drain = \"6s\""))
            .await;
        let answer = broker.get(&world, &caller.key, "/v1/whoami").await;
        assert_eq!(refused(answer).await, limited);
        // A file that is wrong changes nothing either.
        broker.reload(|text| format!("{text}\nwrong = 1\n")).await;
        let answer = broker.get(&world, &caller.key, "/v1/whoami").await;
        assert_eq!(refused(answer).await, limited);
        let right = |text: String| text.replace("\nwrong = 1\n", "\n");
        broker
            .reload(|text| right(text).replace("\"3/h\"", "\"4/h\""))
            .await;
        let said = broker.whoami(&world, &caller.key).await;
        assert_eq!(said["rate"]["remaining"], 3);
    });
}
