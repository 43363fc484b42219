//! Bodies that choose another repository: a pull request from a fork, a new name.

use super::{Limit, Refusal};
use crate::publish::json;
use crate::types::Repository;
use http::request;
use serde_json::{Map, Value};

/// A body that has to be judged before the request is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    rule: Rule,
    /// The repository that the path names, which is inside.
    own: Repository,
}

/// What a body may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// `head` and `head_repo` of a new pull request: its files can be read through it afterwards.
    Head,
    /// `name`: what the repository is to be called.
    Name,
}

impl Body {
    /// The longest body that is read: the text of a pull request ends at 64 KiB.
    pub const LONGEST: usize = 1 << 20;

    pub(super) const fn new(rule: Rule, own: Repository) -> Self {
        Self { rule, own }
    }

    /// Judges the body.
    ///
    /// # Errors
    /// [`Refusal::Crossing`] where it names what is outside; [`Refusal::Body`] where it is not
    /// certainly what the server will read.
    pub fn judge(&self, limit: &Limit, head: &request::Parts, body: &[u8]) -> Result<(), Refusal> {
        if !json::is_declared(head) || body.len() > Self::LONGEST {
            return Err(Refusal::Body);
        }
        // Parameters of the URL count as members of the body.
        if head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Refusal::Body);
        }
        let Ok(Value::Object(members)) = json::read(body) else {
            return Err(Refusal::Body);
        };
        let inside = match self.rule {
            Rule::Head => self.head(limit, &members)?,
            Rule::Name => match text(&members, "name")? {
                Some(name) => self.sibling(limit, self.own.owner(), name),
                None => true,
            },
        };
        if inside {
            Ok(())
        } else {
            Err(Refusal::Crossing)
        }
    }

    fn head(&self, limit: &Limit, members: &Map<String, Value>) -> Result<bool, Refusal> {
        let branch = text(members, "head")?.unwrap_or_default();
        let owner = branch
            .split_once(':')
            .map_or(self.own.owner(), |(owner, _)| owner);
        let repository = match text(members, "head_repo")? {
            Some(name) if name.contains('/') => {
                name.parse().is_ok_and(|name| limit.patterns.admits(&name))
            }
            Some(name) => self.sibling(limit, owner, name),
            None => true,
        };
        Ok(repository && limit.branch(branch, &self.own))
    }

    fn sibling(&self, limit: &Limit, owner: &str, name: &str) -> bool {
        format!("{owner}/{name}")
            .parse()
            .is_ok_and(|name| limit.patterns.admits(&name))
    }
}

/// The text of a member.
///
/// # Errors
/// It is there and is not a text.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Null) | None => Ok(None),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Refusal::Body)
        }
    }
}
