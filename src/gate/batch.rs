//! What LFS's batch answers tell callers of the broker: GitHub's own credentials for each object,
//! and where it is, stay here. A caller is given an address of the gate's and a ticket for it.
//!
//! The documents are described at
//! <https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md>.

use super::desk::Party;
use super::store::{Spot, Stores};
use crate::broker::ticket;
use crate::types::{Repository, RouteKey, Timestamp};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where objects are asked for, below the route; one of the paths of a server's own store.
const STORE: &str = "/storage/lfs";
/// What the client itself has to know of what GitHub said; the rest is said to GitHub.
const CLIENTS: [&str; 3] = ["accept", "content-type", "transfer-encoding"];
/// Names of an object's actions: the second is what LFS called them once, and still reads.
const ACTIONS: [&str; 2] = ["actions", "_links"];

/// Why an answer is not put into the gate's words; nothing of it leaves.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It is no answer to a batch.
    #[error("GitHub's answer to an LFS batch cannot be read")]
    Unreadable,
    /// A ticket cannot be made.
    #[error("no ticket can be made: the system has no random numbers")]
    NoTicket,
}

/// Who asked, and for what.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) party: &'a Party,
    pub(super) stores: &'a Stores,
    pub(super) route: &'a RouteKey,
    /// The route's public address.
    pub(super) public: String,
    pub(super) repository: Option<&'a Repository>,
    pub(super) now: Timestamp,
}

impl Batch<'_> {
    /// The same answer without anything of GitHub's that is a secret.
    pub(super) fn sealed(&self, whole: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut document: Value = serde_json::from_slice(whole).or(Err(Fault::Unreadable))?;
        let objects = document.get_mut("objects").and_then(Value::as_array_mut);
        for object in objects.ok_or(Fault::Unreadable)? {
            self.object(object.as_object_mut().ok_or(Fault::Unreadable)?)?;
        }
        serde_json::to_vec(&document).or(Err(Fault::Unreadable))
    }

    fn object(&self, object: &mut Map<String, Value>) -> Result<(), Fault> {
        let oid = object
            .get("oid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let known = !oid.is_empty() && oid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let oid = if known {
            oid.to_owned()
        } else {
            return Err(Fault::Unreadable);
        };
        let signed_in = object.get("authenticated") == Some(&Value::Bool(true));
        let mut elsewhere = false;
        for name in ACTIONS {
            let Some(actions) = object.get_mut(name) else {
                continue;
            };
            for (action, said) in actions.as_object_mut().ok_or(Fault::Unreadable)? {
                match self.action(&oid, action, said, signed_in)? {
                    Some(new) => *said = new,
                    None => elsewhere = true,
                }
            }
        }
        if elsewhere {
            tracing::warn!(
                route = %self.route,
                "an LFS object is at a host that is none of GitHub's own; nobody is sent there"
            );
            ACTIONS.iter().for_each(|name| drop(object.remove(*name)));
            let text = "the object is stored at a host that is none of GitHub's own, where the \
                        gate leads nobody";
            object.insert("error".to_owned(), json!({ "code": 502, "message": text }));
        } else if ACTIONS.iter().any(|name| object.contains_key(*name)) {
            object.insert("authenticated".to_owned(), Value::Bool(true));
        }
        Ok(())
    }

    /// An action in the gate's words; none where it leads to somebody else's host.
    fn action(
        &self,
        oid: &str,
        name: &str,
        said: &Value,
        signed_in: bool,
    ) -> Result<Option<Value>, Fault> {
        let method = match name {
            "download" => "GET",
            "upload" => "PUT",
            "verify" => "POST",
            _ => return Err(Fault::Unreadable),
        };
        let address = said.get("href").and_then(Value::as_str);
        let address = address.ok_or(Fault::Unreadable)?;
        let Some(target) = self.stores.target(Spot::Own, address) else {
            return Ok(None);
        };
        let mut headers = Vec::new();
        for (name, value) in said
            .get("header")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = value.as_str().ok_or(Fault::Unreadable)?;
            headers.push((name.clone(), value.to_owned()));
        }
        let bare = !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let mut told: Map<String, Value> = headers
            .iter()
            .filter(|(name, _)| CLIENTS.iter().any(|own| name.eq_ignore_ascii_case(own)))
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let life = self.life(said);
        let at = format!("{STORE}/{name}/{oid}");
        let mut ticket = self.party.ticket().ok_or(Fault::Unreadable)?;
        ticket.at.clone_from(&at);
        method.clone_into(&mut ticket.method);
        address.clone_into(&mut ticket.address);
        ticket.own_token = bare && !signed_in && target.spot == Spot::Own;
        ticket.headers = headers;
        ticket.repository = self.repository.map(ToString::to_string);
        ticket.until = self.now.after(life).as_millis();
        let line = self
            .party
            .issue(self.route, &ticket)
            .ok_or(Fault::NoTicket)?;
        told.insert("Authorization".to_owned(), json!(line));
        Ok(Some(json!({
            "href": format!("{}{at}", self.public),
            "header": told,
            "expires_in": life.as_secs(),
        })))
    }

    /// As long as GitHub says, and no longer than a ticket lives.
    fn life(&self, said: &Value) -> Duration {
        let seconds = said.get("expires_in").and_then(Value::as_u64);
        let until = said.get("expires_at").and_then(Value::as_str);
        let until = until.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let until = until.map(|until| Timestamp::from_millis(until.as_millisecond()));
        let left = until.map(|until| until.since(self.now));
        let told = seconds
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs);
        told.or(left)
            .map_or(ticket::LIFE, |told| told.min(ticket::LIFE))
    }
}
