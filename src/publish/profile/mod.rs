//! Access profiles: lists of rules for what may pass, those that are built in and those of the
//! configuration.
//!
//! A rule is one of these; a rule of `deny` beats every rule of `allow`.
//!
//! | rule | what it is about |
//! |---|---|
//! | `pulls/list` | one operation of the REST API, by its id |
//! | `pulls/*` | all operations of a tag |
//! | `pulls:read`, `pulls:write` | those of a tag that are `GET`, those that are not |
//! | `*:read` | every `GET` that is neither administration nor hands out secrets |
//! | `GET /repos/{owner}/{repo}/topics` | a path below `/api/v3` (which may be written), or of the instance itself (`POST /login/oauth/access_token`); `{name}` stands for one segment, `{+name}` for one or more |
//! | `git:read`, `git:write` | fetches; pushes (git over HTTPS, not the API's tag `git`) |
//! | `lfs:read`, `lfs:write` | LFS downloads; uploads and locks |
//! | `graphql:query`, `graphql:mutation` | GraphQL that reads; GraphQL that changes things |
//! | `everything` | whatever is not closed to everyone (in `allow` only) |
//!
//! What lets a path with names through lets its form with ids through (`/repositories/{id}/…`),
//! and where its redirects lead (`codeload`).

mod builtin;
mod decision;
mod explain;
mod pattern;
mod policy;
mod rule;
mod rules;

pub use builtin::{BUILTIN, Builtin};
pub use decision::{Circumstances, Decision, Reason, Rule, Stated};
pub use explain::{Passed, explain, show};
pub use policy::Policy;

use crate::types::Name;
use std::fmt;
use std::sync::Arc;

/// `[[profile]]`, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// What it is called.
    pub name: Name,
    /// The profiles whose rules are its own too.
    pub base: Vec<String>,
    /// What may pass.
    pub allow: Vec<String>,
    /// What may not, whatever is allowed.
    pub deny: Vec<String>,
}

/// Something wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Which of the declared profiles.
    pub profile: usize,
    /// What in it.
    pub place: Place,
    /// What was found and what would be right.
    pub text: String,
}

/// A part of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `name`.
    Name,
    /// An entry of `base`.
    Base(usize),
    /// An entry of `allow`.
    Allow(usize),
    /// An entry of `deny`.
    Deny(usize),
}

/// A name that no profile has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{name}`{}", did_you_mean(.nearest.as_deref()))]
pub struct NoProfile {
    /// The name.
    pub name: String,
    /// The name that it may have been meant to be.
    pub nearest: Option<String>,
}

/// Why profiles cannot be used for a service that is no server of GitHub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is none of that name.
    #[error(transparent)]
    Missing(#[from] NoProfile),
    /// One has a rule that only GHES's requests can fit.
    #[error(
        "profile `{name}` has the rule `{rule}`, which is for a GitHub Enterprise Server; for other \
         services there are rules of method and path, such as `GET /job/{{+path}}`"
    )]
    Rule {
        /// The profile, as it was asked for.
        name: String,
        /// The rule.
        rule: String,
    },
}

impl Unfit {
    /// The name of the profile.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Missing(missing) => &missing.name,
            Self::Rule { name, .. } => name,
        }
    }
}

/// All profiles that there are, built in and declared, checked.
#[derive(Clone)]
pub struct Profiles {
    all: Vec<Profile>,
}

/// Their names: what they say is long.
impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.names().map(Name::as_str))
            .finish()
    }
}

#[derive(Debug, Clone)]
struct Profile {
    name: Name,
    /// Indices, each less than `all.len()`; they make no circle.
    base: Vec<usize>,
    allow: Vec<(rule::Parsed, Arc<Stated>)>,
    deny: Vec<(rule::Parsed, Arc<Stated>)>,
}

impl Profiles {
    /// Checks the declared profiles and puts them beside those that are built in.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn check(declared: &[Declared]) -> Result<Self, Vec<Mistake>> {
        let built_in = builtin::declared();
        let first = built_in.len();
        let written: Vec<&Declared> = built_in.iter().chain(declared).collect();
        let mut mistakes = Vec::new();
        let mut all = Vec::new();
        for (index, profile) in written.iter().enumerate() {
            let mut wrong = |place, text| {
                // Those that are built in are right: a test holds them to it.
                if let Some(profile) = index.checked_sub(first) {
                    mistakes.push(Mistake {
                        profile,
                        place,
                        text,
                    });
                }
            };
            let before = written.iter().take(index);
            if before.clone().any(|other| other.name == profile.name) {
                let text = format!("`{}` is the name of another profile", profile.name);
                wrong(Place::Name, text);
            }
            all.push(Profile::read(profile, &written, &mut wrong));
        }
        for index in first..all.len() {
            if let Some((base, round)) = circle(&all, index) {
                mistakes.push(Mistake {
                    profile: index - first,
                    place: Place::Base(base),
                    text: format!("is based on itself: {round}"),
                });
            }
        }
        if mistakes.is_empty() {
            Ok(Self { all })
        } else {
            mistakes.sort_by_key(|mistake| (mistake.profile, mistake.place));
            Err(mistakes)
        }
    }

    /// Those that are built in.
    #[must_use]
    pub fn built_in() -> Self {
        Self::check(&[]).unwrap_or(Self { all: Vec::new() })
    }

    /// The names, those that are built in first.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.all.iter().map(|profile| &profile.name)
    }

    /// What the profiles of these names let through together: what one of them allows and none
    /// denies.
    ///
    /// # Errors
    /// The first name that no profile has.
    pub fn policy<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Policy, NoProfile> {
        let mut order = Vec::new();
        for name in names {
            self.gather(self.index(name)?, &mut order);
        }
        Ok(Policy::compile(
            order.iter().filter_map(|index| self.all.get(*index)),
        ))
    }

    /// The same for a service that is no server of GitHub's. Its rules are of method and path
    /// alone, and their paths begin where they are written to begin.
    ///
    /// # Errors
    /// The first name that no profile has, or the first rule that is of something else.
    pub fn tool_policy<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Policy, Unfit> {
        let mut order = Vec::new();
        let mut plain = Vec::new();
        for name in names {
            self.gather(self.index(name)?, &mut order);
            for profile in order.iter().skip(plain.len()) {
                let Some(profile) = self.all.get(*profile) else {
                    continue;
                };
                plain.push(profile.plain().map_err(|rule| Unfit::Rule {
                    name: name.to_owned(),
                    rule: rule.text.to_string(),
                })?);
            }
        }
        Ok(Policy::compile(&plain))
    }

    fn index(&self, name: &str) -> Result<usize, NoProfile> {
        let mut all = self.all.iter();
        let found = all.position(|profile| profile.name.as_str() == name);
        found.ok_or_else(|| NoProfile {
            name: name.to_owned(),
            nearest: nearest(name, self.names().map(Name::as_str)),
        })
    }

    /// A profile, then its bases, each once.
    fn gather(&self, index: usize, order: &mut Vec<usize>) {
        if !order.contains(&index) {
            order.push(index);
            let bases = self.all.get(index).map_or(&[][..], |profile| &profile.base);
            bases.iter().for_each(|base| self.gather(*base, order));
        }
    }
}

impl Profile {
    fn read(declared: &Declared, all: &[&Declared], wrong: &mut impl FnMut(Place, String)) -> Self {
        let mut base = Vec::new();
        for (index, name) in declared.base.iter().enumerate() {
            match all.iter().position(|other| other.name.as_str() == name) {
                Some(found) => base.push(found),
                None => {
                    let near = nearest(name, all.iter().map(|other| other.name.as_str()));
                    let near = did_you_mean(near.as_deref());
                    wrong(
                        Place::Base(index),
                        format!("there is no profile `{name}`{near}"),
                    );
                }
            }
        }
        let mut rules = |written: &[String], side: rule::Side, place: fn(usize) -> Place| {
            let mut rules = Vec::new();
            for (index, text) in written.iter().enumerate() {
                match rule::parse(text, side) {
                    Ok(rule) => {
                        let stated = Stated {
                            text: text.as_str().into(),
                            profile: declared.name.clone(),
                        };
                        rules.push((rule, Arc::new(stated)));
                    }
                    Err(why) => {
                        let hint = all.iter().any(|other| other.name.as_str() == text);
                        let hint = if hint {
                            "; a profile is named in `base`"
                        } else {
                            ""
                        };
                        wrong(place(index), format!("{why}{hint}"));
                    }
                }
            }
            rules
        };
        Self {
            name: declared.name.clone(),
            base,
            allow: rules(&declared.allow, rule::Side::Allow, Place::Allow),
            deny: rules(&declared.deny, rule::Side::Deny, Place::Deny),
        }
    }

    /// The profile as a service understands it that is no server of GitHub's; else the rule that
    /// says nothing to it.
    fn plain(&self) -> Result<Self, Arc<Stated>> {
        let plain = |rules: &[(rule::Parsed, Arc<Stated>)]| {
            let read = rules
                .iter()
                .map(|(_, stated)| match rule::plain(&stated.text) {
                    Some(rule) => Ok((rule, Arc::clone(stated))),
                    None => Err(Arc::clone(stated)),
                });
            read.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            name: self.name.clone(),
            base: self.base.clone(),
            allow: plain(&self.allow)?,
            deny: plain(&self.deny)?,
        })
    }
}

/// The circle that leads from a profile back to itself: which of its bases begins it, and the
/// names on the way.
fn circle(all: &[Profile], start: usize) -> Option<(usize, String)> {
    fn way(all: &[Profile], at: usize, start: usize, seen: &mut Vec<usize>) -> Option<Vec<usize>> {
        if at == start {
            return Some(vec![at]);
        }
        if seen.contains(&at) {
            return None;
        }
        seen.push(at);
        let mut bases = all.get(at)?.base.iter();
        let mut rest = bases.find_map(|base| way(all, *base, start, seen))?;
        rest.push(at);
        Some(rest)
    }
    let mut bases = all.get(start)?.base.iter().enumerate();
    let (first, mut round) =
        bases.find_map(|(n, base)| Some((n, way(all, *base, start, &mut Vec::new())?)))?;
    round.push(start);
    let names = round.iter().rev().filter_map(|index| all.get(*index));
    let names: Vec<&str> = names.map(|profile| profile.name.as_str()).collect();
    Some((first, names.join(" → ")))
}

/// The candidate nearest to `word`, if one is near enough to have been meant.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    let far = |candidate: &str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
    let near = candidates.map(|candidate| (far(candidate), candidate));
    let (distance, found) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.chars().count() / 3).max(2)).then(|| found.to_owned())
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    })
}

#[cfg(test)]
mod tests;
