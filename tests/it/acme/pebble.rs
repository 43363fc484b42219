//! An authority: Let's Encrypt's own test server, Pebble, with a name server for it. It refuses one
//! good nonce in five, and looks at every name in every order.

use crate::harness::{eventually, private, skipped, vacant};
use crate::world::Authority;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How many good nonces of a hundred it refuses.
const REFUSED_NONCES: &str = "20";

/// Where the gate is to be: the authority finds every name at this address.
#[derive(Clone, Copy)]
pub struct Ports {
    pub tls: SocketAddr,
    pub http: SocketAddr,
}

impl Ports {
    pub async fn vacant() -> Self {
        let tls = vacant().await;
        let held = std::net::TcpListener::bind((tls.ip(), 0)).unwrap();
        let http = held.local_addr().unwrap();
        Self { tls, http }
    }
}

/// A running authority, which forgets everything when it goes.
pub struct Pebble {
    dir: TempDir,
    api: SocketAddr,
    management: SocketAddr,
    running: Vec<Child>,
    ports: Ports,
    own: Authority,
    /// More keys of its configuration.
    pub more: String,
    /// How many names of a hundred that it saw it does not look at again.
    pub reused: u8,
}

impl Pebble {
    /// Looks at these ports of the gate; `more` are keys of its configuration.
    pub async fn start(ports: Ports, more: &str) -> Option<Self> {
        for tool in ["pebble", "pebble-challtestsrv"] {
            if Command::new(tool).arg("-h").output().is_err() {
                skipped("Debian's package `pebble` is not installed");
                return None;
            }
        }
        let mut pebble = Self {
            dir: tempfile::tempdir().unwrap(),
            api: vacant().await,
            management: vacant().await,
            running: Vec::new(),
            ports,
            own: Authority::new("Pebble's own CA"),
            more: more.to_owned(),
            reused: 0,
        };
        let names = [
            pebble.api.ip().to_string(),
            pebble.management.ip().to_string(),
        ];
        let key = pebble.path("key.pem");
        pebble.own.issue_to(&names, &pebble.path("cert.pem"), &key);
        private(&key);
        std::fs::write(pebble.ca(), pebble.own.pem()).unwrap();
        pebble.again().await;
        Some(pebble)
    }

    /// Starts it anew at the same place.
    pub async fn again(&mut self) {
        let names = vacant().await;
        let (http, tls) = (self.ports.http.port(), self.ports.tls.port());
        let config = format!(
            r#"{{"pebble":{{"listenAddress":"{}","managementListenAddress":"{}",
            "certificate":"{}","privateKey":"{}","httpPort":{http},"tlsPort":{tls}{}}}}}"#,
            self.api,
            self.management,
            self.path("cert.pem").display(),
            self.path("key.pem").display(),
            self.more
        );
        let file = self.path("pebble.json");
        std::fs::write(&file, config).unwrap();
        let log = || {
            std::fs::File::options()
                .create(true)
                .append(true)
                .open(self.path("log"))
        };
        let mut resolver = Command::new("pebble-challtestsrv");
        resolver
            .args(["-dns01", &names.to_string(), "-http01", "", "-https01", ""])
            .args(["-tlsalpn01", "", "-management", &vacant().await.to_string()])
            .args([
                "-defaultIPv4",
                &self.ports.tls.ip().to_string(),
                "-defaultIPv6",
                "",
            ])
            .stdout(Stdio::from(log().unwrap()))
            .stderr(Stdio::from(log().unwrap()));
        let mut pebble = Command::new("pebble");
        pebble
            .arg("-config")
            .arg(&file)
            .args(["-dnsserver", &names.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", REFUSED_NONCES)
            .env("PEBBLE_AUTHZREUSE", self.reused.to_string())
            .stdout(Stdio::from(log().unwrap()))
            .stderr(Stdio::from(log().unwrap()));
        self.running = vec![resolver.spawn().unwrap(), pebble.spawn().unwrap()];
        for address in [self.api, self.management, names] {
            eventually(|| {
                let mut all = self.running.iter_mut();
                let ended = all.find_map(|child| child.try_wait().unwrap());
                assert!(
                    ended.is_none(),
                    "{}",
                    std::fs::read_to_string(self.dir.path().join("log")).unwrap()
                );
                std::net::TcpStream::connect(address).ok()
            })
            .await;
        }
    }

    pub fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Who vouches for its directory.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The same, to issue more.
    pub fn own(&self) -> &Authority {
        &self.own
    }

    pub fn address(&self) -> SocketAddr {
        self.api
    }

    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.api)
    }

    /// What it did.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The root of what it issues, in PEM.
    pub async fn root(&self) -> String {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let own = reqwest::Certificate::from_pem(self.own.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([own])
            .build()
            .unwrap();
        let url = format!("https://{}/roots/0", self.management);
        client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// `acme = { … }`, with more keys.
    pub fn keys(&self, more: &str) -> String {
        acme(&self.directory(), &self.ca(), more)
    }
}

pub fn acme(directory: &str, ca: &Path, more: &str) -> String {
    let ca = ca.display();
    format!(
        "acme = {{ directory = \"{directory}\", contact = \"net@example.com\", ca = \"{ca}\"{more} }}"
    )
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.running {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
