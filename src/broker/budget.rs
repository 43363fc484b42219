//! What GitHub allows an App's installation, shared among callers and asked for no more often than
//! needed.
//!
//! A request that goes to GitHub's API as an App takes a [`Draw`] before it goes, and tells it of
//! the answer. There is one account for each installation: what is left of each resource, who used
//! how much of it, how many requests are under way, and until when GitHub wants to be left alone.
//! A server without limits says nothing of them, and nobody is held back but by the number at once.

mod account;
mod places;
mod resource;

pub use places::{AT_ONCE, OF_ONE, PATIENCE};
pub use resource::Resource;

use super::refusal::Refusal;
use crate::github::Forbidden;
use crate::types::{Clock, InstallationId, Name, Owner, Timestamp};
use account::{Account, Ticket};
use http::{HeaderMap, StatusCode};
use moka::sync::Cache;
use places::Place;
use std::sync::Arc;
use std::time::Duration;

/// Installations that are known at once; the least used go first.
const MOST_ACCOUNTS: u64 = 2000;
/// What nobody asked of for so long is forgotten: no window lasts longer.
const FORGOTTEN: Duration = Duration::from_hours(2);
/// Operations that GitHub counted as something else than was thought.
const MOST_LEARNED: u64 = 1000;

/// The accounts of all installations.
#[derive(Debug)]
pub struct Budget {
    clock: Arc<dyn Clock>,
    accounts: Cache<(Name, Owner), Arc<Account>>,
    learned: Cache<&'static str, Resource>,
}

/// Whose budget a request draws on.
#[derive(Debug, Clone, Copy)]
pub struct Purse<'a> {
    /// The server.
    pub host: &'a str,
    /// The App.
    pub app: &'a Name,
    /// Whose installation.
    pub owner: &'a Owner,
    /// Which installation that is now.
    pub installation: InstallationId,
}

/// What a request will be counted as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// What is asked, as audit calls it.
    pub operation: &'static str,
    /// What it draws on, unless GitHub has said otherwise of this operation.
    pub resource: Resource,
}

/// A request that may go, and its place among those under way; given back when it is dropped.
#[derive(Debug)]
pub struct Draw {
    budget: Arc<Budget>,
    account: Arc<Account>,
    caller: Name,
    operation: &'static str,
    /// What it was counted as when it went.
    resource: Resource,
    ticket: Option<Ticket>,
    place: Option<Place>,
    excess: bool,
}

/// What is left of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Of which installation.
    pub installation: InstallationId,
    /// Of what.
    pub resource: Resource,
    /// How much a window has.
    pub limit: u64,
    /// How much of it is left, as GitHub last said.
    pub remaining: u64,
    /// When the window ends.
    pub resets: Timestamp,
}

impl Budget {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            accounts: Cache::builder()
                .max_capacity(MOST_ACCOUNTS)
                .time_to_idle(FORGOTTEN)
                .build(),
            learned: Cache::new(MOST_LEARNED),
        }
    }

    /// Lets a request go, once there is room for it.
    ///
    /// # Errors
    /// Where GitHub wants to be left alone, where the caller has used its share of what is nearly
    /// used up, and where as many requests are under way as GitHub takes.
    pub async fn draw(
        self: &Arc<Self>,
        purse: &Purse<'_>,
        caller: &Name,
        demand: Demand,
    ) -> Result<Draw, Refusal> {
        let account = self.account(purse);
        let learned = self.learned.get(demand.operation);
        let resource = learned.unwrap_or(demand.resource);
        let drawn = Self::drawn(&account, caller, &resource, self).await;
        let (ticket, place) = drawn.inspect_err(|why| {
            metrics::counter!("hubgate_budget_refused_total", "app" => purse.app.to_string(), "reason" => why.code())
                .increment(1);
        })?;
        Ok(Draw {
            budget: Arc::clone(self),
            account,
            caller: caller.clone(),
            operation: demand.operation,
            resource,
            ticket: Some(ticket),
            place: Some(place),
            excess: false,
        })
    }

    async fn drawn(
        account: &Account,
        caller: &Name,
        resource: &Resource,
        budget: &Self,
    ) -> Result<(Ticket, Place), Refusal> {
        account.judge(caller, resource, budget.clock.now())?;
        let place = account.places.take(caller).await;
        let place = place.ok_or(Refusal::Crowded(PATIENCE))?;
        // Much may have been said while this waited.
        let ticket = account.enter(caller, resource, budget.clock.now())?;
        Ok((ticket, place))
    }

    /// What GitHub last said is left to an App where an owner has it installed.
    #[must_use]
    pub fn left(&self, app: &Name, owner: &Owner) -> Vec<Left> {
        let account = self.accounts.get(&(app.clone(), owner.clone()));
        let now = self.clock.now();
        account.map_or_else(Vec::new, |account| account.left(now))
    }

    fn account(&self, purse: &Purse<'_>) -> Arc<Account> {
        let key = (purse.app.clone(), purse.owner.clone());
        let account = self.accounts.get_with_by_ref(&key, || Account::of(purse));
        if account.is_of(purse) {
            return account;
        }
        // The App was installed anew, or its name is another App's now.
        let fresh = Account::of(purse);
        self.accounts.insert(key, Arc::clone(&fresh));
        fresh
    }
}

impl Draw {
    /// Takes note of an answer's head. A request that is made again may be answered again.
    pub fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        // A token that is not known draws on nothing; the request comes again with another.
        if status == StatusCode::UNAUTHORIZED {
            return;
        }
        let now = self.budget.clock.now();
        if let Some(ticket) = self.ticket.take() {
            let meant = self.account.answered(&ticket, status, headers, now);
            if let Some(resource) = meant
                && self.operation != "unknown"
            {
                self.budget.learned.insert(self.operation, resource);
            }
        }
        self.excess = crate::github::is_plain_excess(status, headers);
        if self.excess {
            self.refused(status, headers, &[]);
        } else if status.is_success() {
            self.account.succeeded(now);
        }
    }

    /// Whether the answer's head says that too much was asked, so that to ask again at once would
    /// make it worse.
    #[must_use]
    pub const fn is_excess(&self) -> bool {
        self.excess
    }

    /// Takes note of a 403 or 429 with its body, which tells what the head did not.
    pub fn refused(&mut self, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        let now = self.budget.clock.now();
        match crate::github::forbidden(status, headers, Some(body), now) {
            Forbidden::Excess(excess) => {
                let who = (&self.caller, &self.resource);
                self.account.back_off(who, headers, excess, now);
            }
            Forbidden::Address(seen) => self.account.tell_of_address(seen, now),
            Forbidden::Other => {}
        }
    }

    /// It is over: the next may go.
    pub fn done(&mut self) {
        self.place = None;
    }
}

impl Drop for Draw {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.account.unanswered(&ticket);
        }
    }
}

#[cfg(test)]
mod tests;
