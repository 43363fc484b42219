//! What some profiles let through together, made ready to decide quickly.

use super::Profile;
use super::decision::{Circumstances, Decision, Reason, Rule, Stated};
use super::rule::Side;
use super::rules::{Place, Rules};
use crate::publish::asked::{Asked, What};
use crate::publish::never::{self, Never};
use crate::publish::operation::Operation;
use std::sync::Arc;

/// The rules of some profiles.
#[derive(Debug, Clone)]
pub struct Policy {
    stated: Vec<Arc<Stated>>,
    /// Which of them deny.
    denying: Vec<bool>,
    allow: Rules,
    deny: Rules,
    /// Whether all passes that is not closed to everyone: no profile says so, but the route.
    open: bool,
}

impl Policy {
    /// Everything that is not closed to everyone: for `allow = "everything"`, and while it is
    /// learned what a profile needs.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            open: true,
            ..Self::compile([])
        }
    }

    pub(super) fn compile<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> Self {
        let mut policy = Self {
            stated: Vec::new(),
            denying: Vec::new(),
            allow: Rules::new(),
            deny: Rules::new(),
            open: false,
        };
        for profile in profiles {
            for (rule, stated) in &profile.allow {
                let place = policy.state(stated, false);
                policy.allow.add(rule, place, Side::Allow);
            }
            for (rule, stated) in &profile.deny {
                let place = policy.state(stated, true);
                policy.deny.add(rule, place, Side::Deny);
            }
        }
        policy
    }

    fn state(&mut self, stated: &Arc<Stated>, denying: bool) -> Place {
        let place = u32::try_from(self.stated.len()).unwrap_or(Place::MAX);
        self.stated.push(Arc::clone(stated));
        self.denying.push(denying);
        place
    }

    /// Decides about a request. One whose body was wanted and not read passes only where it would
    /// whatever the body says.
    #[must_use]
    pub fn decide(&self, asked: &Asked, circumstances: Circumstances) -> Decision {
        match asked.never() {
            Some(Never::Exposed(pattern)) => {
                return Decision::Deny(Reason::NeverExposed, Some(Rule::Always(pattern)));
            }
            Some(Never::Setup) if !circumstances.setup_open => {
                return Decision::Deny(Reason::SetupClosed, Some(Rule::Always(never::SETUP)));
            }
            Some(Never::Setup) | None => {}
        }
        if let Some(place) = self.deny.denies(asked) {
            return Decision::Deny(Reason::DeniedByProfile, self.rule(place));
        }
        if asked.never().is_some() && asked.operation().is_some() {
            return Decision::Allow(Rule::Always(never::SETUP));
        }
        let everything = self.everything_rule();
        let stated = self.allow.allows(asked).and_then(|place| self.rule(place));
        match stated {
            Some(rule) if everything.is_some() || self.allows_all(asked.readings()) => {
                Decision::Allow(rule)
            }
            Some(_) => Decision::Deny(Reason::PathRefused, None),
            None => match (everything, asked.what()) {
                // Nobody knows what it is to GHES.
                (_, What::Unknown) if asked.path().has_encoded_slash() => {
                    Decision::Deny(Reason::PathRefused, None)
                }
                (Some(rule), _) => Decision::Allow(rule),
                (None, What::Unknown) => Decision::Deny(Reason::UnknownOperation, None),
                (None, _) => Decision::Deny(Reason::NotInProfile, None),
            },
        }
    }

    /// The rule that lets an operation through, where its path is spelled plainly.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> Option<Rule> {
        if self.deny.operation(operation).is_some() {
            return None;
        }
        let stated = self
            .allow
            .operation(operation)
            .and_then(|place| self.rule(place));
        stated.or_else(|| self.everything_rule())
    }

    /// The rules of `allow` that are about more than operations.
    pub(super) fn words(&self) -> impl Iterator<Item = &Stated> {
        let places = self.allow.words().iter();
        let places = places.filter_map(|place| usize::try_from(*place).ok());
        places.filter_map(|place| self.stated.get(place).map(|stated| &**stated))
    }

    /// The rules of `deny`.
    pub(super) fn denials(&self) -> impl Iterator<Item = &Stated> {
        let stated = self.stated.iter().zip(&self.denying);
        stated
            .filter(|(_, denying)| **denying)
            .map(|(stated, _)| &**stated)
    }

    fn everything_rule(&self) -> Option<Rule> {
        if self.open {
            return Some(Rule::Everything);
        }
        self.allow.everything().and_then(|place| self.rule(place))
    }

    fn rule(&self, place: Place) -> Option<Rule> {
        let stated = usize::try_from(place)
            .ok()
            .and_then(|place| self.stated.get(place));
        stated.map(|stated| Rule::Stated(Arc::clone(stated)))
    }

    fn allows_all(&self, operations: &[Operation]) -> bool {
        operations
            .iter()
            .all(|operation| self.allow.operation(*operation).is_some())
    }
}
