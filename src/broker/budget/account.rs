//! One installation's account. Its book is behind a lock that is held for some additions, never
//! while anything is waited for.

use super::places::Places;
use super::{Left, Purse, Resource};
use crate::broker::refusal::Refusal;
use crate::github::{Allowance, Excess};
use crate::types::{InstallationId, Name, Owner, Timestamp};
use http::{HeaderMap, StatusCode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When what remains of a window falls under this part of it, those who used their share wait.
const RESERVE: u64 = 5;
/// Answers of one window name ends that differ by so many seconds at most.
const SAME_WINDOW: u64 = 5;
/// Resources of one installation; GitHub has some fifteen.
const MOST_RESOURCES: usize = 32;
/// Callers that are counted in one window. Beyond it they are counted together.
const MOST_CALLERS: usize = 10_000;
/// The pause after an excess of which GitHub does not say how long to wait, doubled each time.
const UNTOLD: Duration = Duration::from_mins(1);
const MOST_DOUBLED: u32 = 4;
/// What the operator has to do is said again after so long.
const TOLD_AGAIN: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Account {
    host: Box<str>,
    pub(super) app: Name,
    pub(super) owner: Owner,
    installation: InstallationId,
    pub(super) places: Arc<Places>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    pots: Vec<(Resource, Pot)>,
    /// Until when GitHub wants to be left alone altogether.
    quiet: Option<Timestamp>,
    /// Excesses in a row of which GitHub did not say how long to wait.
    untold: u32,
    /// When the log last said that the address is not on the organization's list.
    told_of_address: Option<Timestamp>,
}

/// What is known of one resource.
#[derive(Default)]
struct Pot {
    window: Option<Window>,
    /// Requests that are not answered yet.
    under_way: u64,
    /// Until when nothing is left.
    quiet: Option<Timestamp>,
    gauge: Option<metrics::Gauge>,
}

#[derive(Debug)]
struct Window {
    /// Which one, as GitHub calls its end.
    reset: u64,
    /// The same by our clock.
    ends: Timestamp,
    limit: u64,
    remaining: u64,
    used: HashMap<Name, u64>,
    /// By callers beyond those that are counted apart.
    others: u64,
}

/// A request that is under way: what it was counted as, and in which window.
#[derive(Debug)]
pub(super) struct Ticket {
    resource: Resource,
    caller: Name,
    window: Option<u64>,
}

impl Account {
    pub(super) fn of(purse: &Purse<'_>) -> Arc<Self> {
        Arc::new(Self {
            host: purse.host.into(),
            app: purse.app.clone(),
            owner: purse.owner.clone(),
            installation: purse.installation,
            places: Arc::default(),
            book: Mutex::default(),
        })
    }

    pub(super) fn is_of(&self, purse: &Purse<'_>) -> bool {
        self.installation == purse.installation && *self.host == *purse.host
    }

    /// Whether a request of this caller may go now.
    pub(super) fn judge(
        &self,
        caller: &Name,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.lock().judge(caller, resource, now)
    }

    /// The same; and counts it.
    pub(super) fn enter(
        &self,
        caller: &Name,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Ticket, Refusal> {
        let mut book = self.lock();
        book.judge(caller, resource, now)?;
        let mut ticket = Ticket {
            resource: resource.clone(),
            caller: caller.clone(),
            window: None,
        };
        if let Some(pot) = book.pot(resource) {
            pot.under_way += 1;
            if let Some(window) = pot.window.as_mut().filter(|window| window.ends > now) {
                window.count(caller);
                ticket.window = Some(window.reset);
            }
        }
        Ok(ticket)
    }

    /// Takes note of what an answer says is left. Says what it was counted as, where that is not
    /// what was thought.
    pub(super) fn answered(
        &self,
        ticket: &Ticket,
        status: StatusCode,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<Resource> {
        let told = Allowance::of(headers, now);
        let named = told.and_then(|told| Resource::named(told.resource?));
        let meant = named.filter(|named| *named != ticket.resource);
        let mut book = self.lock();
        // What has not changed costs nothing.
        let free = status == StatusCode::NOT_MODIFIED;
        book.leave(ticket, free || meant.is_some());
        let told = told?;
        let resource = meant.as_ref().unwrap_or(&ticket.resource);
        if let Some(pot) = book.pot(resource) {
            let window = pot.learn(&told, now);
            let counted = meant.is_none() && ticket.window == Some(window.reset);
            if !free && !counted {
                window.count(&ticket.caller);
            }
            let remaining = window.remaining;
            let gauge = pot.gauge.get_or_insert_with(|| self.gauge(resource));
            gauge.set(u32::try_from(remaining).map_or(f64::MAX, f64::from));
        }
        meant
    }

    /// It was never answered, and is taken not to have come.
    pub(super) fn unanswered(&self, ticket: &Ticket) {
        self.lock().leave(ticket, true);
    }

    /// GitHub wants to be asked less: of one resource, which is `drawn` unless the answer names
    /// another, or of everything. Tells the operator when it begins.
    pub(super) fn back_off(
        &self,
        (caller, drawn): (&Name, &Resource),
        headers: &HeaderMap,
        excess: Excess,
        now: Timestamp,
    ) {
        let named = Allowance::of(headers, now).and_then(|told| Resource::named(told.resource?));
        let resource = named.unwrap_or_else(|| drawn.clone());
        let resource = excess.primary.then_some(resource);
        let (wait, began) = {
            let mut book = self.lock();
            let wait = excess.wait.unwrap_or_else(|| book.untold(now));
            let quiet = match resource.as_ref().and_then(|resource| book.pot(resource)) {
                Some(pot) => &mut pot.quiet,
                None => &mut book.quiet,
            };
            let before = quiet.filter(|quiet| *quiet > now);
            *quiet = before.max(Some(now.after(wait)));
            (wait, before.is_none())
        };
        // What was under way with it says the same.
        if began {
            tracing::warn!(
                app = %self.app,
                owner = %self.owner,
                %caller,
                resource = resource.as_ref().map_or("all", Resource::as_str),
                seconds = wait.as_secs(),
                "GitHub wants to be asked less; until then callers are answered 429"
            );
        }
    }

    /// Something was answered well: the next pause is a short one again.
    pub(super) fn succeeded(&self, now: Timestamp) {
        let mut book = self.lock();
        if book.quiet.is_none_or(|quiet| quiet <= now) {
            book.untold = 0;
        }
    }

    /// Tells the operator what to do, once an hour.
    pub(super) fn tell_of_address(&self, seen: Option<IpAddr>, now: Timestamp) {
        {
            let told = &mut self.lock().told_of_address;
            if told.is_some_and(|told| now.since(told) < TOLD_AGAIN) {
                return;
            }
            *told = Some(now);
        }
        let seen = seen.map_or_else(
            || "the one that this gateway has in the internet".to_owned(),
            |seen| seen.to_string(),
        );
        tracing::warn!(
            app = %self.app,
            owner = %self.owner,
            "the organization's IP allow list lacks the address that GitHub sees; an owner adds it \
             in the organization's settings, under Authentication security: {seen}"
        );
    }

    pub(super) fn left(&self, now: Timestamp) -> Vec<Left> {
        let book = self.lock();
        let each = book.pots.iter().filter_map(|(resource, pot)| {
            let window = pot.window.as_ref().filter(|window| window.ends > now)?;
            Some(Left {
                installation: self.installation,
                resource: resource.clone(),
                limit: window.limit,
                remaining: window.remaining,
                resets: window.ends,
            })
        });
        each.collect()
    }

    fn gauge(&self, resource: &Resource) -> metrics::Gauge {
        metrics::gauge!(
            "hubgate_github_remaining",
            "app" => self.app.to_string(),
            "owner" => self.owner.to_string(),
            "installation" => self.installation.0.to_string(),
            "resource" => resource.to_string(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn judge(&self, caller: &Name, resource: &Resource, now: Timestamp) -> Result<(), Refusal> {
        let pot = self.pots.iter().find(|(name, _)| name == resource);
        let pot = pot.map(|(_, pot)| pot);
        let quiet = self.quiet.max(pot.and_then(|pot| pot.quiet));
        if let Some(quiet) = quiet.filter(|quiet| *quiet > now) {
            return Err(Refusal::Limited(quiet.since(now)));
        }
        let Some((pot, window)) = pot.and_then(|pot| Some((pot, pot.window.as_ref()?))) else {
            return Ok(());
        };
        if window.ends <= now {
            return Ok(());
        }
        let wait = window.ends.since(now);
        if window.remaining == 0 {
            return Err(Refusal::Limited(wait));
        }
        let left = window.remaining.saturating_sub(pot.under_way);
        if left > window.limit / RESERVE || window.used_by(caller) < window.share(caller) {
            return Ok(());
        }
        Err(Refusal::Share(wait))
    }

    /// The pot of a resource, which is made where there is none; none where there are too many.
    fn pot(&mut self, resource: &Resource) -> Option<&mut Pot> {
        let place = self.pots.iter().position(|(name, _)| name == resource);
        let place = match place {
            Some(place) => place,
            None if self.pots.len() < MOST_RESOURCES => {
                self.pots.push((resource.clone(), Pot::default()));
                self.pots.len() - 1
            }
            None => return None,
        };
        self.pots.get_mut(place).map(|(_, pot)| pot)
    }

    /// One that was under way is no more; with `uncount`, it is taken never to have been.
    fn leave(&mut self, ticket: &Ticket, uncount: bool) {
        let Some(pot) = self.pot(&ticket.resource) else {
            return;
        };
        pot.under_way = pot.under_way.saturating_sub(1);
        if let Some(window) = &mut pot.window
            && uncount
            && ticket.window == Some(window.reset)
        {
            window.uncount(&ticket.caller);
        }
    }

    /// The pause where GitHub names none. What was under way when it began does not prolong it.
    fn untold(&mut self, now: Timestamp) -> Duration {
        if let Some(quiet) = self.quiet.filter(|quiet| *quiet > now) {
            return quiet.since(now);
        }
        let pause = UNTOLD * 2_u32.pow(self.untold);
        self.untold = (self.untold + 1).min(MOST_DOUBLED);
        pause
    }
}

impl Pot {
    fn learn(&mut self, told: &Allowance<'_>, now: Timestamp) -> &mut Window {
        let window = self.window.get_or_insert_with(|| Window::of(told, now));
        if told.reset > window.reset + SAME_WINDOW {
            *window = Window::of(told, now);
            self.quiet = None;
        } else if told.reset + SAME_WINDOW >= window.reset {
            window.ends = now.after(told.lasts);
            window.limit = told.limit;
            // Answers overtake each other, and within a window there is never more.
            window.remaining = window.remaining.min(told.remaining);
        }
        window
    }
}

impl Window {
    fn of(told: &Allowance<'_>, now: Timestamp) -> Self {
        Self {
            reset: told.reset,
            ends: now.after(told.lasts),
            limit: told.limit,
            remaining: told.remaining,
            used: HashMap::new(),
            others: 0,
        }
    }

    fn count(&mut self, caller: &Name) {
        if self.used.len() >= MOST_CALLERS && !self.used.contains_key(caller) {
            self.others += 1;
        } else {
            *self.used.entry(caller.clone()).or_insert(0) += 1;
        }
    }

    fn uncount(&mut self, caller: &Name) {
        match self.used.get_mut(caller) {
            // Who asked for nothing that cost anything was there all the same.
            Some(used) => *used = used.saturating_sub(1),
            None => self.others = self.others.saturating_sub(1),
        }
    }

    fn used_by(&self, caller: &Name) -> u64 {
        let others = if self.used.len() >= MOST_CALLERS {
            self.others
        } else {
            0
        };
        self.used.get(caller).copied().unwrap_or(others)
    }

    /// An equal part for each who asked in this window, the caller among them.
    fn share(&self, caller: &Name) -> u64 {
        let callers = self.used.len() + usize::from(!self.used.contains_key(caller));
        // Whoever is alone may have all of it.
        if callers < 2 {
            return u64::MAX;
        }
        let callers = u64::try_from(callers).unwrap_or(u64::MAX);
        (self.limit / callers).max(1)
    }
}

impl std::fmt::Debug for Pot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut pot = f.debug_struct("Pot");
        pot.field("window", &self.window);
        pot.field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}
