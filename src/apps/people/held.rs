//! A handle, and what stands behind it now.

use super::PREFIX;
use crate::apps::App;
use crate::apps::store::Person;
use crate::github::client::UserTokens;
use crate::types::{Name, Secret, Timestamp};
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// A token is renewed when so much of its eight hours is left.
pub(super) const BEFORE_END: Duration = Duration::from_mins(10);

/// A token as it is now.
#[derive(Debug)]
pub struct Held {
    pub(super) person: Person,
    /// What audit calls it, here and at GitHub.
    pub hashed: Box<str>,
    /// Until then GitHub knows it, in milliseconds, as it said.
    pub(super) known_until: AtomicI64,
}

impl Held {
    pub(super) fn of(person: Person) -> Arc<Self> {
        let hashed = hashed(&person.access);
        Arc::new(Self {
            person,
            hashed,
            known_until: AtomicI64::new(0),
        })
    }

    /// The token itself.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.person.access
    }
}

/// A handle.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) now: ArcSwap<Held>,
    /// Who renews; the others wait, and find what it brought.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Not before then, in milliseconds: GitHub did not renew.
    pub(super) not_before: AtomicI64,
    /// What is held is newer than what is on disk.
    pub(super) unwritten: AtomicBool,
    pub(super) ended: AtomicBool,
    /// When it was used last, in milliseconds.
    used: AtomicI64,
}

impl Entry {
    pub(super) fn of(person: Person) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicI64::new(person.since.as_millis()),
            now: ArcSwap::from(Held::of(person)),
            turn: tokio::sync::Mutex::default(),
            not_before: AtomicI64::new(0),
            unwritten: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    pub(super) fn use_at(&self, now: Timestamp) {
        self.used.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether GitHub is not to be asked yet.
    pub(super) fn waits(&self, now: Timestamp) -> bool {
        now.as_millis() < self.not_before.load(Ordering::Relaxed)
    }
}

impl Person {
    pub(super) fn new(
        name: Name,
        (app, at): (Name, Option<Box<str>>),
        client: (String, Secret),
        tokens: UserTokens,
        now: Timestamp,
    ) -> Self {
        Self {
            name,
            app,
            at,
            client,
            access: tokens.access,
            expires: tokens.expires_in.map(|life| now.after(life)),
            refresh: tokens.refresh,
            refresh_expires: tokens.refresh_expires_in.map(|life| now.after(life)),
            since: now,
        }
    }

    /// Whether it is this App's: no other by the same name, which may be at another server.
    pub(super) fn is_of(&self, app: &App) -> bool {
        let same = |at: &str| *at == *app.identity();
        self.app == *app.name() && self.at.as_deref().is_none_or(same)
    }

    pub(super) fn renewed(&self, tokens: UserTokens, now: Timestamp) -> Self {
        Self::new(
            self.name.clone(),
            (self.app.clone(), self.at.clone()),
            self.client.clone(),
            tokens,
            now,
        )
    }

    /// Whether it is time to renew it. What cannot be renewed is used to its end.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let early = self.refresh.as_ref().map_or(Duration::ZERO, |_| BEFORE_END);
        self.expires.is_some_and(|end| end <= now.after(early))
    }

    /// Whether it has ended, and nothing renews it.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        let renewable = self.refresh.is_some() && self.refresh_expires.is_none_or(|end| end > now);
        self.is_over(now) && !renewable
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// What a handle is known by.
pub(super) fn name(handle: &str) -> Option<Name> {
    let known = handle.starts_with(PREFIX) && handle.len() < 256;
    let digest = digest(&SHA256, handle.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // As long as a name may be; 248 bits tell handles apart.
    let hex = hex.get(..62).filter(|_| known)?;
    hex.parse().ok()
}

fn hashed(token: &Secret) -> Box<str> {
    STANDARD.encode(digest(&SHA256, token.expose())).into()
}
