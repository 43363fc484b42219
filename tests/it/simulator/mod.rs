//! A GitHub server of our own, within the test's process and on a real socket: github.com or GHES,
//! with Apps, installations, tokens, repositories, hooks, and the moods that such a server has.
//! Its answers are made from the schemas of GitHub's own description of its API.

mod answer;
mod apps;
mod bound;
mod bytes;
mod clock;
mod deliveries;
mod description;
mod example;
mod git;
mod graphql;
mod hooks;
mod installations;
mod installing;
mod keys;
mod large;
mod limits;
mod manifest;
mod moods;
mod organizations;
mod pages;
mod paging;
mod permissions;
mod principal;
mod record;
mod releases;
mod repositories;
mod request;
mod server;
mod settings;
mod setup;
mod state;
mod tests;
mod tokens;
mod users;
mod valid;

use crate::harness::skipped;
use crate::world::{Authority, DOTCOM, DOTCOM_NAMES, INTERNAL, SERVER, World, all_of};
pub use bytes::Kept;
use clock::Clock;
pub use deliveries::Place;
use description::Description;
pub use keys::AppKey;
pub use moods::{Door, Fault, Limits, Moods, Secondary, Wider, Young};
pub use permissions::Permissions;
use record::Record;
pub use record::Seen;
use state::State;
pub use state::{Chosen, Hook, Side, Token};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use tempfile::TempDir;
use tokio::sync::watch;

/// Which of GitHub's products it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Dotcom,
    Ghes,
}

/// Where a server listens, and what it calls itself.
pub struct Opening {
    pub shape: Shape,
    pub address: SocketAddr,
    pub tls: Tls,
    /// The origin of its pages and of git; its own address where none is given.
    pub web: Option<String>,
    /// The origin of the API where that is another, as on github.com.
    pub api: Option<String>,
    /// The names in its certificate.
    pub names: Vec<String>,
}

pub enum Tls {
    None,
    /// By an authority of its own.
    Own,
    By(Arc<rustls::ServerConfig>),
}

impl Opening {
    /// On a port of its own of this machine.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: Tls::Own,
            web: None,
            api: None,
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        }
    }

    /// Where it is in a world, under the names that it has there.
    pub fn within(world: &World, shape: Shape) -> Self {
        let (address, authority, web, names) = match shape {
            Shape::Ghes => (SERVER, &world.corp, INTERNAL, all_of(INTERNAL)),
            Shape::Dotcom => {
                let names = DOTCOM_NAMES.map(str::to_owned).to_vec();
                (DOTCOM, &world.public, "github.com", names)
            }
        };
        let api = (shape == Shape::Dotcom).then(|| "https://api.github.com".to_owned());
        Self {
            shape,
            address,
            tls: Tls::By(authority.server(&names)),
            web: Some(format!("https://{web}")),
            api,
            names,
        }
    }
}

/// The server; it is there as long as the test's runtime.
#[derive(Clone)]
pub struct Simulator(Arc<Inside>);

struct Inside {
    shape: Shape,
    description: &'static Description,
    address: SocketAddr,
    web: String,
    /// With the prefix of its paths.
    api: String,
    authority: Authority,
    clock: Clock,
    state: Mutex<State>,
    record: Mutex<Record>,
    used: Mutex<limits::Book>,
    moods: watch::Sender<Moods>,
    /// How its door stands.
    door: watch::Receiver<Door>,
    hooks: Mutex<reqwest::Client>,
    large: Mutex<bytes::Store>,
    place: TempDir,
}

impl Simulator {
    /// Starts one with TLS on a port of its own; none where GitHub's description is not there.
    pub async fn start(shape: Shape) -> Option<Self> {
        Self::open(Opening::new(shape)).await
    }

    /// The same in plain text.
    pub async fn start_plain(shape: Shape) -> Option<Self> {
        let opening = Opening::new(shape);
        let tls = Tls::None;
        Self::open(Opening { tls, ..opening }).await
    }

    pub async fn open(opening: Opening) -> Option<Self> {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let Some(description) = Description::of(opening.shape) else {
            skipped("GitHub's description of its API is not in .cache");
            return None;
        };
        let listener = tokio::net::TcpListener::bind(opening.address)
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::new("The simulator's CA");
        let (scheme, tls) = match opening.tls {
            Tls::None => ("http", None),
            Tls::Own => ("https", Some(authority.server(&opening.names))),
            Tls::By(config) => ("https", Some(config)),
        };
        let name = if scheme == "http" {
            "127.0.0.1"
        } else {
            "localhost"
        };
        let own = format!("{scheme}://{name}:{}", address.port());
        let web = opening.web.unwrap_or(own);
        let api = match opening.shape {
            Shape::Dotcom => opening.api.unwrap_or_else(|| web.clone()),
            Shape::Ghes => format!("{web}/api/v3"),
        };
        let limits = (opening.shape == Shape::Dotcom).then(Limits::default);
        let moods = watch::Sender::new(Moods {
            limits,
            ..Moods::default()
        });
        let (stands, door) = watch::channel(Door::Open);
        let simulator = Self(Arc::new(Inside {
            shape: opening.shape,
            description,
            address,
            web,
            api,
            authority,
            clock: Clock::default(),
            state: Mutex::default(),
            record: Mutex::default(),
            used: Mutex::default(),
            moods,
            door,
            hooks: Mutex::new(deliveries::client()),
            large: Mutex::default(),
            place: tempfile::tempdir().unwrap(),
        }));
        let served = simulator.clone();
        tokio::spawn(async move { served.listen(listener, tls, stands).await });
        Some(simulator)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The origin of its pages and of git.
    pub fn web(&self) -> &str {
        &self.0.web
    }

    /// What paths of the API are appended to.
    pub fn api(&self) -> &str {
        &self.0.api
    }

    /// Where GraphQL is asked.
    pub fn graphql(&self) -> String {
        match self.0.shape {
            Shape::Dotcom => format!("{}/graphql", self.0.api),
            Shape::Ghes => format!("{}/api/graphql", self.0.web),
        }
    }

    /// The certificate of the authority that signed its own.
    pub fn ca(&self) -> String {
        self.0.authority.pem()
    }

    /// One who trusts it, and follows no redirects.
    pub fn client(&self) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(self.ca().as_bytes()).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
    }

    /// Changes its mood, and returns once it is so.
    pub async fn mood(&self, change: impl FnOnce(&mut Moods)) {
        self.0.moods.send_modify(change);
        let (skew, wanted) = {
            let moods = self.0.moods.borrow();
            (moods.skew, moods.door)
        };
        self.0.clock.go_wrong(skew);
        let mut door = self.0.door.clone();
        door.wait_for(|stands| *stands == wanted).await.unwrap();
    }

    /// Turns its clock on.
    pub fn turn(&self, seconds: i64) {
        self.0.clock.turn(seconds);
    }

    /// Every request so far, those for git included.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.record.lock().unwrap().seen.clone()
    }

    /// Those with this method whose path ends so.
    pub fn asked(&self, method: &str, end: &str) -> Vec<Seen> {
        let fits = |seen: &Seen| seen.method == method && seen.path.ends_with(end);
        self.seen().into_iter().filter(fits).collect()
    }

    pub fn forget(&self) {
        self.0.record.lock().unwrap().forget();
    }

    /// How many requests were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.0.record.lock().unwrap().most_at_once
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}
