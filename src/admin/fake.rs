//! A gateway that is none, for the tests of what looks at one: a view and a spool whose answers a
//! test sets, behind real doors.

use super::answer::{
    AddKey, App, AppInstallation, AppKey, AppState, Caller, CallerGrant, Certificate, CreateApp,
    Learned, LearnedRequest, Listener, Refreshed, RemovedApp, Renewed, Route, SetupWindow, Source,
    TargetState,
};
use super::{NotDone, Parts, Running, Settings, Target, View, Workshop};
use crate::spool::{
    Attempt, Claim, Claimed, Condition, Depth, Detail, Header, Intake, Order, Outlook, Page, Put,
    PutError, Query, Room, Settlement, Spool, SpoolError, Standing, State, Summary,
};
use crate::telemetry::{Audit, Metrics, Tasks, audit};
use crate::types::{Clock, DeliveryId, Name, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[derive(Debug)]
struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn ago(seconds: u64) -> Timestamp {
    NOW.before(std::time::Duration::from_secs(seconds))
}

/// What a test sets, and what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) ready: Result<(), Vec<String>>,
    pub(crate) reload: Result<String, String>,
    pub(crate) condition: Condition,
    pub(crate) body: Bytes,
    pub(crate) asked: Vec<String>,
    pub(crate) broken: bool,
    /// Where it is set, a reload waits for it.
    pub(crate) slow: Option<Arc<tokio::sync::Notify>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fake(Arc<Mutex<Scene>>);

impl Fake {
    pub(crate) fn set(&self, change: impl FnOnce(&mut Scene)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn scene(&self) -> Scene {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn heard(&self, what: String) -> Result<(), SpoolError> {
        self.set(|scene| scene.asked.push(what));
        if self.scene().broken {
            return Err(SpoolError {
                tried: "read a delivery",
                why: "the disk is gone".into(),
                outlook: Outlook::Lasting,
            });
        }
        Ok(())
    }
}

/// Doors that are open, in front of a fake.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) fake: Fake,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) tasks: Tasks,
    pub(crate) audit: Audit,
}

impl Open {
    pub(crate) async fn doors(settings: impl FnOnce(&Path) -> Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let doors = super::open(&settings).await.unwrap();
        let fake = Fake(Arc::new(Mutex::new(Scene {
            ready: Ok(()),
            reload: Ok("2 routes added".to_owned()),
            condition: Condition::Ready,
            body: Bytes::from_static(b"{\"zen\":\"Keep it simple\"}"),
            asked: Vec::new(),
            broken: false,
            slow: None,
        })));
        let trail = audit::Settings {
            file: Some(dir.path().join("audit.jsonl")),
        };
        let (tasks, audit) = (Tasks::new(), Audit::start(&trail).unwrap());
        let address = doors.address();
        doors.serve(Parts {
            view: Arc::new(fake.clone()),
            workshop: Arc::new(fake.clone()),
            audit: audit.clone(),
            metrics: Metrics::install().unwrap(),
            clock: Arc::new(Fixed),
            tasks: tasks.clone(),
        });
        Self {
            fake,
            socket: settings.socket,
            dir,
            address,
            tasks,
            audit,
        }
    }

    /// The lines of the audit trail so far.
    pub(crate) async fn trail(&self) -> Vec<serde_json::Value> {
        self.audit.flush().await;
        std::fs::read_to_string(self.dir.path().join("audit.jsonl"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[async_trait]
impl View for Fake {
    fn status(&self) -> Running {
        Running {
            started: ago(90_061),
            listeners: vec![Listener {
                name: "public".to_owned(),
                address: "[::]:443".to_owned(),
                tls: true,
            }],
        }
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route {
            key: "hooks.example.com/jira".to_owned(),
            from: vec!["github-hooks".to_owned()],
            mode: "store".to_owned(),
            events: vec!["push".to_owned(), "pull_request.opened".to_owned()],
            targets: vec!["jira".to_owned(), "jenkins".to_owned()],
            allow: Vec::new(),
            setup_until: None,
        }]
    }

    fn learned(&self, route: &str) -> Option<Learned> {
        let request = LearnedRequest {
            rule: "pulls/list".to_owned(),
            count: 3,
            first: ago(60).to_string(),
            last: NOW.to_string(),
        };
        (route == "ghe.example.com/").then(|| Learned {
            route: route.to_owned(),
            learning: true,
            requests: vec![request],
            overflow: 0,
            profile: "[[profile]]\n".to_owned(),
        })
    }

    fn open_setup(&self, route: &str, lasting: std::time::Duration) -> Option<SetupWindow> {
        let until = NOW.after(lasting).to_string();
        (route == "ghe.example.com/").then(|| SetupWindow {
            route: route.to_owned(),
            until: (!lasting.is_zero()).then_some(until),
        })
    }

    fn callers(&self) -> Vec<Caller> {
        vec![Caller {
            name: "build-bot".to_owned(),
            proofs: vec!["key".to_owned()],
            grants: vec![CallerGrant {
                app: "sync".to_owned(),
                owner: "acme".to_owned(),
                repositories: vec!["web-*".to_owned()],
                permissions: Some([("contents".to_owned(), "read".to_owned())].into()),
                uses: vec!["proxy".to_owned()],
            }],
            rate: "600/m".to_owned(),
            remaining: 599,
            last_seen: Some(ago(60).to_string()),
            requests: 1,
            rate_limited: 0,
            tokens: 0,
        }]
    }

    fn sources(&self) -> Vec<Source> {
        let fetched = Source {
            name: "github-hooks".to_owned(),
            origin: "https://api.github.com/meta".to_owned(),
            networks: 6,
            fetched: Some(ago(754).to_string()),
            age_seconds: Some(754),
            stale: false,
            last_error: None,
        };
        vec![
            fetched.clone(),
            Source {
                name: "old".to_owned(),
                age_seconds: Some(400_000),
                stale: true,
                last_error: Some("cannot fetch".to_owned()),
                ..fetched
            },
            Source {
                name: "flow".to_owned(),
                origin: "configuration".to_owned(),
                networks: 2,
                fetched: None,
                age_seconds: None,
                stale: false,
                last_error: None,
            },
        ]
    }

    fn certificates(&self) -> Vec<Certificate> {
        vec![Certificate {
            hosts: vec!["hooks.example.com".to_owned()],
            origin: "acme".to_owned(),
            issuer: "CN=Some CA".to_owned(),
            stands_in: false,
            not_after: Some("2027-03-01T00:00:00.000Z".to_owned()),
            days_left: Some(45),
            age_seconds: Some(3_888_000),
            next_attempt: Some("2027-01-15T00:00:00.000Z".to_owned()),
            next_attempt_reason: Some("life".to_owned()),
            failures: Some(0),
            last_error: None,
            issued_reason: None,
            window: None,
            window_error: None,
        }]
    }

    fn targets(&self) -> Vec<Target> {
        let target = |name: &str, state| Target {
            name: name.to_owned(),
            url: format!("http://{name}.corp.internal/"),
            routes: vec!["hooks.example.com/jira".to_owned()],
            state,
        };
        vec![
            target("jira", TargetState::Up),
            target("jenkins", TargetState::Down),
        ]
    }

    fn spool(&self) -> Arc<dyn Spool> {
        Arc::new(self.clone())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        self.scene().ready
    }

    async fn reload(&self) -> Result<String, String> {
        self.set(|scene| scene.asked.push("reload begins".to_owned()));
        if let Some(slow) = self.scene().slow {
            slow.notified().await;
        }
        self.set(|scene| scene.asked.push("reload ends".to_owned()));
        self.scene().reload
    }

    async fn renew_certificates(&self, host: Option<&str>) -> Vec<Renewed> {
        self.set(|scene| scene.asked.push(format!("renew {host:?}")));
        let one = Renewed {
            hosts: vec!["hooks.example.com".to_owned()],
            not_after: Some("2027-03-01T00:00:00.000Z".to_owned()),
            error: self.scene().broken.then(|| "the CA is away".to_owned()),
        };
        let known = host.is_none_or(|host| one.hosts.iter().any(|it| it == host));
        known.then_some(one).into_iter().collect()
    }

    async fn refresh_sources(&self) -> Vec<Refreshed> {
        vec![
            Refreshed {
                source: "github-hooks".to_owned(),
                networks: 6,
                changed: true,
                error: None,
            },
            Refreshed {
                source: "old".to_owned(),
                networks: 6,
                changed: false,
                error: Some("it answers 500".to_owned()),
            },
        ]
    }
}

fn summary() -> Summary {
    let standing = |target: &str, state, next, status, error: Option<&str>| Standing {
        target: target.to_owned(),
        state,
        attempts: 1,
        next,
        status,
        error: error.map(ToOwned::to_owned),
    };
    Summary {
        id: 42,
        route: "hooks.example.com/jira".to_owned(),
        received: ago(60),
        guid: "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned(),
        hook: "7".to_owned(),
        event: "pull_request".to_owned(),
        action: Some("opened".to_owned()),
        repository: Some("acme/web".to_owned()),
        size: 24,
        earlier: None,
        targets: vec![
            standing("jira", State::Delivered, None, Some(204), None),
            standing(
                "jenkins",
                State::Pending,
                Some(NOW),
                Some(503),
                Some("answered 503\u{1b}[2J"),
            ),
        ],
    }
}

#[async_trait]
impl Spool for Fake {
    async fn put(&self, _: Intake) -> Result<Put, PutError> {
        Err(PutError::Busy)
    }

    async fn claim(&self, _: Claim) -> Result<Vec<Claimed>, SpoolError> {
        Ok(Vec::new())
    }

    async fn settle(&self, _: Settlement) -> Result<(), SpoolError> {
        Ok(())
    }

    async fn next_due(&self, _: &Name, _: Order) -> Result<Option<Timestamp>, SpoolError> {
        Ok(None)
    }

    async fn arrival(&self, _: &Name) {}

    async fn find(
        &self,
        query: Query,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        self.heard(format!("find {query:?} {before:?} {limit}"))?;
        let older = Summary {
            id: 41,
            event: "push".to_owned(),
            action: None,
            ..summary()
        };
        Ok(Page {
            deliveries: vec![summary(), older],
            next: Some(DeliveryId::new(41)),
        })
    }

    async fn show(&self, id: DeliveryId) -> Result<Option<Detail>, SpoolError> {
        self.heard(format!("show {id}"))?;
        if id.number() != 42 {
            return Ok(None);
        }
        let header = Header {
            name: "x-github-event".into(),
            value: b"pull_request".as_slice().into(),
        };
        Ok(Some(Detail {
            summary: summary(),
            client: "192.30.252.44".to_owned(),
            request: "0190163d8694739b88b2dd45ec4bb5a5".to_owned(),
            headers: vec![(
                header.name.to_string(),
                String::from_utf8_lossy(&header.value).into_owned(),
            )],
            body: self.scene().body,
            attempts: vec![Attempt {
                target: "jenkins".to_owned(),
                at: ago(30),
                took_ms: 12,
                status: Some(503),
                error: Some("answered 503".to_owned()),
            }],
        }))
    }

    async fn redeliver(&self, id: DeliveryId, target: Option<&str>) -> Result<u64, SpoolError> {
        self.heard(format!("redeliver {id} {target:?}"))?;
        Ok(match (id.number(), target) {
            (42, None) => 2,
            (42, Some("jira")) => 1,
            _ => 0,
        })
    }

    async fn redeliver_found(&self, query: Query) -> Result<u64, SpoolError> {
        self.heard(format!("redeliver_found {query:?}"))?;
        Ok(17)
    }

    async fn depths(&self) -> Result<Vec<(String, Depth)>, SpoolError> {
        self.heard("depths".to_owned())?;
        let failed = Some((ago(5), "connection refused".to_owned()));
        let depth = |pending, dead, last_error| Depth {
            pending,
            dead,
            oldest: (pending > 0).then(|| ago(3_700)),
            last_error,
        };
        Ok(vec![
            ("jenkins".to_owned(), depth(3, 1, failed)),
            ("forgotten".to_owned(), depth(2, 0, None)),
            ("empty".to_owned(), depth(0, 0, None)),
        ])
    }

    fn condition(&self) -> Condition {
        self.scene().condition
    }

    fn room(&self) -> Room {
        Room {
            used: 1_300_000_000,
            limit: 20 << 30,
            deliveries: 1234,
        }
    }

    async fn forget(&self, _: Timestamp) -> Result<u64, SpoolError> {
        Ok(0)
    }

    async fn close(&self) {}
}

/// An App that is installed at one account.
pub(crate) fn app() -> App {
    App {
        name: "sync".to_owned(),
        github: "ghes".to_owned(),
        id: Some(12),
        state: AppState::Installed,
        advice: None,
        made_here: true,
        slug: Some("jira-sync".to_owned()),
        settings: Some("https://ghes/settings/apps/jira-sync".to_owned()),
        install: Some("https://ghes/github-apps/jira-sync/installations/new".to_owned()),
        open: None,
        until: None,
        permissions: [("contents".to_owned(), "write".to_owned())].into(),
        events: vec!["push".to_owned()],
        keys: vec![AppKey {
            fingerprint: "SHA256:abc=".to_owned(),
            accepted: Some(true),
            active: true,
            delete: false,
        }],
        installations: vec![AppInstallation {
            owner: "acme".to_owned(),
            id: 77,
            state: AppState::Installed,
            suspended_by: None,
            selected: true,
            granted: [("contents".to_owned(), "read".to_owned())].into(),
            lacking: [("contents".to_owned(), "write".to_owned())].into(),
            page: None,
            repositories: Some(vec!["acme/web".to_owned()]),
        }],
        checked: Some(NOW.to_string()),
    }
}

#[async_trait]
impl Workshop for Fake {
    async fn apps(&self) -> Vec<App> {
        vec![app()]
    }

    async fn app(&self, name: &str) -> Option<App> {
        (name == "sync").then(app)
    }

    async fn create(&self, name: &str, wanted: CreateApp) -> Result<App, NotDone> {
        self.set(|scene| scene.asked.push(format!("create {name} {wanted:?}")));
        if name == "sync" {
            return Err(NotDone::Refused(
                "there is an App `sync` already".to_owned(),
            ));
        }
        Ok(App {
            name: name.to_owned(),
            state: AppState::Waiting,
            open: Some("http://127.0.0.1:9180/setup/apps/0123".to_owned()),
            until: Some(NOW.to_string()),
            id: None,
            installations: Vec::new(),
            ..app()
        })
    }

    async fn add_key(&self, name: &str, key: AddKey) -> Result<App, NotDone> {
        self.set(|scene| scene.asked.push(format!("add_key {name} {key:?}")));
        let none = NotDone::None(name.to_owned());
        self.app(name).await.ok_or(none)
    }

    async fn remove(&self, name: &str) -> Result<RemovedApp, NotDone> {
        if name != "sync" {
            return Err(NotDone::Away("GitHub did not answer in time".to_owned()));
        }
        Ok(RemovedApp {
            name: name.to_owned(),
            uninstalled: vec!["acme".to_owned()],
            wiped: true,
            delete: Some("https://ghes/settings/apps/jira-sync".to_owned()),
        })
    }

    async fn page(&self, state: &str) -> Option<String> {
        (state == "0123").then(|| "<p>go</p>".to_owned())
    }

    async fn finish(&self, code: &str, state: &str) -> Result<String, String> {
        if (code, state) == ("c0de", "0123") {
            Ok("<p>made</p>".to_owned())
        } else {
            Err("<p>not made</p>".to_owned())
        }
    }
}
