//! What passed while it was learned what a profile needs: a bounded record that is written without
//! locks, and the profile that can be made of it.

mod generalise;
mod render;

pub use render::render;

use super::asked::{Asked, What};
use super::operation::{Access, Operation};
use crate::types::Timestamp;
use serde::Serialize;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The record of one route.
#[derive(Debug)]
pub struct Learned {
    /// By [`Operation::index`].
    operations: Vec<Tally>,
    words: [Tally; WORDS.len()],
    /// What is neither, by its rule; each slot is filled once.
    others: Vec<OnceLock<(Box<str>, Tally)>>,
    /// What there was no room for, and what no rule could be made of.
    left_out: Tally,
    hasher: RandomState,
}

/// Something that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The rule that lets it through: an operation's id, a word such as `git:read`, or a method
    /// and a path.
    pub rule: String,
    /// How often it passed.
    pub count: u64,
    /// When it did first.
    pub first: Timestamp,
    /// When it did last.
    pub last: Timestamp,
}

#[derive(Debug)]
struct Tally {
    count: AtomicU64,
    first: AtomicI64,
    last: AtomicI64,
}

impl Learned {
    /// A record of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            operations: (0..Operation::count()).map(|_| Tally::new()).collect(),
            words: WORDS.map(|_| Tally::new()),
            others: (0..OTHERS).map(|_| OnceLock::new()).collect(),
            left_out: Tally::new(),
            hasher: RandomState::new(),
        }
    }

    /// Notes that a request passed. Of GraphQL and of LFS's batches it has to be known what they
    /// do: see [`Asked::with_access`].
    pub fn note(&self, asked: &Asked, now: Timestamp) {
        let tally = match asked.what() {
            What::Operation(operation) => self.operations.get(operation.index()),
            What::Git(access) => self.word("git", Some(access)),
            What::Lfs(access) => self.word("lfs", access),
            What::Graphql(access) => self.word("graphql", access),
            What::Unknown | What::Token | What::Page | What::Tool | What::Other => {
                generalise::rule(asked).and_then(|rule| self.other(&rule))
            }
        };
        tally.unwrap_or(&self.left_out).note(now);
    }

    /// All that passed: operations in the order of their paths, then the rest.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let operations = Operation::all().zip(&self.operations);
        let operations = operations.filter_map(|(operation, tally)| tally.entry(operation.id()));
        let words = WORDS.iter().zip(&self.words);
        let words = words.filter_map(|((_, _, word), tally)| tally.entry(word));
        let others = self.others.iter().filter_map(OnceLock::get);
        let mut others: Vec<_> = others
            .filter_map(|(rule, tally)| tally.entry(rule))
            .collect();
        others.sort_by(|one, other| one.rule.cmp(&other.rule));
        operations.chain(words).chain(others).collect()
    }

    /// How many requests passed of which nothing is recorded: there was no room, or no rule could
    /// be made of them.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.count.load(Ordering::Relaxed)
    }

    fn word(&self, kind: &str, access: Option<Access>) -> Option<&Tally> {
        let mut words = WORDS.iter().zip(&self.words);
        let found = words.find(|((other, of, _), _)| *other == kind && Some(*of) == access);
        found.map(|(_, tally)| tally)
    }

    /// The tally of a rule, where there is one or room for one.
    fn other(&self, rule: &str) -> Option<&Tally> {
        let hash = self.hasher.hash_one(rule);
        let start = usize::try_from(hash % (OTHERS as u64)).ok()?;
        let slots = self.others.iter().cycle().skip(start).take(PROBES);
        for slot in slots {
            let (text, tally) = slot.get_or_init(|| (rule.into(), Tally::new()));
            if **text == *rule {
                return Some(tally);
            }
        }
        None
    }
}

impl Default for Learned {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    const fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            first: AtomicI64::new(i64::MAX),
            last: AtomicI64::new(i64::MIN),
        }
    }

    fn note(&self, now: Timestamp) {
        self.first.fetch_min(now.as_millis(), Ordering::Relaxed);
        self.last.fetch_max(now.as_millis(), Ordering::Relaxed);
        // Last, so that whoever sees the count sees the times.
        self.count.fetch_add(1, Ordering::Release);
    }

    fn entry(&self, rule: &str) -> Option<Entry> {
        let count = self.count.load(Ordering::Acquire);
        (count > 0).then(|| Entry {
            rule: rule.to_owned(),
            count,
            first: Timestamp::from_millis(self.first.load(Ordering::Relaxed)),
            last: Timestamp::from_millis(self.last.load(Ordering::Relaxed)),
        })
    }
}

const WORDS: [(&str, Access, &str); 6] = [
    ("git", Access::Read, "git:read"),
    ("git", Access::Write, "git:write"),
    ("lfs", Access::Read, "lfs:read"),
    ("lfs", Access::Write, "lfs:write"),
    ("graphql", Access::Read, "graphql:query"),
    ("graphql", Access::Write, "graphql:mutation"),
];
/// More kinds of paths than any integration asks for beside the API's operations; whoever makes up
/// paths fills this and no more.
const OTHERS: usize = 512;
/// How many slots a rule may be looked for in, so that a full record costs little.
const PROBES: usize = 16;

#[cfg(test)]
mod tests;
