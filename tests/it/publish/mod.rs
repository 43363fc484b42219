//! A GitHub server published through the gate: the same stories as inside, told by clients outside
//! who know public names only, with everything that leaves the gate kept and searched.

mod api;
mod bad;
mod canaries;
mod corners;
mod flow;
mod git;
mod http2;
mod huge;
mod keys;
mod large;
mod leak;
mod limits;
mod patience;
mod people;
mod recordings;
mod tool;

use crate::front::front;
use crate::harness::{Gate, Site, eventually};
use crate::inside::Ghes;
use crate::outside::{Exchange, Wire, search::leaks};
use crate::world::{GATE, INTERNAL, PARTS, PUBLIC, WIRE, World, all_of};
use rustls_pki_types::ServerName;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long an answer is waited for, and what more may come of it.
const FIRST: Duration = Duration::from_secs(15);
const NEXT: Duration = Duration::from_secs(3);

/// A gate that publishes a server.
pub struct Published {
    pub site: Site,
    pub gate: Gate,
    pub wire: Wire,
}

impl Published {
    /// Publishes with these keys of `[[publish]]`, and these sections beside it.
    pub async fn open(world: &World, keys: &str, sections: &str) -> Self {
        Self::listening(world, "", keys, sections).await
    }

    /// The same with these keys of `[[listen]]`.
    pub async fn listening(world: &World, listen: &str, keys: &str, sections: &str) -> Self {
        let site = Site::new();
        let begin = front(world, &site, listen);
        let corp = world.path("corp-ca.pem");
        let parts = PARTS.map(|part| format!("\"{part}.{INTERNAL}\" = \"{part}.{PUBLIC}\""));
        site.write(&format!(
            r#"{begin}
[[publish]]
url = "https://{PUBLIC}/"
to = "https://{INTERNAL}/"
ca = "{}"
from = ["outside"]
hosts = {{ {} }}
{keys}
{sections}
"#,
            corp.display(),
            parts.join(", "),
        ));
        let gate = site.start().await;
        let wire = Wire::open(world).await;
        Self { site, gate, wire }
    }

    /// With one profile that allows this, and no more.
    pub async fn allowing(world: &World, allow: &str) -> Self {
        let profile = format!("[[profile]]\nname = \"here\"\nallow = [{allow}]");
        Self::open(world, "allow = [\"here\"]", &profile).await
    }

    /// Everything that left the gate so far holds no name of the inside.
    pub fn nothing_leaked(&self) -> Vec<Exchange> {
        let all = self.wire.exchanges();
        assert!(!all.is_empty(), "nothing passed");
        let leaked: Vec<String> = all.iter().flat_map(leaks).collect();
        assert!(leaked.is_empty(), "{leaked:#?}");
        all
    }

    /// The audit records of requests that this holds for, once there is one.
    pub async fn audited(&self, right: impl Fn(&Value) -> bool) -> Value {
        eventually(|| self.site.audit().into_iter().find(|record| right(record))).await
    }

    /// Sends these bytes to the gate, and gives what it answers until it closes or says no more.
    pub async fn raw(&self, world: &World, bytes: &[u8]) -> Vec<u8> {
        let connector = TlsConnector::from(world.public.client());
        let socket = TcpStream::connect(GATE).await.unwrap();
        let name = ServerName::try_from(PUBLIC).unwrap();
        let mut stream = connector.connect(name, socket).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            // Some are waited for in vain, the rest of a request that is none.
            let patience = if answer.is_empty() { FIRST } else { NEXT };
            let reading = stream.read(&mut buffer);
            match tokio::time::timeout(patience, reading).await {
                Ok(Ok(length @ 1..)) => answer.extend(&buffer[..length]),
                Ok(Ok(0) | Err(_)) | Err(_) => return answer,
            }
        }
    }

    /// Asks as a program outside that follows nothing.
    pub fn asker(&self, world: &World) -> reqwest::Client {
        Self::asking(world, WIRE)
    }

    /// The same where no wire keeps what passes.
    pub fn asker_at_the_gate(&self, world: &World) -> reqwest::Client {
        Self::asking(world, GATE)
    }

    fn asking(world: &World, address: SocketAddr) -> reqwest::Client {
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([
                reqwest::Certificate::from_pem(world.public.pem().as_bytes()).unwrap(),
            ])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60));
        for name in all_of(PUBLIC) {
            builder = builder.resolve(&name, address);
        }
        builder.build().unwrap()
    }
}

pub fn url(path: &str) -> String {
    format!("https://{PUBLIC}{path}")
}

/// The code of a refusal of the gate's own.
pub async fn code(answer: reqwest::Response) -> String {
    let names: Vec<String> = answer.headers().keys().map(ToString::to_string).collect();
    assert!(
        !names.iter().any(|name| name.starts_with("x-github-")),
        "{names:?}"
    );
    let said: Value = answer.json().await.unwrap();
    assert!(said["error"]["request_id"].is_string(), "{said}");
    said["error"]["code"].as_str().unwrap().to_owned()
}

/// A GitHub server with an API, published with these keys and sections; none without Prism.
pub async fn described(world: &World, keys: &str, sections: &str) -> Option<(Ghes, Published)> {
    let ghes = Ghes::open(world).await;
    if !ghes.describe(world).await {
        return None;
    }
    Some((ghes, Published::open(world, keys, sections).await))
}
