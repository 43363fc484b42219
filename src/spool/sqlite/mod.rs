//! The engine that keeps everything in one SQLite database: bodies, headers and what became of
//! them. One thread writes (`writer`), a few read (`readers`); nothing else touches the file.

mod census;
mod claim;
mod directory;
mod failure;
mod fresh;
mod ledger;
mod measure;
mod put;
mod queue;
mod read;
mod readers;
mod record;
mod schema;
mod settle;
mod shared;
mod start;
mod writer;

pub use start::OpenError;

use super::{
    Claim, Claimed, Condition, Depth, Detail, Fate, Intake, Order, Outlook, Page, Put, PutError,
    Query, Room, Settings, Settlement, Spool, SpoolError, State,
};
use crate::types::{Clock, DeliveryId, Name, Timestamp};
use async_trait::async_trait;
use queue::{Job, Queue, Redelivery, Reply, Taken};
use read::{Filter, Found};
use readers::Readers;
use shared::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};

/// Claims, settlements and the like that may wait for the writer; later ones wait in their tasks.
const WAITING: usize = 4096;
/// Most deliveries on a page.
const PAGE: usize = 1000;
/// How many numbers one step of a search looks at: some milliseconds.
const STEP: i64 = 4096;
/// How many deliveries are sent again or forgotten in one transaction.
const CHUNK: usize = 256;

/// The spool in SQLite.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    places: Semaphore,
    /// Read what couriers need.
    loaders: Readers,
    /// Read what people ask for, so that a long search holds no courier up.
    searchers: Readers,
    /// Closed when the last thread has ended.
    ended: watch::Receiver<()>,
}

/// What tells the database in this directory from another that takes its place: one that is made
/// anew, or brought back from a copy. None where there is none.
#[must_use]
pub fn identity(directory: &std::path::Path) -> Option<String> {
    directory::identity(directory)
}

impl Engine {
    /// Opens the spool, takes its directory for this process alone, puts back what was being
    /// sent when the last process ended, and starts its threads. Blocks while it does.
    ///
    /// Metrics go to the recorder that is installed by then.
    ///
    /// # Errors
    /// Where it cannot be used; says what to do. A damaged database is no error: it is set
    /// aside, loudly, and an empty one begun.
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        start::open(settings, clock)
    }

    /// Has the writer do something and answer.
    async fn ask<T>(
        &self,
        tried: &'static str,
        job: impl FnOnce(Reply<T>) -> Job,
    ) -> Result<T, SpoolError> {
        let closed = || closed(tried);
        let place = self.places.acquire().await.ok().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        self.queue.push(job(reply));
        let answer = answer.await.ok().ok_or_else(closed)?;
        drop(place);
        answer
    }

    /// Asks for work, and leaves none behind where the asker goes away.
    async fn take(&self, claim: Claim) -> Result<Vec<Taken>, SpoolError> {
        let closed = || closed("claim deliveries");
        let place = self.places.acquire().await.ok().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let mut awaited = Awaited {
            queue: &self.queue,
            target: claim.target.clone(),
            answer,
        };
        self.queue.push(Job::Claim(claim, reply));
        let taken = (&mut awaited.answer).await.ok().ok_or_else(closed)?;
        drop(place);
        taken
    }

    /// Reads what is not in memory any more. Damaged ones are parked, and missing in the answer.
    async fn load(
        &self,
        target: &Name,
        taken: &[Taken],
    ) -> Result<Vec<Option<Arc<Intake>>>, SpoolError> {
        let mut found: Vec<Option<Arc<Intake>>> = taken
            .iter()
            .map(|taken| self.shared.fresh.find(taken.id.number()))
            .collect();
        let missing: Vec<(usize, DeliveryId)> = found
            .iter()
            .zip(taken)
            .enumerate()
            .filter(|(_, (found, _))| found.is_none())
            .map(|(at, (_, taken))| (at, taken.id))
            .collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let read = self
            .loaders
            .ask("read deliveries", move |db| {
                missing
                    .into_iter()
                    .map(|(at, id)| Ok((at, id, read::load(db, id.number())?)))
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        for (at, id, what) in read {
            match what {
                Found::Whole(intake) => {
                    if let Some(place) = found.get_mut(at) {
                        *place = Some(intake);
                    }
                }
                Found::Damaged(why) => self.park(id, target, &why).await?,
            }
        }
        Ok(found)
    }

    /// Parks what must not be delivered because its stored bytes are damaged.
    async fn park(&self, id: DeliveryId, target: &Name, why: &str) -> Result<(), SpoolError> {
        measure::damaged();
        let error = format!("not sent: its stored bytes are damaged ({why})");
        tracing::error!(delivery = %id, %target, "{error}");
        self.settle(Settlement {
            id,
            target: target.clone(),
            at: self.shared.clock.now(),
            took: Duration::ZERO,
            status: None,
            error,
            fate: Fate::Dead,
        })
        .await
    }
}

#[async_trait]
impl Spool for Engine {
    async fn put(&self, intake: Intake) -> Result<Put, PutError> {
        match &*self.shared.condition() {
            Condition::Ready => {}
            Condition::Full(why) => {
                measure::refused();
                return Err(PutError::Full(why.clone()));
            }
            Condition::Broken(why) => {
                measure::refused();
                return Err(PutError::Broken(why.clone()));
            }
        }
        let answer = self.queue.put(intake).inspect_err(|_| measure::refused())?;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(PutError::Broken("it is closed".into())),
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, SpoolError> {
        let target = claim.target.clone();
        let taken = self.take(claim).await?;
        let mut unread = Unread {
            queue: &self.queue,
            target: &target,
            ids: taken.iter().map(|taken| taken.id).collect(),
        };
        let found = self.load(&target, &taken).await?;
        unread.ids.clear();
        Ok(taken
            .into_iter()
            .zip(found)
            .filter_map(|(taken, intake)| Some(claimed(taken, &*intake?)))
            .collect())
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), SpoolError> {
        self.ask("settle a delivery", |reply| Job::Settle(settlement, reply))
            .await
    }

    async fn next_due(
        &self,
        target: &Name,
        _order: Order,
    ) -> Result<Option<Timestamp>, SpoolError> {
        // What is held back is in a state of its own since the last claim in that order.
        let target = target.clone();
        self.loaders
            .ask("see what is due", move |db| {
                read::next_due(db, target.as_str())
            })
            .await
    }

    async fn arrival(&self, target: &Name) {
        self.shared.wake(target.as_str()).notified().await;
    }

    async fn find(
        &self,
        query: Query,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page, SpoolError> {
        const TRIED: &str = "search deliveries";
        let limit = limit.clamp(1, PAGE);
        let filter = Arc::new(Filter::new(&query));
        let mut deliveries = Vec::new();
        let bounds = self.searchers.ask(TRIED, read::bounds).await?;
        if let Some((low, high)) = bounds {
            let end = high.saturating_add(1);
            let mut end = before.map_or(end, |before| before.number().min(end));
            while end > low && deliveries.len() <= limit {
                let begin = end.saturating_sub(STEP).max(low);
                let (filter, wanted) = (filter.clone(), limit + 1 - deliveries.len());
                let step = self
                    .searchers
                    .ask(TRIED, move |db| filter.step(db, begin, end, wanted))
                    .await?;
                deliveries.extend(step);
                end = begin;
            }
        }
        let more = deliveries.len() > limit;
        deliveries.truncate(limit);
        let last = deliveries.last().map(|last| DeliveryId::new(last.id));
        Ok(Page {
            deliveries,
            next: last.filter(|_| more),
        })
    }

    async fn show(&self, id: DeliveryId) -> Result<Option<Detail>, SpoolError> {
        let found = self
            .searchers
            .ask("show a delivery", move |db| read::show(db, id.number()))
            .await?;
        match found {
            Some((_, false)) => {
                measure::damaged();
                Err(SpoolError {
                    tried: "show a delivery",
                    why: format!("the stored bytes of delivery {id} are damaged").into(),
                    outlook: Outlook::Lasting,
                })
            }
            Some((detail, true)) => Ok(Some(detail)),
            None => Ok(None),
        }
    }

    async fn redeliver(&self, id: DeliveryId, target: Option<&str>) -> Result<u64, SpoolError> {
        let again = Redelivery {
            ids: vec![id],
            target: target.map(str::to_owned),
            state: None,
        };
        self.ask("send a delivery again", |reply| {
            Job::Redeliver(again, reply)
        })
        .await
    }

    async fn redeliver_found(&self, query: Query) -> Result<u64, SpoolError> {
        let state = query.state.unwrap_or(State::Dead);
        let query = Query {
            state: Some(state),
            ..query
        };
        let (mut before, mut count) = (None, 0);
        loop {
            let page = self.find(query.clone(), before, CHUNK).await?;
            let ids: Vec<DeliveryId> = page
                .deliveries
                .iter()
                .map(|found| DeliveryId::new(found.id))
                .collect();
            if !ids.is_empty() {
                let again = Redelivery {
                    ids,
                    target: query.target.clone(),
                    state: Some(state),
                };
                count += self
                    .ask("send deliveries again", |reply| {
                        Job::Redeliver(again, reply)
                    })
                    .await?;
            }
            before = page.next;
            if before.is_none() {
                return Ok(count);
            }
        }
    }

    async fn depths(&self) -> Result<Vec<(String, Depth)>, SpoolError> {
        let targets = self.shared.targets().clone();
        let open: Vec<(String, i64, i64)> = targets
            .iter()
            .filter(|(_, waiting)| waiting.open > 0)
            .map(|(name, waiting)| (name.clone(), waiting.id, waiting.from))
            .collect();
        let oldest = self
            .loaders
            .ask("see what waits", move |db| {
                open.into_iter()
                    .map(|(name, id, from)| Ok((name, read::oldest(db, id, from)?)))
                    .collect::<rusqlite::Result<std::collections::HashMap<_, _>>>()
            })
            .await?;
        let mut depths = Vec::with_capacity(targets.len());
        for (name, waiting) in targets {
            let oldest = oldest.get(&name).copied().flatten();
            if let Some((id, _)) = oldest
                && let Some(now) = self.shared.targets().get_mut(&name)
                && now.lowered == waiting.lowered
            {
                now.from = now.from.max(id);
            }
            let depth = Depth {
                pending: waiting.open,
                dead: waiting.dead,
                oldest: oldest.map(|(_, received)| received),
                last_error: waiting.error,
            };
            depths.push((name, depth));
        }
        Ok(depths)
    }

    fn condition(&self) -> Condition {
        (*self.shared.condition()).clone()
    }

    fn room(&self) -> Room {
        Room {
            used: self.shared.used(),
            limit: self.shared.limit,
            deliveries: self.shared.deliveries(),
        }
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, SpoolError> {
        let (mut from, mut count) = (0, 0);
        loop {
            let old = self
                .searchers
                .ask("see what may be forgotten", move |db| {
                    read::old(db, from, before, CHUNK)
                })
                .await?;
            let ids: Vec<DeliveryId> = old.ids.into_iter().map(DeliveryId::new).collect();
            if !ids.is_empty() {
                count += self
                    .ask("forget deliveries", |reply| Job::Forget(ids, before, reply))
                    .await?;
            }
            match old.next {
                Some(next) => from = next,
                None => break,
            }
        }
        if count > 0 {
            while self.ask("make room on the disk", Job::Shrink).await? {}
            self.ask("empty the log", Job::Flush).await?;
        }
        Ok(count)
    }

    async fn close(&self) {
        self.queue.close();
        self.loaders.close();
        self.searchers.close();
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
        self.shared.directory.release();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn closed(tried: &'static str) -> SpoolError {
    SpoolError {
        tried,
        why: "it is closed".into(),
        outlook: Outlook::Lasting,
    }
}

/// The answer to a claim while it is waited for. The writer puts back what it cannot hand over;
/// what it has handed over to one who goes away before he looks is put back here.
struct Awaited<'a> {
    queue: &'a Queue,
    target: Name,
    answer: oneshot::Receiver<Result<Vec<Taken>, SpoolError>>,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.answer.close();
        if let Ok(Ok(taken)) = self.answer.try_recv()
            && !taken.is_empty()
        {
            let ids = taken.iter().map(|taken| taken.id).collect();
            self.queue.push(Job::Release(self.target.clone(), ids));
        }
    }
}

/// What was claimed and is not yet in the claimer's hands; put back where he goes away.
struct Unread<'a> {
    queue: &'a Queue,
    target: &'a Name,
    ids: Vec<DeliveryId>,
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if !self.ids.is_empty() {
            let ids = std::mem::take(&mut self.ids);
            self.queue.push(Job::Release(self.target.clone(), ids));
        }
    }
}

fn claimed(taken: Taken, intake: &Intake) -> Claimed {
    Claimed {
        id: taken.id,
        route: intake.route.clone(),
        request: intake.request,
        received: intake.received,
        client: intake.client,
        guid: intake.guid.clone(),
        event: intake.event.clone(),
        action: intake.action.clone(),
        repository: intake.repository.clone(),
        headers: intake.headers.clone(),
        body: intake.body.clone(),
        attempt: taken.attempt,
        failing_since: taken.failing_since,
    }
}

#[cfg(test)]
mod tests;
