//! Lists, page by page, with the links that lead on.

use super::answer::Reply;
use super::request::Call;
use serde_json::Value;

const USUAL: usize = 30;
const MOST: usize = 100;

/// One page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// For the `Link` header; empty where there is only one page.
    links: String,
}

impl<T> Page<T> {
    /// The page that is asked for, of a list at this URL.
    pub(super) fn of(all: Vec<T>, call: &Call, url: &str) -> Self {
        let number = |name: &str| call.parameter(name).and_then(|text| text.parse().ok());
        let size = number("per_page").unwrap_or(USUAL).clamp(1, MOST);
        let page = number("page").unwrap_or(1).max(1);
        let last = all.len().div_ceil(size).max(1);
        let to = |page: usize, relation: &str| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(call.query.iter().filter(|(name, _)| name != "page"));
            query.append_pair("page", &page.to_string());
            format!("<{url}?{}>; rel=\"{relation}\"", query.finish())
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(to((page - 1).min(last), "prev"));
        }
        if page < last {
            links.push(to(page + 1, "next"));
            links.push(to(last, "last"));
        }
        if page > 1 {
            links.push(to(1, "first"));
        }
        let items = all.into_iter().skip((page - 1) * size).take(size).collect();
        Self {
            items,
            links: links.join(", "),
        }
    }

    pub(super) fn reply(&self, body: &Value) -> Reply {
        let reply = Reply::json(200, body);
        if self.links.is_empty() {
            reply
        } else {
            reply.with("link", self.links.clone())
        }
    }
}

/// How many a page has where it leads on by a cursor.
pub(super) fn size(call: &Call) -> usize {
    let asked = call
        .parameter("per_page")
        .and_then(|text| text.parse().ok());
    asked.unwrap_or(USUAL).clamp(1, MOST)
}
