//! Open files: how many the system lets this process have, and how many it may come to need. Each
//! connection is one; without any left, deliveries could neither be kept nor sent.

use crate::config::Config;
use crate::edge::Bounds;
use crate::webhook::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The spool's, logs, listeners, the admin API and sources that are fetched.
const OWN: u64 = 256;

/// What may be open, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// The most at once.
    pub limit: u64,
    /// The gateway's own and its targets'.
    others: u64,
    /// A connection's.
    each: u64,
}

impl Files {
    /// With the limit that a start would set: the system's hard one.
    #[must_use]
    pub fn allowed(config: &Config) -> Self {
        Self::within(limit(getrlimit(Resource::Nofile).maximum), config)
    }

    /// Raises the process's limit to the system's hard one, and tells the log.
    #[must_use]
    pub fn raise(config: &Config) -> Self {
        let was = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: was.maximum,
            maximum: was.maximum,
        };
        if let Err(fault) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("cannot raise the limit of open files: {fault}");
        }
        let files = Self::within(limit(getrlimit(Resource::Nofile).current), config);
        let needed = files.needed();
        tracing::info!(
            limit = files.limit,
            was = limit(was.current),
            needed,
            "open files"
        );
        files
    }

    fn within(limit: u64, config: &Config) -> Self {
        let targets = config.webhooks.iter().flat_map(|route| &route.to);
        // As many may idle as are under way.
        let sent = targets.map(|target| 2 * target.concurrency as u64).sum();
        let passes = config
            .webhooks
            .iter()
            .any(|route| route.mode == Mode::Through);
        Self {
            limit,
            others: OWN.saturating_add(sent),
            each: if passes { 2 } else { 1 },
        }
    }

    /// How many are needed for all the connections there may be.
    #[must_use]
    pub fn needed(self) -> u64 {
        let connections = Bounds::default().total as u64;
        self.others.saturating_add(connections * self.each)
    }

    /// How many connections there may be, so that the rest is never left without files.
    #[must_use]
    pub fn bounds(self) -> Bounds {
        let most = Bounds::default();
        let left = self.limit.saturating_sub(self.others).max(self.limit / 2) / self.each;
        let total = usize::try_from(left).map_or(most.total, |left| left.min(most.total));
        Bounds {
            total,
            per_address: most.per_address.min(total),
        }
    }

    /// What to tell a person where the limit is too low.
    #[must_use]
    pub fn lack(self) -> Option<String> {
        (self.limit < self.needed()).then(|| {
            format!(
                "the system lets a process have {} files open, and {} may be needed: {} \
                 connections are taken at once instead of {}; raise `LimitNOFILE=` of the \
                 service, or `ulimit -Hn`",
                self.limit,
                self.needed(),
                self.bounds().total,
                Bounds::default().total
            )
        })
    }
}

/// None is as many as one likes.
fn limit(of: Option<u64>) -> u64 {
    of.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
