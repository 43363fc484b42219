//! What GitHub could not deliver while the gate was away: asked for and sent again, each once.

use super::Bench;
use crate::harness::{HOST, Tool, eventually, private};
use crate::simulator::{AppKey, Fault, Hook, Place, Secondary, Simulator};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "of all hooks in this test";
const MINUTES: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);

struct Missed {
    bench: Bench,
    tool: Tool,
    /// The App's own hook, an organisation's and a repository's.
    hooks: [u64; 3],
}

impl Missed {
    async fn open() -> Option<Self> {
        let tool = Tool::open().await;
        let mut bench = Bench::open("").await?;
        let repository = bench.github.repository("acme/web");
        let organization = bench.github.organization("acme");
        let key = AppKey::number(0);
        let wanted = [
            ("contents", "read"),
            ("organization_hooks", "write"),
            ("repository_hooks", "write"),
        ];
        let app = bench.github.app("sync", "acme", &key, &wanted);
        bench.github.install_on(app, "acme", &["web"]);
        let path = bench.site.path("app.pem");
        std::fs::write(&path, key.pkcs1_pem()).unwrap();
        private(&path);
        let hook = Hook {
            url: Some(bench.hook()),
            secret: Some(SECRET.to_owned()),
            active: true,
            form: false,
        };
        // Where nobody of ours listens.
        let elsewhere = Hook {
            url: Some("https://elsewhere.example.test/hook".to_owned()),
            ..hook.clone()
        };
        let github = &bench.github;
        github.change_app(app, |app| app.hook = hook.clone());
        github.hook(Place::Organization(organization), elsewhere);
        let hooks = [
            app,
            github.hook(Place::Organization(organization), hook.clone()),
            github.hook(Place::Repository(repository), hook),
        ];
        bench.configure(&format!(
            r#"[[app]]
name = "sync"
github = "ghes"
id = {app}
keys = ["file:{}"]
recover = true
[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
events = ["push", "issues.opened"]
[[webhook.to]]
name = "tool"
url = "http://{}/in"
"#,
            path.display(),
            tool.address
        ));
        if !bench.start_turned().await {
            return None;
        }
        let missed = Self { bench, tool, hooks };
        eventually(|| Self::mark(&missed.bench)).await;
        Some(missed)
    }

    /// Until when GitHub's list was looked through.
    fn mark(bench: &Bench) -> Option<i64> {
        let file = bench.site.path("state/recover/sync.json");
        let known: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        known["until"].as_i64()
    }

    /// Lets one more round go by.
    async fn another_round(&mut self) {
        let before = Self::mark(&self.bench);
        let further = |bench: &Bench| (Self::mark(bench) > before).then_some(());
        self.bench.as_time_goes(further).await;
    }

    /// Lets time go by until the log says so.
    async fn told(&mut self, text: &str) {
        let said = |bench: &Bench| bench.site.log().contains(text).then_some(());
        self.bench.as_time_goes(said).await;
    }

    fn push(number: usize) -> Value {
        json!({ "ref": "refs/heads/main", "number": number })
    }

    /// The GUIDs that the tool was given, in order.
    fn given(&self) -> Vec<String> {
        let all = self.tool.all();
        let guids = all
            .iter()
            .map(|got| got.headers["x-github-delivery"].clone());
        guids.collect()
    }

    /// Waits until it was given so many.
    async fn given_in_all(&self, number: usize) -> Vec<String> {
        eventually(|| Some(self.given()).filter(|all| all.len() >= number)).await
    }

    /// The GUIDs that GitHub sent again.
    fn again(&self) -> Vec<String> {
        let all = self.bench.github.deliveries().into_iter();
        all.filter(|one| one.redelivery)
            .map(|one| one.guid)
            .collect()
    }

    fn log(&self, text: &str) -> usize {
        self.bench
            .site
            .log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }
}

fn again(github: &Simulator) -> Vec<String> {
    let all = github.deliveries().into_iter();
    all.filter(|one| one.redelivery)
        .map(|one| one.guid)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_gate_was_away_comes_again_once_by_every_kind_of_hook() {
    let Some(mut missed) = Missed::open().await else {
        return;
    };
    let github = missed.bench.github.clone();
    for hook in missed.hooks {
        let sent = github.event(hook, "push", Missed::push(0)).await;
        assert_eq!(sent.status_code, 202);
    }
    let mut expected = missed.given_in_all(3).await;
    // It was kept, and GitHub never heard so.
    let unheard = github.past(missed.hooks[0], "push", Missed::push(1), 504);
    let gate = missed.bench.gate.as_ref().unwrap();
    let client = gate
        .client_builder()
        .resolve(HOST, missed.bench.door)
        .build()
        .unwrap();
    let mut request = client
        .post(missed.bench.hook())
        .body(unheard.payload.to_string());
    for (name, value) in &unheard.headers {
        request = request.header(*name, value);
    }
    assert_eq!(request.send().await.unwrap().status(), 202);
    expected.push(unheard.guid);
    missed.given_in_all(4).await;
    missed.bench.stop().await;

    missed.bench.turn(MINUTES);
    let mut lost = Vec::new();
    for (number, hook) in missed.hooks.into_iter().cycle().take(7).enumerate() {
        let sent = github.event(hook, "push", Missed::push(number)).await;
        assert_eq!(sent.status_code, 502, "nobody is there");
        lost.push((hook, sent.guid));
        // No route wants it.
        let closed = json!({ "action": "closed", "issue": { "number": number } });
        github.event(hook, "issues", closed).await;
        missed.bench.turn(Duration::from_secs(1));
    }
    missed.bench.turn(MINUTES);
    assert!(missed.bench.start_turned().await);
    missed.given_in_all(expected.len() + lost.len()).await;
    // Of one hook, as they happened. (The tool may be given two at once in either order.)
    let sent = missed.again();
    for hook in missed.hooks {
        let of_hook = |guid: &&String| lost.iter().any(|(of, one)| *of == hook && one == *guid);
        let came: Vec<&String> = sent.iter().filter(of_hook).collect();
        let happened = lost.iter().filter(|(of, _)| *of == hook);
        assert_eq!(came, happened.map(|(_, guid)| guid).collect::<Vec<_>>());
    }
    missed.another_round().await;
    missed.another_round().await;
    let mut given = missed.given();
    expected.extend(lost.iter().map(|(_, guid)| guid.clone()));
    given.sort();
    // An attempt that was under way when time was turned may have come to its end, and comes again.
    given.dedup();
    expected.sort();
    assert_eq!(given, expected);
    assert_eq!(missed.again().len(), lost.len());
    let measured = |name: &str| {
        let line = format!("hubgate_recovery_{name}{{app=\"sync\"}}");
        missed.bench.measured(&line)
    };
    assert_eq!(measured("sent_again_total"), Some(7.0));
    assert_eq!(measured("left_total"), None);
    assert!(measured("age_seconds").unwrap() < 600.0);
    assert!(measured("seen").is_some());
    // Whoever turns time does not turn it for the thread that gathers lines: they come at the end.
    missed.bench.stop().await;
    let audit = missed.bench.site.audit();
    let recorded = audit.iter().find(|one| one["action"] == "recover").unwrap();
    assert_eq!(recorded["outcome"], "sync: 7 sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_spool_is_lost_what_github_lists_is_held_against_the_new_one() {
    let Some(mut missed) = Missed::open().await else {
        return;
    };
    let github = missed.bench.github.clone();
    for number in 0..3 {
        let sent = github
            .event(missed.hooks[0], "push", Missed::push(number))
            .await;
        assert_eq!(sent.status_code, 202);
    }
    let closed = json!({ "action": "closed", "issue": { "number": 1 } });
    github.event(missed.hooks[0], "issues", closed).await;
    let before = missed.given_in_all(3).await;
    missed.bench.kill();
    std::fs::remove_dir_all(missed.bench.site.path("state/spool")).unwrap();
    missed.bench.turn(MINUTES);
    assert!(missed.bench.start_turned().await);
    // GitHub holds that all went well.
    let mut given = missed.given_in_all(6).await.split_off(3);
    given.sort();
    let mut expected = before.clone();
    expected.sort();
    assert_eq!(given, expected);
    missed.another_round().await;
    assert_eq!(missed.given().len(), 6);
    assert!(missed.log("the spool is another one") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_breaks_it_off_and_it_goes_on_where_it_was() {
    let Some(mut missed) = Missed::open().await else {
        return;
    };
    let github = missed.bench.github.clone();
    missed.bench.kill();
    for number in 0..4 {
        github
            .event(missed.hooks[0], "push", Missed::push(number))
            .await;
    }
    missed.bench.turn(MINUTES);
    assert!(missed.bench.start_turned().await);
    missed.given_in_all(2).await;
    let secondary = Secondary {
        status: 403,
        retry_after: Some(1200),
        abuse: false,
    };
    github.mood(|mood| mood.secondary = Some(secondary)).await;
    let told = "what GitHub could not deliver is not recovered";
    eventually(|| (missed.log(told) > 0).then_some(())).await;
    let sent = missed.again().len();
    assert!((2..4).contains(&sent), "{sent}");
    github.forget();
    // Until GitHub wants to be asked again, it is not.
    missed.bench.turn(MINUTES);
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        missed.bench.site.status();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(github.asked("GET", "/deliveries").is_empty());
    github.mood(|mood| mood.secondary = None).await;
    missed.bench.turn(2 * MINUTES);
    let mut given = missed.given_in_all(4).await;
    missed.another_round().await;
    assert_eq!(missed.given().len(), 4);
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_before_github_forgets_and_what_fails_twice_is_left() {
    let Some(mut missed) = Missed::open().await else {
        return;
    };
    let github = missed.bench.github.clone();
    let fault = Fault {
        path: "/deliveries".to_owned(),
        status: 500,
        times: None,
    };
    github.mood(|mood| mood.faults.push(fault)).await;
    let soon = "GitHub forgets the first of it in";
    missed.bench.turn(4 * DAY);
    missed
        .told("what GitHub could not deliver is not recovered")
        .await;
    assert_eq!(missed.log(soon), 0);
    missed.bench.turn(DAY);
    missed.told(soon).await;
    let age = "hubgate_recovery_age_seconds{app=\"sync\"}";
    let age = missed.bench.measured(age).unwrap();
    assert!(age > 4.9 * DAY.as_secs_f64(), "{age}");
    missed.bench.turn(3 * DAY);
    missed
        .told("GitHub keeps deliveries for 7 days: what it could not deliver before that is gone")
        .await;
    github.mood(|mood| mood.faults.clear()).await;
    // A delivery that the gate refuses each time, since its secret is another one.
    github.change_app(missed.hooks[0], |app| {
        app.hook.secret = Some("wrong".to_owned());
    });
    github.event(missed.hooks[0], "push", Missed::push(1)).await;
    missed.another_round().await;
    let again = |bench: &Bench| (!again(&bench.github).is_empty()).then_some(());
    missed.bench.as_time_goes(again).await;
    missed.another_round().await;
    missed.another_round().await;
    assert_eq!(missed.again().len(), 1);
    missed
        .told("sent again failed again; they are left to a person")
        .await;
    let left = "hubgate_recovery_left_total{app=\"sync\"}";
    assert_eq!(missed.bench.measured(left), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_that_github_lists_nothing_of_are_told_of_once() {
    let Some(mut missed) = Missed::open().await else {
        return;
    };
    let gate = missed.bench.gate.as_ref().unwrap();
    let client = gate
        .client_builder()
        .resolve(HOST, missed.bench.door)
        .build()
        .unwrap();
    for (hook, kind) in [
        ("901", "enterprise"),
        ("902", "global"),
        ("903", "organization"),
    ] {
        let body = Missed::push(1).to_string();
        let sent = client
            .post(missed.bench.hook())
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", crate::harness::guid())
            .header("x-github-hook-id", hook)
            .header("x-github-hook-installation-target-type", kind)
            .header(
                "x-hub-signature-256",
                crate::harness::sign(SECRET, body.as_bytes()),
            )
            .body(body);
        assert_eq!(sent.send().await.unwrap().status(), 202);
    }
    let known = missed
        .bench
        .github
        .event(missed.hooks[1], "push", Missed::push(2))
        .await;
    assert_eq!(known.status_code, 202);
    missed.another_round().await;
    missed.another_round().await;
    for hook in ["901", "902", "903"] {
        let told = format!("\"hook\":\"{hook}\"");
        assert_eq!(missed.log(&told), 1, "{}", missed.bench.site.log());
    }
    assert_eq!(missed.log("no such list for the hooks of an enterprise"), 3);
}
