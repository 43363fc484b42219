//! Events, sent to hooks as GitHub sends them, and what came of it.

use super::state::{Hook, State};
use super::{Shape, Simulator};
use crate::harness::sign;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Ids begin beyond what a double can tell apart.
const FIRST: u64 = (1 << 53) + 1;
const PATIENCE: Duration = Duration::from_secs(10);

/// What a hook is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    App(u64),
    Organization(u64),
    Repository(u64),
}

/// An event that was sent, or should have been.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: u64,
    pub guid: String,
    /// The id of the hook, which for an App's is the App's.
    pub hook: u64,
    pub at: Timestamp,
    pub redelivery: bool,
    /// `OK`, or what went wrong.
    pub status: String,
    pub status_code: u16,
    pub event: String,
    pub payload: Value,
    /// Of the request, as it was sent or would have been.
    pub headers: Vec<(&'static str, String)>,
}

/// What sends events: whoever answers is believed, as GitHub does where it is told to.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

impl Simulator {
    /// Sends events by this client from now on: one that finds the gateway's name, say.
    pub fn send_by(&self, client: reqwest::Client) {
        *self.0.hooks.lock().unwrap() = client;
    }

    /// A hook of an organisation or a repository; its id.
    pub fn hook(&self, place: Place, hook: Hook) -> u64 {
        let mut state = self.state();
        let id = state.next();
        state.hooks.insert(id, (place, hook));
        id
    }

    /// Every delivery so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.clone()
    }

    /// Something happens: a hook (of an App by the App's id) is told, and this is what came of it.
    pub async fn event(&self, hook: u64, event: &str, payload: Value) -> Delivery {
        let guid = uuid::Uuid::new_v4().to_string();
        self.send(hook, &guid, event, payload, false).await
    }

    /// Something happened, and the hook was told or not: 200, or how it failed.
    pub fn past(&self, hook: u64, event: &str, payload: Value, status_code: u16) -> Delivery {
        let mut delivery = self.prepared(hook, &uuid::Uuid::new_v4().to_string(), event, payload);
        (delivery.status, delivery.status_code) = outcome(Some(status_code));
        self.state().deliveries.push(delivery.clone());
        delivery
    }

    /// Tells an App's hook where it has one that is active.
    pub(super) fn announce(&self, app: u64, event: &'static str, payload: Value) {
        let state = self.state();
        let active = state
            .apps
            .get(&app)
            .is_some_and(|app| app.hook.active && app.hook.url.is_some());
        drop(state);
        if active {
            let simulator = self.clone();
            tokio::spawn(async move { simulator.event(app, event, payload).await });
        }
    }

    pub(super) async fn send(
        &self,
        hook: u64,
        guid: &str,
        event: &str,
        payload: Value,
        again: bool,
    ) -> Delivery {
        let mut delivery = self.prepared(hook, guid, event, payload);
        delivery.redelivery = again;
        let told = hooked(&self.state(), hook).1;
        let client = self.0.hooks.lock().unwrap().clone();
        let answer = match &told.url {
            None => None,
            Some(url) => {
                let mut request = client.post(url).body(body(&told, &delivery.payload));
                for (name, value) in &delivery.headers {
                    request = request.header(*name, value);
                }
                request.send().await.ok()
            }
        };
        (delivery.status, delivery.status_code) =
            outcome(answer.map(|answer| answer.status().as_u16()));
        self.state().deliveries.push(delivery.clone());
        delivery
    }

    fn prepared(&self, hook: u64, guid: &str, event: &str, payload: Value) -> Delivery {
        let mut state = self.state();
        let (place, told) = hooked(&state, hook);
        let (kind, target) = match place {
            Place::App(id) => ("integration", id),
            Place::Organization(id) => ("organization", id),
            Place::Repository(id) => ("repository", id),
        };
        let body = body(&told, &payload);
        let form =
            ["application/json", "application/x-www-form-urlencoded"][usize::from(told.form)];
        let mut headers = vec![
            ("content-type", form.to_owned()),
            ("accept", "*/*".to_owned()),
            ("user-agent", "GitHub-Hookshot/044aadd".to_owned()),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", guid.to_owned()),
            ("x-github-hook-id", hook.to_string()),
            ("x-github-hook-installation-target-type", kind.to_owned()),
            ("x-github-hook-installation-target-id", target.to_string()),
        ];
        if let Some(secret) = &told.secret {
            headers.push(("x-hub-signature-256", sign(secret, &body)));
            headers.push(("x-hub-signature", legacy(secret, &body)));
        }
        if self.0.shape == Shape::Ghes {
            let host = self.0.web.split("//").nth(1).unwrap();
            headers.push(("x-github-enterprise-host", host.to_owned()));
            headers.push(("x-github-enterprise-version", "3.19.0".to_owned()));
        }
        Delivery {
            id: FIRST + state.next(),
            guid: guid.to_owned(),
            hook,
            at: self.0.clock.now(),
            redelivery: false,
            status: String::new(),
            status_code: 0,
            event: event.to_owned(),
            payload,
            headers,
        }
    }
}

/// What a hook is told to do: nothing where it, or its App, has gone meanwhile.
pub(super) fn hooked(state: &State, hook: u64) -> (Place, Hook) {
    if let Some((place, told)) = state.hooks.get(&hook) {
        return (*place, told.clone());
    }
    let app = state.apps.get(&hook);
    let told = app.map(|app| app.hook.clone());
    (Place::App(hook), told.unwrap_or_default())
}

fn body(told: &Hook, payload: &Value) -> Vec<u8> {
    if !told.form {
        return payload.to_string().into_bytes();
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish().into_bytes()
}

fn legacy(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let signature = hmac::sign(&key, body);
    let hex: String = signature
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha1={hex}")
}

fn outcome(answered: Option<u16>) -> (String, u16) {
    match answered {
        Some(code @ 200..400) => ("OK".to_owned(), code),
        Some(code) => (format!("Invalid HTTP Response: {code}"), code),
        None => ("failed to connect to host".to_owned(), 502),
    }
}
