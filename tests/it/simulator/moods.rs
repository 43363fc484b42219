//! The moods that a GitHub server may be in, each switched by a test while it runs.

use std::time::Duration;

/// How connections are met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Door {
    #[default]
    Open,
    /// Nobody listens.
    Refused,
    /// Taken, and reset.
    Reset,
}

/// How a token that is not known everywhere yet is met.
#[derive(Debug, Clone, Copy)]
pub struct Young {
    /// 401 or 403.
    pub status: u16,
    /// For so many requests of each token.
    pub requests: u64,
    /// For so many seconds of the server's time.
    pub seconds: i64,
}

/// How much may be asked in an hour; a server without limits says nothing of them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub core: u64,
    pub graphql: u64,
    pub search: u64,
    /// 403 or 429.
    pub status: u16,
    /// How many requests may be under way at once.
    pub at_once: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            core: 5000,
            graphql: 5000,
            search: 30,
            status: 403,
            at_once: None,
        }
    }
}

/// Everybody is told to wait.
#[derive(Debug, Clone, Copy)]
pub struct Secondary {
    /// 403 or 429.
    pub status: u16,
    pub retry_after: Option<u64>,
    /// What it was called in former years.
    pub abuse: bool,
}

/// A token that reaches further than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wider {
    /// Those of the installation, each named in the answer.
    Repositories,
    Permissions,
    /// As if nothing had been asked for in particular; and so no repository is named.
    Everything,
}

/// Requests that fail although nothing is wrong with them.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Part of the path within the API.
    pub path: String,
    pub status: u16,
    /// So often; for ever where none is given.
    pub times: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Moods {
    pub door: Door,
    /// Before every answer.
    pub slow: Option<Duration>,
    /// Requests with this in their path wait until it is taken away.
    pub held: Option<String>,
    /// The same after they were acted on: who goes now has changed something, and never knows.
    pub stalled: Option<String>,
    pub faults: Vec<Fault>,
    pub young: Option<Young>,
    pub limits: Option<Limits>,
    pub secondary: Option<Secondary>,
    /// The organisation has a list of addresses, and the caller's is not on it.
    pub ip_allow_list: bool,
    pub wider: Option<Wider>,
    /// How long users' tokens last; eight hours where it is not said.
    pub user_life: Option<jiff::SignedDuration>,
    /// Users' tokens do not end.
    pub everlasting: bool,
    /// Where bytes are.
    pub kept: super::Kept,
    /// How many seconds the server's clock is off.
    pub skew: i64,
}

impl Moods {
    /// The failure that is due on this path, counted.
    pub(super) fn fail(&mut self, path: &str) -> Option<u16> {
        let due = |fault: &&mut Fault| path.contains(&fault.path) && fault.times != Some(0);
        let fault = self.faults.iter_mut().find(due)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.status)
    }
}
