//! Large files: where they are is told to who may read or write the repository; they themselves
//! are given to who shows what was told.

use super::Simulator;
use super::answer::Reply;
use super::git::said;
use super::permissions::Access;
use crate::inside::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::HashMap;

const KIND: &str = "application/vnd.git-lfs+json";

/// What is stored, and which links lead there.
#[derive(Default)]
pub(super) struct Store {
    objects: HashMap<(u64, String), Vec<u8>>,
    /// The secret of a link, and what it is for.
    links: HashMap<String, (u64, String)>,
}

impl Simulator {
    /// Answers a request about large files of a repository.
    pub(super) async fn large(&self, request: Request<Body>) -> Reply {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return said(400, "half a request");
        };
        let (body, path) = (body.to_bytes(), head.uri.path());
        if let Some(link) = path.rsplit_once("/info/lfs/storage/") {
            return self.stored(&head.method, link.1, &body);
        }
        if path.ends_with("/info/lfs/objects/batch") {
            let asked = serde_json::from_slice(&body).unwrap_or_default();
            return self.batch(path, &head.headers, &asked);
        }
        // Locks, say, which nobody has to know.
        Reply::no(404, "Not Found")
    }

    fn stored(&self, method: &Method, link: &str, body: &[u8]) -> Reply {
        let mut store = self.0.large.lock().unwrap();
        let Some(object) = store.links.get(link).cloned() else {
            return said(403, "no such link");
        };
        if method == Method::PUT {
            store.objects.insert(object, body.to_vec());
            return Reply::empty(200);
        }
        let found = store.objects.get(&object).cloned();
        found.map_or_else(
            || said(404, "no such object"),
            |body| Reply {
                body,
                ..Reply::empty(200).with("content-type", "application/octet-stream")
            },
        )
    }

    fn batch(&self, path: &str, headers: &HeaderMap, asked: &Value) -> Reply {
        let uploads = asked["operation"] == "upload";
        let access = if uploads { Access::Write } else { Access::Read };
        let id = match self.opened(path, "", headers, access) {
            Ok((id, _)) => id,
            Err(refused) => return refused,
        };
        let base = path.trim_end_matches("/objects/batch");
        let mut store = self.0.large.lock().unwrap();
        let objects = asked["objects"].as_array().into_iter().flatten();
        let listed = objects.map(|object| {
            let oid = object["oid"].as_str().unwrap_or_default().to_owned();
            let there = store.objects.contains_key(&(id, oid.clone()));
            let mut told = json!({ "oid": oid, "size": object["size"], "authenticated": true });
            if !there && !uploads {
                told["error"] = json!({ "code": 404, "message": "Object does not exist" });
            } else if there != uploads {
                let link = uuid::Uuid::new_v4().simple().to_string();
                let href = format!("{}{base}/storage/{link}", self.0.web);
                let action = json!({ "href": href, "expires_in": 3600 });
                store.links.insert(link, (id, oid));
                let name = if uploads { "upload" } else { "download" };
                told["actions"] = json!({ name: action });
            }
            told
        });
        let objects: Vec<Value> = listed.collect();
        let body = json!({ "transfer": "basic", "objects": objects });
        Reply {
            body: body.to_string().into_bytes(),
            ..Reply::empty(200).with("content-type", KIND)
        }
    }
}
