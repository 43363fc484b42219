//! `repositories = […]`: whether a request stays inside the repositories that a route is limited
//! to.
//!
//! What is guaranteed: every repository that a request *chooses* (by its path, by an id, by a
//! parameter or by a GraphQL argument) is inside, or the request is refused; what cannot be shown
//! to be inside is refused. What GitHub itself puts into an answer about a repository that is
//! inside comes along: the fork that a pull request came from, the parent of a fork, mentions in a
//! time line. Forks of one network share their git objects on the server, so a commit is readable
//! from each of them by whoever knows its hash.
//!
//! Judging is pure. Where the server has to be asked, a judgement is a [`Question`]; [`settle`]
//! asks it and judges again.

mod body;
mod directory;
mod field;
mod node;
mod operation;
mod query;
mod refusal;

pub use body::Body;
pub use directory::{Ask, Directory, KEPT, ROOM, Silence};
pub use operation::Crossings;
pub use refusal::Refusal;

use super::graphql;
use crate::types::{Repository, RepositoryPatterns as Patterns, without_suffix};

/// The limit of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    patterns: Patterns,
}

/// What a request is about, as its path says.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The REST operation, where it is one that is known: `pulls/list`.
    pub operation: Option<&'a str>,
    /// Everything that the path names; empty where it names neither repository nor owner.
    pub targets: &'a [Target],
    /// The parameters of the path and the query by which an operation may reach elsewhere.
    pub crossings: Crossings<'a>,
}

/// One thing that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `/repos/{owner}/{repo}`, or git and LFS under `/{owner}/{repo}.git`.
    Repository(Repository, Renames),
    /// `/repositories/{id}`.
    RepositoryId(u64),
    /// `/orgs/{org}`, `/users/{username}`.
    Owner(Box<str>),
    /// `/organizations/{id}`, `/user/{id}`.
    OwnerId(u64),
}

/// What the server does with the former name of a repository that was renamed or moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renames {
    /// It redirects (REST): the client comes again with the id, which is judged by itself.
    Redirected,
    /// It serves the repository under its former name (git, LFS, GraphQL), so that a name inside
    /// may lead outside: the name is asked for first.
    Followed,
}

/// What is said of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays inside.
    Inside,
    /// It stays inside if its body does.
    Body(Body),
    /// It does not, or that cannot be shown.
    Outside(Refusal),
    /// The server has to be asked first.
    Unknown(Question),
}

/// What the server has to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Which repository has this id?
    Repository(u64),
    /// Which account has this id?
    Owner(u64),
    /// Is this still the repository's name?
    Current(Repository),
}

/// How many questions one request may raise: as many as GraphQL takes ids in one list.
const MOST_QUESTIONS: usize = 100;

impl Limit {
    /// The limit to these repositories.
    #[must_use]
    pub const fn new(patterns: Patterns) -> Self {
        Self { patterns }
    }

    /// Judges a REST, git or LFS request. Requests that belong to no repository and to no
    /// operation, such as signing in under `/login/oauth`, are not for this room.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>, directory: &Directory) -> Verdict {
        if let Some(operation) = request.operation {
            if operation::crosses(operation) {
                return Verdict::Outside(Refusal::Crossing);
            }
            if operation::is_harmless(operation) {
                return Verdict::Inside;
            }
        }
        let verdict = request
            .targets
            .iter()
            .map(|target| self.target(target, request.operation, directory))
            .reduce(Verdict::and)
            .unwrap_or(Verdict::Outside(Refusal::Unbound));
        match (verdict, request.operation) {
            (Verdict::Inside, Some(operation)) => {
                let named = request
                    .targets
                    .iter()
                    .find_map(|target| named(target, directory));
                self.crossing(operation, named.as_ref(), &request.crossings)
            }
            (verdict, _) => verdict,
        }
    }

    /// Judges a GraphQL request.
    #[must_use]
    pub fn judge_graphql(&self, operation: &graphql::Operation, directory: &Directory) -> Verdict {
        query::judge(&self.patterns, operation, directory)
    }

    fn target(&self, target: &Target, operation: Option<&str>, directory: &Directory) -> Verdict {
        match target {
            Target::Repository(name, renames) => self.name(name, *renames, directory),
            Target::RepositoryId(id) => match directory.repository(*id) {
                Some(name) => Verdict::inside_if(self.patterns.admits(&name)),
                None => Verdict::Unknown(Question::Repository(*id)),
            },
            Target::Owner(login) => self.owner(login, operation),
            Target::OwnerId(id) => match directory.owner(*id) {
                Some(login) => self.owner(&login, operation),
                None => Verdict::Unknown(Question::Owner(*id)),
            },
        }
    }

    fn name(&self, name: &Repository, renames: Renames, directory: &Directory) -> Verdict {
        if !self.patterns.admits(name) {
            return Verdict::Outside(Refusal::Outside);
        }
        let bare = without_suffix(name);
        match renames {
            Renames::Redirected => Verdict::Inside,
            Renames::Followed if directory.is_current(&bare) => Verdict::Inside,
            Renames::Followed => Verdict::Unknown(Question::Current(bare)),
        }
    }

    /// What is under an owner may list any of its repositories, so all have to be inside; and an
    /// operation that is not known may list anything.
    fn owner(&self, login: &str, operation: Option<&str>) -> Verdict {
        match operation {
            None => Verdict::Outside(Refusal::Unbound),
            Some(name) if operation::is_about_owner(name) => {
                Verdict::inside_if(self.patterns.touches_owner(login))
            }
            Some(_) => Verdict::inside_if(self.patterns.covers_owner(login)),
        }
    }
}

impl Verdict {
    const fn inside_if(inside: bool) -> Self {
        if inside {
            Self::Inside
        } else {
            Self::Outside(Refusal::Outside)
        }
    }

    /// Both: a refusal before a question, so that nothing is asked for a request that is refused
    /// anyway.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Outside(refusal), _) | (_, Self::Outside(refusal)) => Self::Outside(refusal),
            (Self::Unknown(question), _) | (_, Self::Unknown(question)) => Self::Unknown(question),
            (Self::Body(body), _) | (_, Self::Body(body)) => Self::Body(body),
            (Self::Inside, Self::Inside) => Self::Inside,
        }
    }
}

/// Judges until nothing is unknown, asking the server in between. What is left to judge, if
/// anything, is the body.
///
/// # Errors
/// The [`Refusal`] of the judgement, or of a question that has no answer.
pub async fn settle(
    directory: &Directory,
    ask: &dyn Ask,
    judge: impl Fn(&Directory) -> Verdict + Send,
) -> Result<Option<Body>, Refusal> {
    for _ in 0..MOST_QUESTIONS {
        match judge(directory) {
            Verdict::Inside => return Ok(None),
            Verdict::Body(body) => return Ok(Some(body)),
            Verdict::Outside(refusal) => return Err(refusal),
            Verdict::Unknown(question) => directory.ask(&question, ask).await?,
        }
    }
    match judge(directory) {
        Verdict::Inside => Ok(None),
        Verdict::Body(body) => Ok(Some(body)),
        Verdict::Outside(refusal) => Err(refusal),
        Verdict::Unknown(_) => Err(Refusal::Unresolved),
    }
}

/// The repository that a target names, once it is known.
fn named(target: &Target, directory: &Directory) -> Option<Repository> {
    match target {
        Target::Repository(name, _) => Some(without_suffix(name)),
        Target::RepositoryId(id) => directory.repository(*id),
        Target::Owner(_) | Target::OwnerId(_) => None,
    }
}

#[cfg(test)]
mod tests;
