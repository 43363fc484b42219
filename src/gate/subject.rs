//! What a request is about, as the limits to repositories, the audit trail and the rewriting look
//! at it.

use crate::broker::{Demand, Resource};
use crate::publish::asked::{Asked, What};
use crate::publish::operation::Subject;
use crate::publish::rewrite::Surface;
use crate::publish::scope;
use crate::types::{Repository, without_suffix};

/// What a request is about, held for as long as it is judged.
#[derive(Debug)]
pub(super) struct About {
    operation: Option<&'static str>,
    targets: Vec<scope::Target>,
    basehead: Option<String>,
}

impl About {
    /// What this request is about.
    pub(super) fn of(asked: &Asked) -> Self {
        Self {
            operation: asked.operation().map(|operation| operation.id()),
            targets: targets(asked),
            basehead: basehead(asked),
        }
    }

    /// As a limit to repositories looks at it.
    pub(super) fn request<'a>(&'a self, query: Option<&'a str>) -> scope::Request<'a> {
        scope::Request {
            operation: self.operation,
            targets: &self.targets,
            crossings: scope::Crossings {
                basehead: self.basehead.as_deref(),
                query,
            },
        }
    }

    /// The repository that it names, by its name or by its id, where that is known.
    pub(super) fn repository(&self, known: &scope::Directory) -> Option<Repository> {
        self.targets.iter().find_map(|target| match target {
            scope::Target::Repository(name, _) => Some(without_suffix(name)),
            scope::Target::RepositoryId(id) => known.repository(*id),
            scope::Target::Owner(_) | scope::Target::OwnerId(_) => None,
        })
    }
}

/// Of the operations on Apps, what a token of an installation is for. The others are the App's own
/// (its installations, its webhook, tokens) or would end a token that others use too.
const OF_APPS: [&str; 2] = [
    "apps/get-by-slug",
    "apps/list-repos-accessible-to-installation",
];

/// Whether it is something that a token of an App's installation is for.
pub(super) fn is_for_apps(asked: &Asked) -> bool {
    match asked.what() {
        What::Operation(operation) => {
            operation.tag() != "apps" || OF_APPS.contains(&operation.id())
        }
        What::Unknown | What::Graphql(_) | What::Git(_) => true,
        What::Lfs(_) => !is_first_lfs(asked),
        What::Token | What::Page | What::Tool | What::Other => false,
    }
}

/// Whether it is of LFS's first API, which clients have left: it tells of objects one by one, with
/// credentials for each. Those of a batch are kept here; where the batch leads is another matter.
fn is_first_lfs(asked: &Asked) -> bool {
    let mut rest = asked.path().segments().skip_while(|part| *part != "lfs");
    let of_objects = rest.nth(1) == Some("objects");
    of_objects && rest.next() != Some("batch")
}

pub(super) fn surface(asked: &Asked) -> Surface {
    match asked.what() {
        // Where a redirect of the API leads, bytes are served.
        What::Operation(_) if !asked.is_at_the_api() => Surface::Git,
        What::Operation(_) | What::Unknown | What::Graphql(_) | What::Token => Surface::Api,
        What::Git(_) => Surface::Git,
        What::Lfs(None) => Surface::Api,
        What::Lfs(Some(_)) => Surface::Git,
        What::Page | What::Tool | What::Other => Surface::Page,
    }
}

/// What GitHub counts a request as; none where it is not asked of the API. Git and LFS are not, nor
/// is what a redirect of the API leads to; and to ask for the limits costs nothing.
pub(super) fn demand(asked: &Asked) -> Option<Demand> {
    let operation = asked.name();
    let resource = match asked.what() {
        What::Operation(named) if named.id() == "rate-limit/get" => return None,
        What::Operation(named) if asked.is_at_the_api() => Resource::of(named.id()),
        What::Unknown => Resource::CORE,
        What::Graphql(_) => Resource::GRAPHQL,
        What::Operation(_)
        | What::Git(_)
        | What::Lfs(_)
        | What::Token
        | What::Page
        | What::Tool
        | What::Other => return None,
    };
    Some(Demand {
        operation,
        resource,
    })
}

/// Whether an answer may be held: what is read of REST.
pub(super) fn may_be_held(asked: &Asked) -> bool {
    match asked.what() {
        What::Operation(named) => asked.is_at_the_api() && named.id() != "rate-limit/get",
        What::Unknown => true,
        What::Graphql(_)
        | What::Git(_)
        | What::Lfs(_)
        | What::Token
        | What::Page
        | What::Tool
        | What::Other => false,
    }
}

/// Whether tokens are given there to who signs in.
pub(super) fn gives_tokens(asked: &Asked) -> bool {
    asked.what() == What::Token && asked.path().segments().last() == Some("access_token")
}

pub(super) fn speaks_git(asked: &Asked) -> bool {
    matches!(asked.what(), What::Git(_) | What::Lfs(_))
}

/// What a path names, as a limit to repositories looks at it.
fn targets(asked: &Asked) -> Vec<scope::Target> {
    let renames = if speaks_git(asked) {
        scope::Renames::Followed
    } else {
        scope::Renames::Redirected
    };
    let target = match asked.subject() {
        Subject::Repository { owner, name } => format!("{owner}/{name}")
            .parse()
            .ok()
            .map(|name| scope::Target::Repository(name, renames)),
        Subject::RepositoryId(id) => Some(scope::Target::RepositoryId(*id)),
        Subject::Organization(name) | Subject::Account(name) => {
            Some(scope::Target::Owner(name.clone()))
        }
        Subject::OrganizationId(id) | Subject::AccountId(id) => Some(scope::Target::OwnerId(*id)),
        Subject::Gist(_) | Subject::Unsaid => None,
    };
    target.into_iter().collect()
}

/// What stands behind `/compare/`.
fn basehead(asked: &Asked) -> Option<String> {
    let operation = asked.operation()?;
    if !operation.id().starts_with("repos/compare-commits") {
        return None;
    }
    let words = asked.path().segments();
    let behind: Vec<&str> = words
        .skip_while(|word| *word != "compare")
        .skip(1)
        .collect();
    Some(behind.join("/"))
}

/// The repository, for audit.
pub(super) fn repository(subject: &Subject) -> Option<Repository> {
    match subject {
        Subject::Repository { owner, name } => format!("{owner}/{name}").parse().ok(),
        Subject::RepositoryId(_)
        | Subject::Organization(_)
        | Subject::OrganizationId(_)
        | Subject::Account(_)
        | Subject::AccountId(_)
        | Subject::Gist(_)
        | Subject::Unsaid => None,
    }
}
