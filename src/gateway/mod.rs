//! The composition root: builds every part from a checked configuration, runs them, reloads,
//! drains. The only room that knows all the others.

mod apps;
mod brokered;
mod callers;
mod certified;
mod files;
mod private;
mod published;
mod recovery;
mod reload;
mod supervisor;
mod view;
mod world;

pub use files::Files;
pub use private::keep_memory_private;

use crate::admin;
use crate::apps::Apps;
use crate::config::Config;
use crate::edge::acme::Acme;
use crate::edge::{Connections, Deadlines, Door, Entry, House, Kept, Ledger, Tls, certificate};
use crate::gate::{Flight, Gate, Snapshot, upstream};
use crate::github::meta::Watcher;
use crate::spool::{Condition, Spool, sqlite};
use crate::telemetry::audit::{Control, Record};
use crate::telemetry::{Audit, Log, Metrics, Tasks};
use crate::types::{Clock, Entropy, Host, Name, SystemClock, SystemEntropy, Timestamp};
use crate::webhook::deliver::{Dispatch, Resolve, SystemResolver};
use anyhow::{Context as _, anyhow};
use apps::Bench;
use arc_swap::ArcSwap;
use brokered::Office;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use published::Memories;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use world::Built;

/// Bytes of bodies that are held at once: ten of the largest.
const IN_FLIGHT: u64 = 256 << 20;
/// Idle connections to published services that are kept, over all of them.
const KEPT_CONNECTIONS: usize = 512;
/// How often delivered ones that are old enough are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(10);
/// How often the spool is asked whether it still works.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What is left at the end for couriers, whatever running requests took.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    world: Arc<World>,
    doors: Vec<(Name, SocketAddr)>,
    admin: Option<SocketAddr>,
    close: watch::Sender<bool>,
}

/// What its parts share.
#[derive(Debug)]
struct World {
    config: ArcSwap<Config>,
    file: Option<PathBuf>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    entry: Arc<ArcSwap<Entry>>,
    certificates: Arc<certificate::Store>,
    acme: Acme,
    watchers: ArcSwap<Vec<Watcher>>,
    dispatch: Dispatch,
    memories: ArcSwap<Memories>,
    bench: Bench,
    office: Office,
    resolver: Arc<dyn Resolve>,
    spool: Arc<dyn Spool>,
    audit: Audit,
    log: Log,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tasks: Tasks,
    started: Timestamp,
    listeners: Vec<admin::answer::Listener>,
    connections: Connections,
    draining: AtomicBool,
    broken: CancellationToken,
    /// Held by whoever changes the world.
    changing: Mutex<()>,
}

/// Installs the one cryptographic provider; the first thing a process does.
pub fn install_cryptography() {
    // A second installation finds the same provider there.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("the cryptographic provider is installed already");
    }
}

/// The runtime that requests are served on; 0 workers: one per core.
///
/// # Errors
/// Where the system gives no threads.
pub fn runtime(workers: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder
        .thread_name("hubgate")
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Waits for Ctrl-C.
pub async fn interrupted() {
    if let Err(fault) = tokio::signal::ctrl_c().await {
        tracing::error!("cannot wait for Ctrl-C: {fault}");
    }
}

impl Gateway {
    /// Builds everything and opens the doors, those that were kept and others. `file` is read
    /// again on a reload.
    ///
    /// # Errors
    /// Where a part cannot be built; then nothing runs.
    pub async fn start(
        config: Config,
        file: Option<PathBuf>,
        mut kept: Kept,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let tasks = Tasks::new();
        let log = crate::telemetry::log::init(&config.log)?;
        let metrics = Metrics::install()?;
        metrics.keep(&tasks);
        warn(&config.warnings);
        let files = Files::raise(&config);
        if let Some(lack) = files.lack() {
            tracing::warn!("{lack}");
        }
        let audit = Audit::start(&config.audit)?;
        let spool: Arc<dyn Spool> = Arc::new(sqlite::Engine::open(&config.spool, clock.clone())?);
        let (certificates, acme) = certified::certificates(&config, &clock, &entropy)?;

        let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
        let dispatch = Dispatch::new(
            spool.clone(),
            clock.clone(),
            entropy.clone(),
            audit.clone(),
            tasks.clone(),
            resolver.clone(),
        );
        let (watchers, _) = world::watchers(&config, &[], &clock, &entropy);
        let staff = dispatch.prepare(config.webhooks.iter().flat_map(|route| &route.to));
        let staff = staff.map_err(|faults| listed(&faults))?;
        let apps = Apps::build(config.apps.clone(), &clock, None)?;
        let apps = Arc::new(ArcSwap::from_pointee(apps));
        let office = Office::open(apps.clone(), &audit, &clock, &entropy, &tasks)?;
        let (hands, none) = ((&watchers[..], &staff), Memories::new());
        let built = Built::new(&config, hands, (&office, &resolver), &none);
        let built = built.map_err(|faults| listed(&faults))?;
        office.open_with(&built.desk);
        let entry = Arc::new(ArcSwap::from_pointee(world::entry(&built.snapshot)));

        let doors = config.listeners.iter();
        let doors = doors.map(|listener| Door::bind(listener, &mut kept));
        let doors: Vec<Door> = doors.collect::<Result<_, _>>()?;
        let admin_doors = admin::open(&config.admin).await?;
        let world = Arc::new(World {
            file,
            snapshot: Arc::new(ArcSwap::from_pointee(built.snapshot)),
            entry,
            certificates,
            acme,
            watchers: ArcSwap::from_pointee(watchers),
            dispatch,
            memories: ArcSwap::from_pointee(built.memories),
            bench: Bench::new(apps, admin_doors.address()),
            office,
            resolver,
            spool,
            audit,
            log,
            started: clock.now(),
            clock,
            entropy,
            tasks,
            listeners: doors.iter().map(listed_door).collect(),
            connections: Connections::new(files.bounds()),
            draining: AtomicBool::new(false),
            broken: CancellationToken::new(),
            changing: Mutex::new(()),
            config: ArcSwap::from_pointee(config),
        });
        let mut gateway = Self {
            doors: Vec::new(),
            admin: admin_doors.address(),
            close: watch::Sender::new(false),
            world,
        };
        supervisor::keep(&doors, &kept);
        drop(kept);
        gateway.open(doors)?;
        gateway.world.dispatch.apply(&staff);
        admin_doors.serve(admin::Parts {
            view: Arc::new(gateway.world.clone()),
            workshop: Arc::new(gateway.world.clone()),
            audit: gateway.world.audit.clone(),
            metrics,
            clock: gateway.world.clock.clone(),
            tasks: gateway.world.tasks.clone(),
        });
        gateway.attend();
        gateway.tell().await;
        Ok(gateway)
    }

    async fn tell(&self) {
        self.world.note("start", "process", "ok").await;
        let doors = self.doors.iter().map(|(name, at)| format!("{name} {at}"));
        let doors: Vec<_> = doors.collect();
        tracing::info!(listeners = ?doors, admin = ?self.admin, "hubgate is ready");
        supervisor::ready(&self.world.how());
        self.world.stay_watched();
    }

    fn open(&mut self, doors: Vec<Door>) -> anyhow::Result<()> {
        let world = &self.world;
        let gate = Gate {
            snapshot: world.snapshot.clone(),
            spool: world.spool.clone(),
            audit: world.audit.clone(),
            clock: world.clock.clone(),
            flight: Arc::new(Flight::new(IN_FLIGHT)),
            lookout: Arc::new(brokered::Lookout(world.bench.apps.clone())),
        };
        let settings = ServerConf {
            // Every service that is dialled brings its own authorities; read as a file of none,
            // this keeps the system's, well-formed or not, out of every connection's way.
            ca_file: Some("/dev/null".to_owned()),
            // An App's token that is too young may be tried again besides, and GitHub's redirects to
            // its stores are followed.
            max_retries: upstream::MOST_ADDRESSES * 4,
            upstream_keepalive_pool_size: KEPT_CONNECTIONS,
            ..ServerConf::default()
        };
        let app: Arc<HttpProxy<Gate>> = Arc::new(http_proxy(&Arc::new(settings), gate));
        let witness = world::Witness {
            audit: world.audit.clone(),
            clock: world.clock.clone(),
        };
        let house = House {
            entry: world.entry.clone(),
            tls: Tls::new(world.certificates.clone(), None, world.acme.challenges())?,
            challenges: world.acme.challenges(),
            connections: world.connections.clone(),
            ledger: Arc::new(Ledger::new(Arc::new(witness))),
            deadlines: Deadlines::default(),
        };
        for door in doors {
            self.doors
                .push((door.listener().name.clone(), door.address()));
            let mut house = house.clone();
            if door.listener().redirect {
                house.entry = Arc::new(ArcSwap::from_pointee(world::open_entry()?));
            }
            if let Some(clients) = &door.listener().clients {
                // Of its own, so that a session of another door is not taken up at this one.
                let (store, clients) = (world.certificates.clone(), Some(clients.clone()));
                house.tls = Tls::new(store, clients, world.acme.challenges())?;
            }
            let (app, close) = (app.clone(), self.close.subscribe());
            world.tasks.spawn("listener", door.open(app, house, close));
        }
        Ok(())
    }

    /// Starts what runs beside requests.
    fn attend(&self) {
        let tasks = &self.world.tasks;
        for watcher in self.world.watchers.load().iter() {
            self.world.attend(watcher);
        }
        let held = self.world.bench.apps.load_full();
        held.watch(tasks, &self.world.entropy);
        self.world.recover();
        self.world.tidy(&self.world.config.load());
        self.world.certify();
        let (store, stop) = (self.world.certificates.clone(), tasks.stopping());
        tasks.supervise("certificates", move || {
            let (store, stop) = (store.clone(), stop.clone());
            async move {
                stop.run_until_cancelled(store.watch()).await;
            }
        });
        let (world, stop) = (self.world.clone(), tasks.stopping());
        tasks.supervise("spool-retention", move || {
            let (world, stop) = (world.clone(), stop.clone());
            async move {
                stop.run_until_cancelled(world.forget()).await;
            }
        });
        let (world, stop) = (self.world.clone(), tasks.stopping());
        tasks.supervise("private-mode", move || {
            let (world, stop) = (world.clone(), stop.clone());
            async move {
                stop.run_until_cancelled(published::watch(&world.snapshot))
                    .await;
            }
        });
        let (world, stop) = (self.world.clone(), tasks.stopping());
        tasks.supervise("spool-health", move || {
            let (world, stop) = (world.clone(), stop.clone());
            async move {
                stop.run_until_cancelled(world.look()).await;
            }
        });
    }

    /// Runs until it is told to stop, or until the spool breaks; says whether all was well.
    ///
    /// # Errors
    /// Where signals cannot be waited for.
    pub async fn run(self) -> anyhow::Result<bool> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
        let mut reopen = signal(SignalKind::user_defined1()).context("cannot wait for SIGUSR1")?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = self.world.broken.cancelled() => break,
                _ = reopen.recv() => self.world.reopen_audit().await,
                _ = hangup.recv() => {
                    let done = self.world.reload_now().await;
                    let outcome = done.map_or_else(|mistakes| mistakes, |_| "ok".to_owned());
                    self.world.note("reload", "signal", &outcome).await;
                }
            }
        }
        let well = !self.world.broken.is_cancelled();
        self.stop().await;
        Ok(well)
    }

    /// Takes nothing more, lets what runs finish within `[gateway].drain`, writes what waits.
    pub async fn stop(self) {
        let drain = self.world.config.load().gateway.drain;
        tracing::info!("stopping: running requests have {} s", drain.as_secs());
        supervisor::stopping(drain);
        self.world.draining.store(true, Ordering::Release);
        self.close.send_replace(true);
        let begun = tokio::time::Instant::now();
        if tokio::time::timeout(drain, self.world.connections.drained())
            .await
            .is_err()
        {
            tracing::warn!(
                "requests were still running after {} s; they are cut",
                drain.as_secs()
            );
        }
        let left = drain.saturating_sub(begun.elapsed()).max(LAST_PATIENCE);
        self.world.dispatch.drain(left).await;
        self.world.office.close(LAST_PATIENCE).await;
        self.world.note("stop", "process", "ok").await;
        if tokio::time::timeout(LAST_PATIENCE, self.world.tasks.stop())
            .await
            .is_err()
        {
            tracing::warn!("some tasks had not ended");
        }
        self.world.spool.close().await;
        self.world.audit.close().await;
    }

    /// Where a listener listens, with its real port.
    #[must_use]
    pub fn address(&self, listener: &str) -> Option<SocketAddr> {
        let found = self
            .doors
            .iter()
            .find(|(name, _)| name.as_str() == listener);
        found.map(|(_, address)| *address)
    }

    /// Where API and metrics are served over TCP.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The self-signed certificate for a host, in PEM.
    #[must_use]
    pub fn self_signed(&self, host: &Host) -> Option<String> {
        self.world.certificates.self_signed_pem(host)
    }

    /// Where deliveries are kept.
    #[must_use]
    pub fn spool(&self) -> &dyn Spool {
        &*self.world.spool
    }
}

impl World {
    /// Forgets delivered ones when they are old enough.
    async fn forget(&self) {
        let mut tick = tokio::time::interval(FORGET_EVERY);
        loop {
            tick.tick().await;
            let before = self.clock.now().before(self.config.load().spool.keep);
            match self.spool.forget(before).await {
                Ok(0) => {}
                Ok(many) => {
                    tracing::info!("{many} delivered deliveries were old and are forgotten");
                }
                Err(fault) => tracing::error!("{fault}"),
            }
        }
    }

    /// Stops the process when nothing can be promised any more.
    async fn look(&self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            if let Condition::Broken(why) = self.spool.condition() {
                tracing::error!("the spool is broken, hubgate stops: {why}");
                self.broken.cancel();
                return;
            }
        }
    }

    async fn note(&self, action: &'static str, by: &'static str, outcome: &str) {
        let record = Record::Control(Control {
            time: self.clock.now(),
            action,
            by,
            outcome: outcome.to_owned(),
        });
        self.audit.record(record).await;
    }
}

fn warn<W: std::fmt::Display>(warnings: &[W]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// All faults, one a line.
fn listed<F: std::fmt::Display>(faults: &[F]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    anyhow!("{}", lines.join("\n"))
}

fn listed_door(door: &Door) -> admin::answer::Listener {
    admin::answer::Listener {
        name: door.listener().name.to_string(),
        address: door.address().to_string(),
        tls: door.listener().tls,
    }
}
