//! Decisions, as data: what was decided, why, and by which rule.

use crate::publish::asked::Refusal;
use crate::types::Name;
use std::fmt;
use std::sync::Arc;

/// What was decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It passes, by this rule.
    Allow(Rule),
    /// It does not, for this reason; by this rule, where one says so.
    Deny(Reason, Option<Rule>),
}

/// Why a request does not pass. The names are the same in the audit log, in metrics, in answers
/// and in `hubgate profile explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its path could be read in more ways than one.
    PathRefused,
    /// It is git, LFS or GraphQL in a form that is not spoken.
    ProtocolRefused,
    /// It is closed to everyone.
    NeverExposed,
    /// It hands out an App's private key, and no setup window is open.
    SetupClosed,
    /// A profile denies it.
    DeniedByProfile,
    /// It is an operation of the API that GHES 3.19 does not describe, and no rule names its path.
    UnknownOperation,
    /// No profile allows it.
    NotInProfile,
}

/// The rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// One of a profile.
    Stated(Arc<Stated>),
    /// One that holds whatever a profile says.
    Always(&'static str),
    /// The route's own: everything passes that is not closed to everyone.
    Everything,
}

/// A rule as it is written, and the profile that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Its text.
    pub text: Box<str>,
    /// The profile.
    pub profile: Name,
}

/// What a decision depends on besides the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// Whether the route's setup window is open, in which a GitHub App may be made.
    pub setup_open: bool,
}

impl Decision {
    /// Whether the request passes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        match self {
            Self::Allow(_) => true,
            Self::Deny(..) => false,
        }
    }

    /// The rule that decided, where one did.
    #[must_use]
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Allow(rule) => Some(rule),
            Self::Deny(_, rule) => rule.as_ref(),
        }
    }

    /// `allowed`, or the reason's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allowed",
            Self::Deny(reason, _) => reason.code(),
        }
    }
}

impl Rule {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Stated(stated) => &stated.text,
            Self::Always(text) => text,
            Self::Everything => "everything",
        }
    }

    /// The profile that it stands in, where it stands in one.
    #[must_use]
    pub fn profile(&self) -> Option<&Name> {
        match self {
            Self::Stated(stated) => Some(&stated.profile),
            Self::Always(_) | Self::Everything => None,
        }
    }
}

/// A request that is not read is not let through.
impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Path(_) | Refusal::Ambiguous => Reason::PathRefused,
            Refusal::GitService
            | Refusal::GitProtocol
            | Refusal::GitRepository
            | Refusal::Lfs
            | Refusal::GraphqlMethod => Reason::ProtocolRefused,
        };
        Self::Deny(reason, None)
    }
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PathRefused,
        Self::ProtocolRefused,
        Self::NeverExposed,
        Self::SetupClosed,
        Self::DeniedByProfile,
        Self::UnknownOperation,
        Self::NotInProfile,
    ];

    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PathRefused => "path_refused",
            Self::ProtocolRefused => "protocol_refused",
            Self::NeverExposed => "never_exposed",
            Self::SetupClosed => "setup_closed",
            Self::DeniedByProfile => "denied_by_profile",
            Self::UnknownOperation => "unknown_operation",
            Self::NotInProfile => "not_in_profile",
        }
    }
}

/// Its code.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// For people: `` `pulls/list` of profile `flow` ``.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stated(stated) => write!(f, "`{}` of profile `{}`", stated.text, stated.profile),
            Self::Always(text) => write!(f, "`{text}`, which holds for every profile"),
            Self::Everything => f.write_str("`everything` of the route"),
        }
    }
}
