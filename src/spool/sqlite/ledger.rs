//! One open transaction: the words that `put`, `claim` and `settle` are said in, and what has to
//! follow in memory once it is committed. Each verb has a file of its own.

use super::schema::state;
use crate::spool::Intake;
use crate::types::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::Arc;

/// The targets that were ever named.
#[derive(Debug, Default)]
pub(super) struct Targets {
    by_name: HashMap<Box<str>, Target>,
}

/// A target as the tables know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) id: i64,
    /// Whether its tasks have lanes: it was last claimed for in `Order::Repository`.
    pub(super) ordered: bool,
}

impl Targets {
    /// All that are in the database.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut rows = db.prepare("select name, id, ordered from target")?;
        let by_name = rows
            .query_map([], |row| {
                let name: String = row.get(0)?;
                let target = Target {
                    id: row.get(1)?,
                    ordered: row.get(2)?,
                };
                Ok((name.into_boxed_str(), target))
            })?
            .collect::<Result<_, _>>()?;
        Ok(Self { by_name })
    }

    /// The one of that name, if it was ever named.
    pub(super) fn find(&self, name: &str) -> Option<Target> {
        self.by_name.get(name).copied()
    }

    /// Every one.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Target)> {
        self.by_name.iter().map(|(name, target)| (&**name, *target))
    }
}

/// What follows in memory when the transaction is committed; dropped when it is not.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// How many more deliveries there are.
    pub(super) deliveries: i64,
    /// Changes at targets.
    pub(super) targets: Vec<Change>,
    /// Stored just now.
    pub(super) fresh: Vec<(i64, Arc<Intake>)>,
    /// Deliveries that one more target is through with.
    pub(super) finished: Vec<i64>,
    /// Whether a row was written that must be synced before anybody is answered.
    pub(super) wrote: bool,
}

/// What changed at one target.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) target: i64,
    pub(super) name: Box<str>,
    /// Open tasks more.
    pub(super) open: i64,
    /// Dead tasks more.
    pub(super) dead: i64,
    /// Something may be due that was not before.
    pub(super) woken: bool,
    /// The oldest delivery that was opened again.
    pub(super) reopened: Option<i64>,
    /// What went wrong last.
    pub(super) error: Option<(Timestamp, String)>,
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Ledger<'t> {
    pub(super) db: &'t Connection,
    pub(super) targets: &'t mut Targets,
    /// The highest number given out.
    pub(super) last: &'t mut i64,
    pub(super) now: Timestamp,
    pub(super) effects: Effects,
}

impl Ledger<'_> {
    /// The target of that name, made known if it is not.
    pub(super) fn target(&mut self, name: &str) -> rusqlite::Result<Target> {
        if let Some(target) = self.targets.find(name) {
            return Ok(target);
        }
        self.db
            .prepare_cached("insert into target (name) values (?1)")?
            .execute([name])?;
        let target = Target {
            id: self.db.last_insert_rowid(),
            ordered: false,
        };
        self.targets.by_name.insert(name.into(), target);
        self.effects.wrote = true;
        // An entry of its own, so that the target is listed from now on.
        self.change(target.id, name);
        Ok(target)
    }

    /// What changes at a target.
    pub(super) fn change(&mut self, target: i64, name: &str) -> &mut Change {
        let changes = &mut self.effects.targets;
        let at = changes
            .iter()
            .position(|change| change.target == target)
            .unwrap_or(changes.len());
        if at == changes.len() {
            changes.push(Change {
                target,
                name: name.into(),
                open: 0,
                dead: 0,
                woken: false,
                reopened: None,
                error: None,
            });
        }
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed just above")]
        &mut changes[at]
    }

    /// Counts a task's way from one state (none: it is new) to another (none: it is gone).
    pub(super) fn moved(&mut self, target: i64, name: &str, from: Option<i64>, to: Option<i64>) {
        let change = self.change(target, name);
        let is_open = |at: i64| matches!(at, state::PENDING | state::SENDING | state::HELD);
        for (at, sign) in [(from, -1), (to, 1)] {
            match at {
                Some(at) if is_open(at) => change.open += sign,
                Some(state::DEAD) => change.dead += sign,
                _ => {}
            }
        }
        change.woken |= to == Some(state::PENDING);
    }

    /// Turns a target's lanes on or off, as it is claimed for. Happens when the configuration
    /// has changed, and reads all that waits for it.
    pub(super) fn set_order(&mut self, name: &str, ordered: bool) -> rusqlite::Result<Target> {
        let mut target = self.target(name)?;
        if target.ordered == ordered {
            return Ok(target);
        }
        self.effects.wrote = true;
        self.db.execute(
            "update target set ordered = ?2 where id = ?1",
            params![target.id, ordered],
        )?;
        if ordered {
            self.db.execute(
                "update task set lane =
                     (select lower(repository) from delivery where id = task.delivery)
                 where target = ?1 and state in (0, 1)",
                [target.id],
            )?;
            let mut lanes = self
                .db
                .prepare("select distinct lane from task where target = ?1 and lane is not null")?;
            let lanes: Vec<String> = lanes
                .query_map([target.id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for lane in lanes {
                self.arrange(target.id, name, &lane)?;
            }
        } else {
            self.db.execute(
                "update task set lane = null, state = case state when 4 then 0 else state end
                 where target = ?1 and lane is not null",
                [target.id],
            )?;
        }
        target.ordered = ordered;
        self.targets.by_name.insert(name.into(), target);
        self.change(target.id, name).woken = true;
        Ok(target)
    }

    /// Sees to it that in a lane the first open one is pending and all others are held; that all
    /// are held while one is being sent.
    pub(super) fn arrange(&mut self, target: i64, name: &str, lane: &str) -> rusqlite::Result<()> {
        let first =
            |at: i64| {
                self.db
                .prepare_cached(
                    "select min(delivery) from task where target = ?1 and lane = ?2 and state = ?3",
                )?
                .query_row(params![target, lane, at], |row| row.get::<_, Option<i64>>(0))
            };
        let head = if first(state::SENDING)?.is_some() {
            None
        } else {
            [first(state::PENDING)?, first(state::HELD)?]
                .into_iter()
                .flatten()
                .min()
        };
        // A head of NULL would match nothing below, so none is a number that no delivery has.
        let head = head.unwrap_or(-1);
        self.db
            .prepare_cached(
                "update task set state = 4
                 where target = ?1 and lane = ?2 and state = 0 and delivery <> ?3",
            )?
            .execute(params![target, lane, head])?;
        let released = self
            .db
            .prepare_cached(
                "update task set state = 0
                 where target = ?1 and lane = ?2 and state = 4 and delivery = ?3",
            )?
            .execute(params![target, lane, head])?;
        if released > 0 {
            self.change(target, name).woken = true;
        }
        Ok(())
    }

    /// Whether anything is open in a lane.
    pub(super) fn is_busy(&self, target: i64, lane: &str) -> rusqlite::Result<bool> {
        let found = self
            .db
            .prepare_cached("select 1 from task where target = ?1 and lane = ?2 limit 1")?
            .query_row(params![target, lane], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }
}
