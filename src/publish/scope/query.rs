//! The top-level fields of a GraphQL query, each of which has to be inside.

use super::field::{self, Place};
use super::{Directory, Question, Refusal, Verdict, node};
use crate::publish::graphql::{Argument, Field, Kind, Operation};
use crate::types::Repository;
use crate::types::{RepositoryPatterns as Patterns, without_suffix};

/// A mutation names what it changes by ids that do not say which repository they are in, so under
/// a limit none can be shown to be inside.
pub(super) fn judge(patterns: &Patterns, operation: &Operation, directory: &Directory) -> Verdict {
    match operation.kind {
        Kind::Mutation => OUTSIDE,
        Kind::Query => operation
            .fields
            .iter()
            .map(|field| top(patterns, field, directory))
            .reduce(Verdict::and)
            .unwrap_or(OUTSIDE),
    }
}

const OUTSIDE: Verdict = Verdict::Outside(Refusal::Graphql);

fn top(patterns: &Patterns, field: &Field, directory: &Directory) -> Verdict {
    let below = |place: Place| inside_if(field::stays(place, &field.fields));
    match &*field.name {
        // What the schema is, not what is stored.
        "__typename" | "__schema" | "__type" => Verdict::Inside,
        "rateLimit" | "meta" | "license" | "licenses" | "codeOfConduct" | "codesOfConduct"
        | "viewer" => below(Place::Leaves),
        "repository" => {
            let name = match (
                field.argument("owner").text(),
                field.argument("name").text(),
            ) {
                (Some(owner), Some(name)) => format!("{owner}/{name}").parse().ok(),
                (_, _) => None,
            };
            below(Place::Inside).and(named(patterns, field, name, directory))
        }
        "organization" | "repositoryOwner" | "user" => owner(patterns, field, directory),
        "node" => below(Place::Inside).and(id(patterns, field.argument("id"), directory)),
        "nodes" => {
            let ids = match field.argument("ids") {
                Argument::List(ids) => ids.as_slice(),
                one @ (Argument::Absent
                | Argument::Text(_)
                | Argument::Flag(_)
                | Argument::Other) => std::slice::from_ref(one),
            };
            let ids = ids.iter().map(|one| id(patterns, one, directory));
            below(Place::Inside).and(ids.reduce(Verdict::and).unwrap_or(OUTSIDE))
        }
        _ => OUTSIDE,
    }
}

/// `organization(login:)` and its kin: its own values where some of its repositories may be
/// inside, its repositories where all are.
fn owner(patterns: &Patterns, field: &Field, directory: &Directory) -> Verdict {
    let Some(login) = field.argument("login").text() else {
        return OUTSIDE;
    };
    if !patterns.covers_owner(login) {
        let leaves = field::stays(Place::Leaves, &field.fields);
        return inside_if(leaves && patterns.touches_owner(login));
    }
    let place = match &*field.name {
        "organization" => Place::Organization,
        // A user's `repositories` hold those of others too, on which the user works.
        _ => Place::Owner,
    };
    field
        .fields
        .iter()
        .filter(|below| &*below.name == "repository" && !below.is_leaf())
        .map(|below| {
            let name = below.argument("name").text();
            let name = name.and_then(|name| format!("{login}/{name}").parse().ok());
            named(patterns, below, name, directory)
        })
        .fold(inside_if(field::stays(place, &field.fields)), Verdict::and)
}

/// A repository by name. The server follows renames here unless it is told not to.
fn named(
    patterns: &Patterns,
    field: &Field,
    name: Option<Repository>,
    directory: &Directory,
) -> Verdict {
    match name {
        Some(name) if patterns.admits(&name) => {
            let bare = without_suffix(&name);
            if field.argument("followRenames") == &Argument::Flag(false)
                || directory.is_current(&bare)
            {
                Verdict::Inside
            } else {
                Verdict::Unknown(Question::Current(bare))
            }
        }
        Some(_) | None => OUTSIDE,
    }
}

/// A node by id: a repository, and nothing else.
fn id(patterns: &Patterns, id: &Argument, directory: &Directory) -> Verdict {
    match id.text().and_then(node::repository) {
        Some(id) => match directory.repository(id) {
            Some(name) => inside_if(patterns.admits(&name)),
            None => Verdict::Unknown(Question::Repository(id)),
        },
        None => OUTSIDE,
    }
}

fn inside_if(inside: bool) -> Verdict {
    if inside { Verdict::Inside } else { OUTSIDE }
}
