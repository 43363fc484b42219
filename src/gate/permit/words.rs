//! Heads in the other side's words: a request's on its way in, an answer's on its way out.

use super::{Again, Document, Keeping, Permit};
use crate::gate::batch::{Batch, Fault};
use crate::gate::context::Context;
use crate::gate::desk::{Bearer, OWNER};
use crate::gate::person::Visitor;
use crate::gate::refuse::Refusal;
use crate::publish::asked::Wanted;
use crate::publish::rewrite::{Arrival, Body, Edit, Edits, Leak, Scanner, Surface, request};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, ETAG,
    IF_NONE_MATCH,
};
use http::uri::Uri;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::{Error, ErrorType};

impl Permit {
    /// Puts a request's head into the words of the inside.
    pub(in crate::gate) fn inwards(
        &mut self,
        context: &Context,
        head: &mut RequestHeader,
    ) -> Result<(), Box<Error>> {
        let (Some(place), Some(connection)) = (
            self.service.places.get(self.place),
            context.connection.as_ref(),
        ) else {
            return Err(Error::explain(ErrorType::InternalError, "no connection"));
        };
        let arrival = Arrival {
            client: connection.client,
            // What the client wrote, even where a load balancer in front of the gate ends TLS.
            scheme: place.pair.public.origin().scheme(),
            authority: context.note.host.as_deref().unwrap_or_default(),
            pair: &place.pair,
            surface: if self.detour.is_some() {
                Surface::Git
            } else {
                self.surface
            },
            upgrade: self.service.websocket,
        };
        let change = request(&self.service.names, self.service.rewrite, &arrival, head);
        edit(head, &change.edits)?;
        if let Some((name, _)) = &self.service.required {
            head.remove_header(name);
        }
        if self.party.is_some() && (self.detour.is_none() || self.bearer.is_some()) {
            let header = self.bearer.as_ref().and_then(Bearer::header);
            let header = header.ok_or_else(|| {
                Error::explain(ErrorType::InternalError, "a token that is no header")
            })?;
            head.insert_header(AUTHORIZATION, header)?;
            head.remove_header(OWNER);
        }
        if let Some(header) = self.visitor.as_ref().and_then(Visitor::header) {
            head.insert_header(AUTHORIZATION, header)?;
        }
        head.insert_header("x-request-id", context.request.to_string())?;
        if matches!(self.document, Some(Document::Asked(_, Wanted::LfsBatch))) {
            // It is read here.
            head.insert_header(ACCEPT_ENCODING, "identity")?;
        }
        // Origin-form always: an authority in the target would take the place of Host.
        let asked = head.uri.path_and_query().cloned();
        if let Some(target) = change.target.or(asked) {
            head.set_uri(Uri::from(target));
        }
        self.pending = Some(change.pending);
        if self.detour.is_none()
            && let Some(tag) = self.ask_about(head)
        {
            head.insert_header(IF_NONE_MATCH, tag)?;
        }
        self.towards_store(head)
    }

    /// Puts an answer's head into the words of the outside.
    pub(in crate::gate) fn outwards(
        &mut self,
        head: &mut ResponseHeader,
        can: Again,
    ) -> Result<Outward, Outwards> {
        // What a store answers is nothing of GitHub's API.
        let of_server = self.detour.is_none();
        if of_server {
            self.count(head);
        }
        if let Some(outwards) = self.again(head, can) {
            return Err(outwards);
        }
        if let Err(elsewhere) = self.follow(head, can) {
            self.done();
            return Err(elsewhere);
        }
        let (recalled, keeping) = if of_server {
            (self.recalled(head)?, self.keeping(head))
        } else {
            (None, None)
        };
        let Some(pending) = &self.pending else {
            return Ok(Outward {
                outgoing: Outgoing::Pass,
                recalled,
                keeping,
            });
        };
        let change = pending.response(head)?;
        edit_answer(head, &change.edits)?;
        // The words behind a status may be anything, and mean nothing.
        head.set_reason_phrase(None)?;
        let scanner = match change.body {
            Body::Pass => None,
            Body::Rewrite(scanner) => Some(scanner),
        };
        let outgoing = if self.tells && head.status.is_success() {
            if head.headers.contains_key(CONTENT_ENCODING) {
                return Err(Outwards::Refused(Refusal::AnswerHeldBack));
            }
            for name in [CONTENT_LENGTH, ETAG, ACCEPT_RANGES] {
                head.remove_header(&name);
            }
            Outgoing::Batch(scanner)
        } else {
            scanner.map_or(Outgoing::Pass, Outgoing::Rewrite)
        };
        Ok(Outward {
            outgoing,
            recalled,
            keeping,
        })
    }

    /// What an answer to an LFS batch says, without anything of GitHub's that is a secret.
    pub(in crate::gate) fn sealed(
        &self,
        context: &Context,
        whole: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let brokered = self.service.brokered.as_ref();
        let place = self.service.places.get(self.place);
        let (Some(party), Some(brokered), Some(place)) = (&self.party, brokered, place) else {
            return Err(Fault::Unreadable);
        };
        let batch = Batch {
            party,
            stores: &brokered.stores,
            route: &self.service.key,
            public: place.pair.public.to_string(),
            repository: self.repository.as_ref(),
            now: context.received,
        };
        batch.sealed(whole)
    }
}

/// What becomes of an answer's body.
#[derive(Debug)]
pub(in crate::gate) enum Outgoing {
    /// It passes as it is.
    Pass,
    /// It goes through this.
    Rewrite(Scanner),
    /// It is read whole, given to [`Permit::sealed`], and goes through this.
    Batch(Option<Scanner>),
}

/// What becomes of an answer.
#[derive(Debug)]
pub(in crate::gate) struct Outward {
    /// What becomes of its body.
    pub(in crate::gate) outgoing: Outgoing,
    /// The body that is served in place of one that did not come, since it is still so.
    pub(in crate::gate) recalled: Option<Bytes>,
    /// What is done with the body besides.
    pub(in crate::gate) keeping: Option<Keeping>,
}

/// Why an answer's head was not put into other words.
#[derive(Debug)]
pub(in crate::gate) enum Outwards {
    /// It must not leave.
    Leak(Leak),
    /// It cannot be written.
    Head(Box<Error>),
    /// The request is to be made again with another token.
    Again,
    /// The request is to be made again where GitHub sends it.
    Follow,
    /// Something else is answered in its place.
    Refused(Refusal),
}

impl From<Leak> for Outwards {
    fn from(leak: Leak) -> Self {
        Self::Leak(leak)
    }
}

impl From<Box<Error>> for Outwards {
    fn from(error: Box<Error>) -> Self {
        Self::Head(error)
    }
}

/// Pingora's heads keep the case of names, so that only they can change themselves.
fn edit(head: &mut RequestHeader, edits: &Edits) -> Result<(), Box<Error>> {
    for change in edits.iter() {
        match change {
            Edit::Remove(name) => drop(head.remove_header(name)),
            Edit::Set(name, value) => head.insert_header(name.clone(), value.clone())?,
            Edit::Append(name, value) => drop(head.append_header(name.clone(), value.clone())?),
        }
    }
    Ok(())
}

fn edit_answer(head: &mut ResponseHeader, edits: &Edits) -> Result<(), Box<Error>> {
    for change in edits.iter() {
        match change {
            Edit::Remove(name) => drop(head.remove_header(name)),
            Edit::Set(name, value) => head.insert_header(name.clone(), value.clone())?,
            Edit::Append(name, value) => drop(head.append_header(name.clone(), value.clone())?),
        }
    }
    Ok(())
}
