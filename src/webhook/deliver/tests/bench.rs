//! What couriers are tested on: a real spool in a directory of its own, a carrier that does what
//! it is told, and one clock that both go by and that only the test turns.

use super::moody::Moody;
use crate::spool::{Intake, Put, Settings, Spool, State, sqlite};
use crate::telemetry::{Audit, Tasks};
use crate::types::{
    ByteSize, ClientAddr, Clock, DeliveryId, Entropy, Name, RequestId, RouteKey, Timestamp,
};
use crate::webhook::deliver::courier::{Courier, Office, Setup};
use crate::webhook::deliver::{Answer, Attempts, Body, Carry, Parcel, SendError, Target};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::instrument::WithSubscriber as _;

#[derive(Debug, Default)]
pub(super) struct Turned(AtomicI64);

impl Turned {
    pub(super) fn by(&self, span: Duration) {
        self.0
            .fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + self.0.load(Ordering::SeqCst))
    }
}

/// Chance that fails the first time it is asked.
#[derive(Debug, Default)]
pub(super) struct Stumbling(AtomicI64);

impl Entropy for Stumbling {
    fn unit(&self) -> f64 {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
        1.0
    }
}

#[derive(Debug)]
pub(super) struct Always(pub(super) f64);

impl Entropy for Always {
    fn unit(&self) -> f64 {
        self.0
    }
}

type Script = Box<dyn Fn(usize, &Parcel) -> Result<u16, SendError> + Send + Sync>;

/// Answers the nth parcel, from 0, as the script says, and remembers bodies and attempts.
pub(super) struct Scripted {
    script: Script,
    pub(super) carried: Mutex<Vec<(Bytes, u32)>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl Carry for Scripted {
    async fn carry(&self, parcel: &Parcel, attempt: u32) -> Result<Answer, SendError> {
        let nth = {
            let mut carried = self.carried.lock().unwrap();
            carried.push((parcel.body.clone(), attempt));
            carried.len() - 1
        };
        if parcel.body == "hangs" {
            std::future::pending::<()>().await;
        }
        (self.script)(nth, parcel).map(|status| Answer {
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: Body::Whole(Bytes::new()),
            address: None,
        })
    }
}

pub(super) fn target(name: &str) -> Target {
    Target {
        name: name.parse().unwrap(),
        url: "http://127.0.0.1:9/".parse().unwrap(),
        timeout: Duration::from_secs(5),
        attempts: Attempts {
            lasting: Duration::from_hours(2),
            first: Duration::from_secs(1),
            most: Duration::from_mins(10),
        },
        concurrency: 4,
        order: crate::spool::Order::None,
        headers: Vec::new(),
        allow: Vec::new(),
        resign: None,
        ca: None,
    }
}

/// What couriers tell the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn subscriber(&self) -> tracing::Dispatch {
        let paper = self.clone();
        let log = tracing_subscriber::fmt().with_writer(move || paper.clone());
        log.with_ansi(false).into()
    }

    /// The lines in which these words are.
    pub(super) fn lines(&self, words: &str) -> usize {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter(|line| line.contains(words)).count()
    }
}

pub(super) struct Bench {
    pub(super) clock: Arc<Turned>,
    pub(super) spool: Arc<Moody>,
    pub(super) tasks: Tasks,
    pub(super) log: Paper,
    couriers: Mutex<Vec<Arc<Courier>>>,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Turned::default());
        let settings = Settings {
            directory: dir.path().join("spool"),
            keep: Duration::from_hours(24),
            max_size: ByteSize::new(1 << 30),
        };
        let engine = sqlite::Engine::open(&settings, clock.clone()).unwrap();
        let spool = Arc::new(Moody::new(engine));
        Self {
            clock,
            spool,
            tasks: Tasks::new(),
            log: Paper::default(),
            couriers: Mutex::default(),
            _dir: dir,
        }
    }

    pub(super) fn hire(
        &self,
        target: Target,
        script: impl Fn(usize, &Parcel) -> Result<u16, SendError> + Send + Sync + 'static,
    ) -> (Arc<Courier>, Arc<Scripted>) {
        self.hire_with(target, Arc::new(Always(1.0)), script)
    }

    pub(super) fn hire_with(
        &self,
        target: Target,
        entropy: Arc<dyn Entropy>,
        script: impl Fn(usize, &Parcel) -> Result<u16, SendError> + Send + Sync + 'static,
    ) -> (Arc<Courier>, Arc<Scripted>) {
        let carrier = Arc::new(Scripted {
            script: Box::new(script),
            carried: Mutex::default(),
        });
        let courier = Arc::new(Courier::new(Setup {
            target,
            carry: carrier.clone(),
        }));
        let office = Office {
            spool: self.spool.clone(),
            clock: self.clock.clone(),
            entropy,
            audit: Audit::default(),
        };
        let (working, office) = (courier.clone(), office);
        let log = self.log.subscriber();
        self.tasks.supervise("courier", move || {
            let work = working.clone().work(office.clone());
            work.with_subscriber(log.clone())
        });
        self.couriers.lock().unwrap().push(courier.clone());
        (courier, carrier)
    }

    pub(super) async fn put(
        &self,
        body: &'static str,
        repository: &str,
        targets: &[&str],
    ) -> DeliveryId {
        let intake = Intake {
            route: RouteKey::recorded("hooks.example.com/x"),
            request: RequestId::fresh(),
            received: self.clock.now(),
            client: ClientAddr::new("192.0.2.1".parse().unwrap()),
            hook: "1".into(),
            guid: uuid::Uuid::new_v4().to_string().parse().unwrap(),
            event: "push".parse().unwrap(),
            action: None,
            repository: repository.parse().ok(),
            headers: Arc::new([]),
            body: Bytes::from_static(body.as_bytes()),
            targets: targets
                .iter()
                .map(|name| name.parse::<Name>().unwrap())
                .collect(),
            window: Duration::from_secs(10),
        };
        let put = self.spool.put(intake).await.unwrap();
        let Put::Stored(id) = put else {
            panic!("{put:?}")
        };
        id
    }

    /// Turns the clock and has every courier look at it.
    pub(super) fn turn(&self, span: Duration) {
        self.clock.by(span);
        for courier in self.couriers.lock().unwrap().iter() {
            courier.changed.notify_one();
        }
    }

    /// Waits until the delivery stands so at its first target with so many attempts ended.
    pub(super) async fn until(&self, id: DeliveryId, state: State, ended: usize) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let shown = self.spool.show(id).await.unwrap().unwrap();
            let standing = &shown.summary.targets[0];
            if standing.state == state && shown.attempts.len() == ended {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{shown:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the spool was asked to settle so often.
    pub(super) async fn settled(&self, often: usize) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.spool.asked() < often {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(self.spool.asked(), often);
    }
}
