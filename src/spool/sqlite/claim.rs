//! `claim`, its undoing, and `redeliver` within a transaction: tasks on their way to a courier.

use super::ledger::{Ledger, Target};
use super::queue::{Redelivery, Taken};
use super::schema::state;
use crate::spool::{Claim, Order, State};
use crate::types::{DeliveryId, Timestamp};
use rusqlite::{OptionalExtension as _, params};

/// Most that one claim gets, whatever it asks for.
const MOST: usize = 1024;

impl Ledger<'_> {
    /// Takes what is due, and counts the attempts.
    pub(super) fn claim(&mut self, claim: &Claim) -> rusqlite::Result<Vec<Taken>> {
        let name = claim.target.as_str();
        let ordered = claim.order == Order::Repository;
        let target = match self.targets.find(name) {
            None if !ordered => return Ok(Vec::new()),
            Some(target) if target.ordered == ordered => target,
            _ => self.set_order(name, ordered)?,
        };
        let mut due = self.db.prepare_cached(
            "select delivery, attempts, failing from task
             where target = ?1 and state = 0 and due <= ?2 order by due, delivery limit ?3",
        )?;
        let limit = i64::try_from(claim.limit.min(MOST)).unwrap_or(i64::MAX);
        let due = due
            .query_map(params![target.id, claim.now.as_millis(), limit], |row| {
                Ok(Taken {
                    id: DeliveryId::new(row.get(0)?),
                    attempt: row.get::<_, u32>(1)?.saturating_add(1),
                    failing_since: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut take = self.db.prepare_cached(
            "update task set state = 1, attempts = ?3 where target = ?1 and delivery = ?2",
        )?;
        for taken in &due {
            take.execute(params![target.id, taken.id.number(), taken.attempt])?;
        }
        self.effects.wrote |= !due.is_empty();
        Ok(due)
    }

    /// Puts back what was claimed and never reached the one who claimed it.
    pub(super) fn release(&mut self, name: &str, ids: &[DeliveryId]) -> rusqlite::Result<()> {
        let Some(target) = self.targets.find(name) else {
            return Ok(());
        };
        for id in ids {
            let lane: Option<Option<String>> = self
                .db
                .prepare_cached(
                    "update task set state = 0, attempts = max(0, attempts - 1)
                     where target = ?1 and delivery = ?2 and state = 1 returning lane",
                )?
                .query_row(params![target.id, id.number()], |row| row.get(0))
                .optional()?;
            if let Some(lane) = lane {
                self.change(target.id, name).woken = true;
                if let Some(lane) = lane {
                    self.arrange(target.id, name, &lane)?;
                }
            }
        }
        self.effects.wrote = true;
        Ok(())
    }

    /// Sends again; says to how many targets in all.
    pub(super) fn redeliver(&mut self, again: &Redelivery) -> rusqlite::Result<u64> {
        let targets: Vec<(String, Target)> = self
            .targets
            .all()
            .filter(|(name, _)| again.target.as_deref().is_none_or(|wanted| wanted == *name))
            .map(|(name, target)| (name.to_owned(), target))
            .collect();
        let mut count = 0;
        for id in &again.ids {
            for (name, target) in &targets {
                let sent = match again.state {
                    None => self.send_again(id.number(), *target, name, None)?,
                    Some(State::Pending) => {
                        self.send_again(id.number(), *target, name, Some(state::PENDING))?
                            || self.send_again(id.number(), *target, name, Some(state::HELD))?
                    }
                    Some(State::Delivered) => {
                        self.send_again(id.number(), *target, name, Some(state::DELIVERED))?
                    }
                    Some(State::Dead) => {
                        self.send_again(id.number(), *target, name, Some(state::DEAD))?
                    }
                    Some(State::Sending) => false,
                };
                count += u64::from(sent);
            }
        }
        Ok(count)
    }

    /// Makes a task due now, as if it were new, if it is in that state (none: in any but
    /// sending). Says whether it was.
    pub(super) fn send_again(
        &mut self,
        id: i64,
        target: Target,
        name: &str,
        only: Option<i64>,
    ) -> rusqlite::Result<bool> {
        let at: Option<i64> = self
            .db
            .prepare_cached("select state from task where target = ?1 and delivery = ?2")?
            .query_row(params![target.id, id], |row| row.get(0))
            .optional()?;
        let Some(at) = at else {
            return Ok(false);
        };
        if at == state::SENDING || only.is_some_and(|only| only != at) {
            return Ok(false);
        }
        let lane: Option<String> = if target.ordered {
            self.db
                .prepare_cached("select lower(repository) from delivery where id = ?1")?
                .query_row([id], |row| row.get(0))?
        } else {
            None
        };
        self.db
            .prepare_cached(
                "update task set state = 0, due = ?3, attempts = 0, interruptions = 0,
                     failing = null, lane = ?4
                 where target = ?1 and delivery = ?2",
            )?
            .execute(params![target.id, id, self.now.as_millis(), lane])?;
        self.effects.wrote = true;
        self.moved(target.id, name, Some(at), Some(state::PENDING));
        let change = self.change(target.id, name);
        change.reopened = Some(change.reopened.map_or(id, |other| other.min(id)));
        if let Some(lane) = lane {
            self.arrange(target.id, name, &lane)?;
        }
        Ok(true)
    }
}
