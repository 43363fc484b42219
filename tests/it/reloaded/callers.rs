//! `[[caller]]`.

use super::broker::{API, Brokered, WEB};
use super::{rows, see};
use crate::brokered::issuer::Issuer;
use crate::brokered::{Caller, tokens};
use serde_json::{Value, json};

rows! {
    Brokered:
    "caller.name" => name,
    "caller.certificate" => certificate,
    "caller.key" => key,
    "caller.oidc.issuer" => oidc_issuer,
    "caller.oidc.audience" => oidc_audience,
    "caller.oidc.claims" => oidc_claims,
    "caller.rate" => rate,
    "caller.grant.app" => grant_app,
    "caller.grant.owner" => grant_owner,
    "caller.grant.repositories" => grant_repositories,
    "caller.grant.permissions" => grant_permissions,
    "caller.grant.as" => grant_as,
    "caller.grant.allow" => grant_allow,
}

const WHOAMI: &str = "/v1/whoami";

impl Brokered {
    /// Has the caller prove itself in this way instead.
    fn proven(&self, line: &str) {
        let old = format!("{} # proof", self.caller.line);
        self.running.change(&[(&old, line)]);
    }
}

async fn name(broker: &Brokered) {
    let said = async || {
        let said: Value = broker.asked(WHOAMI).await.json().await.unwrap();
        said["caller"].as_str().unwrap().to_owned()
    };
    assert_eq!(said().await, "build-bot");
    let rename = ("name = \"build-bot\"", "name = \"renamed\"");
    broker.running.change(&[rename]);
    assert_eq!(said().await, "renamed");
    assert_eq!(broker.get(WEB).await, 200);
    let fits = |one: &Value| one["caller"] == "renamed" && one["operation"] == "repos/get";
    broker.running.audited(fits).await;
}

async fn certificate(broker: &Brokered) {
    let uri = "spiffe://corp/build-bot";
    let pem = tokens::certificate(&broker.authority, uri);
    let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
    let client = broker.running.gate.client_builder().identity(identity);
    let client = client.build().unwrap();
    let asked = async || {
        let asked = client.get(broker.running.gate.url(WHOAMI)).send().await;
        asked.unwrap().status().as_u16()
    };
    assert_eq!(asked().await, 401);
    broker.proven(&format!("certificate = \"{uri}\""));
    assert_eq!(asked().await, 200);
    broker.proven("certificate = \"spiffe://corp/other\"");
    assert_eq!(asked().await, 401);
}

async fn key(broker: &Brokered) {
    let fresh = Caller::make();
    let with = async |key: &str| broker.get_with(WEB, key).await;
    let old = &broker.caller.key;
    assert_eq!((with(old).await, with(&fresh.key).await), (200, 401));
    broker.proven(&fresh.line);
    assert_eq!((with(old).await, with(&fresh.key).await), (401, 200));
}

fn oidc(issuer: &Issuer, audience: &str, subject: &str) -> String {
    format!(
        "oidc = {{ issuer = \"{}\", audience = \"{audience}\", claims = {{ sub = \"{subject}\" }} }}",
        issuer.name()
    )
}

async fn oidc_issuer(broker: &Brokered) {
    let (one, other) = (Issuer::open().await, Issuer::open().await);
    let with = async |issuer: &Issuer| {
        let token = issuer.token("hubgate", "repo:acme/web", "1");
        broker.get_with(WHOAMI, &token).await
    };
    broker.proven(&oidc(&one, "hubgate", "repo:acme/*"));
    assert_eq!((with(&one).await, with(&other).await), (200, 401));
    broker.proven(&oidc(&other, "hubgate", "repo:acme/*"));
    assert_eq!((with(&one).await, with(&other).await), (401, 200));
}

async fn oidc_audience(broker: &Brokered) {
    let issuer = Issuer::open().await;
    let token = issuer.token("hubgate", "repo:acme/web", "1");
    broker.proven(&oidc(&issuer, "hubgate", "repo:acme/*"));
    assert_eq!(broker.get_with(WHOAMI, &token).await, 200);
    broker.proven(&oidc(&issuer, "another", "repo:acme/*"));
    assert_eq!(broker.get_with(WHOAMI, &token).await, 401);
}

async fn oidc_claims(broker: &Brokered) {
    let issuer = Issuer::open().await;
    let token = issuer.token("hubgate", "repo:acme/web", "1");
    broker.proven(&oidc(&issuer, "hubgate", "repo:acme/*"));
    assert_eq!(broker.get_with(WHOAMI, &token).await, 200);
    broker.proven(&oidc(&issuer, "hubgate", "repo:other/*"));
    assert_eq!(broker.get_with(WHOAMI, &token).await, 401);
}

async fn rate(broker: &Brokered) {
    for _ in 0..3 {
        assert_eq!(broker.get(WHOAMI).await, 200);
    }
    broker.running.change(&[("# caller", "rate = \"2/h\"")]);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(broker.get(WHOAMI).await);
    }
    assert_eq!(answers, [200, 200, 429]);
}

async fn grant_app(broker: &Brokered) {
    let beside = WEB.replace("sync", "beside");
    let both = async || (broker.get(WEB).await, broker.get(&beside).await);
    assert_eq!(both().await, (200, 403));
    let other = ("app = \"sync\" # grant", "app = \"beside\"");
    broker.running.change(&[other]);
    assert_eq!(both().await, (403, 200));
    let last = broker.github.tokens().pop().unwrap();
    assert_eq!(last.app, broker.apps[1]);
}

async fn grant_owner(broker: &Brokered) {
    let other = format!("{API}/repos/other/web-1");
    let both = async || (broker.get(WEB).await, broker.get(&other).await);
    assert_eq!(both().await, (200, 403));
    let changed = ("owner = \"acme\"", "owner = \"other\"");
    broker.running.change(&[changed]);
    assert_eq!(both().await, (403, 200));
}

async fn grant_repositories(broker: &Brokered) {
    let docs = format!("{API}/repos/acme/docs");
    let both = async || (broker.get(WEB).await, broker.get(&docs).await);
    assert_eq!(both().await, (200, 403));
    let changed = ("repositories = [\"web-*\"]", "repositories = [\"docs\"]");
    broker.running.change(&[changed]);
    assert_eq!(both().await, (403, 200));
}

const HANDED: (&str, &str) = ("as = [\"proxy\"]", "as = [\"token\"]");

async fn grant_permissions(broker: &Brokered) {
    let wanted = json!({
        "app": "sync", "owner": "acme", "repositories": ["web-1"],
        "permissions": { "issues": "write" },
    });
    broker.running.change(&[HANDED]);
    assert_eq!(broker.token(&wanted).await, 403);
    let more = ("{ contents = \"read\" }", "{ issues = \"write\" }");
    broker.running.change(&[HANDED, more]);
    assert_eq!(broker.token(&wanted).await, 201);
    let last = broker.github.tokens().pop().unwrap();
    assert_eq!(last.permissions.json()["issues"], "write");
}

async fn grant_as(broker: &Brokered) {
    let wanted = json!({ "app": "sync", "owner": "acme", "repositories": ["web-1"] });
    let both = async || (broker.get(WEB).await, broker.token(&wanted).await);
    assert_eq!(both().await, (200, 403));
    broker.running.change(&[HANDED]);
    assert_eq!(both().await, (403, 201));
}

async fn grant_allow(broker: &Brokered) {
    let contents = format!("{WEB}/readme");
    let both = async || (broker.get(WEB).await, broker.get(&contents).await);
    assert_eq!(both().await, (200, 200));
    let only = "as = [\"proxy\"]\nallow = [\"repos\"]";
    broker.running.change(&[(HANDED.0, only)]);
    assert_eq!(both().await, (200, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_caller_takes_effect() {
    if let Some(broker) = Brokered::open().await {
        see(&broker, ROWS).await;
    }
}
