//! What is answered, before it is dressed with the headers that every answer has.

use serde_json::{Value, json};

const DOCUMENTATION: &str = "https://docs.github.com/rest";

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What a handler comes to; a refusal ends it early.
pub(super) type Answered = Result<Reply, Reply>;

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn page(title: &str, body: &str) -> Self {
        let html = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1>{body}</html>"
        );
        Self {
            status: 200,
            headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
            body: html.into_bytes(),
        }
    }

    pub(super) fn to(status: u16, location: &str) -> Self {
        Self::empty(status).with("location", location)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// GitHub's way to say no.
    pub(super) fn no(status: u16, message: &str) -> Self {
        let body = json!({
            "message": message,
            "documentation_url": DOCUMENTATION,
            "status": status.to_string(),
        });
        Self::json(status, &body)
    }

    pub(super) fn bad_credentials() -> Self {
        Self::no(401, "Bad credentials")
    }

    pub(super) fn not_found() -> Self {
        Self::no(404, "Not Found")
    }

    pub(super) fn inaccessible() -> Self {
        Self::no(403, "Resource not accessible by integration")
    }

    pub(super) fn suspended() -> Self {
        Self::no(403, "This installation has been suspended")
    }

    pub(super) fn moved(status: u16, url: &str) -> Self {
        let body = json!({
            "message": if status == 301 { "Moved Permanently" } else { "Temporary Redirect" },
            "url": url,
            "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
        });
        Self::json(status, &body).with("location", url)
    }
}
