//! GitHub's own recordings, replayed by the server that GitHub made for it, as if they had been
//! recorded here.

use super::{Answer, Body, Ghes, api::rebased, program::fetched, whole, with};
use crate::harness::skipped;
use crate::world::World;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderName,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::process::Command;

const PORT: u16 = 3000;
/// What the replaying server writes in front of each host's name.
const MARK: &str = "http://recorded.invalid/";

/// A scenario that is being replayed.
pub(super) struct Recording {
    id: String,
    /// The requests as they were recorded.
    steps: Vec<Value>,
}

impl Ghes {
    /// Starts the server that replays; false where it is not there.
    pub async fn replay(&self, world: &World) -> bool {
        let Some(server) = fetched("clients-node/node_modules/.bin/octokit-fixtures-server") else {
            skipped("GitHub's recordings are not in .cache");
            return false;
        };
        let mut command = Command::new(server);
        command
            .args(["--port", &PORT.to_string(), "--log-level", "silent"])
            .args(["--fixtures-url", MARK.trim_end_matches('/')]);
        self.run(command, PORT, &world.path("fixtures.log")).await;
        true
    }

    /// From here on the API is this recording, from its start.
    pub async fn load(&self, scenario: &str) {
        let body = serde_json::json!({ "scenario": scenario }).to_string();
        let request = Request::post("/fixtures")
            .header("content-type", "application/json")
            .body(whole(body))
            .unwrap();
        let answer = self.pass(PORT, "/fixtures", request).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let made = answer.into_body().collect().await.unwrap().to_bytes();
        let made: Value = serde_json::from_slice(&made).unwrap();
        let fixtures = "clients-node/node_modules/@octokit/fixtures/scenarios/api.github.com";
        let file = format!("{fixtures}/{scenario}/normalized-fixture.json");
        let steps = std::fs::read(fetched(&file).unwrap()).unwrap();
        *self.0.recording.lock().unwrap() = Some(Recording {
            id: made["id"].as_str().unwrap().to_owned(),
            steps: serde_json::from_slice(&steps).unwrap(),
        });
    }

    pub(super) fn records(&self) -> bool {
        self.0.recording.lock().unwrap().is_some()
    }

    /// Replays what a host of GitHub's once answered.
    pub(super) async fn recorded(
        &self,
        host: &str,
        path: &str,
        mut request: Request<Body>,
    ) -> Answer {
        let (id, recorded) = {
            let recording = self.0.recording.lock().unwrap();
            let Some(recording) = recording.as_ref() else {
                return with(StatusCode::NOT_FOUND, &[], "nothing is replayed");
            };
            let query = request.uri().query();
            let asked = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
            let step = recording.steps.iter().find(|step| {
                step["path"] == *asked && step["scope"] == format!("https://{host}:443")
            });
            (
                recording.id.clone(),
                step.map(|step| step["reqheaders"].clone()),
            )
        };
        // The replaying server knows a request by its encodings too, which are for one hop only, and
        // by a token that clients of today do not show to another host.
        let headers = request.headers_mut();
        headers.remove(HOST);
        headers.remove(ACCEPT_ENCODING);
        let recorded = recorded.unwrap_or_default();
        let moved: &[HeaderName] = match host {
            "codeload.github.com" => &[ACCEPT_ENCODING, ACCEPT, AUTHORIZATION],
            _ => &[ACCEPT_ENCODING],
        };
        for name in moved {
            if let Some(value) = recorded[name.as_str()].as_str() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let query = request
            .uri()
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        let target = format!("/{host}/{id}{path}{query}");
        let (mut head, body) = self.pass(PORT, &target, request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut headers = HeaderMap::new();
        for (name, value) in &head.headers {
            if [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH].contains(name) {
                continue;
            }
            let value = match value.to_str() {
                Ok(value) => HeaderValue::try_from(here(value, &id)).unwrap(),
                Err(_) => value.clone(),
            };
            headers.append(name, value);
        }
        head.headers = headers;
        let body = match std::str::from_utf8(&body) {
            Ok(text) => here(text, &id).into(),
            Err(_) => body,
        };
        Answer::from_parts(head, whole(body))
    }
}

/// A recorded text as it would have been here.
fn here(text: &str, id: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        out.push_str(before);
        out.push_str("https://");
        rest = match after.split_once(&format!("/{id}/")) {
            Some((host, after)) => {
                out.push_str(host);
                out.push('/');
                after
            }
            None => after,
        };
    }
    out.push_str(rest);
    rebased(&out)
}
