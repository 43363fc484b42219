//! Heads in the other side's words: a request's on its way in, an answer's on its way out.

use super::{Again, Keeping, Permit};
use crate::gate::context::Context;
use crate::gate::desk::{Bearer, OWNER};
use crate::gate::refuse::Refusal;
use crate::publish::rewrite::{Arrival, Body, Edit, Edits, Leak, request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_NONE_MATCH};
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
            surface: self.surface,
            upgrade: self.service.websocket,
        };
        let change = request(&self.service.names, self.service.rewrite, &arrival, head);
        edit(head, &change.edits)?;
        if let Some((name, _)) = &self.service.required {
            head.remove_header(name);
        }
        if self.party.is_some() {
            let header = self.bearer.as_ref().and_then(Bearer::header);
            let header = header.ok_or_else(|| {
                Error::explain(ErrorType::InternalError, "a token that is no header")
            })?;
            head.insert_header(AUTHORIZATION, header)?;
            head.remove_header(OWNER);
        }
        head.insert_header("x-request-id", context.request.to_string())?;
        // Origin-form always: an authority in the target would take the place of Host.
        let asked = head.uri.path_and_query().cloned();
        if let Some(target) = change.target.or(asked) {
            head.set_uri(Uri::from(target));
        }
        self.pending = Some(change.pending);
        if let Some(tag) = self.ask_about(head) {
            head.insert_header(IF_NONE_MATCH, tag)?;
        }
        Ok(())
    }

    /// Puts an answer's head into the words of the outside.
    pub(in crate::gate) fn outwards(
        &mut self,
        head: &mut ResponseHeader,
        can: Again,
    ) -> Result<Outward, Outwards> {
        self.count(head);
        if let Some(outwards) = self.again(head, can) {
            return Err(outwards);
        }
        let recalled = self.recalled(head)?;
        let keeping = self.keeping(head);
        let Some(pending) = &self.pending else {
            return Ok(Outward {
                body: Body::Pass,
                recalled,
                keeping,
            });
        };
        let change = pending.response(head)?;
        edit_answer(head, &change.edits)?;
        // The words behind a status may be anything, and mean nothing.
        head.set_reason_phrase(None)?;
        Ok(Outward {
            body: change.body,
            recalled,
            keeping,
        })
    }
}

/// What becomes of an answer's body.
#[derive(Debug)]
pub(in crate::gate) struct Outward {
    /// Whether it is put into other words.
    pub(in crate::gate) body: Body,
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
