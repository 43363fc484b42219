//! Answers that are held: asked about with their tag, served where GitHub says they are still so,
//! and kept where a new one comes.
//!
//! What is kept is what came, before it is put into the outside's words: served again, it goes the
//! way of every answer, with the names that are in force then, and its tag and its length are made
//! as for any other.

use super::{Outwards, Permit};
use crate::broker::Cache;
use crate::broker::cache::{Draft, Held, Key, has_conditions, stays_unheld};
use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use std::sync::Arc;

/// The longest body of a 403 that is read to know what it means.
const LONGEST_WORD: usize = 16 << 10;

/// How a request and the answers that are held come together.
#[derive(Debug, Default)]
pub(super) struct Recall {
    cache: Option<Arc<Cache>>,
    /// Of the request as it went.
    sent: Option<(Key, HeaderMap)>,
    /// What GitHub was asked about.
    held: Option<Arc<Held>>,
    /// What is held is not to be asked about.
    spent: bool,
}

/// What is done with an answer's body as it comes, besides passing it.
#[derive(Debug)]
pub(in crate::gate) enum Keeping {
    /// It will be held.
    Draft(Box<Draft>),
    /// It says what a 403 means.
    Word(Box<HeaderMap>, Vec<u8>),
}

impl Recall {
    /// For a request whose answer may be held here.
    pub(super) fn of(cache: Option<&Arc<Cache>>) -> Self {
        Self {
            cache: cache.cloned(),
            ..Self::default()
        }
    }

    fn tell(&self, app: &str, outcome: &'static str) {
        metrics::counter!("hubgate_cache_total", "app" => app.to_owned(), "outcome" => outcome)
            .increment(1);
    }
}

impl Permit {
    /// The tag of what is held for this request as it goes, where it has no conditions of its own.
    pub(super) fn ask_about(&mut self, head: &RequestHeader) -> Option<HeaderValue> {
        let token = self.bearer.as_ref().map(|bearer| &bearer.held.hashed)?;
        let server = self.service.places.get(self.place)?.pair.internal.origin();
        let recall = &mut self.recall;
        recall.sent = None;
        let cache = recall
            .cache
            .as_ref()
            .filter(|_| !stays_unheld(&head.headers))?;
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let key = Key::of(token, &server.to_string(), target, &head.headers);
        let own = has_conditions(&head.headers);
        let asks = !own && !recall.spent;
        recall.held = asks.then(|| cache.find(&key, &head.headers)).flatten();
        recall.sent = Some((key, head.headers.clone()));
        recall.held.as_ref().map(|held| held.tag().clone())
    }

    /// The body that is held, where an answer says that it is still so; the head becomes that of
    /// the answer which it stands for.
    pub(super) fn recalled(
        &mut self,
        head: &mut ResponseHeader,
    ) -> Result<Option<Bytes>, Outwards> {
        let recall = &mut self.recall;
        let Some(held) = recall.held.take() else {
            return Ok(None);
        };
        let app = self
            .bearer
            .as_ref()
            .map_or("", |bearer| bearer.need.app.as_str());
        if head.status != StatusCode::NOT_MODIFIED {
            recall.tell(app, "changed");
            return Ok(None);
        }
        let Some(confirmed) = held.confirmed(&head.headers) else {
            // It is about something that nobody asked about: once more, without a condition.
            recall.spent = true;
            self.plainly = true;
            return Err(Outwards::Again);
        };
        recall.tell(app, "unchanged");
        let mut whole = ResponseHeader::build(StatusCode::OK, Some(confirmed.len()))?;
        for (name, value) in &confirmed {
            whole.append_header(name.clone(), value.clone())?;
        }
        *head = whole;
        self.done();
        // It is not to be held anew.
        self.recall.sent = None;
        Ok(Some(held.body().clone()))
    }

    /// What is to be done with the body of this answer.
    pub(super) fn keeping(&mut self, head: &ResponseHeader) -> Option<Keeping> {
        if self.wonders(head.status) {
            return Some(Keeping::Word(Box::new(head.headers.clone()), Vec::new()));
        }
        let cache = self.recall.cache.as_ref()?;
        let (_, sent) = self.recall.sent.as_ref()?;
        if head.status != StatusCode::OK {
            return None;
        }
        let draft = Draft::of(sent, &head.headers, cache.largest())?;
        Some(Keeping::Draft(Box::new(draft)))
    }

    /// Takes a piece of a body, and what comes of it at its end.
    pub(in crate::gate) fn keep(
        &mut self,
        keeping: Keeping,
        piece: &[u8],
        end: bool,
    ) -> Option<Keeping> {
        match keeping {
            Keeping::Word(head, mut said) => {
                let room = LONGEST_WORD.saturating_sub(said.len()).min(piece.len());
                said.extend_from_slice(piece.get(..room).unwrap_or_default());
                if !end {
                    return Some(Keeping::Word(head, said));
                }
                self.understand(&head, &said);
            }
            Keeping::Draft(draft) => {
                let cache = self.recall.cache.as_ref()?;
                let draft = draft.take(piece, cache.largest())?;
                if !end {
                    return Some(Keeping::Draft(Box::new(draft)));
                }
                let (key, _) = self.recall.sent.take()?;
                cache.keep(key, draft.finish()?);
            }
        }
        None
    }
}
