//! What the server was asked, for tests to look at.

use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A body up to here is kept as it was, a longer one by its digest only.
const KEPT: usize = 64 * 1024;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Timestamp,
    pub method: Method,
    /// Without the query.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    /// SHA-256, in hexadecimal.
    pub digest: String,
    pub body: Vec<u8>,
    /// What it was answered; none while it is under way.
    pub status: Option<u16>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub(super) fn digest(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All requests so far.
#[derive(Default)]
pub(super) struct Record {
    pub(super) seen: Vec<Seen>,
    /// How many were forgotten before the first of them.
    pub(super) forgotten: usize,
    pub(super) under_way: usize,
    pub(super) most_at_once: usize,
}

impl Record {
    /// Notes a request, and gives its number.
    pub(super) fn note(
        &mut self,
        at: Timestamp,
        head: &http::request::Parts,
        body: &[u8],
    ) -> usize {
        self.under_way += 1;
        self.most_at_once = self.most_at_once.max(self.under_way);
        self.seen.push(Seen {
            at,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.clone(),
            digest: digest(body),
            body: if body.len() <= KEPT {
                body.to_vec()
            } else {
                Vec::new()
            },
            status: None,
        });
        self.forgotten + self.seen.len() - 1
    }

    /// A request is over, without an answer where its connection went.
    pub(super) fn over(&mut self, number: usize, status: Option<u16>) {
        self.under_way -= 1;
        let place = number.checked_sub(self.forgotten);
        // It may have been forgotten meanwhile.
        if let Some(seen) = place.and_then(|place| self.seen.get_mut(place)) {
            seen.status = status;
        }
    }

    pub(super) fn forget(&mut self) {
        self.forgotten += self.seen.len();
        self.seen.clear();
        self.most_at_once = self.under_way;
    }
}
