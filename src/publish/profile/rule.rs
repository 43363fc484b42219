//! One rule, read from its text.

use super::pattern::Pattern;
use super::{did_you_mean, nearest};
use crate::publish::operation::{Access, Operation, Verb};

/// A rule, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Everything,
    Operations(Vec<Operation>),
    Path(Verb, Pattern),
    Git(Access),
    Lfs(Access),
    Graphql(Access),
}

/// The list that a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Allow,
    Deny,
}

pub(super) fn parse(text: &str, side: Side) -> Result<Parsed, String> {
    let rule = match text {
        "everything" if side == Side::Deny => {
            return Err("`everything` in `deny` would let nothing through".to_owned());
        }
        "everything" => Parsed::Everything,
        "git:read" => Parsed::Git(Access::Read),
        "git:write" => Parsed::Git(Access::Write),
        "lfs:read" => Parsed::Lfs(Access::Read),
        "lfs:write" => Parsed::Lfs(Access::Write),
        "graphql:query" => Parsed::Graphql(Access::Read),
        "graphql:mutation" => Parsed::Graphql(Access::Write),
        "*:read" => Parsed::Operations(harmless()),
        text if text.contains([' ', '\t']) || text.starts_with('/') => path(text)?,
        text => Parsed::Operations(operations(text)?),
    };
    Ok(rule)
}

/// A rule as a service understands it that is no server of GitHub's; none where it does not.
pub(super) fn plain(text: &str) -> Option<Parsed> {
    if text == "everything" {
        return Some(Parsed::Everything);
    }
    let (verb, pattern) = text.split_once(' ')?;
    let pattern = Pattern::parse_plain(pattern.trim_start()).ok()?;
    Some(Parsed::Path(Verb::of(verb)?, pattern))
}

/// Every operation that reads and is neither administration nor hands out secrets.
fn harmless() -> Vec<Operation> {
    let reads = Operation::all().filter(|operation| operation.access() == Access::Read);
    reads
        .filter(|operation| !operation.is_admin() && !operation.is_secret())
        .collect()
}

fn path(text: &str) -> Result<Parsed, String> {
    let expected = "expected a method and a path, such as `GET /repos/{owner}/{repo}/topics`";
    let (method, path) = text.split_once(' ').ok_or(expected)?;
    let Some(verb) = Verb::of(method) else {
        let verbs = Verb::ALL.map(Verb::as_str);
        let near = did_you_mean(nearest(method, verbs.into_iter()).as_deref());
        return Err(format!("`{method}` is no method; {expected}{near}"));
    };
    let pattern = Pattern::parse(path.trim_start())?;
    Ok(match pattern.operation(verb) {
        Some(operation) => Parsed::Operations(with_twins(vec![operation])),
        None => Parsed::Path(verb, pattern),
    })
}

fn operations(text: &str) -> Result<Vec<Operation>, String> {
    let (tag, access) = if let Some(tag) = text.strip_suffix("/*") {
        (tag, None)
    } else if let Some(tag) = text.strip_suffix(":read") {
        (tag, Some(Access::Read))
    } else if let Some(tag) = text.strip_suffix(":write") {
        (tag, Some(Access::Write))
    } else if text.contains('/') {
        return match Operation::named(text) {
            Some(operation) => Ok(with_twins(vec![operation])),
            None => {
                let near = nearest(text, Operation::all().map(Operation::id));
                let near = did_you_mean(near.as_deref());
                Err(format!("`{text}` is no operation of GHES 3.19{near}"))
            }
        };
    } else {
        return Err(word(text));
    };
    if !Operation::tags().any(|other| other == tag) {
        let tail = text.strip_prefix(tag).unwrap_or_default();
        let words = ["git", "lfs"].into_iter().filter(|_| access.is_some());
        let near = nearest(tag, Operation::tags().chain(words));
        let near = near.map(|tag| format!("{tag}{tail}"));
        let near = did_you_mean(near.as_deref());
        return Err(format!("`{tag}` is no tag of GHES 3.19's operations{near}"));
    }
    let all = Operation::all().filter(|operation| operation.tag() == tag);
    let all = all.filter(|operation| access.is_none_or(|access| operation.access() == access));
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        return Err(format!(
            "no operation of the tag `{tag}` is meant by `{text}`"
        ));
    }
    Ok(with_twins(all))
}

/// What to say of a text that has the form of no rule.
fn word(text: &str) -> String {
    const WORDS: [&str; 8] = [
        "everything",
        "git:read",
        "git:write",
        "lfs:read",
        "lfs:write",
        "graphql:query",
        "graphql:mutation",
        "*:read",
    ];
    let tag = Operation::tags().find(|tag| *tag == text);
    let near = match tag {
        Some(tag) => Some(format!("{tag}/*")),
        None => nearest(
            text,
            WORDS.into_iter().chain(Operation::all().map(Operation::id)),
        ),
    };
    let near = did_you_mean(near.as_deref());
    format!(
        "`{text}` is no rule; expected an operation such as `pulls/list`, a tag such as `pulls/*` \
         or `pulls:read`, `METHOD /path`, or a word such as `git:read`{near}"
    )
}

fn with_twins(mut operations: Vec<Operation>) -> Vec<Operation> {
    let twins: Vec<_> = operations
        .iter()
        .filter_map(|operation| operation.twin())
        .collect();
    operations.extend(twins);
    operations.sort_unstable();
    operations.dedup();
    operations
}
