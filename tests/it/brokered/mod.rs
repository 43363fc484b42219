//! The broker: callers who prove who they are use GitHub as an App, and no key and no token of
//! GitHub's leaves the gate but where that is asked for. Told by clients outside, against the
//! simulator of GitHub under its internal name.

mod budget;
mod bytes;
mod cache;
mod clients;
mod faults;
pub mod issuer;
mod matrix;
mod proxy;
pub mod tokens;
mod via;

use crate::front::front;
use crate::harness::{Gate, Site, eventually, private};
use crate::outside::Wire;
use crate::simulator::{AppKey, Opening, Shape, Simulator};
use crate::world::{PUBLIC, WIRE, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// What the App may do where it is installed.
const INSTALLED: [(&str, &str); 4] = [
    ("contents", "write"),
    ("issues", "write"),
    ("pull_requests", "write"),
    ("metadata", "read"),
];

/// A GitHub, an App on it, and a gate that has the App's key.
struct Broker {
    site: Site,
    gate: Gate,
    wire: Wire,
    github: Simulator,
    app: u64,
    installation: u64,
    ids: BTreeMap<&'static str, u64>,
    /// Who asks GitHub itself.
    inside: reqwest::Client,
}

/// A caller of the gate, and the key that it has.
pub struct Caller {
    pub key: String,
    pub line: String,
}

impl Caller {
    /// As an operator makes one.
    pub fn make() -> Self {
        let out = Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .args(["caller", "key", "build-bot"])
            .output()
            .unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        let key = said
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("hgk_"));
        let line = said
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("key = "));
        Self {
            key: key.unwrap().to_owned(),
            line: line.unwrap().to_owned(),
        }
    }

    /// As the configuration has it, with these keys and a grant with those.
    fn section(&self, name: &str, grant: &str) -> String {
        format!(
            "[[caller]]\nname = \"{name}\"\n{}\n[[caller.grant]]\napp = \"sync\"\nowner = \"acme\"\n{grant}\n",
            self.line
        )
    }
}

/// Where GitHub is, as the App.
const API: &str = "/github/sync/api/v3";
/// A grant of everything that a test may want.
const WIDE: &str = r#"repositories = ["web-*", "docs"]
permissions = { contents = "write", issues = "write" }
as = ["proxy", "token"]"#;

impl Broker {
    /// Opens it for these callers; none without GitHub's description.
    async fn open(world: &World, callers: &str) -> Option<Self> {
        Self::with(world, Shape::Ghes, "", callers).await
    }

    /// The same with these keys of the listener.
    async fn with(world: &World, shape: Shape, listen: &str, sections: &str) -> Option<Self> {
        let opening = Opening::within(world, shape);
        Self::at(world, opening, "", (listen, sections)).await
    }

    /// The same at this GitHub, with these keys of `[[github]]`.
    async fn at(
        world: &World,
        opening: Opening,
        keys: &str,
        (listen, sections): (&str, &str),
    ) -> Option<Self> {
        let authority = match opening.shape {
            Shape::Ghes => world.path("corp-ca.pem"),
            Shape::Dotcom => world.path("public-ca.pem"),
        };
        let url = opening.web.clone().unwrap();
        let authority = authority.display();
        let keys = format!("url = \"{url}\"\nca = \"{authority}\"\n{keys}");
        let github = Simulator::open(opening).await?;
        github.organization("acme");
        github.organization("other");
        let names = [
            "acme/web-1",
            "acme/web-2",
            "acme/docs",
            "acme/secret",
            "other/web-1",
        ];
        let ids = names.map(|name| (name, github.repository(name))).into();
        let key = AppKey::number(0);
        let app = github.app("sync", "acme", &key, &INSTALLED);
        let installation = github.install_on(app, "acme", &["web-1", "web-2", "docs", "secret"]);
        let site = Site::new();
        std::fs::write(site.path("app.pem"), key.pkcs1_pem()).unwrap();
        private(&site.path("app.pem"));
        let broker = Self::configured(world, &site, (app, &keys), listen, sections);
        site.write(&broker);
        let gate = site.start().await;
        let wire = Wire::open(world).await;
        Some(Self {
            site,
            gate,
            wire,
            github,
            app,
            installation,
            ids,
            inside: inside(world),
        })
    }

    fn configured(
        world: &World,
        site: &Site,
        (app, github): (u64, &str),
        listen: &str,
        sections: &str,
    ) -> String {
        let begin = front(world, site, listen);
        let here = site.path("");
        let here = here.display();
        format!(
            r#"{begin}
[log]
level = "debug"
[[github]]
name = "ghes"
{github}
[[app]]
name = "sync"
github = "ghes"
id = {app}
keys = ["file:{here}app.pem"]
[broker]
url = "https://{PUBLIC}/"
{sections}
"#,
        )
    }

    /// Asks the broker for a token.
    async fn token(&self, world: &World, key: &str, request: &Value) -> (u16, Value) {
        let asked = asker(world).post(url("/v1/token")).bearer_auth(key);
        let answer = asked.json(request).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// Asks GitHub through the broker.
    async fn get(&self, world: &World, key: &str, path: &str) -> reqwest::Response {
        let asked = asker(world).get(url(path)).bearer_auth(key);
        asked.send().await.unwrap()
    }

    /// The audit records that this holds for, once there is one.
    async fn audited(&self, right: impl Fn(&Value) -> bool) -> Value {
        eventually(|| self.site.audit().into_iter().find(|record| right(record))).await
    }

    /// How many tokens were minted for callers: not those by which the gate itself looks.
    fn minted(&self) -> Vec<crate::simulator::Token> {
        let looking = |token: &crate::simulator::Token| {
            token.permissions.json() == json!({ "metadata": "read" })
        };
        let tokens = self.github.tokens().into_iter();
        tokens.filter(|token| !looking(token)).collect()
    }

    /// What a token that is alive reaches: repositories and permissions.
    fn reach(&self, token: &str) -> Option<(Vec<String>, Value)> {
        let alive = self.github.alive();
        let token = alive.iter().find(|one| one.text == token)?;
        let (names, permissions) = self.github.reach(token);
        Some((names.into_iter().collect(), permissions.json()))
    }

    /// Puts one section of the configuration in another's place, and has it taken up.
    fn rewritten(&self, old: &str, new: &str) {
        let file = self.site.path("hubgate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{text}");
        self.site.write(&text.replace(old, new));
        let socket = self.site.path("admin.sock");
        let out = self
            .site
            .hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
        assert!(out.status.success(), "{out:?}");
    }

    /// Puts a file into a release of `acme/web-1`.
    fn release(&self, tag: &str, file: &str, bytes: &[u8]) {
        self.github.change(self.ids["acme/web-1"], |one| {
            let files = one.releases.entry(tag.to_owned()).or_default();
            files.insert(file.to_owned(), bytes.to_vec());
        });
    }

    /// GitHub forgets all tokens.
    async fn forget_tokens(&self) {
        for token in self.github.alive() {
            let at = format!("{}/installation/token", self.github.api());
            let gone = self.inside.delete(at).bearer_auth(&token.text).send().await;
            assert_eq!(gone.unwrap().status(), 204);
        }
    }

    /// Nothing that left for clients, and nothing that the gate wrote, has a token of GitHub's, a
    /// key of the App, or a caller's key; `handed` were asked for.
    fn no_secret_escaped(&self, keys: &[&str], handed: &[String]) {
        let pem = AppKey::number(0).pkcs1_pem();
        let pem: String = pem.lines().nth(1).unwrap().to_owned();
        let tokens = self.github.tokens();
        let tokens = tokens.iter().map(|token| token.text.as_str());
        let tokens: Vec<&str> = tokens
            .filter(|text| !handed.iter().any(|one| one == text))
            .collect();
        let links = self.github.secrets();
        for exchange in self.wire.exchanges() {
            let mut out = exchange.body.clone();
            for (name, value) in &exchange.headers.0 {
                out.extend(name.as_bytes());
                out.extend(value);
            }
            let out = String::from_utf8_lossy(&out).into_owned();
            let links = links.iter().map(String::as_str);
            let all = tokens
                .iter()
                .copied()
                .chain(keys.iter().copied())
                .chain(links);
            for secret in all.chain([pem.as_str()]) {
                assert!(
                    !out.contains(secret),
                    "{} {}",
                    exchange.method,
                    exchange.target
                );
            }
        }
        let log = self.site.log();
        let audit = std::fs::read_to_string(self.site.path("audit.jsonl")).unwrap();
        let all = self.github.tokens();
        let all = all.iter().map(|token| token.text.as_str());
        let all = all.chain(links.iter().map(String::as_str));
        for secret in all.chain(keys.iter().copied()).chain([pem.as_str()]) {
            assert!(!log.contains(secret), "in the log: {secret}");
            assert!(!audit.contains(secret), "in the audit trail: {secret}");
        }
    }
}

fn inside(world: &World) -> reqwest::Client {
    let corp = reqwest::Certificate::from_pem(world.corp.pem().as_bytes()).unwrap();
    let asking = reqwest::Client::builder().tls_certs_only([corp]);
    asking.build().unwrap()
}

fn url(path: &str) -> String {
    format!("https://{PUBLIC}{path}")
}

fn asker(world: &World) -> reqwest::Client {
    asking(world).build().unwrap()
}

fn asking(world: &World) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(world.public.pem().as_bytes()).unwrap()])
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .resolve(PUBLIC, WIRE)
}

/// A refusal's code and status.
async fn refused(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let said: Value = answer.json().await.unwrap();
    let code = said["error"]["code"].as_str();
    (
        status,
        code.unwrap_or_else(|| panic!("{status} {said}")).to_owned(),
    )
}
