//! Which repository an id is, and whether a name is still its name: learned from the server's own
//! answers about exactly that, never guessed.

use super::{Question, Refusal};
use crate::types::Repository;
use async_trait::async_trait;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::Deserialize;
use std::time::Duration;

/// How long an answer counts. A repository that is renamed or moved out of the limit stays
/// reachable by its id for that long at most, and one that is moved in is refused for that long at
/// most; the price is one small request per repository in that time.
pub const KEPT: Duration = Duration::from_secs(600);

/// How many answers of each kind are kept: some twenty megabytes when all is full. Beyond it the
/// one that was not used for longest goes, and is asked for again.
pub const ROOM: u64 = 20_000;

/// The longest answer about a repository or an account; honest ones have under 30 KB.
const LONGEST_ANSWER: usize = 1 << 20;

/// Asks the server that the route publishes.
#[async_trait]
pub trait Ask: Send + Sync {
    /// The body of the answer to `GET {api}{path}` where that is a 200; None for any other
    /// answer. It is asked with the credentials of the very request that is judged, and follows
    /// no redirect: a redirect says that the name is no longer the name.
    ///
    /// # Errors
    /// [`Silence`] where there was no answer, or one of a server in trouble (5xx, 429).
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Silence>;
}

/// The server could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer from the server about a repository or an account")]
pub struct Silence;

/// What one server said about its ids and names. Facts of the server, not of a caller: that a
/// caller may see a repository is never taken from here.
#[derive(Debug)]
pub struct Directory {
    repositories: Cache<u64, Repository>,
    owners: Cache<u64, Box<str>>,
    /// Names, in lower case, that lead to the repository of that name without a redirect.
    current: Cache<Box<str>, ()>,
}

impl Default for Directory {
    fn default() -> Self {
        Self::new(ROOM, KEPT)
    }
}

impl Directory {
    /// A directory of `room` answers of each kind, each of which counts for `kept`.
    #[must_use]
    pub fn new(room: u64, kept: Duration) -> Self {
        Self {
            repositories: shelf(room, kept),
            owners: shelf(room, kept),
            current: shelf(room, kept),
        }
    }

    /// The repository of an id.
    #[must_use]
    pub fn repository(&self, id: u64) -> Option<Repository> {
        self.repositories.get(&id)
    }

    /// The login of an account's id.
    #[must_use]
    pub fn owner(&self, id: u64) -> Option<Box<str>> {
        self.owners.get(&id)
    }

    /// Whether the name is known to be the repository's name today.
    #[must_use]
    pub fn is_current(&self, name: &Repository) -> bool {
        self.current.contains_key(&*key(name))
    }

    /// Learns from the body of a 200 to `GET /repos/{owner}/{repo}` or `GET /repositories/{id}`;
    /// a body that does not say both id and name teaches nothing.
    pub fn learn(&self, body: &[u8]) {
        if let Some((id, name)) = repository(body) {
            self.keep(id, name);
        }
    }

    /// Asks the server what a judgement needs to know, and keeps the answer.
    ///
    /// # Errors
    /// [`Refusal::Outside`] where the caller's credentials see no such thing, or it is not what
    /// was asked for; [`Refusal::Unresolved`] where the server could not be asked.
    pub(super) async fn ask(&self, question: &Question, ask: &dyn Ask) -> Result<(), Refusal> {
        let path = match question {
            Question::Repository(id) => format!("/repositories/{id}"),
            Question::Owner(id) => format!("/user/{id}"),
            Question::Current(name) => format!("/repos/{name}"),
        };
        let answer = ask.get(&path).await.or(Err(Refusal::Unresolved))?;
        let body = answer.ok_or(Refusal::Outside)?;
        match question {
            Question::Repository(asked) => match repository(&body) {
                Some((id, name)) if id == *asked => self.keep(id, name),
                Some(_) | None => return Err(Refusal::Outside),
            },
            Question::Owner(asked) => match owner(&body) {
                Some((id, login)) if id == *asked => self.owners.insert(id, login),
                Some(_) | None => return Err(Refusal::Outside),
            },
            Question::Current(asked) => match repository(&body) {
                Some((id, name)) if key(&name) == key(asked) => self.keep(id, name),
                Some(_) | None => return Err(Refusal::Outside),
            },
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> u64 {
        self.repositories.run_pending_tasks();
        self.repositories.entry_count()
    }

    fn keep(&self, id: u64, name: Repository) {
        self.current.insert(key(&name), ());
        self.repositories.insert(id, name);
    }
}

/// The oldest goes first: an admission by frequency could turn away the answer just asked for.
fn shelf<K, V>(room: u64, kept: Duration) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(room)
        .time_to_live(kept)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}

fn key(name: &Repository) -> Box<str> {
    name.as_str().to_ascii_lowercase().into()
}

fn repository(body: &[u8]) -> Option<(u64, Repository)> {
    #[derive(Deserialize)]
    struct Answer {
        id: u64,
        full_name: String,
    }
    let answer: Answer = read(body)?;
    Some((answer.id, answer.full_name.parse().ok()?))
}

fn owner(body: &[u8]) -> Option<(u64, Box<str>)> {
    #[derive(Deserialize)]
    struct Answer {
        id: u64,
        login: String,
    }
    let answer: Answer = read(body)?;
    Some((answer.id, answer.login.into()))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let body = (body.len() <= LONGEST_ANSWER).then_some(body)?;
    serde_json::from_slice(body).ok()
}
