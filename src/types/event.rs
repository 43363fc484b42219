//! Names of GitHub's events and actions, and the patterns that routes select them by.

use super::ParseError;
use std::fmt;
use std::str::FromStr;

/// The longest event or action name taken; GitHub's longest is under 50 characters.
const LONGEST: usize = 100;

/// An event as `X-GitHub-Event` names it: `push`, `pull_request`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Box<str>);

/// The `action` of a payload: `opened`, `created`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(Box<str>);

macro_rules! word {
    ($name:ident, $expected:literal) => {
        impl $name {
            /// The word itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                if is_word(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(ParseError::new(text, $expected))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

word!(
    EventName,
    "an event name of letters, digits, `_` and `-`, such as `pull_request`"
);
word!(
    Action,
    "an action name of letters, digits, `_` and `-`, such as `opened`"
);

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Which events a route takes: `push` (any action or none), `pull_request.opened`,
/// `installation.*` (any action, but one must be there), `*` (all).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventPattern {
    event: Option<EventName>,
    action: ActionPattern,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ActionPattern {
    Any,
    Some,
    Is(Action),
}

impl EventPattern {
    /// Whether an event with this action, or none, is selected.
    #[must_use]
    pub fn matches(&self, event: &EventName, action: Option<&str>) -> bool {
        self.event.as_ref().is_none_or(|wanted| wanted == event)
            && match &self.action {
                ActionPattern::Any => true,
                ActionPattern::Some => action.is_some(),
                ActionPattern::Is(wanted) => action == Some(wanted.as_str()),
            }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event.as_ref().map_or("*", EventName::as_str))?;
        match &self.action {
            ActionPattern::Any => Ok(()),
            ActionPattern::Some => f.write_str(".*"),
            ActionPattern::Is(action) => write!(f, ".{action}"),
        }
    }
}

impl FromStr for EventPattern {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new(
                text,
                "`event`, `event.action`, `event.*` or `*`, such as `pull_request.opened`",
            )
        };
        if text == "*" {
            return Ok(Self {
                event: None,
                action: ActionPattern::Any,
            });
        }
        let (event, action) = match text.split_once('.') {
            None => (text, ActionPattern::Any),
            Some((event, "*")) => (event, ActionPattern::Some),
            Some((event, action)) => (
                event,
                ActionPattern::Is(action.parse().ok().ok_or_else(wrong)?),
            ),
        };
        Ok(Self {
            event: Some(event.parse().ok().ok_or_else(wrong)?),
            action,
        })
    }
}
