//! The networks that a document like `https://api.github.com/meta` names: fetched again and
//! again, kept on disk, and never given up for an answer that cannot be right.
//!
//! `load` what was kept → `watch` → `refresh`: fetch, read, compare with what we have, write,
//! announce.

pub mod document;
mod fetch;
mod kept;
mod schedule;

use crate::types::{Clock, Entropy, Name, Timestamp};
use fetch::{Answer, Fetcher};
use ipnet::IpNet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

pub use document::DocumentError;
pub use fetch::FetchError;
pub use kept::KeepError;

/// What is fetched, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The source's name; the file is called after it.
    pub name: Name,
    /// The document.
    pub url: url::Url,
    /// Which of its lists are read; at least one.
    pub sections: Vec<String>,
    /// How often.
    pub refresh: Duration,
    /// Where the last good list is kept: `{state_dir}/sources`.
    pub directory: PathBuf,
}

/// A list of networks and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The networks, sorted, each once.
    pub networks: Vec<IpNet>,
    /// When the document last said so; absent where there never was a list.
    pub confirmed: Option<Timestamp>,
    /// Where it came from.
    pub origin: Origin,
    etag: Option<String>,
}

/// Where a list came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Fetched by this process.
    Fetched,
    /// Fetched by an earlier one and kept on disk.
    Kept,
    /// Compiled in, for the first start.
    Snapshot,
    /// Nowhere: it is empty, and nobody is in it.
    Nowhere,
}

/// What a refresh came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The list is another one now.
    Changed {
        /// How many networks are new.
        added: usize,
        /// How many are gone.
        removed: usize,
    },
    /// The document says what it said before.
    Unchanged,
}

/// Why a refresh changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The document could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not what it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It has far fewer networks than before.
    #[error(
        "the document has {found} networks where there were {before}: less than half is taken for a mistake; if it is right, remove `{file}` and restart"
    )]
    Shrunk {
        /// How many it has.
        found: usize,
        /// How many there were.
        before: usize,
        /// Where the old list is kept.
        file: PathBuf,
    },
}

/// How a list is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Since when it has not been confirmed; absent where there never was a list.
    pub age: Option<Duration>,
    /// Older than three times its refresh and than a day, or never there.
    pub stale: bool,
    /// What went wrong at the last try, where it did.
    pub last_error: Option<Arc<str>>,
}

/// A list that keeps itself fresh. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    list: watch::Sender<Arc<List>>,
    fetcher: Fetcher,
    /// One refresh at a time, whoever asks for it.
    turn: tokio::sync::Mutex<()>,
    last_error: Mutex<Option<Arc<str>>>,
    told_stale: std::sync::atomic::AtomicBool,
}

impl Watcher {
    /// Takes up what is kept on disk, or what is compiled in for GitHub's own hooks, or nothing.
    /// Reads one small file; opens no connection.
    #[must_use]
    pub fn load(settings: Settings, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let list = match kept::read(&settings) {
            Ok(Some(list)) => list,
            Ok(None) => first(&settings),
            Err(failure) => {
                tracing::warn!(source = %settings.name, "{failure}; it is fetched anew");
                first(&settings)
            }
        };
        let watcher = Self(Arc::new(Inner {
            fetcher: Fetcher::new(settings.url.clone()),
            settings,
            clock,
            entropy,
            list: watch::Sender::new(Arc::new(list)),
            turn: tokio::sync::Mutex::new(()),
            last_error: Mutex::new(None),
            told_stale: std::sync::atomic::AtomicBool::new(false),
        }));
        watcher.measure();
        watcher
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.settings.name
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The list as it is now.
    #[must_use]
    pub fn current(&self) -> Arc<List> {
        Arc::clone(&self.0.list.borrow())
    }

    /// Told whenever the list changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<List>> {
        self.0.list.subscribe()
    }

    /// How the list is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        let age = self
            .current()
            .confirmed
            .map(|confirmed| self.0.clock.now().since(confirmed));
        let oldest = schedule::oldest(self.0.settings.refresh);
        Health {
            age,
            stale: age.is_none_or(|age| age > oldest),
            last_error: self.last_error().clone(),
        }
    }

    /// Fetches the document now. Whatever goes wrong, the list that was there stays.
    ///
    /// # Errors
    /// Where it cannot be had, is malformed, or has become much smaller.
    pub async fn refresh(&self) -> Result<Refreshed, RefreshError> {
        let _turn = self.0.turn.lock().await;
        let outcome = self.fetch().await;
        let told = match &outcome {
            Ok(Refreshed::Changed { .. }) => "changed",
            Ok(Refreshed::Unchanged) => "unchanged",
            Err(_) => "failed",
        };
        let name = self.name();
        metrics::counter!("hubgate_source_refreshes_total", "source" => name.to_string(), "outcome" => told)
            .increment(1);
        match &outcome {
            Ok(Refreshed::Changed { added, removed }) => {
                *self.last_error() = None;
                tracing::info!(source = %name, added, removed, "the source list changed");
            }
            Ok(Refreshed::Unchanged) => *self.last_error() = None,
            Err(failure) => {
                let text: Arc<str> = failure.to_string().into();
                tracing::warn!(source = %name, "cannot refresh the source list, the old one stays: {text}");
                *self.last_error() = Some(text);
            }
        }
        self.measure();
        outcome
    }

    async fn fetch(&self) -> Result<Refreshed, RefreshError> {
        let before = self.current();
        let settings = &self.0.settings;
        let answer = self.0.fetcher.fetch(before.etag.as_deref()).await?;
        let now = self.0.clock.now();
        let list = match answer {
            Answer::Unchanged => List {
                confirmed: Some(now),
                origin: Origin::Fetched,
                ..List::clone(&before)
            },
            Answer::Document { body, etag } => List {
                networks: document::read(&body, &settings.sections)?,
                confirmed: Some(now),
                origin: Origin::Fetched,
                etag,
            },
        };
        if list.networks.len() < before.networks.len().div_ceil(2) {
            return Err(RefreshError::Shrunk {
                found: list.networks.len(),
                before: before.networks.len(),
                file: kept::file(settings),
            });
        }
        // A list that cannot be kept is used all the same: a restart begins with an older one.
        if let Err(failure) = kept::write(settings, &list).await {
            tracing::warn!(source = %settings.name, "{failure}");
        }
        let (added, removed) = difference(&before.networks, &list.networks);
        self.0.list.send_replace(Arc::new(list));
        if added + removed == 0 {
            return Ok(Refreshed::Unchanged);
        }
        Ok(Refreshed::Changed { added, removed })
    }

    fn last_error(&self) -> std::sync::MutexGuard<'_, Option<Arc<str>>> {
        self.0
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(settings: &Settings) -> List {
    document::snapshot(&settings.url, &settings.sections).unwrap_or_else(|| {
        tracing::warn!(source = %settings.name, "no list was ever fetched: nobody is in this source yet");
        List {
            networks: Vec::new(),
            confirmed: None,
            origin: Origin::Nowhere,
            etag: None,
        }
    })
}

/// How many of the sorted `after` are not in `before`, and the other way round.
fn difference(before: &[IpNet], after: &[IpNet]) -> (usize, usize) {
    let missing = |from: &[IpNet], of: &[IpNet]| {
        of.iter()
            .filter(|network| from.binary_search(network).is_err())
            .count()
    };
    (missing(before, after), missing(after, before))
}

#[cfg(test)]
mod tests;
