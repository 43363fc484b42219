//! What GitHub tried to deliver and could not: listed again and again, and sent again, each once.
//!
//! `hooks`: which of GitHub's hooks lead to a route → their deliveries since the `watermark` →
//! without those that a route does not want and those that the spool has → redelivery, slowly →
//! the watermark goes up, on disk.

mod hooks;
mod told;
mod watermark;

use super::Mode;
use crate::apps::{App, Trouble};
use crate::disk;
use crate::github::client::{Cursor, Delivery, Hook, Page};
use crate::github::{Credential, Fault, Product};
use crate::spool::{Query, Spool, SpoolError};
use crate::telemetry::audit::{Audit, Control, Record};
use crate::types::{Clock, Entropy, EventName, EventPattern, RouteKey, Secret, Timestamp};
use hooks::{Found, Places};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use watermark::Watermark;

/// What a recovery needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The routes, with what they want.
    pub routes: Vec<Wants>,
    /// Where the watermark is kept: `{state_dir}/recover`.
    pub directory: PathBuf,
    /// What tells this spool from another in its place.
    pub spool: Option<String>,
}

/// A route, and what it wants.
#[derive(Debug, Clone)]
pub struct Wants {
    /// The route.
    pub key: RouteKey,
    /// Which events; empty: all.
    pub events: Vec<EventPattern>,
    /// Whether what it takes is in the spool.
    pub keeps: bool,
}

impl From<&super::Route> for Wants {
    fn from(route: &super::Route) -> Self {
        Self {
            key: route.key.clone(),
            events: route.events.clone(),
            keeps: route.mode == Mode::Store,
        }
    }
}

impl Wants {
    fn wants(&self, delivery: &Delivery) -> bool {
        let event: Option<EventName> = delivery.event.parse().ok();
        let action = delivery.action.as_deref();
        let taken = |event| {
            self.events
                .iter()
                .any(|pattern| pattern.matches(&event, action))
        };
        self.events.is_empty() || event.is_some_and(taken)
    }
}

/// Why a round did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// GitHub did not answer as it should.
    #[error(transparent)]
    Github(#[from] Trouble),
    /// The spool did not.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The watermark cannot be kept.
    #[error("cannot keep `{path}`: {why}")]
    Watermark {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

impl Unfinished {
    /// How long GitHub wants to be left alone, where it does.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Github(Trouble::Github(Fault::Limited { retry_after, .. })) => Some(*retry_after),
            Self::Github(_) | Self::Spool(_) | Self::Watermark { .. } => None,
        }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Events that GitHub tried to deliver to a route that wants them.
    pub seen: usize,
    /// Those that were sent again.
    pub again: usize,
    /// Those that were sent again before, and failed again.
    pub failed: usize,
}

/// One App's recovery.
#[derive(Debug)]
pub struct Recovery {
    app: Weak<App>,
    settings: Settings,
    parts: Parts,
    places: Mutex<Option<(Places, Timestamp)>>,
    /// Hooks whose deliveries came and that are none of ours, told once.
    strangers: Mutex<HashSet<Box<str>>>,
    /// What failed again, counted once; no more than what was tried.
    left: Mutex<HashSet<Arc<str>>>,
}

/// What every recovery shares.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What was accepted.
    pub spool: Arc<dyn Spool>,
    /// Where redeliveries are recorded.
    pub audit: Audit,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Between two redeliveries.
    pub pace: Duration,
}

/// GitHub takes 80 requests that make something a minute.
pub const PACE: Duration = Duration::from_secs(1);

impl Recovery {
    /// The recovery of an App's deliveries; ends when the App is dropped.
    #[must_use]
    pub fn new(app: &Arc<App>, settings: Settings, parts: Parts) -> Self {
        Self {
            app: Arc::downgrade(app),
            settings,
            parts,
            places: Mutex::new(None),
            strangers: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// Looks once, and sends again what is missing.
    ///
    /// # Errors
    /// Where GitHub, the spool or the disk does not answer; the watermark stays where it was.
    pub async fn round(&self, app: &App) -> Result<Round, Unfinished> {
        // After a reload the one before may still be at it.
        let _turn = app.recovering().lock().await;
        let now = self.parts.clock.now();
        let mut mark = Watermark::read(&self.settings.directory, app.name());
        let retention = match app.site().product {
            Product::Cloud => Duration::from_hours(3 * 24),
            Product::Server => Duration::from_hours(7 * 24),
        };
        let lost = mark.is_of_another_spool(self.settings.spool.as_deref());
        self.warn(app, &mark, retention, lost, now);
        told::measure_age(
            app,
            mark.until.map_or(Duration::ZERO, |until| now.since(until)),
        );
        let since = if lost {
            now.before(retention)
        } else {
            mark.until.unwrap_or(now).before(OVERLAP)
        };
        if mark.until.is_none() {
            // Whatever fails from now on is not to be missed, should this round break off.
            mark.until = Some(now);
            mark.spool.clone_from(&self.settings.spool);
            self.keep(app, &mark).await?;
        }
        let places = self.places(app, now).await?;
        self.meet_strangers(app, &places).await?;
        let mut round = Round::default();
        let mut unfinished = None;
        for found in &places.found {
            let done = self.recover(app, found, (since, now, lost), &mut mark, &mut round);
            if let Err(why) = done.await {
                let limited = why.retry_after().is_some();
                // One hook that cannot be read does not hold up the others.
                unfinished = Some(why);
                if limited {
                    break;
                }
            }
        }
        if let Some(why) = unfinished {
            // Hooks and tokens may be others by now.
            *self.places.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(why);
        }
        mark.until = Some(now);
        mark.spool.clone_from(&self.settings.spool);
        mark.tried.retain(|_, at| now.since(*at) < retention);
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|guid| mark.tried.contains_key(guid));
        self.keep(app, &mark).await?;
        told::measure_age(app, Duration::ZERO);
        if round.again > 0 {
            let outcome = format!("{}: {} sent again", app.name(), round.again);
            tracing::info!(app = %app.name(), again = round.again, "GitHub sends again what it could not deliver");
            let control = Control {
                time: now,
                action: "recover",
                by: "app",
                outcome,
            };
            self.parts.audit.record(Record::Control(control)).await;
        }
        Ok(round)
    }

    /// One hook's deliveries.
    async fn recover(
        &self,
        app: &App,
        found: &Found,
        (since, now, lost): (Timestamp, Timestamp, bool),
        mark: &mut Watermark,
        round: &mut Round,
    ) -> Result<(), Unfinished> {
        let listed = self.listed(app, found, since).await?;
        let settled = now.before(SETTLING);
        let mut missing: Vec<(Arc<str>, Delivery)> = Vec::new();
        for (guid, attempts) in listed {
            let (Some(newest), Some(oldest)) = (attempts.first(), attempts.last()) else {
                continue;
            };
            let ok = attempts.iter().any(Delivery::is_ok);
            // What a route passes through is nowhere to be looked up: there GitHub's word counts.
            let by_word = !lost || !found.wants.keeps;
            if newest.at > settled || !found.wants.wants(newest) || (ok && by_word) {
                continue;
            }
            round.seen += 1;
            if mark.tried.contains_key(&guid) {
                if !ok {
                    round.failed += 1;
                    self.leave(app, &guid);
                }
                continue;
            }
            missing.push((guid, oldest.clone()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let kept = self.kept(found, since).await?;
        missing.retain(|(guid, _)| !kept.contains(&**guid));
        // Oldest first, as they happened.
        missing.sort_by_key(|(_, delivery)| delivery.at);
        for (guid, delivery) in missing {
            tokio::time::sleep(self.parts.pace).await;
            if let Err(why) = self.again(app, found, delivery.id).await {
                self.keep(app, mark).await?;
                return Err(why.into());
            }
            mark.tried.insert(guid, now);
            round.again += 1;
            told::count_again(app);
            if round.again.is_multiple_of(KEEP_EVERY) {
                self.keep(app, mark).await?;
            }
        }
        // Whatever comes next, these were sent.
        self.keep(app, mark).await
    }

    /// What GitHub tried since then, by event, the newest attempt of each first.
    async fn listed(
        &self,
        app: &App,
        found: &Found,
        since: Timestamp,
    ) -> Result<BTreeMap<Arc<str>, Vec<Delivery>>, Unfinished> {
        let mut events: BTreeMap<Arc<str>, Vec<Delivery>> = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        for _ in 0..MOST_PAGES {
            let page = self.page(app, found, cursor.as_ref()).await?;
            let end = page.items.last().is_none_or(|oldest| oldest.at < since);
            for delivery in page.items {
                if delivery.at >= since {
                    let guid = Arc::from(delivery.guid.as_str());
                    events.entry(guid).or_default().push(delivery);
                }
            }
            cursor = page.next;
            if end || cursor.is_none() {
                return Ok(events);
            }
        }
        tracing::warn!(
            app = %app.name(), route = %found.wants.key,
            "GitHub lists more than {} deliveries since then; older ones are not looked at",
            MOST_PAGES * 100
        );
        Ok(events)
    }

    async fn page(
        &self,
        app: &App,
        found: &Found,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Delivery>, Trouble> {
        let (client, hook) = (app.client(), &found.hook);
        match &found.token {
            Some(token) => Ok(client
                .deliveries(Credential::Token(token), hook, cursor)
                .await?),
            None => {
                let ask = |jwt| async move {
                    client.deliveries(Credential::App(&jwt), hook, cursor).await
                };
                app.as_app(ask).await
            }
        }
    }

    async fn again(&self, app: &App, found: &Found, id: u64) -> Result<(), Trouble> {
        let (client, hook) = (app.client(), &found.hook);
        let done = match &found.token {
            Some(token) => {
                let asked = client.redeliver(Credential::Token(token), hook, id);
                asked.await.map_err(Trouble::from)
            }
            None => {
                let ask =
                    |jwt| async move { client.redeliver(Credential::App(&jwt), hook, id).await };
                app.as_app(ask).await
            }
        };
        match done {
            // GitHub has let go of it since it was listed.
            Err(Trouble::Github(Fault::NotFound | Fault::Unprocessable { .. })) => {
                tracing::warn!(app = %app.name(), id, "GitHub cannot send a delivery again");
                Ok(())
            }
            done => done,
        }
    }

    /// The GUIDs that the spool has of a hook since then.
    async fn kept(&self, found: &Found, since: Timestamp) -> Result<HashSet<Box<str>>, SpoolError> {
        let mut kept = HashSet::new();
        if !found.wants.keeps {
            return Ok(kept);
        }
        let query = Query {
            route: Some(found.wants.key.to_string()),
            since: Some(since.before(OVERLAP)),
            ..Query::default()
        };
        let mut before = None;
        loop {
            let page = self.parts.spool.find(query.clone(), before, 1_000).await?;
            for one in page.deliveries {
                // One event goes to several hooks under one GUID.
                let same = match &found.hook {
                    Hook::App => true,
                    Hook::Organization(_, id) | Hook::Repository(_, id) => {
                        one.hook == id.to_string()
                    }
                };
                if same {
                    kept.insert(one.guid.into());
                }
            }
            before = page.next;
            if before.is_none() {
                return Ok(kept);
            }
        }
    }

    async fn places(&self, app: &App, now: Timestamp) -> Result<Places, Unfinished> {
        let known = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((places, since)) = known
            && now.since(since) < PLACES_LAST
        {
            return Ok(places);
        }
        let places = hooks::find(app, &self.settings.routes).await?;
        let fresh = Some((places.clone(), now));
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(places)
    }

    async fn keep(&self, app: &App, mark: &Watermark) -> Result<(), Unfinished> {
        let path = Watermark::path(&self.settings.directory, app.name());
        let (text, place) = (mark.write(), path.clone());
        let written = tokio::task::spawn_blocking(move || {
            place.parent().map_or(Ok(()), disk::make)?;
            disk::replace(&place, &text)
        })
        .await;
        let written = written.unwrap_or_else(|fault| Err(std::io::Error::other(fault)));
        written.map_err(|why| Unfinished::Watermark { path, why })
    }
}

/// A token that is only for looking at hooks, ended when it is not needed any more.
async fn ended(app: &App, token: &Secret) {
    if let Err(why) = app.revoke(token).await {
        tracing::debug!(app = %app.name(), "a token for hooks is left to end by itself: {why}");
    }
}

/// GitHub lists a delivery some time after it tried, and clocks differ.
const OVERLAP: Duration = Duration::from_secs(900);
/// One that was tried just now may still be on its way into the spool.
const SETTLING: Duration = Duration::from_secs(60);
/// How long it is believed which hooks there are.
const PLACES_LAST: Duration = Duration::from_secs(1800);
/// A crash repeats at most so many redeliveries.
const KEEP_EVERY: usize = 20;
const MOST_PAGES: usize = 300;

#[cfg(test)]
mod tests;
