//! What couriers are tested on: a real spool in a directory of its own, a carrier that does what
//! it is told, and one clock that both go by and that only the test turns.

use crate::spool::{Intake, Put, Settings, Spool, State, sqlite};
use crate::telemetry::{Audit, Tasks};
use crate::types::{
    ByteSize, ClientAddr, Clock, DeliveryId, Entropy, Name, RequestId, RouteKey, Timestamp,
};
use crate::webhook::deliver::courier::{Courier, Office, Setup};
use crate::webhook::deliver::{Answer, Attempts, Carry, Parcel, SendError, Target};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
            body: Bytes::new(),
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

pub(super) struct Bench {
    pub(super) clock: Arc<Turned>,
    pub(super) spool: Arc<dyn Spool>,
    pub(super) tasks: Tasks,
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
        let spool = Arc::new(sqlite::Engine::open(&settings, clock.clone()).unwrap());
        Self {
            clock,
            spool,
            tasks: Tasks::new(),
            couriers: Mutex::default(),
            _dir: dir,
        }
    }

    pub(super) fn hire(
        &self,
        target: Target,
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
            entropy: Arc::new(Always(1.0)),
            audit: Audit::default(),
        };
        let (working, office) = (courier.clone(), office);
        self.tasks
            .supervise("courier", move || working.clone().work(office.clone()));
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
}
