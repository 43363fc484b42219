//! What a GitHub server says beside its answers: who it is, how often one may ask, and tags that
//! save asking again.

use super::{Answer, whole, with};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap,
    IF_NONE_MATCH, LOCATION, VARY,
};
use http::{HeaderValue, Method, StatusCode, request, response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use std::io::Write as _;

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// What one is told who is not known here.
pub(super) fn unknown(head: &request::Parts) -> Answer {
    let path = head.uri.path();
    if path.starts_with("/api/") {
        let message = if head.headers.contains_key("authorization") {
            "Bad credentials"
        } else {
            "Must authenticate to access this API."
        };
        let body = serde_json::json!({ "message": message, "status": "401",
            "documentation_url": "https://docs.github.com/enterprise-server@3.19/rest" });
        let mut answer = with(StatusCode::UNAUTHORIZED, &[JSON], &body.to_string());
        introduce(answer.headers_mut());
        answer
    } else if path.contains(".git/") {
        let challenge = ("www-authenticate", "Basic realm=\"GitHub\"");
        with(StatusCode::UNAUTHORIZED, &[challenge], "")
    } else if path == "/login" {
        with(
            StatusCode::OK,
            &[("content-type", "text/html; charset=utf-8")],
            "Sign in to GitHub",
        )
    } else {
        with(
            StatusCode::FOUND,
            &[(LOCATION.as_str(), "https://github.corp.internal/login")],
            "",
        )
    }
}

pub(super) fn not_found() -> Answer {
    let body = serde_json::json!({ "message": "Not Found", "status": "404",
        "documentation_url": "https://docs.github.com/enterprise-server@3.19/rest" });
    with(StatusCode::NOT_FOUND, &[JSON], &body.to_string())
}

fn introduce(headers: &mut HeaderMap) {
    for (name, value) in [
        ("server", "GitHub.com"),
        ("x-github-enterprise-version", "3.19.0"),
        ("x-github-media-type", "github.v3; format=json"),
        (
            "x-github-request-id",
            "b8c3d7d2-6a4e-4f0e-9d0c-1f6f5a7f4e11",
        ),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "4999"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// What the caller of the API asked for beside the thing itself.
pub(super) struct Wishes {
    reads: bool,
    gzip: bool,
    unless: Option<HeaderValue>,
}

impl Wishes {
    pub(super) fn of(head: &request::Parts) -> Self {
        let accepted = head.headers.get(ACCEPT_ENCODING).map(HeaderValue::as_bytes);
        Self {
            reads: head.method == Method::GET,
            gzip: memchr::memmem::find(accepted.unwrap_or_default(), b"gzip").is_some(),
            unless: head.headers.get(IF_NONE_MATCH).cloned(),
        }
    }

    /// Adds what a GitHub server adds to an answer of its API.
    pub(super) async fn grant(self, answer: Answer) -> Answer {
        let (mut head, body) = answer.into_parts();
        introduce(&mut head.headers);
        if head.status == StatusCode::NO_CONTENT {
            return Answer::from_parts(head, body);
        }
        let mut body = body.collect().await.unwrap().to_bytes();
        head.headers.remove(CONTENT_LENGTH);
        if self.reads && head.status == StatusCode::OK {
            let hash = Sha256::digest(&body);
            let tag: String = hash
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let tag = format!("\"{tag}\"");
            head.headers.insert(ETAG, tag.parse().unwrap());
            if self.unless.is_some_and(|shown| same(&shown, &tag)) {
                return unchanged(head);
            }
        }
        if self.gzip && is_json(&head.headers) {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&body).unwrap();
            body = packed.finish().unwrap().into();
            head.headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            head.headers
                .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        Answer::from_parts(head, whole(body))
    }
}

fn unchanged(mut head: response::Parts) -> Answer {
    head.status = StatusCode::NOT_MODIFIED;
    head.headers.remove(CONTENT_TYPE);
    Answer::from_parts(head, whole(""))
}

/// GitHub compares tags weakly.
fn same(shown: &HeaderValue, tag: &str) -> bool {
    let mut shown = shown.to_str().unwrap_or_default().split(", ");
    shown.any(|shown| shown.strip_prefix("W/").unwrap_or(shown) == tag)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.contains("json"))
}
