//! Tests of recovery against a GitHub that lists what each test says, and a real spool.

use super::told::TARGET;
use super::*;
use crate::apps::fake::{apps, settings};
use crate::github::fake::{Fake, NOW, Seen, Turned, reply};
use crate::spool::{Header, Intake, sqlite};
use crate::types::{ByteSize, ClientAddr, Host, RequestId};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// A delivery that GitHub lists, so many minutes old.
fn tried(id: u64, guid: &str, minutes: u64, status: &str) -> Value {
    let at = Timestamp::from_millis(NOW).before(MINUTE * u32::try_from(minutes).unwrap());
    json!({
        "id": id, "guid": guid, "delivered_at": at.to_string(), "redelivery": false,
        "duration": 1.5, "status": status, "status_code": 0, "event": "push", "action": null,
        "installation_id": 77, "repository_id": 1,
    })
}

type List = Arc<Mutex<Vec<Value>>>;

/// A GitHub whose App has a webhook at the route, and an organization's hook beside it.
fn github(list: &List, organization: bool) -> impl Fn(&Seen) -> Response + Send + Sync + 'static {
    let list = Arc::clone(list);
    move |seen| {
        let (method, path) = seen.line.split_once(" /api/v3").unwrap();
        let path = path.split('?').next().unwrap();
        let permissions = if organization {
            json!({"organization_hooks": "write"})
        } else {
            json!({"contents": "read"})
        };
        let body = match (method, path) {
            ("GET", "/app/hook/config") => json!({"url": "https://hooks.example.com/jira/x"}),
            ("GET", "/app") => json!({"id": 12, "slug": "sync"}),
            ("GET", "/app/installations") => json!([{
                "id": 77, "app_id": 12, "account": {"login": "acme"}, "permissions": permissions,
            }]),
            ("POST", "/app/installations/77/access_tokens") => json!({
                "token": "ghs_hooks", "expires_at": "2099-01-01T00:00:00Z",
                "permissions": {"organization_hooks": "write"}, "repository_selection": "all",
            }),
            ("GET", "/orgs/acme/hooks") => json!([
                {"id": 5, "config": {"url": "https://hooks.example.com/jira"}},
                {"id": 6, "config": {"url": "https://elsewhere.example.com/jira"}},
            ]),
            ("GET", "/app/hook/deliveries") if !organization => {
                Value::Array(list.lock().unwrap().clone())
            }
            ("GET", "/orgs/acme/hooks/5/deliveries") => Value::Array(list.lock().unwrap().clone()),
            ("GET", "/app/hook/deliveries") => json!([]),
            ("POST", _) if path.ends_with("/attempts") => return reply(202, &[], ""),
            _ => return reply(404, &[], "{}"),
        };
        let status = if method == "POST" { 201 } else { 200 };
        reply(status, &[], &body.to_string())
    }
}

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<Turned>,
    fake: Fake,
    spool: Arc<dyn Spool>,
    app: Arc<App>,
}

impl Bench {
    async fn with(list: &List, organization: bool) -> Self {
        Self::of(Fake::answering(github(list, organization)).await).await
    }

    async fn of(fake: Fake) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Turned::new());
        let own: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let spool = crate::spool::Settings {
            directory: dir.path().join("spool"),
            keep: Duration::from_secs(1),
            max_size: ByteSize::new(1 << 30),
        };
        let spool = Arc::new(sqlite::Engine::open(&spool, own).unwrap());
        let apps = apps(settings(&fake, &[0]), &clock);
        let app = Arc::clone(apps.iter().next().unwrap());
        app.reconcile().await.unwrap();
        Self {
            dir,
            clock,
            fake,
            spool,
            app,
        }
    }

    fn recovery(&self, spool: &str) -> Recovery {
        let host: Host = "hooks.example.com".parse().unwrap();
        let wants = Wants {
            key: RouteKey::new(&host, "/jira"),
            events: vec!["push".parse().unwrap()],
            keeps: true,
        };
        let settings = Settings {
            routes: vec![wants],
            directory: self.dir.path().join("recover"),
            spool: Some(spool.to_owned()),
        };
        let parts = Parts {
            spool: Arc::clone(&self.spool),
            audit: Audit::default(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(crate::types::SystemEntropy),
            pace: Duration::ZERO,
        };
        Recovery::new(&self.app, settings, parts)
    }

    async fn round(&self, spool: &str) -> Round {
        self.recovery(spool).round(&self.app).await.unwrap()
    }

    /// What was sent again, in order, since it was asked last.
    fn again(&self) -> Vec<String> {
        let lines = self.fake.lines().into_iter();
        lines
            .filter_map(|line| {
                let rest = line
                    .strip_prefix("POST /api/v3")?
                    .strip_suffix("/attempts")?;
                Some(rest.to_owned())
            })
            .collect()
    }

    async fn keep(&self, guid: &str, hook: &str) {
        let host: Host = "hooks.example.com".parse().unwrap();
        let kind: Header = Header {
            name: TARGET.into(),
            value: b"integration".as_slice().into(),
        };
        let intake = Intake {
            route: RouteKey::new(&host, "/jira"),
            request: RequestId::fresh(),
            received: self.clock.now(),
            client: ClientAddr::new("192.0.2.1".parse().unwrap()),
            hook: hook.into(),
            guid: guid.parse().unwrap(),
            event: "push".parse().unwrap(),
            action: None,
            repository: None,
            headers: vec![kind].into(),
            body: Bytes::from_static(b"{}"),
            targets: vec!["jira".parse().unwrap()].into(),
            window: Duration::from_secs(10),
        };
        self.spool.put(intake).await.unwrap();
    }
}

fn list(all: Vec<Value>) -> List {
    Arc::new(Mutex::new(all))
}

#[tokio::test]
async fn what_failed_and_is_not_here_is_sent_again_once_oldest_first() {
    let mut other = tried(9, "unwanted", 5, "Timed out");
    other["event"] = json!("issues");
    let all = list(vec![
        tried(8, "just-now", 0, "Timed out"),
        tried(7, "mended", 2, "OK"),
        tried(6, "second", 3, "failed to connect"),
        tried(5, "first", 4, "Timed out"),
        other,
        tried(4, "here", 5, "Timed out"),
        tried(3, "mended", 6, "Timed out"),
        tried(2, "fine", 7, "OK"),
    ]);
    let bench = Bench::with(&all, false).await;
    bench.keep("here", "1").await;
    let round = bench.round("a").await;
    assert_eq!((round.again, round.failed), (2, 0));
    let expected = ["/app/hook/deliveries/5", "/app/hook/deliveries/6"];
    assert_eq!(bench.again(), expected);
    // Whatever becomes of it, it is not sent a third time, by another process either.
    all.lock()
        .unwrap()
        .insert(0, tried(10, "first", 1, "Timed out"));
    let round = bench.round("a").await;
    assert_eq!((round.again, round.failed), (0, 2));
    assert_eq!(bench.again().len(), 2);
    bench.spool.close().await;
}

#[tokio::test]
async fn it_goes_on_from_where_it_was_with_some_overlap() {
    let all = list(Vec::new());
    let bench = Bench::with(&all, false).await;
    bench.round("a").await;
    // Away for two hours.
    bench.clock.pass(MINUTE * 120);
    let lost = tried(2, "while-away", 0, "Timed out");
    let before = tried(1, "long-before", 16, "Timed out");
    *all.lock().unwrap() = vec![lost, before];
    let round = bench.round("a").await;
    assert_eq!(round.again, 1);
    assert_eq!(bench.again(), ["/app/hook/deliveries/2"]);
    bench.spool.close().await;
}

#[tokio::test]
async fn after_the_spool_was_lost_githubs_word_is_not_enough() {
    let all = list(vec![
        tried(3, "taken-and-lost", 60, "OK"),
        tried(2, "taken-and-here", 61, "OK"),
        tried(1, "too-old", 60 * 24 * 8, "OK"),
    ]);
    let bench = Bench::with(&all, false).await;
    assert_eq!(
        bench.round("a").await.again,
        0,
        "GitHub says that all is well"
    );
    bench.keep("taken-and-here", "1").await;
    assert_eq!(bench.round("b").await.again, 1);
    assert_eq!(bench.again(), ["/app/hook/deliveries/3"]);
    assert_eq!(bench.round("b").await.again, 0);
    bench.spool.close().await;
}

#[tokio::test]
async fn an_organizations_hook_that_leads_here_is_looked_at_and_no_other() {
    let all = list(vec![
        tried(2, "one", 3, "Timed out"),
        tried(1, "two", 3, "Timed out"),
    ]);
    let bench = Bench::with(&all, true).await;
    // The same event by another hook is another delivery.
    bench.keep("one", "99").await;
    bench.keep("two", "5").await;
    assert_eq!(bench.round("a").await.again, 1);
    assert_eq!(bench.again(), ["/orgs/acme/hooks/5/deliveries/2"]);
    let asked = bench.fake.lines();
    assert!(!asked.iter().any(|line| line.contains("/hooks/6/")));
    let mint = bench
        .fake
        .seen()
        .into_iter()
        .find(|seen| seen.line.contains("access_tokens"));
    assert_eq!(
        mint.unwrap().body,
        r#"{"permissions":{"organization_hooks":"write"}}"#
    );
    bench.spool.close().await;
}

#[tokio::test]
async fn a_round_that_breaks_off_leaves_the_watermark_and_forgets_nothing_it_sent() {
    let all = list(vec![
        tried(2, "second", 3, "Timed out"),
        tried(1, "first", 4, "Timed out"),
    ]);
    let serve = github(&all, false);
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let seen_broken = Arc::clone(&broken);
    let fake = Fake::answering(move |seen: &Seen| {
        let down = seen_broken.load(std::sync::atomic::Ordering::Relaxed);
        if down && seen.line.contains("/deliveries/2/") {
            return reply(503, &[], "{}");
        }
        serve(seen)
    });
    let bench = Bench::of(fake.await).await;
    assert!(bench.recovery("a").round(&bench.app).await.is_err());
    assert_eq!(
        bench.again(),
        ["/app/hook/deliveries/1", "/app/hook/deliveries/2"]
    );
    bench.clock.pass(MINUTE * 300);
    broken.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(bench.round("a").await.again, 1);
    let again = bench.again();
    assert_eq!(again.last().unwrap(), "/app/hook/deliveries/2");
    assert_eq!(again.len(), 3);
    bench.spool.close().await;
}

#[test]
fn a_watermark_comes_back_as_it_was_and_a_torn_one_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let name = "sync".parse().unwrap();
    let mark = Watermark {
        until: Some(Timestamp::from_millis(NOW)),
        spool: Some("a".to_owned()),
        tried: [("g-1".into(), Timestamp::from_millis(1))].into(),
    };
    let path = Watermark::path(dir.path(), &name);
    disk::replace(&path, &mark.write()).unwrap();
    assert_eq!(Watermark::read(dir.path(), &name), mark);
    assert!(mark.is_of_another_spool(Some("b")) && mark.is_of_another_spool(None));
    assert!(!mark.is_of_another_spool(Some("a")));
    std::fs::write(&path, "{\"until\":1,").unwrap();
    let fresh = Watermark::read(dir.path(), &name);
    assert_eq!(fresh, Watermark::default());
    assert!(
        !fresh.is_of_another_spool(Some("b")),
        "the first time is no loss"
    );
}
