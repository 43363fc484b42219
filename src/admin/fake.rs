//! A gateway that is none, for the tests of what looks at one: a view and a spool whose answers a
//! test sets, behind real doors.

mod kept;
mod workshop;

pub(crate) use workshop::app;

use super::answer::{
    Caller, CallerGrant, Certificate, Learned, LearnedRequest, Listener, Refreshed, Renewed, Route,
    SetupWindow, Source, TargetState,
};
use super::{Parts, Running, Settings, Target, View};
use crate::spool::{Condition, Outlook, Spool, SpoolError};
use crate::telemetry::{Audit, Metrics, Tasks, audit};
use crate::types::{Clock, Timestamp};
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
