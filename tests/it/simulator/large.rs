//! Large files: where they are is told to who may read or write the repository; they themselves
//! are given to who shows what was told.

use super::Simulator;
use super::answer::Reply;
use super::bytes::To;
use super::git::said;
use super::permissions::Access;
use crate::inside::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

const KIND: &str = "application/vnd.git-lfs+json";

impl Simulator {
    /// Answers a request about large files of a repository.
    pub(super) async fn large(&self, request: Request<Body>) -> Reply {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return said(400, "half a request");
        };
        let (body, path) = (body.to_bytes(), head.uri.path());
        if path.ends_with("/info/lfs/objects/batch") {
            let asked = serde_json::from_slice(&body).unwrap_or_default();
            return self.batch(path, &head.headers, &asked);
        }
        // Locks, say, which nobody has to know.
        Reply::no(404, "Not Found")
    }

    fn batch(&self, path: &str, headers: &HeaderMap, asked: &Value) -> Reply {
        let uploads = asked["operation"] == "upload";
        let access = if uploads { Access::Write } else { Access::Read };
        let id = match self.opened(path, "", headers, access) {
            Ok((id, _)) => id,
            Err(refused) => return refused,
        };
        let objects = asked["objects"].as_array().into_iter().flatten();
        let listed = objects.map(|object| {
            let oid = object["oid"].as_str().unwrap_or_default().to_owned();
            let known = (id, oid.clone());
            let there = self.0.large.lock().unwrap().objects.contains_key(&known);
            let mut told = json!({ "oid": oid, "size": object["size"], "authenticated": true });
            if !there && !uploads {
                told["error"] = json!({ "code": 404, "message": "Object does not exist" });
            } else if uploads && !there {
                told["actions"] = json!({
                    "upload": self.action(To::Object(id, oid.clone())),
                    "verify": self.action(To::Verified(id, oid)),
                });
            } else if !uploads {
                told["actions"] = json!({ "download": self.action(To::Object(id, oid)) });
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
