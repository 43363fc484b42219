//! People's tokens for an App, held here: whoever signs them in is given a handle that does not end,
//! and this room renews what stands behind it.
//!
//! A refresh token is good once. What GitHub gave for it is written before it is used; where the
//! process dies in between, both are lost, GitHub says so when the old one is tried again, and the
//! handle ends: the person signs in once more. A handle that is not renewed ends with its refresh
//! token, after half a year.

mod held;

pub use held::Held;

use super::app::App;
use super::store::{Person, Place, Store, StoreError};
use crate::github::client::{Renewed, UserTokens};
use crate::telemetry::audit::{self, Record};
use crate::telemetry::{Audit, Tasks};
use crate::types::{Clock, Name, Secret, Timestamp};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use held::{Entry, name};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// What a handle begins with, so that a person and a secret scanner know it.
pub const PREFIX: &str = "hgu_";
/// Handles that are held at once; each is a file of a kilobyte. The least recently used one ends
/// where there would be more.
const MOST: usize = 10_000;
/// How often those go that nothing renews any more.
const SWEEP: Duration = Duration::from_hours(24);
/// Where GitHub does not renew, and the token is good yet, it is asked again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// What GitHub said to know, it is not asked about again for so long.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// Why a token is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It is about to end.
    Due,
    /// GitHub has refused it.
    Refused,
}

/// Why a handle leads to no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not known, or GitHub has ended what stood behind it.
    #[error("this sign-in has ended; the person signs in once more")]
    Ended,
    /// GitHub does not renew it now.
    #[error("GitHub does not renew this person's token now")]
    Unreachable,
    /// The disk does not keep it.
    #[error("the token that GitHub gave cannot be kept; nothing is passed on")]
    NotKept,
}

/// Everybody's. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    held: Mutex<HashMap<Name, Arc<Entry>>>,
    audit: Audit,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    most: usize,
}

impl People {
    /// Those that are kept at this place, swept once a day.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn open(
        place: &Place,
        audit: &Audit,
        with: (&Arc<dyn Clock>, &Tasks),
    ) -> Result<Self, StoreError> {
        let people = Self::holding(MOST, place, audit, with)?;
        people.sweep_daily();
        Ok(people)
    }

    fn holding(
        most: usize,
        place: &Place,
        audit: &Audit,
        (clock, tasks): (&Arc<dyn Clock>, &Tasks),
    ) -> Result<Self, StoreError> {
        let store = Store::make(place)?;
        let (all, lost) = store.people()?;
        for fault in lost {
            tracing::error!("whoever signed in with it signs in once more: {fault}");
        }
        let all = all.into_iter();
        let held = all.map(|person| (person.name.clone(), Entry::of(person)));
        Ok(Self(Arc::new(Inner {
            held: Mutex::new(held.collect()),
            store: Arc::new(store),
            audit: audit.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            most,
        })))
    }

    /// Where they are kept.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.0.store.place()
    }

    /// Holds what GitHub gave for a person, and gives a handle for it, when it is on disk.
    ///
    /// # Errors
    /// Where it is not held.
    pub async fn take_in(
        &self,
        app: &App,
        client: (String, Secret),
        tokens: UserTokens,
    ) -> Result<Zeroizing<String>, Refusal> {
        let mut chance = Zeroizing::new([0; 32]);
        rand::fill(&mut *chance).or(Err(Refusal::NotKept))?;
        let handle = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*chance)));
        let name = name(&handle).ok_or(Refusal::NotKept)?;
        let person = Person::new(
            name.clone(),
            (app.name().clone(), Some(app.identity())),
            client,
            tokens,
            self.0.clock.now(),
        );
        self.write(person.clone()).await?;
        let entry = Entry::of(person);
        self.tell(&entry.now.load(), "signed_in", "ok").await;
        for gone in self.insert(name, entry) {
            let people = self.clone();
            self.0.tasks.spawn("user-token", async move {
                let _turn = gone.turn.lock().await;
                people.end(&gone, "least_recently_used").await;
            });
        }
        Ok(handle)
    }

    /// Holds one more; those that it takes the place of.
    fn insert(&self, name: Name, entry: Arc<Entry>) -> Vec<Arc<Entry>> {
        let (mut held, mut gone) = (self.held(), Vec::new());
        while held.len() >= self.0.most {
            let least = held.iter().min_by_key(|(_, entry)| entry.used());
            let Some(least) = least.map(|(name, _)| name.clone()) else {
                break;
            };
            gone.extend(held.remove(&least));
        }
        held.insert(name, entry);
        gone
    }

    /// The token behind a handle, for one of these Apps; renewed where it is about to end.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn token(&self, handle: &str, apps: &[Arc<App>]) -> Result<Arc<Held>, Refusal> {
        let (entry, app) = self.find(handle, apps)?;
        let now = self.0.clock.now();
        entry.use_at(now);
        let held = entry.now.load_full();
        if entry.unwritten.load(Ordering::Acquire) {
            let (people, entry) = (self.clone(), entry.clone());
            self.whole(async move { people.write_late(&entry).await })
                .await;
        }
        if !held.person.is_due(now) || (entry.waits(now) && !held.person.is_over(now)) {
            return Ok(held);
        }
        self.renew(entry, app.clone(), held, Why::Due).await
    }

    /// Another token in place of one that GitHub refused; the same where GitHub knows it, and has
    /// refused something else.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn replace(
        &self,
        handle: &str,
        apps: &[Arc<App>],
        refused: &Arc<Held>,
    ) -> Result<Arc<Held>, Refusal> {
        let (entry, app) = self.find(handle, apps)?;
        self.renew(entry, app.clone(), refused.clone(), Why::Refused)
            .await
    }

    fn find<'a>(
        &self,
        handle: &str,
        apps: &'a [Arc<App>],
    ) -> Result<(Arc<Entry>, &'a Arc<App>), Refusal> {
        let name = name(handle).ok_or(Refusal::Ended)?;
        let entry = self.held().get(&name).cloned().ok_or(Refusal::Ended)?;
        let held = entry.now.load();
        let app = apps.iter().find(|app| held.person.is_of(app));
        drop(held);
        Ok((entry, app.ok_or(Refusal::Ended)?))
    }

    /// Renews to the end, whether the one who asked stays or not: what GitHub gives is given once.
    async fn renew(
        &self,
        entry: Arc<Entry>,
        app: Arc<App>,
        old: Arc<Held>,
        why: Why,
    ) -> Result<Arc<Held>, Refusal> {
        let people = self.clone();
        let renewed = async move { people.renew_now(&entry, &app, &old, why).await };
        let renewed = self.whole(renewed).await;
        renewed.unwrap_or(Err(Refusal::Unreachable))
    }

    /// Does it to its end, whether the one who waits for it stays or not.
    async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, ended) = tokio::sync::oneshot::channel();
        self.0.tasks.spawn("user-token", async move {
            // The one who asked may be gone.
            let _unheard = done.send(work.await);
        });
        ended.await.ok()
    }

    /// One renews, and everybody who waited has what it brought.
    async fn renew_now(
        &self,
        entry: &Arc<Entry>,
        app: &App,
        old: &Arc<Held>,
        why: Why,
    ) -> Result<Arc<Held>, Refusal> {
        let _turn = entry.turn.lock().await;
        if entry.ended.load(Ordering::Acquire) {
            return Err(Refusal::Ended);
        }
        let held = entry.now.load_full();
        if !Arc::ptr_eq(&held, old) {
            return Ok(held);
        }
        let now = self.0.clock.now();
        if why == Why::Due && entry.waits(now) {
            return self.later(entry, &held, now);
        }
        if why == Why::Refused && !self.refuses(entry, app, &held).await? {
            return Ok(held);
        }
        let Some(refresh) = &held.person.refresh else {
            self.end(entry, "refused").await;
            return Err(Refusal::Ended);
        };
        let (id, secret) = &held.person.client;
        match app.client().renew(id, secret, refresh).await {
            Ok(Renewed::Tokens(tokens)) => {
                let person = held.person.renewed(tokens, now);
                let written = self.write(person.clone()).await;
                // GitHub takes the old one no more: what is held is used, on disk or not.
                entry.unwritten.store(written.is_err(), Ordering::Release);
                let fresh = Held::of(person);
                entry.now.store(fresh.clone());
                self.tell(&fresh, "renewed", "ok").await;
                Ok(fresh)
            }
            Ok(Renewed::Refused(code)) if ENDS.contains(&code.as_str()) => {
                self.end(entry, "bad_refresh_token").await;
                Err(Refusal::Ended)
            }
            Ok(Renewed::Refused(code)) => {
                tracing::error!(app = %app.name(), %code, "GitHub does not renew a person's token");
                self.later(entry, &held, self.0.clock.now())
            }
            Err(fault) => {
                let app = app.name();
                tracing::warn!(%app, "a person's token is not renewed: {fault}");
                self.later(entry, &held, self.0.clock.now())
            }
        }
    }

    /// Whether GitHub does not know a token with which something was refused. Asked once for all
    /// who wait: where it does not say, not again before a while.
    async fn refuses(&self, entry: &Entry, app: &App, held: &Held) -> Result<bool, Refusal> {
        let now = self.0.clock.now();
        if now.as_millis() < held.known_until.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if entry.waits(now) {
            return Err(Refusal::Unreachable);
        }
        let knows = app.client().knows(held.token()).await;
        let now = self.0.clock.now();
        match knows {
            Ok(true) => {
                let until = now.after(KNOWN_FOR).as_millis();
                held.known_until.store(until, Ordering::Relaxed);
                Ok(false)
            }
            Ok(false) => Ok(true),
            Err(fault) => {
                let app = app.name();
                tracing::warn!(%app, "whether a person's token is good is not known: {fault}");
                let then = now.after(AGAIN_AFTER).as_millis();
                entry.not_before.store(then, Ordering::Relaxed);
                Err(Refusal::Unreachable)
            }
        }
    }

    /// What is good yet is used on, and GitHub asked again a little later.
    fn later(&self, entry: &Entry, held: &Arc<Held>, now: Timestamp) -> Result<Arc<Held>, Refusal> {
        if !entry.waits(now) {
            let then = now.after(AGAIN_AFTER).as_millis();
            entry.not_before.store(then, Ordering::Relaxed);
        }
        if held.person.is_over(now) {
            return Err(Refusal::Unreachable);
        }
        Ok(held.clone())
    }

    /// Whoever has the handle is told to sign in once more.
    async fn end(&self, entry: &Entry, why: &'static str) {
        if entry.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let held = entry.now.load_full();
        let name = held.person.name.clone();
        self.held().remove(&name);
        let store = self.0.store.clone();
        let gone = tokio::task::spawn_blocking(move || store.forget_person(&name)).await;
        if !matches!(gone, Ok(Ok(()))) {
            tracing::error!("a person's tokens that have ended cannot be removed from disk");
        }
        tracing::warn!(app = %held.person.app, why, "a person's sign-in has ended");
        self.tell(&held, "ended", why).await;
    }

    fn sweep_daily(&self) {
        let (people, stop) = (self.clone(), self.0.tasks.stopping());
        self.0.tasks.supervise("user-token-sweep", move || {
            let (people, stop) = (people.clone(), stop.clone());
            async move {
                while !stop.is_cancelled() {
                    people.sweep().await;
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(SWEEP) => {}
                    }
                }
            }
        });
    }

    /// Lets those go that nothing renews any more.
    async fn sweep(&self) {
        let now = self.0.clock.now();
        let all: Vec<_> = self.held().values().cloned().collect();
        for entry in all {
            if self.0.tasks.stopping().is_cancelled() {
                return;
            }
            if entry.now.load().person.is_gone(now) {
                let _turn = entry.turn.lock().await;
                if entry.now.load().person.is_gone(now) {
                    self.end(&entry, "expired").await;
                }
            }
        }
    }

    /// What the disk did not take before.
    async fn write_late(&self, entry: &Entry) {
        let _turn = entry.turn.lock().await;
        // Others may have written it meanwhile, or it is to be on disk no more.
        if entry.ended.load(Ordering::Acquire) || !entry.unwritten.load(Ordering::Acquire) {
            return;
        }
        let held = entry.now.load_full();
        let written = self.write(held.person.clone()).await;
        entry.unwritten.store(written.is_err(), Ordering::Release);
    }

    async fn write(&self, person: Person) -> Result<(), Refusal> {
        let store = self.0.store.clone();
        let written = tokio::task::spawn_blocking(move || store.put_person(&person)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => {
                tracing::error!("a person's tokens are not on disk: {fault}");
                Err(Refusal::NotKept)
            }
            Err(_) => Err(Refusal::NotKept),
        }
    }

    async fn tell(&self, held: &Held, action: &'static str, outcome: &'static str) {
        let record = audit::Token {
            time: self.0.clock.now(),
            action,
            app: held.person.app.clone(),
            owner: None,
            installation: None,
            repositories: None,
            permissions: None,
            expires: held.person.expires,
            token: Some(held.hashed.to_string()),
            outcome,
        };
        self.0.audit.record(Record::Token(record)).await;
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Name, Arc<Entry>>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What GitHub answers that ends a sign-in: the refresh token was used, has ended or was revoked.
const ENDS: [&str; 3] = [
    "bad_refresh_token",
    "invalid_grant",
    "bad_verification_code",
];

#[cfg(test)]
mod tests;
