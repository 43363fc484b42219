//! From a request to a verified payload: `admit` its head, `read` its body while the signature
//! is computed, `finish` with what is to be done with it.
//!
//! The order of the steps is the contract: nobody without the secret reaches the JSON check,
//! and nothing after a failed step is done. Sockets and answers are `gate`'s.

pub mod filter;
pub mod form;
mod headers;
pub mod json;
mod refusal;
pub mod signature;

pub use filter::{Filter, FilterError};
pub use refusal::Refusal;

use crate::spool::Header;
use crate::types::{Action, EventName, EventPattern, Guid, Repository, Secret};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use signature::{Check, Claimed, Secrets};
use std::sync::Arc;

/// How much longer a form may be on the wire than its payload: `%HH` is three bytes for one.
const FORM_FACTOR: u64 = 3;
/// Room made at once for a body whose length was announced; what is longer grows as it comes,
/// so that an announcement alone costs nothing.
const FIRST_ROOM: u64 = 64 << 10;

/// What a route demands of a delivery.
#[derive(Debug)]
pub struct Receiver {
    secrets: Secrets,
    events: Vec<EventPattern>,
    filter: Option<Arc<Filter>>,
    max_body: u64,
}

/// A delivery whose head is in order.
#[derive(Debug)]
pub struct Admitted {
    /// `X-GitHub-Event`.
    pub event: EventName,
    /// `X-GitHub-Delivery`.
    pub guid: Guid,
    /// `X-GitHub-Hook-ID`, empty where there is none.
    pub hook: Box<str>,
    /// The headers to pass on.
    pub headers: Vec<Header>,
    form: bool,
    announced: Option<u64>,
    limit: u64,
}

/// A delivery whose body is coming.
#[derive(Debug)]
pub struct Reading {
    check: Option<Check>,
    first: Bytes,
    more: BytesMut,
    room: usize,
    seen: u64,
    limit: u64,
    /// What the sender is told of: the payload's bound, where `limit` is that of the form around it.
    max_body: u64,
}

/// A body that came whole and is signed, or why it is refused.
#[derive(Debug)]
pub struct Signed {
    body: Bytes,
    secret: usize,
}

/// A payload that passed every test.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The body, byte for byte.
    pub body: Bytes,
    /// Its action.
    pub action: Option<Action>,
    /// Its repository.
    pub repository: Option<Repository>,
    /// Which secret it was signed with, from 0.
    pub secret: usize,
    /// Whether the route wants it, or why not.
    pub wanted: Wanted,
}

/// Whether a route wants a payload that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It does.
    Yes,
    /// Not one of its `events`.
    NotTheEvent,
    /// Its `filter` said no.
    Filtered,
    /// Its `filter` failed on this payload, which counts as a no.
    FilterFailed,
}

impl Receiver {
    /// What a route demands; `max_body` in bytes.
    #[must_use]
    pub fn new(
        secrets: &[Secret],
        events: &[EventPattern],
        filter: Option<Arc<Filter>>,
        max_body: u64,
    ) -> Self {
        Self {
            secrets: Secrets::new(secrets),
            events: events.to_vec(),
            filter,
            max_body,
        }
    }

    /// Judges a request's head.
    ///
    /// # Errors
    /// The first thing about it that is not as it must be.
    pub fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        if *method != Method::POST {
            return Err(Refusal::Method);
        }
        let event = parsed(headers, "x-github-event").ok_or(Refusal::Header("X-GitHub-Event"))?;
        let guid =
            parsed(headers, "x-github-delivery").ok_or(Refusal::Header("X-GitHub-Delivery"))?;
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::Encoded);
        }
        let form = match media_type(headers).as_deref() {
            Some("application/json") => false,
            Some("application/x-www-form-urlencoded") => true,
            _ => return Err(Refusal::MediaType),
        };
        let limit = self.max_body * if form { FORM_FACTOR } else { 1 };
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Refusal::TooLarge(self.max_body));
        }
        let hook = text(headers, "x-github-hook-id")
            .filter(|id| id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or_default();
        Ok(Admitted {
            event,
            guid,
            hook: hook.into(),
            headers: headers::passed(headers),
            form,
            announced,
            limit,
        })
    }

    /// Gets ready for the body. One that nobody signed is counted and not kept, and
    /// [`Reading::finish`] refuses it.
    #[must_use]
    pub fn read(&self, admitted: &Admitted, headers: &HeaderMap) -> Reading {
        let claimed = headers
            .get("x-hub-signature-256")
            .and_then(|value| Claimed::parse(value.as_bytes()));
        let room = admitted.announced.unwrap_or(0).min(FIRST_ROOM);
        Reading {
            check: claimed.map(|claimed| self.secrets.expect(claimed)),
            first: Bytes::new(),
            more: BytesMut::new(),
            room: usize::try_from(room).unwrap_or(0),
            seen: 0,
            limit: admitted.limit,
            max_body: self.max_body,
        }
    }

    /// Judges a signed body: is it JSON, and does the route want it? Costs time in proportion to
    /// its length.
    ///
    /// # Errors
    /// Where it is not a payload.
    pub fn judge(&self, admitted: &Admitted, signed: Signed) -> Result<Payload, Refusal> {
        let decoded;
        let json: &[u8] = if admitted.form {
            decoded = form::payload(&signed.body).ok_or(Refusal::MediaType)?;
            if decoded.len() as u64 > self.max_body {
                return Err(Refusal::TooLarge(self.max_body));
            }
            &decoded
        } else {
            &signed.body
        };
        let outline = json::outline(json).map_err(Refusal::Json)?;
        let wanted = self.wants(admitted, outline.action.as_deref(), json);
        Ok(Payload {
            action: outline.action.and_then(|action| action.parse().ok()),
            repository: outline.repository.and_then(|name| name.parse().ok()),
            secret: signed.secret,
            wanted,
            body: signed.body,
        })
    }

    /// Whether judging costs more than the body's length says.
    #[must_use]
    pub fn filters_bodies(&self) -> bool {
        self.filter
            .as_ref()
            .is_some_and(|filter| filter.reads_body())
    }

    fn wants(&self, admitted: &Admitted, action: Option<&str>, body: &[u8]) -> Wanted {
        let named = |pattern: &EventPattern| pattern.matches(&admitted.event, action);
        if !self.events.is_empty() && !self.events.iter().any(named) {
            return Wanted::NotTheEvent;
        }
        let Some(filter) = &self.filter else {
            return Wanted::Yes;
        };
        let subject = filter::Subject {
            event: admitted.event.as_str(),
            action,
            headers: &admitted.headers,
            body,
        };
        match filter.matches(subject) {
            Ok(true) => Wanted::Yes,
            Ok(false) => Wanted::Filtered,
            Err(_) => Wanted::FilterFailed,
        }
    }
}

impl Admitted {
    /// The body's announced length in bytes, where there is one.
    #[must_use]
    pub const fn announced(&self) -> Option<u64> {
        self.announced
    }
}

impl Signed {
    /// The body's length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether nothing came.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }
}

impl Reading {
    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// Where it is more than the route takes.
    pub fn take(&mut self, piece: Bytes) -> Result<(), Refusal> {
        self.seen += piece.len() as u64;
        if self.seen > self.limit {
            return Err(Refusal::TooLarge(self.max_body));
        }
        let Some(check) = &mut self.check else {
            // Nobody signed it: only its length is of interest.
            return Ok(());
        };
        check.update(&piece);
        if self.first.is_empty() && self.more.is_empty() {
            // Most bodies come in one piece, which is then kept as it is.
            self.first = piece;
        } else {
            if self.more.is_empty() {
                self.more.reserve(self.room);
            }
            self.more
                .extend_from_slice(&std::mem::take(&mut self.first));
            self.more.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// The body has come whole: is it signed?
    ///
    /// # Errors
    /// Where it is not, with one of the route's secrets.
    pub fn finish(self) -> Result<Signed, Refusal> {
        let secret = self
            .check
            .ok_or(Refusal::Unsigned)?
            .finish()
            .ok_or(Refusal::Signature)?;
        let body = if self.more.is_empty() {
            self.first
        } else {
            self.more.freeze()
        };
        Ok(Signed { body, secret })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn parsed<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    text(headers, name)?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let essence = value.to_str().ok()?.split(';').next()?;
    Some(essence.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
