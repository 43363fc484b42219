//! How much may be asked: what is left of each purse, and what one is told when nothing is.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::moods::Limits;
use super::principal::Principal;
use super::request::Call;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

const WINDOW: i64 = 3600;
/// What those have who show no credential.
const UNKNOWN: u64 = 60;

/// What was used of each purse and resource, and when it is whole again, in seconds.
pub(super) type Book = HashMap<(String, &'static str), (u64, i64)>;

/// Where a request is counted.
#[derive(Default)]
pub(super) struct Counted {
    place: Option<(String, &'static str)>,
    limit: u64,
    used: u64,
    reset: i64,
}

impl Counted {
    pub(super) fn shown_on(&self, reply: Reply) -> Reply {
        let Some((_, resource)) = &self.place else {
            return reply;
        };
        reply
            .with("x-ratelimit-limit", self.limit.to_string())
            .with(
                "x-ratelimit-remaining",
                self.limit.saturating_sub(self.used).to_string(),
            )
            .with("x-ratelimit-used", self.used.to_string())
            .with("x-ratelimit-reset", self.reset.to_string())
            .with("x-ratelimit-resource", *resource)
    }
}

impl Simulator {
    /// How much has been asked of a resource from a purse, such as `installation ID 7`.
    pub fn used(&self, purse: &str, resource: &'static str) -> u64 {
        let used = self.0.used.lock().unwrap();
        used.get(&(purse.to_owned(), resource))
            .map_or(0, |(used, _)| *used)
    }

    /// Finds where a request counts; and refuses it where nothing is left.
    pub(super) fn limited(&self, call: &Call, counted: &mut Counted) -> Option<Reply> {
        let (limits, secondary) = {
            let moods = self.0.moods.borrow();
            (moods.limits, moods.secondary)
        };
        if let Some(limits) = limits.filter(|_| call.path != "/rate_limit") {
            let now = self.0.clock.now();
            let place = (call.by.purse(), resource(call));
            let (used, reset) = self.window(&place, now);
            *counted = Counted {
                limit: limit(&limits, &place),
                place: Some(place),
                used,
                reset,
            };
            if used >= counted.limit {
                let message = format!(
                    "API rate limit exceeded for {}. If you reach out to GitHub Support for help, please include the request ID.",
                    call.by.purse()
                );
                return Some(Reply::no(limits.status, &message));
            }
            let under_way = self.0.record.lock().unwrap().under_way;
            if limits.at_once.is_some_and(|most| under_way > most) {
                return Some(secondary_limit(limits.status, false));
            }
        }
        let secondary = secondary?;
        let reply = secondary_limit(secondary.status, secondary.abuse);
        Some(match secondary.retry_after {
            Some(seconds) => reply.with("retry-after", seconds.to_string()),
            None => reply,
        })
    }

    /// Refuses who comes from an address that the organisation's list does not have.
    pub(super) fn unlisted(&self, call: &Call) -> Option<Reply> {
        if !self.0.moods.borrow().ip_allow_list {
            return None;
        }
        let id = match (&call.by, call.segments().as_slice()) {
            (Principal::Installation(token), _) => token.installation,
            (_, ["app", "installations", id, "access_tokens"]) => id.parse().ok()?,
            _ => return None,
        };
        let state = self.state();
        let login = &state.accounts[&state.installations.get(&id)?.account].login;
        let message = format!(
            "Although you appear to have the correct authorization credentials, the `{login}` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."
        );
        Some(Reply::no(403, &message))
    }

    pub(super) fn count(&self, counted: &mut Counted) {
        if let Some(place) = &counted.place {
            let mut book = self.0.used.lock().unwrap();
            let (used, _) = book.entry(place.clone()).or_insert((0, counted.reset));
            *used += 1;
            counted.used = *used;
        }
    }

    fn window(&self, place: &(String, &'static str), now: Timestamp) -> (u64, i64) {
        let mut book = self.0.used.lock().unwrap();
        let now = now.as_second();
        let window = book.entry(place.clone()).or_insert((0, now + WINDOW));
        if window.1 <= now {
            *window = (0, now + WINDOW);
        }
        *window
    }

    pub(super) fn rate_limit(&self, call: &Call) -> Answered {
        let Some(limits) = self.0.moods.borrow().limits else {
            return Err(Reply::no(404, "Rate limiting is not enabled."));
        };
        let now = self.0.clock.now();
        let of = |resource: &'static str| -> Value {
            let place = (call.by.purse(), resource);
            let (used, reset) = self.window(&place, now);
            let limit = limit(&limits, &place);
            json!({ "limit": limit, "remaining": limit.saturating_sub(used), "used": used, "reset": reset })
        };
        let known = json!({
            "resources": { "core": of("core"), "search": of("search"), "graphql": of("graphql") },
            "rate": of("core"),
        });
        let example = self.0.description.example("rate-limit-overview");
        Ok(Reply::json(200, &super::example::laid_over(example, known)))
    }
}

fn secondary_limit(status: u16, abuse: bool) -> Reply {
    let message = if abuse {
        "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."
    } else {
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID."
    };
    Reply::no(status, message)
}

fn limit(limits: &Limits, place: &(String, &'static str)) -> u64 {
    let limit = match place.1 {
        "graphql" => limits.graphql,
        "search" => limits.search,
        _ => limits.core,
    };
    if place.0 == "nobody" {
        limit.min(UNKNOWN)
    } else {
        limit
    }
}

fn resource(call: &Call) -> &'static str {
    match call.segments().first() {
        Some(&"graphql") => "graphql",
        Some(&"search") => "search",
        _ => "core",
    }
}
