//! The simulator is what it claims to be: every endpoint and mood, asked with a plain client, and
//! every answer held against GitHub's description.

mod apps;
mod clients;
mod examples;
mod git;
mod hooks;
mod minting;
mod moods;
mod pages;
mod reading;
mod serving;

use super::{AppKey, Shape, Simulator};
use http::HeaderMap;
use serde_json::{Value, json};

const BOTH: [Shape; 2] = [Shape::Dotcom, Shape::Ghes];

/// An answer, which the description allows.
struct Said {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// A server with `acme/web` and `acme/vault`, and an App installed on `acme/web` only.
struct Scene {
    github: Simulator,
    client: reqwest::Client,
    key: AppKey,
    app: u64,
    web: u64,
    installation: u64,
}

const PERMISSIONS: [(&str, &str); 3] = [
    ("contents", "write"),
    ("issues", "read"),
    ("repository_hooks", "write"),
];

impl Scene {
    async fn of(shape: Shape) -> Option<Self> {
        let github = Simulator::start(shape).await?;
        let key = AppKey::number(0);
        let web = github.repository("acme/web");
        github.repository("acme/vault");
        let app = github.app("Jira Sync", "acme", &key, &PERMISSIONS);
        let installation = github.install_on(app, "acme", &["web"]);
        let client = github.client();
        Some(Self {
            github,
            client,
            key,
            app,
            web,
            installation,
        })
    }

    fn jwt(&self) -> String {
        self.github.jwt(self.app, &self.key)
    }

    async fn ask(&self, method: &str, path: &str, credential: &str, body: Value) -> Said {
        self.ask_with(method, path, credential, body, &[]).await
    }

    async fn ask_with(
        &self,
        method: &str,
        path: &str,
        credential: &str,
        body: Value,
        more: &[(&str, &str)],
    ) -> Said {
        let url = format!("{}{path}", self.github.api());
        let mut request = self.client.request(method.parse().unwrap(), url);
        if !credential.is_empty() {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap().to_vec();
        let path = path.split('?').next().unwrap();
        let described = status < 300
            && method != "HEAD"
            && !path.starts_with("/repositories/")
            && !path.starts_with("/organizations/");
        if described && path != "/graphql" {
            let faults = self.github.faults(method, path, status, &body);
            let body = String::from_utf8_lossy(&body);
            assert!(faults.is_empty(), "{faults:#?}\n{body}");
        }
        Said {
            status,
            headers,
            body,
        }
    }

    async fn get(&self, path: &str, credential: &str) -> Said {
        self.ask("GET", path, credential, Value::Null).await
    }

    async fn post(&self, path: &str, credential: &str, body: Value) -> Said {
        self.ask("POST", path, credential, body).await
    }

    async fn asked_for(&self, body: Value) -> Said {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        self.post(&path, &self.jwt(), body).await
    }

    /// A token with everything that the installation has.
    async fn token(&self) -> String {
        let said = self.asked_for(json!({})).await;
        assert_eq!(said.status, 201, "{}", said.message());
        said.json()["token"].as_str().unwrap().to_owned()
    }
}
