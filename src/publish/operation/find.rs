//! Which operation a path below the API's root asks for.

use super::table::TABLE;
use super::{Operation, Subject};
use crate::publish::path::Path;
use crate::publish::tree::{Captures, Verb};

/// An operation, and what its path says of whom it is about.
#[derive(Debug, Clone, Copy)]
pub struct Match<'p> {
    /// The operation.
    pub operation: Operation,
    path: &'p Path,
    captures: Captures,
    alias: Option<Alias>,
}

/// A number in place of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alias {
    Repository,
    Organization,
    Team,
    User,
}

/// The operation that `path` asks for from its segment `from` on, which is the first below the
/// API's root.
#[must_use]
pub fn find(verb: Verb, path: &Path, from: usize) -> Option<Match<'_>> {
    let (operation, captures) = TABLE.tree.find(path, from, verb)?;
    Some(Match {
        operation,
        path,
        captures,
        alias: Alias::of(operation, path, from),
    })
}

/// The operations that a server could take the path for which does not care for case, takes
/// `.json` at the end for a format, encoded slashes for slashes, or an encoded `?` or `#` for the
/// end. `found` is not among them.
#[must_use]
pub fn readings(verb: Verb, path: &Path, from: usize, found: Option<Operation>) -> Vec<Operation> {
    let mut readings = Vec::new();
    let mut add = |operation| {
        if Some(operation) != found && !readings.contains(&operation) {
            readings.push(operation);
        }
    };
    if path.has_capitals() || path.has_format() {
        TABLE.tree.find_any_case(path, from, verb, &mut add);
    }
    for other in path.readings() {
        if let Some((operation, _)) = TABLE.tree.find(&other, from, verb) {
            add(operation);
        }
        TABLE.tree.find_any_case(&other, from, verb, &mut add);
    }
    readings
}

impl<'p> Match<'p> {
    /// The parameters, in the order of the path, decoded. A path by id has `repository_id`,
    /// `organization_id`, `team_id` or `user_id` in place of names.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &'p str)> + use<'p> {
        let names = self.operation.row().map_or(&[][..], |row| &row.parameters);
        let (ids, named): (&[&'static str], _) = match self.alias {
            None => (&[], 0),
            Some(Alias::Repository) => (&["repository_id"], 2),
            Some(Alias::Organization) => (&["organization_id"], 1),
            Some(Alias::Team) => (&["organization_id", "team_id"], 2),
            Some(Alias::User) => (&["user_id"], 1),
        };
        let names = ids.iter().chain(names.get(named..).unwrap_or_default());
        let path = self.path;
        let captures = self.captures;
        let mut index = 0;
        names.map_while(move |name| {
            let (from, to) = captures.iter().nth(index)?;
            index += 1;
            Some((*name, path.span(from, to)))
        })
    }

    /// One parameter's value, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'p str> {
        let mut all = self.parameters();
        all.find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// Whom it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::of(self)
    }
}

impl Alias {
    fn of(operation: Operation, path: &Path, from: usize) -> Option<Self> {
        let pattern = operation.pattern();
        match path.segment(from) {
            "repositories" if pattern.starts_with("/repos/") => Some(Self::Repository),
            "organizations" if pattern.starts_with("/orgs/") => {
                let team = pattern.starts_with("/orgs/{org}/teams/{team_slug}")
                    && path.segment(from + 2) == "team";
                Some(if team { Self::Team } else { Self::Organization })
            }
            "user" if pattern.starts_with("/users/") => Some(Self::User),
            _ => None,
        }
    }
}
