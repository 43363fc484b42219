//! git over HTTPS, for who shows a token that reaches the repository; by git's own backend.

use super::Simulator;
use super::answer::Reply;
use super::permissions::Access;
use super::principal::{Principal, shown};
use super::request::dressed;
use crate::inside::{Answer, Body, backend, bare};
use http::{HeaderMap, Request};
use std::path::PathBuf;

impl Simulator {
    /// Where a repository's objects are, for a test that adds commits.
    pub fn git_place(&self, name: &str) -> PathBuf {
        let (owner, short) = name.split_once('/').unwrap();
        let id = self.state().named(owner, short).unwrap().id;
        self.place_of(id)
    }

    pub(super) fn place_of(&self, id: u64) -> PathBuf {
        let place = self.0.place.path().join(format!("{id}.git"));
        if place.exists() { place } else { bare(place) }
    }

    pub(super) async fn git(&self, request: Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        if path.contains("/info/lfs/") {
            return dressed(self.large(request).await);
        }
        let query = request.uri().query().unwrap_or_default();
        let writes = path.ends_with("/git-receive-pack") || query.contains("git-receive-pack");
        let access = if writes { Access::Write } else { Access::Read };
        match self.opened(&path, query, request.headers(), access) {
            Ok((id, rest)) => {
                self.place_of(id);
                let path = format!("/{id}.git/{rest}");
                backend(self.0.place.path(), &path, request).await
            }
            Err(refused) => dressed(refused),
        }
    }

    /// The repository that a path names, and what of it.
    pub(super) fn opened(
        &self,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        access: Access,
    ) -> Result<(u64, String), Reply> {
        let unknown = || said(404, "Repository not found.");
        let (name, rest) = split(path).ok_or_else(unknown)?;
        let (owner, short) = name.split_once('/').ok_or_else(unknown)?;
        let challenge = || {
            said(401, "Repository not found.").with("www-authenticate", "Basic realm=\"GitHub\"")
        };
        if shown(headers).is_none() {
            return Err(challenge());
        }
        let by = self
            .principal(headers)
            .map_err(|refused| match refused.status {
                401 => challenge(),
                status => said(status, "This installation has been suspended."),
            })?;
        let state = self.state();
        let now = state.named(owner, short);
        let one = now
            .or_else(|| state.once_named(owner, short))
            .ok_or_else(unknown)?;
        let Principal::Installation(token) = by else {
            return Err(unknown());
        };
        let (covered, permissions) = state.reach(&token);
        let read = permissions.allow("contents", Access::Read) && covered.contains(&one.id);
        if !read && one.private {
            return Err(unknown());
        }
        if access == Access::Write && !(read && permissions.allow("contents", access)) {
            return Err(said(403, "Write access to repository not granted."));
        }
        if now.is_none() {
            let query = if query.is_empty() {
                String::new()
            } else {
                format!("?{query}")
            };
            let url = format!("{}/{}.git/{rest}{query}", self.0.web, state.full_name(one));
            return Err(Reply::to(301, &url));
        }
        Ok((one.id, rest.to_owned()))
    }
}

/// The ends of git's paths, for those who leave out `.git`.
const ENDS: [&str; 3] = ["info/refs", "git-upload-pack", "git-receive-pack"];

/// A repository's name and what is asked of it; none where a path is not one of git's.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    path.split_once(".git/").or_else(|| {
        let of = |end: &str| path.strip_suffix(end)?.strip_suffix('/');
        ENDS.iter().find_map(|end| Some((of(end)?, *end)))
    })
}

/// An answer in plain words.
pub(super) fn said(status: u16, text: &str) -> Reply {
    Reply {
        body: text.as_bytes().to_vec(),
        ..Reply::empty(status).with("content-type", "text/plain")
    }
}
