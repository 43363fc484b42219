//! What waits where, counted once at the start.

use super::ledger::Targets;
use super::settle::last;
use crate::types::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What waits at a target.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) open: u64,
    pub(super) dead: u64,
    pub(super) error: Option<(Timestamp, String)>,
    /// No delivery below this is open there.
    pub(super) from: i64,
    /// Rises whenever `from` is lowered, so that an answer read before is not believed.
    pub(super) lowered: u64,
}

/// What waits where, read once at the start.
pub(super) struct Census {
    /// Deliveries kept.
    pub(super) deliveries: u64,
    /// The highest number that was ever given out.
    pub(super) last: i64,
    /// Of each target.
    pub(super) targets: BTreeMap<String, Waiting>,
}

/// Counts everything. It walks the whole table of tasks, so damage in it shows here.
pub(super) fn census(db: &Connection, targets: &Targets) -> rusqlite::Result<Census> {
    let last = last(db)?;
    let deliveries = db.query_row("select count(*) from delivery", [], |row| row.get(0))?;
    let mut found = BTreeMap::new();
    for (name, target) in targets.all() {
        let waiting = db.query_row(
            "select coalesce(sum(state in (0, 1, 4)), 0), coalesce(sum(state = 3), 0),
                 (select error_at from target where id = ?1),
                 (select error from target where id = ?1)
             from task where target = ?1",
            [target.id],
            |row| {
                let error: Option<(i64, String)> = row
                    .get::<_, Option<i64>>(2)?
                    .zip(row.get::<_, Option<String>>(3)?);
                Ok(Waiting {
                    id: target.id,
                    open: row.get(0)?,
                    dead: row.get(1)?,
                    error: error.map(|(at, error)| (Timestamp::from_millis(at), error)),
                    ..Waiting::default()
                })
            },
        )?;
        found.insert(name.to_owned(), waiting);
    }
    Ok(Census {
        deliveries,
        last,
        targets: found,
    })
}
