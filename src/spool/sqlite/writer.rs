//! The one thread that writes: it takes all that waits, does it in one transaction, syncs once,
//! and only then answers. The sync is the batching window; there is no timer.

use super::failure::Failure;
use super::ledger::{Effects, Ledger, Targets};
use super::measure;
use super::queue::{self, Job, Queue, Taken, Work};
use super::schema::PAGE;
use super::shared::Shared;
use crate::spool::{Condition, Outlook, Put, PutError, SpoolError};
use rusqlite::Connection;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a full spool looks whether there is room again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Pages given back to the disk at a time: 4 MiB, some milliseconds.
const SHRINK: u64 = 512;

/// The writer's own.
#[derive(Debug)]
pub(super) struct Writer {
    db: Connection,
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    targets: Targets,
    /// The highest number given out.
    last: i64,
    /// Whether commits sync just now.
    syncing: bool,
    /// When a full spool was last looked at.
    looked: Instant,
}

/// What is to be said when the transaction is committed.
#[derive(Debug)]
enum Answer {
    Put(Put),
    Taken(Vec<Taken>),
    Settled(Result<(), String>),
    Count(u64),
    More(bool),
    Nothing,
}

impl Writer {
    pub(super) fn new(
        db: Connection,
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        targets: Targets,
        last: i64,
    ) -> Self {
        Self {
            db,
            shared,
            queue,
            targets,
            last,
            syncing: true,
            looked: Instant::now(),
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut fallen = Fallen {
            shared: self.shared.clone(),
            queue: self.queue.clone(),
            stood: false,
        };
        if let Err(failure) = self.measure() {
            self.fail(&failure);
        }
        loop {
            let is_full = self.shared.is_full();
            if is_full && self.looked.elapsed() >= LOOK_AGAIN {
                // What came of it is the condition.
                drop(self.look_again());
            }
            match self.queue.take(is_full.then_some(LOOK_AGAIN)) {
                Work::Batch(jobs) => {
                    let bytes = queue::bytes(&jobs);
                    self.serve(jobs, bytes);
                    self.queue.done(bytes);
                }
                Work::Nothing => {}
                Work::Closed => break,
            }
        }
        if self.shared.broken().is_none()
            && let Err(failure) = self.checkpoint("truncate")
        {
            tracing::warn!("the spool's log stays until the next start: {failure}");
        }
        fallen.stood = true;
    }

    fn serve(&mut self, jobs: Vec<Job>, bytes: u64) {
        if let Some(why) = self.shared.broken() {
            refuse(jobs, &PutError::Broken(why));
            return;
        }
        if bytes > 0
            && let Some(why) = self.shared.lack(bytes)
        {
            self.shared.set_condition(Condition::Full(why.into()));
            self.looked = Instant::now();
        }
        let jobs = self.refuse_while_full(jobs);
        match self.transact(&jobs) {
            Ok(answers) => self.answer(jobs, answers),
            Err(failure) => {
                self.fail(&failure);
                // Without the deliveries the rest may still find room.
                let rest = match failure {
                    Failure::Full(_) => self.refuse_while_full(jobs),
                    Failure::Damaged(_) | Failure::Broken(_) => jobs,
                };
                self.settle_for_less(rest, &failure);
            }
        }
        if self.shared.broken().is_none()
            && let Err(failure) = self.tidy()
        {
            self.fail(&failure);
        }
    }

    /// A second try after the disk was full; what fails again is refused.
    fn settle_for_less(&mut self, jobs: Vec<Job>, failure: &Failure) {
        if let (Failure::Full(_), false) = (failure, jobs.is_empty()) {
            match self.transact(&jobs) {
                Ok(answers) => self.answer(jobs, answers),
                Err(failure) => {
                    self.fail(&failure);
                    refuse(jobs, &failure.refusal());
                }
            }
        } else {
            refuse(jobs, &failure.refusal());
        }
    }

    fn refuse_while_full(&self, jobs: Vec<Job>) -> Vec<Job> {
        match &*self.shared.condition() {
            Condition::Full(why) => {
                let (puts, others) = jobs
                    .into_iter()
                    .partition(|job| matches!(job, Job::Put(..)));
                refuse(puts, &PutError::Full(why.clone()));
                others
            }
            Condition::Ready | Condition::Broken(_) => jobs,
        }
    }

    /// All of it in one transaction, or none of it.
    fn transact(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Failure> {
        let failed = |error| Failure::of(&error, "write");
        self.sync_for(jobs).map_err(failed)?;
        let begun = Instant::now();
        match self.write(jobs) {
            Ok((answers, effects)) => {
                if effects.wrote {
                    measure::committed(jobs.len(), begun.elapsed());
                }
                self.shared.publish(effects);
                Ok(answers)
            }
            Err(error) => {
                let failure = failed(error);
                self.roll_back()
                    .map_err(|error| Failure::of(&error, "roll back"))?;
                Err(failure)
            }
        }
    }

    fn write(&mut self, jobs: &[Job]) -> rusqlite::Result<(Vec<Answer>, Effects)> {
        self.db.prepare_cached("begin immediate")?.execute([])?;
        let mut ledger = Ledger {
            db: &self.db,
            targets: &mut self.targets,
            last: &mut self.last,
            now: self.shared.clock.now(),
            effects: Effects::default(),
        };
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.push(match job {
                Job::Put(intake, _) => Answer::Put(ledger.put(intake)?),
                Job::Claim(claim, _) => Answer::Taken(ledger.claim(claim)?),
                Job::Settle(end, _) => Answer::Settled(ledger.settle(end)?),
                Job::Release(name, ids) => {
                    ledger.release(name.as_str(), ids)?;
                    Answer::Nothing
                }
                Job::Redeliver(again, _) => Answer::Count(ledger.redeliver(again)?),
                Job::Forget(ids, before, _) => Answer::Count(ledger.forget(ids, *before)?),
                Job::Shrink(_) => Answer::More(shrink(&self.db)?),
                Job::Flush(_) => Answer::Nothing,
            });
        }
        let effects = ledger.effects;
        self.db.prepare_cached("commit")?.execute([])?;
        Ok((answers, effects))
    }

    /// Settlements alone need no sync: one that is lost means one more attempt.
    fn sync_for(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        let needed = !jobs
            .iter()
            .all(|job| matches!(job, Job::Settle(..) | Job::Release(..)));
        if needed != self.syncing {
            let level = if needed { "full" } else { "normal" };
            self.db
                .execute_batch(&format!("pragma synchronous = {level}"))?;
            self.syncing = needed;
        }
        Ok(())
    }

    /// Undoes a transaction, and what was noted in memory while it was made.
    fn roll_back(&mut self) -> rusqlite::Result<()> {
        if !self.db.is_autocommit() {
            self.db.execute_batch("rollback")?;
        }
        self.targets = Targets::read(&self.db)?;
        self.last = super::settle::last(&self.db)?;
        Ok(())
    }

    fn answer(&mut self, jobs: Vec<Job>, answers: Vec<Answer>) {
        for (job, answer) in jobs.into_iter().zip(answers) {
            match (job, answer) {
                (Job::Put(_, reply), Answer::Put(put)) => {
                    measure::put(put);
                    drop(reply.send(Ok(put)));
                }
                (Job::Claim(claim, reply), Answer::Taken(taken)) => {
                    if let Err(Ok(taken)) = reply.send(Ok(taken))
                        && !taken.is_empty()
                    {
                        let ids = taken.iter().map(|taken| taken.id).collect();
                        self.queue.push(Job::Release(claim.target, ids));
                    }
                }
                (Job::Settle(_, reply), Answer::Settled(done)) => {
                    drop(reply.send(done.map_err(|why| SpoolError {
                        tried: "settle a delivery",
                        why: why.into(),
                        outlook: Outlook::Lasting,
                    })));
                }
                (Job::Redeliver(_, reply) | Job::Forget(_, _, reply), Answer::Count(count)) => {
                    drop(reply.send(Ok(count)));
                }
                (Job::Shrink(reply), Answer::More(more)) => drop(reply.send(Ok(more))),
                (Job::Flush(reply), _) => {
                    let done = self.look_again();
                    drop(reply.send(done.map_err(|failure| SpoolError {
                        tried: "empty the log",
                        why: failure.to_string().into(),
                        outlook: outlook(&failure.refusal()),
                    })));
                }
                // An answer is made from its job, so the others do not meet.
                _ => {}
            }
        }
    }

    /// Measures, and moves the log into the database when it has grown.
    fn tidy(&mut self) -> Result<(), Failure> {
        if self.unmoved()? >= self.shared.longest_log() / PAGE {
            self.checkpoint("restart")?;
        }
        self.measure()
    }

    /// How many pages of the log are not in the database yet. The log's file does not tell: it
    /// is written over, not cut, since a file that does not grow is synced faster.
    fn unmoved(&self) -> Result<u64, Failure> {
        self.db
            .prepare_cached("pragma wal_checkpoint(noop)")
            .and_then(|mut pragma| {
                pragma.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
            })
            .map(|(written, moved)| u64::try_from(written - moved).unwrap_or(0))
            .map_err(|error| Failure::of(&error, "measure the log"))
    }

    fn checkpoint(&self, mode: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        let alone = self
            .shared
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.db
            .query_row(&format!("pragma wal_checkpoint({mode})"), [], |_| Ok(()))
            .map_err(|error| Failure::of(&error, "move the log into the database"))?;
        drop(alone);
        measure::checkpointed(begun.elapsed());
        Ok(())
    }

    fn measure(&self) -> Result<(), Failure> {
        let pages = |what: &str| {
            self.db
                .prepare_cached(what)
                .and_then(|mut pragma| pragma.query_row([], |row| row.get::<_, u64>(0)))
                .map_err(|error| Failure::of(&error, "measure the database"))
        };
        let pages = pages("pragma page_count")?.saturating_sub(pages("pragma freelist_count")?);
        self.shared.set_used(pages);
        Ok(())
    }

    /// Empties the log and sees whether there is room.
    fn look_again(&mut self) -> Result<(), Failure> {
        self.looked = Instant::now();
        let emptied = self.checkpoint("truncate").and_then(|()| self.measure());
        match &emptied {
            Ok(()) => self.shared.set_condition(match self.shared.lack(0) {
                None => Condition::Ready,
                Some(why) => Condition::Full(why.into()),
            }),
            Err(failure) => self.fail(failure),
        }
        emptied
    }

    /// Draws the consequence for the whole spool.
    fn fail(&mut self, failure: &Failure) {
        match failure {
            Failure::Full(why) => {
                self.looked = Instant::now();
                self.shared
                    .set_condition(Condition::Full(why.as_str().into()));
            }
            Failure::Damaged(why) => {
                if let Err(error) = self.shared.directory.suspect(why) {
                    tracing::error!("cannot note that the spool is damaged: {error}");
                }
                self.shared
                    .set_condition(Condition::Broken(why.as_str().into()));
            }
            Failure::Broken(why) => {
                self.shared
                    .set_condition(Condition::Broken(why.as_str().into()));
            }
        }
    }
}

/// Gives some of the free pages back; says whether so many are left that it is worth going on.
/// Some stay, since new deliveries take them up again.
fn shrink(db: &Connection) -> rusqlite::Result<bool> {
    let pages = |what: &str| db.query_row(what, [], |row| row.get::<_, u64>(0));
    let many = |db_free: u64, all: u64| db_free > all / 8;
    if !many(pages("pragma freelist_count")?, pages("pragma page_count")?) {
        return Ok(false);
    }
    db.execute_batch(&format!("pragma incremental_vacuum({SHRINK})"))?;
    Ok(many(
        pages("pragma freelist_count")?,
        pages("pragma page_count")?,
    ))
}

/// Tells each of them why it is not done.
fn refuse(jobs: Vec<Job>, why: &PutError) {
    let error = |tried| SpoolError {
        tried,
        why: why.to_string().into(),
        outlook: outlook(why),
    };
    for job in jobs {
        match job {
            Job::Put(_, reply) => {
                measure::refused();
                drop(reply.send(Err(why.clone())));
            }
            Job::Claim(_, reply) => drop(reply.send(Err(error("claim deliveries")))),
            Job::Settle(_, reply) => drop(reply.send(Err(error("settle a delivery")))),
            Job::Release(..) => {}
            Job::Redeliver(_, reply) => drop(reply.send(Err(error("send a delivery again")))),
            Job::Forget(_, _, reply) => drop(reply.send(Err(error("forget deliveries")))),
            Job::Shrink(reply) => drop(reply.send(Err(error("make room on the disk")))),
            Job::Flush(reply) => drop(reply.send(Err(error("empty the log")))),
        }
    }
}

/// A full spool takes again when there is room, a broken one when the gateway starts again.
const fn outlook(why: &PutError) -> Outlook {
    match why {
        PutError::Full(_) | PutError::Busy => Outlook::Passing,
        PutError::Broken(_) => Outlook::Lasting,
    }
}

/// Sees to it that a panic in the writer leaves nobody waiting.
struct Fallen {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    stood: bool,
}

impl Drop for Fallen {
    fn drop(&mut self) {
        if self.stood {
            return;
        }
        let why: Arc<str> = "its writer ended badly".into();
        self.shared.set_condition(Condition::Broken(why.clone()));
        self.queue.close();
        while let Work::Batch(jobs) = self.queue.take(None) {
            refuse(jobs, &PutError::Broken(why.clone()));
        }
    }
}
