//! Where bytes are kept: objects of LFS, archives, release assets. Whoever has the address of some,
//! or what was told beside it, has the bytes; no token is asked for, and one that is shown beside a
//! signature is refused, as object stores do.

use super::answer::Reply;
use super::git::said;
use super::{Shape, Simulator};
use http::HeaderMap;
use http::Method;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Command;

/// At which hosts addresses of bytes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kept {
    /// Where a server has them that has one name only, and where github.com has them.
    #[default]
    There,
    /// At hosts of their own, as with subdomain isolation.
    Apart,
    /// At somebody else's.
    Elsewhere,
    /// Where they are, and the stores take nobody's signature.
    Broken,
}

/// What is stored, and which addresses lead there.
#[derive(Default)]
pub(super) struct Store {
    pub(super) objects: HashMap<(u64, String), Vec<u8>>,
    links: HashMap<String, Link>,
}

struct Link {
    secret: String,
    to: To,
    /// Whether the secret is in the address.
    signed: bool,
}

#[derive(Clone)]
pub(super) enum To {
    /// An object of a repository.
    Object(u64, String),
    /// The word that it is there.
    Verified(u64, String),
    /// A repository's files: `tar.gz` or `zip`, and of which commit.
    Archive(u64, String, String),
    Asset(Vec<u8>),
    /// Another address of the same.
    Next(Box<Self>),
}

impl Simulator {
    /// Every secret that was ever told of where bytes are.
    pub fn secrets(&self) -> Vec<String> {
        let store = self.0.large.lock().unwrap();
        store
            .links
            .values()
            .map(|link| link.secret.clone())
            .collect()
    }

    /// Whether bytes are asked for.
    pub(super) fn is_store(&self, head: &Parts) -> bool {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let label = host
            .unwrap_or_default()
            .split('.')
            .next()
            .unwrap_or_default();
        let first = head.uri.path().split('/').nth(1).unwrap_or_default();
        matches!(
            label,
            "codeload" | "media" | "github-cloud" | "release-assets" | "lfs"
        ) || matches!(first, "storage" | "codeload")
    }

    pub(super) fn bytes(&self, head: &Parts, body: &[u8]) -> Reply {
        let path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        let shown = head.headers.get(AUTHORIZATION);
        let shown = shown.map(|value| value.to_str().unwrap().to_owned());
        let mut store = self.0.large.lock().unwrap();
        let found = path.split('/').find_map(|part| store.links.get(part));
        let Some(link) = found else {
            return said(403, "no such address");
        };
        let elsewhere = self.0.shape == Shape::Dotcom;
        let known = if self.bytes_are() == Kept::Broken {
            false
        } else if link.signed {
            let signed =
                form_urlencoded::parse(query.as_bytes()).any(|(_, value)| value == link.secret);
            if elsewhere && shown.is_some() {
                return said(400, "only one way to sign in is taken");
            }
            signed
        } else {
            shown == Some(format!("RemoteAuth {}", link.secret))
        };
        if !known {
            return said(403, &format!("the signature of {path}?{query} is wrong"));
        }
        match (&head.method, link.to.clone()) {
            (&Method::PUT, To::Object(id, oid)) => {
                store.objects.insert((id, oid), body.to_vec());
                Reply::empty(200)
            }
            (_, To::Object(id, oid)) => match store.objects.get(&(id, oid)) {
                Some(bytes) => part(&head.headers, bytes),
                None => said(404, "no such object"),
            },
            (&Method::POST, To::Verified(id, oid)) => {
                let told: Value = serde_json::from_slice(body).unwrap_or_default();
                let size = store.objects.get(&(id, oid)).map(Vec::len);
                match size {
                    Some(size) if told["size"] == size => Reply::empty(200),
                    _ => said(404, "no such object"),
                }
            }
            (_, To::Verified(..)) => said(405, "POST"),
            (_, To::Asset(bytes)) => part(&head.headers, &bytes),
            (_, To::Next(to)) => {
                drop(store);
                Reply::to(302, &self.signed_address(*to))
            }
            (_, To::Archive(id, format, reference)) => {
                drop(store);
                let files = Command::new("git")
                    .args(["archive", &format!("--format={format}"), &reference])
                    .current_dir(self.place_of(id))
                    .output()
                    .unwrap();
                if !files.status.success() {
                    return said(404, "no such commit");
                }
                Reply {
                    body: files.stdout,
                    ..Reply::empty(200).with("content-type", "application/x-gzip")
                }
            }
        }
    }

    /// An address that leads there, with a secret in it.
    pub(super) fn signed_address(&self, to: To) -> String {
        let (host, path) = match (self.bytes_are(), self.0.shape, &to) {
            (Kept::Elsewhere, ..) => ("https://bucket.example.org".to_owned(), "x"),
            (_, Shape::Dotcom, To::Archive(..)) => (self.beside("codeload"), "acme"),
            (_, Shape::Dotcom, To::Object(..) | To::Verified(..)) => (
                "https://github-cloud.githubusercontent.com".to_owned(),
                "alambic/media",
            ),
            (_, Shape::Dotcom, To::Asset(_) | To::Next(_)) => (
                "https://release-assets.githubusercontent.com".to_owned(),
                "github-production-release-asset",
            ),
            (Kept::Apart, Shape::Ghes, To::Archive(..)) => (self.beside("codeload"), "acme/web"),
            (Kept::Apart, Shape::Ghes, _) => (self.beside("media"), "releases"),
            (Kept::There | Kept::Broken, Shape::Ghes, To::Archive(..)) => {
                (self.0.web.clone(), "codeload/acme/web")
            }
            (Kept::There | Kept::Broken, Shape::Ghes, _) => {
                (self.0.web.clone(), "storage/releases")
            }
        };
        let word = if let To::Archive(_, format, _) = &to {
            format.as_str()
        } else {
            "files"
        };
        let (link, secret) = self.link(to.clone(), true);
        format!("{host}/{path}/{word}/{link}?sig={secret}")
    }

    /// What LFS's batch tells of an object: an address, and what is to be sent there.
    pub(super) fn action(&self, to: To) -> Value {
        if self.0.shape == Shape::Dotcom
            && self.0.web != self.0.api
            && !matches!(to, To::Verified(..))
        {
            return json!({ "href": self.signed_address(to), "expires_in": 3600 });
        }
        let host = match (self.bytes_are(), self.0.shape) {
            (Kept::Elsewhere, _) => "https://bucket.example.org".to_owned(),
            (Kept::Apart, Shape::Ghes) => format!("{}/lfs", self.beside("media")),
            (_, Shape::Dotcom) if self.0.web != self.0.api => self.beside("lfs"),
            _ => format!("{}/storage/lfs", self.0.web),
        };
        let (link, secret) = self.link(to, false);
        let header = json!({ "Authorization": format!("RemoteAuth {secret}") });
        json!({
            "href": format!("{host}/7/objects/{link}"),
            "header": header,
            "expires_at": (self.0.clock.now() + jiff::SignedDuration::from_hours(1)).to_string(),
            "expires_in": 3600,
        })
    }

    fn link(&self, to: To, signed: bool) -> (String, String) {
        let link = uuid::Uuid::new_v4().simple().to_string();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let made = Link {
            secret: secret.clone(),
            to,
            signed,
        };
        self.0
            .large
            .lock()
            .unwrap()
            .links
            .insert(link.clone(), made);
        (link, secret)
    }

    fn bytes_are(&self) -> Kept {
        self.0.moods.borrow().kept
    }

    fn beside(&self, label: &str) -> String {
        self.0.web.replacen("://", &format!("://{label}."), 1)
    }
}

/// All of it, or the part that is asked for.
fn part(headers: &HeaderMap, bytes: &[u8]) -> Reply {
    let range = headers.get("range").and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    let kind = "application/octet-stream";
    match from {
        Some(from) if from < bytes.len() => Reply {
            body: bytes[from..].to_vec(),
            ..Reply::empty(206).with("content-type", kind).with(
                "content-range",
                format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
            )
        },
        Some(_) => Reply::empty(416),
        None => Reply {
            body: bytes.to_vec(),
            ..Reply::empty(200).with("content-type", kind)
        },
    }
}
