//! `put` within a transaction: is it new, sent again, in conflict or a duplicate, and its rows.

use super::ledger::Ledger;
use super::record;
use super::schema::state;
use crate::spool::{Intake, Put};
use crate::types::{DeliveryId, Timestamp};
use rusqlite::{params, types::Value};
use std::sync::Arc;

/// An earlier delivery with the same route, hook and GUID.
struct Earlier {
    id: i64,
    received: Timestamp,
    same_body: bool,
}

impl Ledger<'_> {
    /// Stores a delivery, or finds that it is here already.
    pub(super) fn put(&mut self, intake: &Arc<Intake>) -> rusqlite::Result<Put> {
        self.effects.wrote = true;
        let key = record::key(intake);
        let earlier = self.earlier(intake, key)?;
        if let Some(earlier) = &earlier
            && earlier.same_body
            && intake.received.since(earlier.received) < intake.window
        {
            self.revive(earlier.id, intake)?;
            return Ok(Put::Duplicate(DeliveryId::new(earlier.id)));
        }
        let id = DeliveryId::new(self.store(intake, key, earlier.as_ref().map(|e| e.id))?);
        Ok(match earlier {
            None => Put::Stored(id),
            Some(Earlier {
                id: earlier,
                same_body,
                ..
            }) => {
                let earlier = DeliveryId::new(earlier);
                if same_body {
                    Put::Redelivered { id, earlier }
                } else {
                    Put::Conflicting { id, earlier }
                }
            }
        })
    }

    /// The newest earlier one with the same body; failing that, the newest with another.
    fn earlier(&self, intake: &Intake, key: i64) -> rusqlite::Result<Option<Earlier>> {
        let mut rows = self.db.prepare_cached(
            "select id, received, size from delivery
             where key = ?1 and route = ?2 and hook = ?3 and guid = ?4 order by id desc",
        )?;
        let mut rows = rows.query(params![
            key,
            intake.route.as_str(),
            &*intake.hook,
            intake.guid.as_str()
        ])?;
        let size = i64::try_from(intake.body.len()).unwrap_or(i64::MAX);
        let mut other = None;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let found = Earlier {
                id,
                received: Timestamp::from_millis(row.get(1)?),
                // The bytes themselves are compared: no digest is needed on a put's usual way.
                same_body: row.get::<_, i64>(2)? == size
                    && self
                        .db
                        .prepare_cached("select body = ?2 from delivery where id = ?1")?
                        .query_row(params![id, &*intake.body], |row| row.get(0))?,
            };
            if found.same_body {
                return Ok(Some(found));
            }
            other.get_or_insert(found);
        }
        Ok(other)
    }

    fn store(
        &mut self,
        intake: &Arc<Intake>,
        key: i64,
        earlier: Option<i64>,
    ) -> rusqlite::Result<i64> {
        let id = *self.last + 1;
        let headers = record::encode(&intake.headers);
        let client = intake.client.to_string();
        let request = intake.request.to_string();
        self.db
            .prepare_cached(
                "insert into delivery (id, key, earlier, received, crc, size, route, hook, guid,
                     event, action, repository, client, request, headers, body)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                id,
                key,
                earlier,
                intake.received.as_millis(),
                record::checksum(&headers, &intake.body),
                i64::try_from(intake.body.len()).unwrap_or(i64::MAX),
                intake.route.as_str(),
                &*intake.hook,
                intake.guid.as_str(),
                intake.event.as_str(),
                intake.action.as_ref().map(|action| action.as_str()),
                intake.repository.as_ref().map(|name| name.as_str()),
                client,
                request,
                headers,
                &*intake.body,
            ])?;
        *self.last = id;
        for name in &*intake.targets {
            self.open(id, name.as_str(), intake)?;
        }
        self.effects.deliveries += 1;
        self.effects.fresh.push((id, intake.clone()));
        Ok(id)
    }

    /// Gives a new delivery to a target.
    fn open(&mut self, id: i64, name: &str, intake: &Intake) -> rusqlite::Result<()> {
        let target = self.target(name)?;
        let lane = match &intake.repository {
            Some(repository) if target.ordered => Some(repository.as_str().to_ascii_lowercase()),
            _ => None,
        };
        let at = match &lane {
            Some(lane) if self.is_busy(target.id, lane)? => state::HELD,
            _ => state::PENDING,
        };
        let added = self
            .db
            .prepare_cached(
                "insert or ignore into task (target, delivery, state, due, lane)
                 values (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                target.id,
                id,
                at,
                intake.received.as_millis(),
                lane.map_or(Value::Null, Value::Text)
            ])?;
        if added > 0 {
            self.moved(target.id, name, None, Some(at));
        }
        Ok(())
    }

    /// Gives an earlier delivery again to those of the intake's targets that gave up on it.
    fn revive(&mut self, id: i64, intake: &Intake) -> rusqlite::Result<()> {
        for name in &*intake.targets {
            if let Some(target) = self.targets.find(name.as_str()) {
                self.send_again(id, target, name.as_str(), Some(state::DEAD))?;
            }
        }
        Ok(())
    }
}
