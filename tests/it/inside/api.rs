//! The API as Prism answers it from the description of GHES, with what a description cannot say:
//! the server's own name in every URL, and links that lead on by id.

use super::{Answer, Body, Ghes, manners, program::fetched, whole, with};
use crate::harness::skipped;
use crate::world::{INTERNAL, World};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, IF_NONE_MATCH, LINK};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use std::process::Command;

const PORT: u16 = 4010;
const DESCRIPTION: &str = "ghes-3.19-23.0.2.json";
/// The example that the whole description is about, and one that nobody outside may see.
pub const EXAMPLE: (u64, &str) = (1_296_269, "octocat/Hello-World");
pub const SECRET_REPOSITORY: (u64, &str) = (7002, "vault/keys");
/// A kind of path that has a name and an id, and who there is.
struct Kind {
    by_name: &'static str,
    by_id: &'static str,
    known: &'static [(u64, &'static str)],
}

const REPOSITORIES: Kind = Kind {
    by_name: "/repos/",
    by_id: "/repositories/",
    known: &[EXAMPLE, SECRET_REPOSITORY],
};
const KINDS: [Kind; 3] = [
    REPOSITORIES,
    Kind {
        by_name: "/orgs/",
        by_id: "/organizations/",
        known: &[(1, "github"), (2, "vault")],
    },
    Kind {
        by_name: "/users/",
        by_id: "/user/",
        known: &[(1, "octocat")],
    },
];
const PAGES: u32 = 3;

/// Where the examples' hosts are on a GHES.
const HOSTS: [(&str, &str); 14] = [
    ("https://api.github.com", "https://{}/api/v3"),
    ("http://api.github.com", "https://{}/api/v3"),
    ("https://HOSTNAME", "https://{}/api/v3"),
    ("https://uploads.github.com", "https://{}/api/uploads"),
    ("https://github.com", "https://{}"),
    ("https://svn.github.com", "https://{}"),
    ("https://gist.github.com", "https://{}/gist"),
    ("https://codeload.github.com", "https://codeload.{}"),
    ("https://raw.githubusercontent.com", "https://raw.{}"),
    (
        "https://avatars.githubusercontent.com",
        "https://avatars.{}",
    ),
    (
        "https://avatars1.githubusercontent.com",
        "https://avatars.{}",
    ),
    (
        "https://avatars3.githubusercontent.com",
        "https://avatars.{}",
    ),
    ("git@github.com:", "git@{}:"),
    ("git:github.com/", "git://{}/"),
];

/// A text about github.com as this server would have said it.
pub(super) fn rebased(text: &str) -> String {
    HOSTS.iter().fold(text.to_owned(), |text, (there, here)| {
        text.replace(there, &here.replace("{}", INTERNAL))
    })
}

impl Ghes {
    /// Gives the server an API; false where Prism is not there.
    pub async fn describe(&self, world: &World) -> bool {
        let prism = fetched("clients-node/node_modules/.bin/prism");
        let (Some(prism), Some(description)) = (prism, fetched(DESCRIPTION)) else {
            skipped("Prism or the description of GHES is not in .cache");
            return false;
        };
        let mut command = Command::new(prism);
        command
            .args(["mock", "--host", "127.0.0.1", "--port"])
            .arg(PORT.to_string())
            .arg(description);
        self.run(command, PORT, &world.path("prism.log")).await;
        true
    }

    /// Answers a request for this path of the API.
    pub(super) async fn described(&self, path: &str, mut request: Request<Body>) -> Answer {
        let Some(named) = by_name(path) else {
            return manners::not_found();
        };
        let about = subject(&named);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let headers = request.headers_mut();
        for name in [ACCEPT, ACCEPT_ENCODING, HOST, IF_NONE_MATCH] {
            headers.remove(name);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut target = about.map_or(named.clone(), |(_, name)| {
            named.replacen(name, EXAMPLE.1, 1)
        });
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        let (head, body) = self.pass(PORT, &target, request).await.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).cloned();
        if kind
            .as_ref()
            .is_some_and(|kind| kind == "application/problem+json")
        {
            return manners::not_found();
        }
        let body = body.collect().await.unwrap().to_bytes();
        let mut text = rebased(&String::from_utf8_lossy(&body));
        if let Some((id, name)) = about.filter(|about| *about != EXAMPLE) {
            text = text.replace(EXAMPLE.1, name);
            text = text.replace(&EXAMPLE.0.to_string(), &id.to_string());
        }
        let mut answer = Response::builder().status(head.status);
        if head.headers.contains_key(LINK) {
            answer = answer.header(LINK, links(&named, &query));
        }
        if let Some(kind) = kind {
            let mut kind = kind.to_str().unwrap().to_owned();
            if kind == "application/json" {
                kind.push_str("; charset=utf-8");
            }
            answer = answer.header(CONTENT_TYPE, kind);
        }
        match answer.body(whole(text)) {
            Ok(answer) => answer,
            Err(failed) => with(StatusCode::BAD_GATEWAY, &[], &failed.to_string()),
        }
    }
}

/// The path as the description has it, whichever way it was asked for; none where nobody there
/// has that name or id.
fn by_name(path: &str) -> Option<String> {
    for kind in KINDS {
        if let Some(rest) = path.strip_prefix(kind.by_id) {
            let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
            // There is `/user/repos` too.
            let Ok(id) = id.parse::<u64>() else { continue };
            let (_, name) = kind.known.iter().find(|(known, _)| *known == id)?;
            let whole = format!("{}{name}/{rest}", kind.by_name);
            return Some(whole.trim_end_matches('/').to_owned());
        }
        if let Some(rest) = path.strip_prefix(kind.by_name) {
            let ((_, name), rest) = kind.whose(rest)?;
            return Some(format!("{}{name}{rest}", kind.by_name));
        }
    }
    Some(path.to_owned())
}

impl Kind {
    /// Splits a path after one of the names, which people write as they like.
    fn whose<'a>(&self, path: &'a str) -> Option<((u64, &'static str), &'a str)> {
        self.known.iter().find_map(|known| {
            let (start, rest) = path.split_at_checked(known.1.len())?;
            let ends = rest.is_empty() || rest.starts_with('/');
            (ends && start.eq_ignore_ascii_case(known.1)).then_some((*known, rest))
        })
    }
}

/// The repository that a path is about.
fn subject(path: &str) -> Option<(u64, &'static str)> {
    let path = path.strip_prefix(REPOSITORIES.by_name)?;
    REPOSITORIES.whose(path).map(|(whose, _)| whose)
}

/// The links of one page among several, which lead on by id as GitHub's do.
fn links(path: &str, query: &str) -> String {
    let by_id = KINDS.iter().find_map(|kind| {
        let ((id, _), rest) = kind.whose(path.strip_prefix(kind.by_name)?)?;
        Some(format!("{}{id}{rest}", kind.by_id))
    });
    let path = by_id.unwrap_or_else(|| path.to_owned());
    let asked: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let page = asked.iter().find(|(name, _)| name == "page");
    let page: u32 = page.and_then(|(_, page)| page.parse().ok()).unwrap_or(1);
    let to = |page: u32| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.iter().filter(|(name, _)| name != "page"));
        query.append_pair("page", &page.to_string());
        format!("<https://{INTERNAL}/api/v3{path}?{}>", query.finish())
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(format!("{}; rel=\"prev\"", to(page - 1)));
        links.push(format!("{}; rel=\"first\"", to(1)));
    }
    if page < PAGES {
        links.push(format!("{}; rel=\"next\"", to(page + 1)));
        links.push(format!("{}; rel=\"last\"", to(PAGES)));
    }
    links.join(", ")
}
