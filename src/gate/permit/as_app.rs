//! A request that goes on as an App: by which grant, with which token, and what is done where GitHub
//! refuses that.

use super::{Document, Outwards, Permit};
use crate::broker::{self, Draw};
use crate::gate::context::Context;
use crate::gate::desk::YOUNG;
use crate::gate::ends;
use crate::gate::person::Visitor;
use crate::gate::refuse::Refusal;
use crate::gate::subject::{About, demand, is_for_apps, may_be_held};
use crate::publish::asked::Asked;
use crate::types::Timestamp;
use http::{HeaderMap, Method, StatusCode};
use pingora::http::ResponseHeader;
use std::time::Duration;

/// The pause before a young token is tried again; each is longer by this than the one before.
const MOMENT: Duration = Duration::from_millis(500);
/// How often a young token is tried again: over five seconds.
const MOST_YOUNG: u32 = 4;

/// Whether a request can be made again.
#[derive(Debug, Clone, Copy)]
pub(in crate::gate) struct Again {
    /// All that was sent of it is still there.
    pub(in crate::gate) whole: bool,
    /// To make it twice is to make it once.
    pub(in crate::gate) idempotent: bool,
}

impl Permit {
    /// Finds the grant by which a caller asks.
    pub(super) async fn enter(
        &mut self,
        caller: usize,
        asked: &Asked,
        about: &About,
        head: &http::request::Parts,
    ) -> Result<(), Refusal> {
        let not_granted = Refusal::Broker(broker::Refusal::NotGranted);
        let (Some(brokered), Some(inquiry)) = (&self.service.brokered, &self.service.inquiry)
        else {
            return Err(not_granted);
        };
        if !is_for_apps(asked) {
            return Err(not_granted);
        }
        let request = about.request(head.uri.query());
        let known = (inquiry, &self.service.memory.directory);
        let chosen = brokered.choose(caller, asked, &head.headers, &request, known);
        let (party, body) = chosen.await.map_err(Refusal::Broker)?;
        self.party = Some(party);
        self.document = body.map(Document::Scope);
        Ok(())
    }

    /// Has the token of one who comes with a handle.
    pub(super) async fn visit(
        &mut self,
        context: &mut Context,
        head: &http::request::Parts,
    ) -> Result<(), Refusal> {
        if let Some(holder) = &self.service.holder {
            self.visitor = Visitor::of(holder, &head.headers, context).await?;
        }
        if self.visitor.is_none() && self.service.brokered.is_none() {
            self.person = ends::shown(&head.headers);
        }
        Ok(())
    }

    /// What audit says of a person's token that GitHub refused.
    pub(in crate::gate) fn refused_person(&self, now: Timestamp) -> Option<&'static str> {
        let person = self.person.as_ref()?;
        Some(self.service.memory.ends.reason(person, now))
    }

    /// Looks at a piece of an answer that may hold a person's token.
    pub(in crate::gate) fn watch(&mut self, context: &Context, piece: Option<&[u8]>, end: bool) {
        let Some(watched) = &mut self.watched else {
            return;
        };
        watched.extend_from_slice(piece.unwrap_or_default());
        if watched.len() > ends::LONGEST {
            self.watched = None;
        } else if end {
            let whole = zeroize::Zeroizing::new(std::mem::take(watched));
            self.service.memory.ends.note(&whole, context.received);
            self.watched = None;
        }
    }

    /// Has the token that the request goes on with, where it asks as an App.
    pub(super) async fn fetch(
        &mut self,
        context: &mut Context,
        asked: &Asked,
        about: &About,
    ) -> Result<(), Refusal> {
        let Some(party) = &self.party else {
            return Ok(());
        };
        let repository = about.repository(&self.service.memory.directory);
        self.repository.clone_from(&repository);
        let bearer = party.bearer(asked, repository.as_ref()).await;
        let bearer = bearer.map_err(Refusal::Broker)?;
        context.note.token = Some(bearer.held.hashed.clone());
        self.bearer = Some(bearer);
        Ok(())
    }

    /// Waits until the request may go as far as GitHub's limits are concerned, where it asks as an
    /// App.
    pub(super) async fn draw(&mut self, asked: &Asked, method: &Method) -> Result<(), Refusal> {
        let (Some(party), Some(bearer)) = (&self.party, &self.bearer) else {
            return Ok(());
        };
        if method == Method::GET && may_be_held(asked) {
            self.recall = super::held::Recall::of(party.cache());
        }
        let Some(demand) = demand(asked) else {
            return Ok(());
        };
        let host = self.service.places.first();
        let host = host.map_or("", |place| place.pair.internal.origin().host().as_str());
        let draw = party.draw(host, bearer, demand).await;
        self.draw = Some(draw.map_err(Refusal::Broker)?);
        Ok(())
    }

    /// Takes note of what an answer says of GitHub's limits.
    pub(super) fn count(&mut self, head: &ResponseHeader) {
        if let Some(draw) = &mut self.draw
            && !head.status.is_informational()
        {
            draw.answered(head.status, &head.headers);
        }
    }

    /// Whether the body of an answer has to be read to know what it means for GitHub's limits.
    pub(in crate::gate) fn wonders(&self, status: StatusCode) -> bool {
        let plain = self.draw.as_ref().map(Draw::is_excess);
        status == StatusCode::FORBIDDEN && plain == Some(false)
    }

    /// Takes note of the body of a 403.
    pub(in crate::gate) fn understand(&mut self, headers: &HeaderMap, body: &[u8]) {
        if let Some(draw) = &mut self.draw {
            draw.refused(StatusCode::FORBIDDEN, headers, body);
        }
    }

    /// The answer is there: GitHub has no more to do with it.
    pub(in crate::gate) fn done(&mut self) {
        if let Some(draw) = &mut self.draw {
            draw.done();
        }
    }

    /// Another token in place of one that was refused; or the same again after a moment, where it
    /// is so young that not all of GitHub may know it.
    pub(in crate::gate) async fn renew(&mut self, context: &mut Context) -> Result<(), Refusal> {
        if let Some(visitor) = &mut self.visitor {
            return visitor.renew(context).await;
        }
        let (Some(party), Some(bearer)) = (&self.party, &mut self.bearer) else {
            return Ok(());
        };
        // It comes again for another reason.
        if std::mem::take(&mut self.plainly) {
            return Ok(());
        }
        if party.age(&bearer.held) < YOUNG {
            tokio::time::sleep(MOMENT * self.refused).await;
            return Ok(());
        }
        bearer.held = party.replace(bearer).await.map_err(Refusal::Broker)?;
        context.note.token = Some(bearer.held.hashed.clone());
        Ok(())
    }

    /// Whether an answer says that the token is refused, and what is done about it: `None` where
    /// the answer is for the client.
    pub(super) fn again(&mut self, head: &ResponseHeader, can: Again) -> Option<Outwards> {
        if !self.shows_token() {
            return None;
        }
        if self.visitor.is_some() {
            let once = head.status == StatusCode::UNAUTHORIZED && self.refused == 0 && can.whole;
            self.refused += u32::from(once);
            return once.then_some(Outwards::Again);
        }
        let (party, bearer) = (self.party.as_ref()?, self.bearer.as_ref()?);
        let young = party.age(&bearer.held) < YOUNG;
        match head.status {
            StatusCode::UNAUTHORIZED => {}
            // To ask more would make it worse.
            _ if self.draw.as_ref().is_some_and(Draw::is_excess) => return None,
            StatusCode::FORBIDDEN if young && can.idempotent => {}
            _ => return None,
        }
        let tries = if young { MOST_YOUNG } else { 1 };
        if can.whole && (can.idempotent || !young) && self.refused < tries {
            self.refused += 1;
            return Some(Outwards::Again);
        }
        // The client's own credentials are good: it must not be told otherwise.
        (head.status == StatusCode::UNAUTHORIZED)
            .then(|| Outwards::Refused(Refusal::Broker(broker::Refusal::Token)))
    }
}
