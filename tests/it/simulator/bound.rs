//! Where a request is bound: the API, git or a page, each with its own paths and perhaps names.

use super::{Shape, Simulator, git};
use http::header::HOST;
use http::request::Parts;

/// Where a request is bound.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The API, with the path as the description has it.
    Api(String),
    Git,
    Page,
    /// Where bytes are kept.
    Store,
}

impl Simulator {
    pub(super) fn bound(&self, head: &Parts) -> Bound {
        if self.is_store(head) {
            return Bound::Store;
        }
        let path = head.uri.path();
        let api = |prefix| {
            path.strip_prefix(prefix)
                .map(|rest: &str| Bound::Api(rest.to_owned()))
        };
        if self.0.shape == Shape::Ghes {
            return api("/api/v3")
                .or_else(|| api("/api/uploads"))
                .or_else(|| api("/api").filter(|_| path == "/api/graphql"))
                .unwrap_or(if git::split(path).is_some() {
                    Bound::Git
                } else {
                    Bound::Page
                });
        }
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let is_page = matches!(
            segments.as_slice(),
            ["settings" | "login", ..]
                | ["organizations", _, "settings", ..]
                | ["apps", _, "installations", ..]
        );
        if host.starts_with("api.") || host.starts_with("uploads.") {
            Bound::Api(path.to_owned())
        } else if git::split(path).is_some() {
            Bound::Git
        } else if is_page || self.0.web != self.0.api {
            Bound::Page
        } else {
            api("/api/uploads").unwrap_or_else(|| Bound::Api(path.to_owned()))
        }
    }
}
