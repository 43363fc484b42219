//! `settle` within a transaction, what a restart makes of attempts that never ended, and
//! forgetting what everybody has.

use super::ledger::Ledger;
use super::schema::state;
use crate::spool::{Fate, Settlement};
use crate::types::{DeliveryId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The attempts kept per delivery and target; the newest is in the task itself.
const HISTORY: i64 = 50;
/// How often an attempt may be cut off by the end of the process before the delivery is parked:
/// it may well be what ends it.
const INTERRUPTIONS: i64 = 10;
/// The longest error text kept, in characters.
const ERROR: usize = 1000;

/// A task that is being sent.
struct Sent {
    lane: Option<String>,
    /// Whether an attempt before this one ended.
    ended: bool,
}

impl Ledger<'_> {
    /// Records how an attempt ended. `Err` inside: nobody has that delivery in hand.
    pub(super) fn settle(&mut self, end: &Settlement) -> rusqlite::Result<Result<(), String>> {
        let (id, name) = (end.id.number(), end.target.as_str());
        let Some(target) = self.targets.find(name) else {
            return Ok(Err(format!("there is no target `{name}`")));
        };
        let sent = self
            .db
            .prepare_cached(
                "select lane, at is not null from task
                 where target = ?1 and delivery = ?2 and state = 1",
            )?
            .query_row(params![target.id, id], |row| {
                Ok(Sent {
                    lane: row.get(0)?,
                    ended: row.get(1)?,
                })
            })
            .optional()?;
        let Some(sent) = sent else {
            return Ok(Err(format!("delivery {id} is not being sent to `{name}`")));
        };
        self.effects.wrote = true;
        if sent.ended {
            self.remember(target.id, id)?;
        }
        let (to, due, uncounted) = match end.fate {
            Fate::Delivered => (state::DELIVERED, None, false),
            Fate::Dead => (state::DEAD, None, false),
            Fate::Retry { at, counts } => (state::PENDING, Some(at.as_millis()), !counts),
        };
        let error: Option<String> =
            (!end.error.is_empty()).then(|| end.error.chars().take(ERROR).collect());
        self.db
            .prepare_cached(
                "update task set state = ?3, due = coalesce(?4, due),
                     attempts = max(0, attempts - ?5), interruptions = 0,
                     failing = case when ?3 = 2 then null else coalesce(failing, ?6) end,
                     lane = case when ?3 = 0 then lane end,
                     at = ?6, took = ?7, status = ?8, error = ?9
                 where target = ?1 and delivery = ?2",
            )?
            .execute(params![
                target.id,
                id,
                to,
                due,
                uncounted,
                end.at.as_millis(),
                i64::try_from(end.took.as_millis()).unwrap_or(i64::MAX),
                end.status,
                error,
            ])?;
        self.moved(target.id, name, Some(state::SENDING), Some(to));
        if to != state::PENDING {
            self.effects.finished.push(id);
            let word = error.or_else(|| (to == state::DEAD).then(|| "given up".to_owned()));
            if let Some(word) = word {
                self.failed(target.id, name, end.at, word)?;
            }
        } else if let Some(word) = error {
            self.failed(target.id, name, end.at, word)?;
        }
        if let Some(lane) = sent.lane {
            self.arrange(target.id, name, &lane)?;
        }
        Ok(Ok(()))
    }

    /// Moves a task's newest attempt to those before it, and lets the oldest go.
    fn remember(&self, target: i64, id: i64) -> rusqlite::Result<()> {
        let last: i64 = self
            .db
            .prepare_cached(
                "select coalesce(max(number), 0) from attempt where target = ?1 and delivery = ?2",
            )?
            .query_row(params![target, id], |row| row.get(0))?;
        self.db
            .prepare_cached(
                "insert into attempt (target, delivery, number, at, took, status, error)
                 select target, delivery, ?3, at, took, status, error from task
                 where target = ?1 and delivery = ?2",
            )?
            .execute(params![target, id, last + 1])?;
        self.db
            .prepare_cached(
                "delete from attempt where target = ?1 and delivery = ?2 and number <= ?3",
            )?
            .execute(params![target, id, last + 2 - HISTORY])?;
        Ok(())
    }

    fn failed(
        &mut self,
        target: i64,
        name: &str,
        at: Timestamp,
        error: String,
    ) -> rusqlite::Result<()> {
        self.db
            .prepare_cached("update target set error_at = ?2, error = ?3 where id = ?1")?
            .execute(params![target, at.as_millis(), error])?;
        self.change(target, name).error = Some((at, error));
        Ok(())
    }

    /// Takes back what was being sent when the last process ended; says how many.
    pub(super) fn recover(&mut self) -> rusqlite::Result<usize> {
        let mut cut = self.db.prepare(
            "select target.id, target.name, task.delivery, task.interruptions, task.lane,
                 task.at is not null
             from task join target on target.id = task.target where task.state = 1",
        )?;
        type Cut = (i64, String, i64, i64, Option<String>, bool);
        let cut: Vec<Cut> = cut
            .query_map([], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })?
            .collect::<Result<_, _>>()?;
        for (target, name, id, interruptions, lane, ended) in &cut {
            if *ended {
                self.remember(*target, *id)?;
            }
            let times = interruptions + 1;
            let (to, error) = if times >= INTERRUPTIONS {
                let error = format!(
                    "parked: the gateway ended {times} times while this was being sent; \
                     if its content is what ends it, do not send it again"
                );
                tracing::error!(delivery = id, target = name, "{error}");
                (state::DEAD, error)
            } else {
                (
                    state::PENDING,
                    "the gateway ended while this was being sent".to_owned(),
                )
            };
            self.db
                .prepare_cached(
                    "update task set state = ?3, due = ?4, interruptions = ?5,
                         lane = case when ?3 = 0 then lane end,
                         at = ?4, took = 0, status = null, error = ?6
                     where target = ?1 and delivery = ?2",
                )?
                .execute(params![target, id, to, self.now.as_millis(), times, error])?;
            self.failed(*target, name, self.now, error)?;
            if let Some(lane) = lane {
                self.arrange(*target, name, lane)?;
            }
        }
        Ok(cut.len())
    }

    /// Forgets those of `ids` that every target has and that came before `before`.
    pub(super) fn forget(
        &mut self,
        ids: &[DeliveryId],
        before: Timestamp,
    ) -> rusqlite::Result<u64> {
        self.db
            .prepare_cached("insert or replace into mark (name, value) values ('last', ?1)")?
            .execute([*self.last])?;
        let targets: Vec<i64> = self.targets.all().map(|(_, target)| target.id).collect();
        let mut count = 0;
        for id in ids {
            let id = id.number();
            if !self.may_forget(id, before, &targets)? {
                continue;
            }
            for target in &targets {
                for rows in [
                    "delete from task where target = ?1 and delivery = ?2",
                    "delete from attempt where target = ?1 and delivery = ?2",
                ] {
                    self.db.prepare_cached(rows)?.execute([*target, id])?;
                }
            }
            self.db
                .prepare_cached("delete from delivery where id = ?1")?
                .execute([id])?;
            self.effects.deliveries -= 1;
            count += 1;
        }
        self.effects.wrote = true;
        Ok(count)
    }

    fn may_forget(&self, id: i64, before: Timestamp, targets: &[i64]) -> rusqlite::Result<bool> {
        let received: Option<i64> = self
            .db
            .prepare_cached("select received from delivery where id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        if received.is_none_or(|received| received >= before.as_millis()) {
            return Ok(false);
        }
        for target in targets {
            let at: Option<i64> = self
                .db
                .prepare_cached("select state from task where target = ?1 and delivery = ?2")?
                .query_row([*target, id], |row| row.get(0))
                .optional()?;
            if at.is_some_and(|at| at != state::DELIVERED) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The highest number that was ever given out.
pub(super) fn last(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row(
        "select max(coalesce((select max(id) from delivery), 0),
                    coalesce((select value from mark where name = 'last'), 0))",
        [],
        |row| row.get(0),
    )
}
