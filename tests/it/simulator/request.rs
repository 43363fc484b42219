//! A request's way: noted, met as the mood is, known or refused, counted, answered, dressed.

use super::answer::{Answered, Reply};
use super::bound::Bound;
use super::clock::http_date;
use super::limits::Counted;
use super::principal::Principal;
use super::record::digest;
use super::{Moods, Shape, Simulator};
use crate::inside::{Answer, Body, whole};
use http::header::{ACCEPT, AUTHORIZATION, DATE, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;
use std::io;

/// A request of the API whose sender is known.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) by: Principal,
    /// Whether bytes are wanted, and no document.
    pub(super) octets: bool,
}

impl Call {
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter();
        let (_, value) = all.find(|(known, _)| known == name)?;
        Some(value)
    }

    pub(super) fn json(&self) -> Result<Value, Reply> {
        serde_json::from_slice(&self.body).map_err(|_| Reply::no(400, "Problems parsing JSON"))
    }

    /// The App whose JWT this is.
    pub(super) fn app(&self) -> Result<u64, Reply> {
        match self.by {
            Principal::App(id) => Ok(id),
            Principal::Nobody | Principal::Installation(_) | Principal::User { .. } => {
                Err(Reply::no(401, "A JSON web token could not be decoded"))
            }
        }
    }
}

/// A request that is being answered, or whose connection goes.
struct UnderWay {
    simulator: Simulator,
    number: usize,
    status: Option<u16>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut record = self.simulator.0.record.lock().unwrap();
        record.over(self.number, self.status);
    }
}

impl Simulator {
    pub(super) async fn serve(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let bound = self.bound(&head);
        if bound == Bound::Git {
            let mut way = self.note(&head, b"");
            self.wait(head.uri.path()).await;
            let mut answer = self
                .git(Request::from_parts(
                    head,
                    body.map_err(io::Error::other).boxed(),
                ))
                .await;
            way.status = Some(answer.status().as_u16());
            let date = http_date(self.0.clock.now()).parse().unwrap();
            answer.headers_mut().insert(DATE, date);
            return answer;
        }
        let Ok(body) = body.collect().await else {
            return dressed(Reply::no(400, "half a request"));
        };
        let body = body.to_bytes();
        let mut way = self.note(&head, &body);
        self.wait(head.uri.path()).await;
        let reply = match bound {
            Bound::Api(path) => self.considered(&head, path, &body),
            Bound::Store => self.bytes(&head, &body),
            Bound::Git | Bound::Page => self.page(&head, &body),
        };
        self.until_free(head.uri.path(), |moods| moods.stalled.as_deref())
            .await;
        way.status = Some(reply.status);
        dressed(reply.with("date", http_date(self.0.clock.now())))
    }

    fn note(&self, head: &Parts, body: &[u8]) -> UnderWay {
        let mut record = self.0.record.lock().unwrap();
        UnderWay {
            simulator: self.clone(),
            number: record.note(self.0.clock.now(), head, body),
            status: None,
        }
    }

    async fn wait(&self, path: &str) {
        let slow = self.0.moods.borrow().slow;
        if let Some(slow) = slow {
            tokio::time::sleep(slow).await;
        }
        self.until_free(path, |moods| moods.held.as_deref()).await;
    }

    async fn until_free(&self, path: &str, part: impl Fn(&Moods) -> Option<&str>) {
        let mut moods = self.0.moods.subscribe();
        let free = |moods: &Moods| part(moods).is_none_or(|part| !path.contains(part));
        drop(moods.wait_for(free).await);
    }

    /// What the API answers.
    fn considered(&self, head: &Parts, path: String, body: &[u8]) -> Reply {
        let failing = std::cell::Cell::new(None);
        self.0.moods.send_if_modified(|moods| {
            failing.set(moods.fail(&path));
            failing.get().is_some()
        });
        let mut counted = Counted::default();
        let reply = match failing.get() {
            Some(status) => Reply::no(status, "Server Error"),
            None => match self.principal(&head.headers) {
                Err(refused) => refused,
                Ok(by) => {
                    // What is asked with HEAD is answered as with GET, but for the body.
                    let head_only = head.method == Method::HEAD;
                    let method = if head_only {
                        &Method::GET
                    } else {
                        &head.method
                    };
                    let query = head.uri.query().unwrap_or_default();
                    let query = form_urlencoded::parse(query.as_bytes()).into_owned();
                    let call = Call {
                        method: method.to_string(),
                        path,
                        query: query.collect(),
                        body: body.to_vec(),
                        by,
                        octets: head
                            .headers
                            .get(ACCEPT)
                            .is_some_and(|kind| kind == "application/octet-stream"),
                    };
                    self.known(&call, &head.headers, &mut counted)
                }
            },
        };
        self.introduced(counted.shown_on(reply))
    }

    /// What one is answered who is known.
    fn known(&self, call: &Call, headers: &HeaderMap, counted: &mut Counted) -> Reply {
        if let Some(refused) = self.limited(call, counted) {
            return refused;
        }
        if let Some(refused) = self.unlisted(call) {
            return refused;
        }
        let reply = self.route(call).unwrap_or_else(|refused| refused);
        let reply = tagged(call, headers, self.rebased(reply));
        if reply.status != 304 {
            self.count(counted);
        }
        reply
    }

    fn route(&self, call: &Call) -> Answered {
        let segments = call.segments();
        let open = matches!(segments.as_slice(), ["app-manifests", ..]);
        let nobody = matches!(call.by, Principal::Nobody);
        if self.0.shape == Shape::Ghes && nobody && !open {
            return Err(Reply::no(401, "Must authenticate to access this API."));
        }
        match (call.method.as_str(), segments.as_slice()) {
            ("GET", ["rate_limit"]) => self.rate_limit(call),
            (_, ["app", "hook", rest @ ..]) => self.app_hook(call, rest),
            (_, ["app", rest @ ..]) => self.app_itself(call, rest),
            ("GET", ["orgs" | "users", login, "installation"]) => self.installation_of(call, login),
            ("GET", ["repos", owner, name, "installation"]) => {
                self.installation_on(call, owner, name)
            }
            ("GET", ["repositories", id, "installation"]) => self.installation_by_id(call, id),
            ("GET", ["apps", slug]) => self.app_named(slug),
            ("DELETE", ["installation", "token"]) => self.revoke(call),
            ("GET", ["installation", "repositories"]) => self.reachable(call),
            ("POST", ["app-manifests", code, "conversions"]) => self.convert(code),
            ("POST", ["graphql"]) => self.graphed(call),
            ("GET", ["user"]) => self.user_itself(call),
            (_, ["repos", owner, name, rest @ ..]) => self.in_named(call, owner, name, rest),
            (_, ["repositories", id, rest @ ..]) => self.in_identified(call, id, rest),
            (_, ["orgs", login, rest @ ..]) => self.in_organization(call, login, rest),
            _ => self.elsewhere(call),
        }
    }

    /// GitHub's examples name github.com; this server names itself.
    fn rebased(&self, mut reply: Reply) -> Reply {
        let mut text = String::from_utf8_lossy(&reply.body).into_owned();
        for (there, here) in [
            ("https://api.github.com", &self.0.api),
            ("https://HOSTNAME", &self.0.api),
            ("https://github.com", &self.0.web),
        ] {
            for end in ["/", "\""] {
                text = text.replace(&format!("\"{there}{end}"), &format!("\"{here}{end}"));
            }
        }
        reply.body = text.into_bytes();
        reply
    }

    /// Says who the server is.
    fn introduced(&self, reply: Reply) -> Reply {
        let id = uuid::Uuid::new_v4().to_string();
        let reply = reply
            .with("server", "GitHub.com")
            .with("x-github-media-type", "github.v3; format=json")
            .with("x-github-api-version-selected", "2022-11-28")
            .with("x-github-request-id", id);
        match self.0.shape {
            Shape::Dotcom => reply,
            Shape::Ghes => reply.with("x-github-enterprise-version", "3.19.0"),
        }
    }
}

/// Gives what was read a tag, of this token only; and says no more where it was shown.
fn tagged(call: &Call, headers: &HeaderMap, reply: Reply) -> Reply {
    if call.method != "GET" || reply.status != 200 {
        return reply;
    }
    let shown = headers
        .get(AUTHORIZATION)
        .map_or(&b""[..], |shown| shown.as_bytes());
    let mut both = shown.to_vec();
    both.extend(&reply.body);
    let tag = format!("\"{}\"", digest(&both));
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok());
    let same = |known: &str| known.trim().trim_start_matches("W/") == tag;
    let unchanged = known.is_some_and(|known| known.split(',').any(same));
    let reply = if unchanged { Reply::empty(304) } else { reply };
    reply
        .with("etag", format!("W/{tag}"))
        .with("cache-control", "private, max-age=60, s-maxage=60")
        .with(
            "vary",
            "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, X-Requested-With",
        )
}

pub(super) fn dressed(reply: Reply) -> Answer {
    let mut answer = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        answer = answer.header(name, value);
    }
    answer.body::<Body>(whole(reply.body)).unwrap()
}
