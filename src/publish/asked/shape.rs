//! What kind of path it is, by its words alone.

use super::lfs::Request;
use super::{Refusal, Site};
use crate::publish::operation::{Access, Subject};
use crate::publish::path::Path;
use crate::types::Repository;

/// The kind of a path. Numbers are indices of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The REST API; its path begins here.
    Rest(usize),
    /// Uploads; the API's path begins here.
    Upload(usize),
    Graphql,
    Token,
    Page,
    /// `info/refs`.
    Refs(Part),
    /// A pack is fetched or pushed.
    Pack(Part, Access),
    /// What smart HTTP has no use for.
    Dumb,
    Lfs(Part, Request),
    /// Objects of LFS where the batch API sends for them.
    LfsStore,
    Stop(Stop),
    Other,
}

/// What git is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A repository, or its wiki: the index of its owner.
    Repository(usize),
    /// A gist: the index of its id.
    Gist(usize),
}

/// Where an operation's redirect leads, or where its answer points: the same operation, asked for
/// in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// `codeload/{owner}/{repo}/{format}/{ref}`: the index of the owner.
    Codeload(usize),
    /// `{owner}/{repo}/archive/{ref}.zip`.
    Archive,
    /// `{owner}/{repo}/tarball/{ref}`, `…/zipball/{ref}`.
    Ball,
    /// A file's bytes: the indices of the owner and of the branch.
    Content(usize, usize),
    /// `{owner}/{repo}/releases/download/{tag}/{file}`.
    Asset,
    /// An asset where it is stored, under a token of its own.
    Stored,
}

impl Shape {
    /// The shape of a path, if every server sees the same one: also one that does not care for
    /// case, that takes `.json` at the end for a format, or that decodes before it cuts the path
    /// into segments.
    pub(super) fn of(path: &Path, site: Site<'_>) -> Result<Self, Refusal> {
        let words: Vec<&str> = path.segments().collect();
        let shape = Self::read(&words, site);
        let same = |path: &Path| {
            let folded: Vec<String> = path.segments().map(str::to_ascii_lowercase).collect();
            let mut words: Vec<&str> = folded.iter().map(String::as_str).collect();
            let whole = Self::read(&words, site) == shape;
            if let Some((stem, _)) = words.last().and_then(|last| last.rsplit_once('.')) {
                words.pop();
                words.push(stem);
            }
            whole && Self::read(&words, site) == shape
        };
        let plain = !path.has_capitals() && !path.has_format();
        if (plain || same(path)) && path.readings().iter().all(same) {
            Ok(shape)
        } else {
            Err(Refusal::Ambiguous)
        }
    }

    fn read(words: &[&str], site: Site<'_>) -> Self {
        match (site, words) {
            (Site::Api, ["graphql"]) => Self::Graphql,
            (Site::Api, _) => Self::Rest(0),
            (Site::Main | Site::Part(_), words) => Self::below_root(words),
            (Site::Tool, _) => Self::Other,
        }
    }

    fn below_root(words: &[&str]) -> Self {
        match words {
            ["api", "graphql"] | ["api", "v3", "graphql"] => Self::Graphql,
            ["api", "v3", ..] => Self::Rest(2),
            ["api", "uploads", ..] => Self::Upload(2),
            ["login", "oauth", "access_token"] | ["login", "device", "code"] => Self::Token,
            ["login" | "sessions" | "saml" | "github-apps" | "apps", ..]
            | ["session" | "logout"]
            | [
                "settings",
                "apps" | "applications" | "connections" | "installations",
                ..,
            ]
            | ["organizations", _, "settings", "apps" | "installations", ..] => Self::Page,
            ["storage" | "media", "lfs", _, ..] => Self::LfsStore,
            ["storage" | "media", "releases", _, ..] => Self::Stop(Stop::Stored),
            ["codeload", _, _, _, ..] => Self::Stop(Stop::Codeload(1)),
            ["raw" | "media", _, _, _, _, ..] => Self::Stop(Stop::Content(1, 3)),
            ["gist", _, rest @ ..] if is_git(rest) => Self::git(Part::Gist(1), rest),
            ["gist", _, _, rest @ ..] if is_git(rest) => Self::git(Part::Gist(2), rest),
            [owner, ..] if NO_OWNERS.contains(owner) => Self::Other,
            [_, repository, rest @ ..] => Self::repository(repository, rest),
            _ => Self::Other,
        }
    }

    fn repository(repository: &str, rest: &[&str]) -> Self {
        match rest {
            rest if is_git(rest) => Self::git(Part::Repository(0), rest),
            ["HEAD" | "head"] | ["objects", ..] if repository.ends_with(".git") => Self::Dumb,
            ["info", "lfs", rest @ ..] => Self::Lfs(Part::Repository(0), Request::of(rest)),
            ["archive", _, ..] => Self::Stop(Stop::Archive),
            [
                "tarball" | "zipball" | "legacy.tar.gz" | "legacy.zip",
                _,
                ..,
            ] => Self::Stop(Stop::Ball),
            ["raw", _, _, ..] => Self::Stop(Stop::Content(0, 3)),
            ["releases", "download", _, _, ..] => Self::Stop(Stop::Asset),
            _ => Self::Other,
        }
    }

    fn git(part: Part, rest: &[&str]) -> Self {
        match rest {
            ["info", "refs"] => Self::Refs(part),
            ["git-upload-pack"] => Self::Pack(part, Access::Read),
            ["git-receive-pack"] => Self::Pack(part, Access::Write),
            _ => Self::Dumb,
        }
    }
}

impl Part {
    /// Whom it is about: a wiki is its repository's.
    pub(super) fn subject(self, path: &Path) -> Result<Subject, Refusal> {
        match self {
            Self::Repository(at) => repository(path, at),
            Self::Gist(at) => {
                let id = path.segment(at);
                let id = id.strip_suffix(".git").unwrap_or(id);
                let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if fits {
                    Ok(Subject::Gist(id.into()))
                } else {
                    Err(Refusal::GitRepository)
                }
            }
        }
    }
}

/// The repository whose owner is the segment at `at`.
pub(super) fn repository(path: &Path, at: usize) -> Result<Subject, Refusal> {
    let (owner, name) = (path.segment(at), path.segment(at + 1));
    let name = name.strip_suffix(".git").unwrap_or(name);
    let name = name.strip_suffix(".wiki").unwrap_or(name);
    let full = format!("{owner}/{name}").parse::<Repository>();
    full.or(Err(Refusal::GitRepository))?;
    Ok(Subject::Repository {
        owner: owner.into(),
        name: name.into(),
    })
}

fn is_git(rest: &[&str]) -> bool {
    matches!(
        rest,
        ["info", "refs"] | ["git-upload-pack" | "git-receive-pack" | "git-upload-archive"]
    )
}

/// First words of pages: no account can be called so.
const NO_OWNERS: [&str; 24] = [
    "_registry",
    "about",
    "api",
    "assets",
    "avatars",
    "codeload",
    "dashboard",
    "enterprises",
    "explore",
    "gist",
    "issues",
    "join",
    "marketplace",
    "media",
    "new",
    "notifications",
    "organizations",
    "orgs",
    "pulls",
    "raw",
    "search",
    "settings",
    "storage",
    "users",
];
