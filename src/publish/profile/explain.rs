//! What `hubgate profile show` and `hubgate profile explain` have to say.

use super::{Circumstances, Decision, Policy, Rule};
use crate::publish::asked::{Asked, Site, Wanted};
use crate::publish::never;
use crate::publish::operation::{Access, Operation, Subject};
use crate::publish::path::Path;

/// Something that a policy lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// An operation, and the rule that lets it through.
    Operation(Operation, Rule),
    /// What a rule says that is about more than operations: its text and profile.
    Word(String, String),
    /// What a rule keeps out, whatever else is said: its text and profile.
    Denied(String, String),
}

/// What a policy lets through: words first, then denials, then operations in the order of their
/// paths.
#[must_use]
pub fn show(policy: &Policy) -> Vec<Passed> {
    let said = |stated: &super::Stated| (stated.text.to_string(), stated.profile.to_string());
    let words = policy
        .words()
        .map(said)
        .map(|(text, profile)| Passed::Word(text, profile));
    let denials = policy.denials().map(said);
    let denials = denials.map(|(text, profile)| Passed::Denied(text, profile));
    let operations = Operation::all().filter(|operation| {
        let path = Path::of(
            operation
                .pattern()
                .split('/')
                .filter(|segment| !segment.is_empty()),
        );
        never::find(&path, 0).is_none()
    });
    let operations = operations.filter_map(|operation| {
        let rule = policy.operation(operation)?;
        Some(Passed::Operation(operation, rule))
    });
    words.chain(denials).chain(operations).collect()
}

/// What is decided about a request, and why, in lines. `target` is a path, with its query if it
/// has one; the API's may be written without `/api/v3`.
#[must_use]
pub fn explain(
    policy: &Policy,
    site: Site<'_>,
    method: &str,
    target: &str,
    circumstances: Circumstances,
) -> Vec<String> {
    let target = match site {
        Site::Main | Site::Api | Site::Part(_) => below_root(target),
        Site::Tool => target.to_owned(),
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target.as_str(), None),
    };
    let mut lines = vec![format!("request     {method} {target}")];
    let asked = match Asked::read(method, site, path, query) {
        Ok(asked) => asked,
        Err(refusal) => {
            lines.push(format!("decision    {}", Decision::from(refusal).code()));
            lines.push(format!("because     {refusal}"));
            return lines;
        }
    };
    lines.push(format!("asks for    {}", described(&asked)));
    if let Some(subject) = subject(asked.subject()) {
        lines.push(format!("about       {subject}"));
    }
    let cases = match asked.wants() {
        None => vec![("", asked)],
        Some(Wanted::Graphql) => both(&asked, ["a query", "a mutation or subscription"]),
        Some(Wanted::LfsBatch) => both(&asked, ["a download", "an upload"]),
    };
    for (case, asked) in cases {
        let decision = policy.decide(&asked, circumstances);
        let case = if case.is_empty() {
            String::new()
        } else {
            format!(" ({case})")
        };
        lines.push(format!("decision    {}{case}", decision.code()));
        if let Some(rule) = decision.rule() {
            lines.push(format!("by          {rule}"));
        }
    }
    lines
}

fn both(asked: &Asked, names: [&'static str; 2]) -> Vec<(&'static str, Asked)> {
    let cases = names.into_iter().zip([Access::Read, Access::Write]);
    cases
        .map(|(name, access)| (name, asked.clone().with_access(access)))
        .collect()
}

/// The target with `/api/v3` before it, where it is written without.
fn below_root(target: &str) -> String {
    let path = target.split(['/', '?']).nth(1).unwrap_or_default();
    let root = path.is_empty() || Operation::roots().any(|root| root == path);
    if root {
        format!("/api/v3{target}")
    } else {
        target.to_owned()
    }
}

fn described(asked: &Asked) -> String {
    let Some(operation) = asked.operation() else {
        return asked.name().to_owned();
    };
    let mut text = format!(
        "{operation} ({}, {} {})",
        operation.access().as_str(),
        operation.verb().as_str(),
        operation.pattern()
    );
    for (marked, word) in [
        (operation.is_admin(), "administration"),
        (operation.is_secret(), "hands out secrets"),
    ] {
        if marked {
            text.push_str(", ");
            text.push_str(word);
        }
    }
    text
}

fn subject(subject: &Subject) -> Option<String> {
    Some(match subject {
        Subject::Repository { owner, name } => format!("repository {owner}/{name}"),
        Subject::RepositoryId(id) => format!("the repository with the id {id}"),
        Subject::Organization(name) => format!("organization {name}"),
        Subject::OrganizationId(id) => format!("the organization with the id {id}"),
        Subject::Account(name) => format!("account {name}"),
        Subject::AccountId(id) => format!("the account with the id {id}"),
        Subject::Gist(id) => format!("gist {id}"),
        Subject::Unsaid => return None,
    })
}
