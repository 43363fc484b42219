//! From a path to the rule that is about all paths of its kind.

use crate::publish::asked::{Asked, What};
use crate::publish::operation::Operation;

/// The rule, where one can be written: the first page, and pages whose paths begin like one of the
/// API's, cannot be named.
pub(super) fn rule(asked: &Asked) -> Option<String> {
    let path = asked.path();
    let verb = asked.verb()?;
    let from = asked.api().unwrap_or(0);
    let words: Vec<&str> = path.segments().skip(from).collect();
    let mut rule = format!("{} ", verb.as_str());
    let (head, rest): (&str, &[&str]) = match (asked.what(), words.as_slice()) {
        (What::Unknown, ["repos", _, _, rest @ ..]) => ("/repos/{owner}/{repo}", rest),
        (What::Unknown, ["repositories", _, rest @ ..]) => ("/repos/{owner}/{repo}", rest),
        (What::Unknown, ["orgs" | "organizations", _, rest @ ..]) => ("/orgs/{org}", rest),
        (What::Unknown, ["users", _, rest @ ..]) => ("/users/{username}", rest),
        (What::Unknown, words) => ("/api/v3", words),
        (What::Tool, []) => return Some(rule + "/"),
        (What::Tool, words) => ("", words),
        (_, []) => return None,
        (_, [first, ..]) if Operation::roots().any(|root| root == *first) => return None,
        (What::Other, [owner, _, rest @ ..]) if !KNOWN.contains(owner) => ("/{owner}/{repo}", rest),
        (_, words) => ("", words),
    };
    rule.push_str(head);
    for (depth, word) in rest.iter().enumerate() {
        rule.push('/');
        if depth >= DEEP {
            rule.push_str("{+rest}");
            break;
        }
        rule.push_str(kind(word));
    }
    Some(rule)
}

/// A word as it is, where it is one of the service's rather than somebody's.
fn kind(word: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.');
    let hex = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if word.contains(['/', '?', '#', '%']) {
        // `{value}` takes plain characters only.
        "{+value}"
    } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
        "{id}"
    } else if hex {
        "{sha}"
    } else if word.len() <= 40 && word.bytes().all(plain) {
        word
    } else {
        "{value}"
    }
}

/// Beyond this, paths are files and branches.
const DEEP: usize = 3;
/// First words of the instance that are no owner's.
const KNOWN: [&str; 10] = [
    "_registry",
    "api",
    "avatars",
    "codeload",
    "gist",
    "login",
    "media",
    "raw",
    "settings",
    "storage",
];
