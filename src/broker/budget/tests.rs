//! Tests of the budget, on a clock that is turned.

use super::*;
use http::HeaderName;
use std::sync::atomic::{AtomicI64, Ordering};

const START: i64 = 1_800_000_000;

#[derive(Debug)]
struct Turned(AtomicI64);

impl Turned {
    fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Desk {
    clock: Arc<Turned>,
    budget: Arc<Budget>,
    app: Name,
    owner: Owner,
}

/// GitHub's side of one window.
struct Github {
    limit: u64,
    used: u64,
    reset: i64,
}

impl Github {
    fn head(&self) -> HeaderMap {
        let remaining = self.limit.saturating_sub(self.used);
        let lines = [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("x-ratelimit-reset", self.reset.to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ];
        let line = |(name, value): (&'static str, String)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        lines.into_iter().map(line).collect()
    }
}

impl Desk {
    fn open() -> Self {
        let clock = Arc::new(Turned(AtomicI64::new(START * 1000)));
        Self {
            budget: Arc::new(Budget::new(clock.clone())),
            clock,
            app: "sync".parse().unwrap(),
            owner: "acme".parse().unwrap(),
        }
    }

    fn purse(&self, installation: u64) -> Purse<'_> {
        Purse {
            host: "github.com",
            app: &self.app,
            owner: &self.owner,
            installation: InstallationId(installation),
        }
    }

    async fn draw(&self, caller: &str) -> Result<Draw, Refusal> {
        let demand = Demand {
            operation: "repos/get",
            resource: Resource::CORE,
        };
        let caller = caller.parse().unwrap();
        self.budget.draw(&self.purse(7), &caller, demand).await
    }

    /// A whole request.
    async fn ask(&self, caller: &str, github: &mut Github) -> Result<(), Refusal> {
        let mut draw = self.draw(caller).await?;
        github.used += 1;
        draw.answered(StatusCode::OK, &github.head());
        Ok(())
    }

    async fn answered(&self, status: u16, lines: &[(&'static str, &str)], body: &str) {
        let mut draw = self.draw("bot").await.unwrap();
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let head: HeaderMap = lines.iter().map(line).collect();
        let status = StatusCode::from_u16(status).unwrap();
        draw.answered(status, &head);
        if !draw.is_excess() && status == StatusCode::FORBIDDEN {
            draw.refused(status, &head, body.as_bytes());
        }
    }

    async fn waits(&self) -> Option<u64> {
        match self.draw("bot").await {
            Ok(_) => None,
            Err(Refusal::Limited(wait)) => Some(wait.as_secs()),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn who_used_its_share_waits_when_little_is_left_and_others_go_on() {
    let desk = Desk::open();
    let mut github = Github {
        limit: 100,
        used: 0,
        reset: START + 600,
    };
    desk.ask("modest", &mut github).await.unwrap();
    // As long as more than a fifth is left, everybody gets what they ask.
    while github.used < 80 {
        desk.ask("greedy", &mut github).await.unwrap();
    }
    let refused = desk.ask("greedy", &mut github).await.unwrap_err();
    assert_eq!(refused, Refusal::Share(Duration::from_mins(10)));
    assert_eq!(refused.code(), "caller_share_used");
    for _ in 0..10 {
        desk.ask("modest", &mut github).await.unwrap();
    }
    // Somebody new has a share too.
    desk.ask("new", &mut github).await.unwrap();
    assert!(desk.ask("greedy", &mut github).await.is_err());
    // Nothing is left: nobody is asked any more.
    while github.used < 100 {
        desk.ask("modest", &mut github).await.unwrap();
    }
    assert_eq!(desk.waits().await, Some(600));
    // The next window begins for all.
    desk.clock.turn(600);
    github.used = 0;
    github.reset += 600;
    for _ in 0..80 {
        desk.ask("greedy", &mut github).await.unwrap();
    }
    // Whoever is alone in a window may have all of it.
    for _ in 0..20 {
        desk.ask("greedy", &mut github).await.unwrap();
    }
    assert_eq!(desk.waits().await, Some(600));
}

#[tokio::test]
async fn what_is_under_way_counts_and_what_costs_nothing_does_not() {
    let desk = Desk::open();
    let mut github = Github {
        limit: 100,
        used: 70,
        reset: START + 600,
    };
    desk.ask("modest", &mut github).await.unwrap();
    for _ in 0..1 {
        desk.ask("greedy", &mut github).await.unwrap();
    }
    // 28 are left; with 8 of them under way the reserve is reached. Its share is 50.
    let mut under_way = Vec::new();
    for _ in 0..60 {
        match desk.draw("greedy").await {
            Ok(draw) => under_way.push(draw),
            Err(why) => {
                assert_eq!(why, Refusal::Share(Duration::from_mins(10)));
                break;
            }
        }
    }
    assert_eq!(under_way.len(), 49);
    assert!(desk.draw("modest").await.is_ok());
    // None of them cost anything.
    for mut draw in under_way {
        draw.answered(StatusCode::NOT_MODIFIED, &github.head());
    }
    assert!(desk.draw("greedy").await.is_ok());
}

#[tokio::test]
async fn a_server_without_limits_holds_nobody_back() {
    let desk = Desk::open();
    for _ in 0..10_000 {
        let mut draw = desk.draw("greedy").await.unwrap();
        draw.answered(StatusCode::OK, &HeaderMap::new());
    }
    assert_eq!(desk.budget.left(&desk.app, &desk.owner), []);
    // What is forbidden for another reason is no excess.
    let said = r#"{"message":"Resource not accessible by integration"}"#;
    desk.answered(403, &[], said).await;
    assert_eq!(desk.waits().await, None);
}

#[tokio::test]
async fn after_an_excess_github_is_left_alone_for_as_long_as_it_says() {
    let desk = Desk::open();
    desk.answered(403, &[("retry-after", "30")], "").await;
    assert_eq!(desk.waits().await, Some(30));
    desk.clock.turn(30);
    assert_eq!(desk.waits().await, None);
    // Where it says nothing: one minute, growing, up to sixteen.
    let said = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    for minutes in [1, 2, 4, 8, 16, 16] {
        desk.answered(403, &[("x-ratelimit-remaining", "9")], said)
            .await;
        assert_eq!(desk.waits().await, Some(minutes * 60));
        desk.clock.turn(i64::try_from(minutes * 60).unwrap());
    }
    desk.answered(200, &[], "").await;
    desk.answered(429, &[], "").await;
    assert_eq!(desk.waits().await, Some(60));
}

#[tokio::test]
async fn a_hundred_excesses_at_once_are_one() {
    let desk = Desk::open();
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(desk.draw("bot").await.unwrap());
    }
    for mut draw in all {
        draw.answered(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());
    }
    assert_eq!(desk.waits().await, Some(60));
}

#[tokio::test]
async fn a_primary_limit_is_of_its_resource_only() {
    let desk = Desk::open();
    let reset = (START + 120).to_string();
    let used_up = [
        ("x-ratelimit-limit", "30"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", reset.as_str()),
        ("x-ratelimit-resource", "search"),
    ];
    // It was thought to be core, and GitHub says otherwise.
    desk.answered(403, &used_up, "").await;
    let caller = "bot".parse().unwrap();
    let search = |operation| Demand {
        operation,
        resource: Resource::of("search/labels"),
    };
    let drawn = desk
        .budget
        .draw(&desk.purse(7), &caller, search("search/labels"))
        .await;
    assert_eq!(drawn.unwrap_err(), Refusal::Limited(Duration::from_mins(2)));
    // What GitHub said of the operation is remembered.
    assert_eq!(desk.waits().await, Some(120));
    let other = Demand {
        operation: "issues/list",
        resource: Resource::CORE,
    };
    let drawn = desk.budget.draw(&desk.purse(7), &caller, other).await;
    assert!(drawn.is_ok());
}

#[tokio::test]
async fn a_server_that_names_no_resource_means_the_one_that_was_asked_of() {
    let desk = Desk::open();
    let reset = (START + 60).to_string();
    let used_up = [
        ("x-ratelimit-limit", "30"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", reset.as_str()),
    ];
    desk.answered(429, &used_up, "").await;
    assert_eq!(desk.waits().await, Some(60));
    let demand = Demand {
        operation: "search/labels",
        resource: Resource::of("search/labels"),
    };
    let caller = "bot".parse().unwrap();
    let drawn = desk.budget.draw(&desk.purse(7), &caller, demand).await;
    assert!(drawn.is_ok());
}

#[tokio::test]
async fn another_installation_is_another_account() {
    let desk = Desk::open();
    desk.answered(429, &[], "").await;
    assert_eq!(desk.waits().await, Some(60));
    let demand = Demand {
        operation: "repos/get",
        resource: Resource::CORE,
    };
    let caller = "bot".parse().unwrap();
    let again = desk.budget.draw(&desk.purse(8), &caller, demand).await;
    assert!(again.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_are_under_way_and_the_next_waits_briefly() {
    let desk = Desk::open();
    let mut all = Vec::new();
    for number in 0..AT_ONCE {
        let caller = if number < OF_ONE { "greedy" } else { "third" };
        all.push(desk.draw(caller).await.unwrap());
    }
    let refused = desk.draw("modest").await.unwrap_err();
    assert_eq!(refused.code(), "installation_busy");
    let mut last = all.pop().unwrap();
    last.done();
    assert!(desk.draw("modest").await.is_ok());
}
