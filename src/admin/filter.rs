//! Which deliveries a person asks for: text from a query or a body, parsed once into the spool's
//! own words.

use super::answer::State;
use crate::spool::Query;
use crate::types::{DeliveryId, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The criteria; all that are given must hold.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    utoipa::IntoParams,
)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this route, such as `hooks.example.com/jira`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Of this event, such as `push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// With this action, such as `opened`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Of this repository, such as `acme/web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// That have this state at one of their targets, or at `target`. `status` is another word
    /// for it.
    #[serde(alias = "status", skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// That go to this target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Accepted at this moment (RFC 3339) or later, or not longer ago than this (`24h`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Accepted before this moment (RFC 3339), or longer ago than this (`1h`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whose GUID, hook, event or repository contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many a page has, 1 to 500; 50 where it is absent. Not for redeliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where a page starts: the `next` of the one before. Not for redeliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<i64>,
}

/// A criterion that is not one, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unclear(String);

impl Filter {
    /// The spool's query, the place to start at, and the size of a page. `now` is what `24h` is
    /// counted from.
    ///
    /// # Errors
    /// At the first criterion that is not one.
    pub fn page(self, now: Timestamp) -> Result<(Query, Option<DeliveryId>, usize), Unclear> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(wrong("limit", &limit.to_string(), "a number from 1 to 500"));
        }
        let cursor = match self.cursor {
            None => None,
            Some(number) if number > 0 => Some(DeliveryId::new(number)),
            Some(number) => {
                let expected = "the `next` of the page before";
                return Err(wrong("cursor", &number.to_string(), expected));
            }
        };
        Ok((self.criteria(now)?, cursor, limit))
    }

    /// The spool's query for sending again; at least one criterion must be there, since nobody
    /// means everything by saying nothing.
    ///
    /// # Errors
    /// At the first criterion that is not one, where there is none, or where a page is asked for.
    pub fn selection(self, now: Timestamp) -> Result<Query, Unclear> {
        if self.limit.is_some() || self.cursor.is_some() {
            let told = "`limit` and `cursor` are for pages; a redelivery takes all that match";
            return Err(Unclear(told.to_owned()));
        }
        if self == Self::default() {
            let told = "name at least one criterion, such as `{\"state\":\"dead\"}`";
            return Err(Unclear(told.to_owned()));
        }
        self.criteria(now)
    }

    fn criteria(self, now: Timestamp) -> Result<Query, Unclear> {
        Ok(Query {
            route: text("route", self.route)?,
            event: text("event", self.event)?,
            action: text("action", self.action)?,
            repository: text("repository", self.repository)?,
            state: self.state.map(Into::into),
            target: text("target", self.target)?,
            since: moment("since", self.since.as_deref(), now)?,
            until: moment("until", self.until.as_deref(), now)?,
            text: text("text", self.text)?,
        })
    }
}

fn text(name: &'static str, value: Option<String>) -> Result<Option<String>, Unclear> {
    match value {
        Some(value) if value.is_empty() || value.len() > LONGEST => {
            let expected = "1 to 500 bytes of text";
            Err(wrong(name, &value, expected))
        }
        value => Ok(value),
    }
}

fn moment(
    name: &'static str,
    value: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Unclear> {
    let Some(value) = value else { return Ok(None) };
    if let Ok(moment) = value.parse::<jiff::Timestamp>() {
        return Ok(Some(Timestamp::from_millis(moment.as_millisecond())));
    }
    match value.parse::<Span>() {
        Ok(span) => Ok(Some(now.before(span.duration()))),
        Err(_) => Err(wrong(
            name,
            value,
            "a moment such as `2026-11-20T08:00:00Z`, or how long ago, such as `24h`",
        )),
    }
}

fn wrong(name: &str, found: &str, expected: &'static str) -> Unclear {
    let what = crate::types::ParseError::new(found, expected);
    Unclear(format!("`{name}`: {what}"))
}

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;
const LONGEST: usize = 500;
