//! What is asked of the database without changing it: a delivery, a page of them, when the next
//! is due, what may be forgotten. Long searches go in steps, each of them short.

use super::record::{self, Row};
use super::schema::state;
use crate::spool::{Attempt, Detail, Header, Intake, Query, Standing, State, Summary};
use crate::types::Timestamp;
use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use std::sync::Arc;

/// What is found where a delivery should be.
#[derive(Debug)]
pub(super) enum Found {
    Whole(Arc<Intake>),
    /// Its bytes are not those that were acknowledged, or cannot be read at all.
    Damaged(String),
}

/// Reads a delivery for a courier, and checks it.
pub(super) fn load(db: &Connection, id: i64) -> rusqlite::Result<Found> {
    let row = db
        .prepare_cached(&format!(
            "select {} from delivery where id = ?1",
            Row::COLUMNS
        ))?
        .query_row([id], Row::read)
        .optional();
    Ok(match row {
        Ok(Some(row)) => match row.believe() {
            Some(intake) => Found::Whole(intake),
            None => Found::Damaged("its checksum does not fit".to_owned()),
        },
        Ok(None) => Found::Damaged("its row is gone".to_owned()),
        Err(error) if super::failure::is_unreadable(&error) => Found::Damaged(error.to_string()),
        Err(error) => return Err(error),
    })
}

/// When a target's next task is due.
pub(super) fn next_due(db: &Connection, target: &str) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = db
        .prepare_cached(
            "select min(due) from task
             where target = (select id from target where name = ?1) and state = 0",
        )?
        .query_row([target], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

/// The oldest delivery at or above `from` that is open at a target, and when it was accepted.
pub(super) fn oldest(
    db: &Connection,
    target: i64,
    from: i64,
) -> rusqlite::Result<Option<(i64, Timestamp)>> {
    db.prepare_cached(
        "select id, received from delivery where id =
             (select delivery from task
              where target = ?1 and delivery >= ?2 and state in (0, 1, 4)
              order by delivery limit 1)",
    )?
    .query_row(params![target, from], |row| {
        Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?)))
    })
    .optional()
}

/// The lowest and the highest number there is.
pub(super) fn bounds(db: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let (low, high): (Option<i64>, Option<i64>) = db.query_row(
        "select (select min(id) from delivery), (select max(id) from delivery)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(low.zip(high))
}

/// A query as SQL.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    conditions: String,
    values: Vec<Value>,
}

impl Filter {
    pub(super) fn new(query: &Query) -> Self {
        let mut filter = Self {
            conditions: String::new(),
            values: Vec::new(),
        };
        filter.standing(query);
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let moment = |at: Option<Timestamp>| at.map(|at| Value::Integer(at.as_millis()));
        filter.and("d.route = ?", text(&query.route));
        filter.and("d.event = ?", text(&query.event));
        filter.and("d.action = ?", text(&query.action));
        filter.and("d.repository = ? collate nocase", text(&query.repository));
        filter.and("d.received >= ?", moment(query.since));
        filter.and("d.received < ?", moment(query.until));
        filter.and(
            "instr(lower(d.guid || ' ' || d.hook || ' ' || d.event || ' '
                 || coalesce(d.repository, '')), lower(?)) > 0",
            text(&query.text),
        );
        filter
    }

    /// By target and state: a search among the tasks, which are far smaller than deliveries. It
    /// comes first, so that the bounds of a step are parameters 1 and 2 there too.
    fn standing(&mut self, query: &Query) {
        if query.state.is_none() && query.target.is_none() {
            return;
        }
        // The dead ones are few and have an index, which SQLite would not choose by itself.
        let (index, states) = match query.state {
            None => ("", ""),
            Some(State::Pending) => ("", " and t.state in (0, 4)"),
            Some(State::Sending) => ("", " and t.state = 1"),
            Some(State::Delivered) => ("", " and t.state = 2"),
            Some(State::Dead) => (" indexed by task_dead", " and t.state = 3"),
        };
        let named = match &query.target {
            None => "",
            Some(name) => {
                self.values.push(Value::Text(name.clone()));
                " where name = ?3"
            }
        };
        self.conditions = format!(
            " and d.id in (select t.delivery from task t{index}
                 where t.target in (select id from target{named}){states}
                   and t.delivery >= ?1 and t.delivery < ?2)"
        );
    }

    fn and(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let numbered = format!("?{}", self.values.len() + 2);
            self.conditions.push_str(" and ");
            self.conditions
                .push_str(&condition.replacen('?', &numbered, 1));
        }
    }

    /// The newest `limit` of those it selects with numbers in `low..high`.
    pub(super) fn step(
        &self,
        db: &Connection,
        low: i64,
        high: i64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Summary>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "select id, route, received, guid, hook, event, action, repository, size, earlier
             from delivery d where d.id >= ?1 and d.id < ?2{}
             order by d.id desc limit {limit}",
            self.conditions
        );
        let bounds = [Value::Integer(low), Value::Integer(high)];
        let values = bounds.iter().chain(&self.values);
        let mut found: Vec<Summary> = db
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), summary)?
            .collect::<Result<_, _>>()?;
        for summary in &mut found {
            summary.targets = standings(db, summary.id)?;
        }
        Ok(found)
    }
}

fn summary(row: &rusqlite::Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        route: row.get(1)?,
        received: Timestamp::from_millis(row.get(2)?),
        guid: row.get(3)?,
        hook: row.get(4)?,
        event: row.get(5)?,
        action: row.get(6)?,
        repository: row.get(7)?,
        size: row.get(8)?,
        earlier: row.get(9)?,
        targets: Vec::new(),
    })
}

fn standings(db: &Connection, id: i64) -> rusqlite::Result<Vec<Standing>> {
    let mut rows = db.prepare_cached(
        "select target.name, task.state, attempts, due, status, task.error
         from target join task on task.target = target.id and task.delivery = ?1
         order by target.name",
    )?;
    let rows = rows.query_map([id], |row| {
        let at: i64 = row.get(1)?;
        Ok(Standing {
            target: row.get(0)?,
            state: told(at),
            attempts: row.get(2)?,
            next: (at == state::PENDING)
                .then(|| row.get(3).map(Timestamp::from_millis))
                .transpose()?,
            status: row.get(4)?,
            error: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// A state as people are told it: what is held back waits like the rest.
fn told(at: i64) -> State {
    match at {
        state::SENDING => State::Sending,
        state::DELIVERED => State::Delivered,
        state::DEAD => State::Dead,
        _ => State::Pending,
    }
}

/// All that is known of a delivery. The second is false where its bytes are damaged.
pub(super) fn show(db: &Connection, id: i64) -> rusqlite::Result<Option<(Detail, bool)>> {
    let summary = db
        .query_row(
            "select id, route, received, guid, hook, event, action, repository, size, earlier
             from delivery where id = ?1",
            [id],
            summary,
        )
        .optional()?;
    let Some(mut summary) = summary else {
        return Ok(None);
    };
    let row = db.query_row(
        &format!("select {} from delivery where id = ?1", Row::COLUMNS),
        [id],
        Row::read,
    )?;
    summary.targets = standings(db, id)?;
    let is_whole = row.is_whole();
    let text = |header: &Header| {
        let value = String::from_utf8_lossy(&header.value).into_owned();
        (header.name.to_string(), value)
    };
    let headers = record::decode(&row.headers);
    Ok(Some((
        Detail {
            summary,
            client: row.client,
            request: row.request,
            headers: headers
                .iter()
                .flat_map(|all| all.iter())
                .map(text)
                .collect(),
            body: Bytes::from(row.body),
            attempts: attempts(db, id)?,
        },
        is_whole && headers.is_some(),
    )))
}

fn attempts(db: &Connection, id: i64) -> rusqlite::Result<Vec<Attempt>> {
    let mut rows = db.prepare_cached(
        "select target.name, a.at, a.took, a.status, a.error, a.number
         from target join attempt a on a.target = target.id and a.delivery = ?1
         union all
         select target.name, t.at, t.took, t.status, t.error, 9223372036854775807
         from target join task t on t.target = target.id and t.delivery = ?1
         where t.at is not null
         order by 2, 6",
    )?;
    let rows = rows.query_map([id], |row| {
        Ok(Attempt {
            target: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            took_ms: row.get(2)?,
            status: row.get(3)?,
            error: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// What may be forgotten among the next deliveries above `from`.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) ids: Vec<i64>,
    /// Where to go on; none: everything further is too young.
    pub(super) next: Option<i64>,
}

/// Looks at the `limit` deliveries above `from`.
pub(super) fn old(
    db: &Connection,
    from: i64,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Old> {
    let mut rows = db.prepare_cached(
        "select id, received, not exists (
             select 1 from task where target in (select id from target)
                 and delivery = delivery.id and state <> 2)
         from delivery where id > ?1 order by id limit ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = rows.query(params![from, limit])?;
    let mut old = Old {
        ids: Vec::new(),
        next: None,
    };
    let (mut last, mut any) = (from, false);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        if row.get::<_, i64>(1)? < before.as_millis() {
            any = true;
            if row.get(2)? {
                old.ids.push(last);
            }
        }
    }
    old.next = any.then_some(last);
    Ok(old)
}
