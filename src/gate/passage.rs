//! A permitted request's way through a published service: dialled, put into the inside's words,
//! carried, and its answer put into the outside's.

use super::batch::Fault;
use super::context::{Context, Outcome};
use super::flight::{Flight, Seat};
use super::permit::{Again, Document, Keeping, Outgoing, Outward, Outwards, Permit, Told};
use super::refuse::Refusal;
use crate::publish::rewrite::Scanner;
use crate::types::RouteKey;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use pingora::ErrorSource;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::{Error, ErrorType, HttpPeer};
use std::sync::Arc;

/// The largest document that is read before it passes: GraphQL's and LFS's are a few KiB, a commit
/// made through GraphQL carries its files.
const LARGEST_DOCUMENT: usize = 1 << 20;
/// The longest answer to an LFS batch that is read: it tells some KiB of each of the hundred
/// objects that git-lfs asks for at once.
const LARGEST_BATCH: usize = 8 << 20;
/// What a client that went before it was answered is recorded with, as nginx does.
const CLIENT_GONE: u16 = 499;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Passage {
    permit: Box<Permit>,
    /// How often it was dialled in vain.
    attempt: usize,
    upload: Upload,
    download: Download,
    flight: Arc<Flight>,
    refused: Option<Refusal>,
    /// What is done with the answer as it comes, besides passing it, and the room that takes.
    keeping: Option<Keeping>,
    room: Seat,
    /// What was held was served, since GitHub says it is still so.
    recalled: bool,
    /// Why it is made once more, where it is.
    anew: Option<Anew>,
}

/// Why a request is made once more.
#[derive(Debug, Clone, Copy)]
enum Anew {
    /// Its token was refused, and it comes with another; or what was held is no use.
    Token,
    /// It was sent to another place.
    Elsewhere,
}

/// A request's body.
#[derive(Debug)]
enum Upload {
    /// It passes as it comes.
    Stream,
    /// It is read whole, then judged: the service has the head by then, and acts on nothing before
    /// it has the body.
    Judge(Document, BytesMut, Seat),
}

/// An answer's body.
#[derive(Debug)]
enum Download {
    /// It passes as it comes.
    Stream,
    /// It passes through this.
    Scan(Scanner),
    /// It is read whole, and nothing leaves before.
    Batch(BytesMut, Seat, Option<Scanner>),
}

impl Passage {
    /// The way of a request that may go it.
    pub(super) fn new(permit: Box<Permit>, flight: &Arc<Flight>) -> Self {
        let upload = match permit.document() {
            Some(document) => Upload::Judge(document, BytesMut::new(), flight.clone().board()),
            None => Upload::Stream,
        };
        Self {
            permit,
            attempt: 0,
            upload,
            download: Download::Stream,
            flight: flight.clone(),
            refused: None,
            keeping: None,
            room: flight.clone().board(),
            recalled: false,
            anew: None,
        }
    }

    /// What its document told, for audit.
    pub(super) const fn take_told(&mut self) -> Option<Told> {
        self.permit.take_told()
    }

    /// How it ended.
    pub(super) fn outcome(
        &self,
        context: &Context,
        status: Option<StatusCode>,
        broken_off: bool,
    ) -> Outcome {
        let gone = StatusCode::from_u16(CLIENT_GONE).unwrap_or(StatusCode::BAD_REQUEST);
        match (&self.refused, status) {
            (Some(refusal), _) => Outcome::deny(refusal),
            (None, Some(status)) if !broken_off && self.recalled => {
                Outcome::allow("unchanged", status)
            }
            (None, Some(StatusCode::UNAUTHORIZED)) if !broken_off => {
                let reason = self.permit.refused_person(context.received);
                Outcome::allow(reason.unwrap_or("passed"), StatusCode::UNAUTHORIZED)
            }
            (None, Some(status)) if !broken_off => Outcome::allow("passed", status),
            (None, Some(status)) => Outcome::allow("broken_off", status),
            (None, None) => Outcome::allow("client_gone", gone),
        }
    }

    /// Ends it with a refusal.
    fn refuse(&mut self, refusal: Refusal) -> Box<Error> {
        let status = refusal.status().as_u16();
        let code = refusal.code();
        self.refused = Some(refusal);
        Error::explain(ErrorType::HTTPStatus(status), code)
    }
}

/// Whom to dial. What was not permitted is not dialled.
pub(super) async fn dial(
    context: &mut Context,
    passage: Option<&mut Passage>,
) -> Result<Box<HttpPeer>, Box<Error>> {
    let Some(passage) = passage else {
        let status = ErrorType::HTTPStatus(StatusCode::NOT_FOUND.as_u16());
        return Err(Error::explain(status, "a request without a permit"));
    };
    match passage.anew.take() {
        None => {}
        Some(Anew::Elsewhere) => passage.attempt = 0,
        Some(Anew::Token) => {
            if let Err(refusal) = passage.permit.renew(context).await {
                return Err(passage.refuse(refusal));
            }
        }
    }
    // What was read for an attempt that failed comes again.
    if let Upload::Judge(_, held, _) = &mut passage.upload {
        held.clear();
    }
    match passage.permit.peer(passage.attempt).await {
        Some(peer) => Ok(Box::new(peer)),
        None => Err(passage.refuse(Refusal::ServiceUnavailable)),
    }
}

/// Where one address does not answer, another may.
pub(super) fn try_another(passage: Option<&mut Passage>, mut error: Box<Error>) -> Box<Error> {
    if let Some(passage) = passage {
        passage.attempt += 1;
        error.set_retry(passage.attempt < passage.permit.addresses());
        tracing::info!(route = %passage.permit.route(), "a published service does not answer: {error}");
    }
    error
}

/// Whether the request is made once more.
pub(super) fn comes_again(passage: Option<&Passage>) -> bool {
    passage.is_some_and(|passage| passage.anew.is_some())
}

/// Puts a request's head into the words of the inside.
pub(super) fn inwards(
    context: &Context,
    passage: Option<&mut Passage>,
    head: &mut RequestHeader,
) -> Result<(), Box<Error>> {
    passage.map_or(Ok(()), |passage| passage.permit.inwards(context, head))
}

/// Passes a piece of a request's body, or holds it until the whole is judged.
pub(super) async fn upload(
    passage: Option<&mut Passage>,
    body: &mut Option<Bytes>,
    end: bool,
) -> Result<(), Box<Error>> {
    let Some(passage) = passage else {
        return Ok(());
    };
    let Upload::Judge(document, held, seat) = &mut passage.upload else {
        return Ok(());
    };
    if let Some(piece) = body.take() {
        if held.len() + piece.len() > LARGEST_DOCUMENT {
            return Err(passage.refuse(Refusal::DocumentTooLarge));
        }
        if seat.take(piece.len() as u64).is_none() {
            return Err(passage.refuse(Refusal::Busy));
        }
        held.extend_from_slice(&piece);
    }
    if !end {
        // An empty piece is "nothing yet"; none would be the end.
        *body = Some(Bytes::new());
        return Ok(());
    }
    let whole = std::mem::take(held).freeze();
    let document = document.clone();
    match passage.permit.judge(&document, &whole).await {
        Ok(()) => {
            passage.upload = Upload::Stream;
            *body = Some(whole);
            Ok(())
        }
        Err(refusal) => Err(passage.refuse(refusal)),
    }
}

/// Puts an answer's head into the words of the outside; and the body that was held, where GitHub
/// says that it is still so.
pub(super) fn outwards(
    context: &Context,
    passage: Option<&mut Passage>,
    head: &mut ResponseHeader,
    can: Again,
) -> Result<Option<Bytes>, Box<Error>> {
    let Some(passage) = passage else {
        return Ok(None);
    };
    let mut recalled = None;
    match passage.permit.outwards(head, can) {
        Ok(Outward {
            outgoing,
            recalled: Some(whole),
            ..
        }) => {
            let mut whole = Some(whole);
            if let Outgoing::Rewrite(mut scanner) = outgoing {
                scan(&mut scanner, &mut whole, true);
            }
            let whole = whole.unwrap_or_default();
            head.insert_header(CONTENT_LENGTH, whole.len())?;
            passage.recalled = true;
            recalled = Some(whole);
        }
        Ok(Outward {
            outgoing, keeping, ..
        }) => {
            passage.keeping = keeping;
            match outgoing {
                Outgoing::Rewrite(scanner) => {
                    passage.download = Download::Scan(scanner);
                    // Without its length the head would leave alone, in a record of its own.
                    if let Some(connection) = &context.connection {
                        connection.together();
                    }
                }
                Outgoing::Batch(scanner) => {
                    let seat = passage.flight.clone().board();
                    passage.download = Download::Batch(BytesMut::new(), seat, scanner);
                }
                Outgoing::Pass => {}
            }
        }
        Err(Outwards::Head(error)) => return Err(error),
        Err(Outwards::Refused(refusal)) => return Err(passage.refuse(refusal)),
        Err(Outwards::Follow) => {
            passage.anew = Some(Anew::Elsewhere);
            let status = ErrorType::HTTPStatus(head.status.as_u16());
            return Err(Error::explain(status, "a redirect is followed"));
        }
        Err(Outwards::Again) => {
            passage.anew = Some(Anew::Token);
            let status = ErrorType::HTTPStatus(head.status.as_u16());
            return Err(Error::explain(status, "it is asked once more"));
        }
        Err(Outwards::Leak(leak)) => {
            let route = passage.permit.route();
            tracing::warn!(%route, request = %context.request, "an answer was held back: {leak}");
            return Err(passage.refuse(Refusal::AnswerHeldBack));
        }
    }
    if !head.headers.contains_key("x-request-id") {
        head.insert_header("x-request-id", context.request.to_string())?;
    }
    Ok(recalled)
}

/// Looks at a piece of an answer's body as it comes.
pub(super) fn received(passage: Option<&mut Passage>, body: Option<&Bytes>, end: bool) {
    let Some(passage) = passage else {
        return;
    };
    if let Some(keeping) = passage.keeping.take() {
        let piece = body.map_or(&[][..], |piece| piece);
        // Memory that is not there is no reason to hold an answer up.
        if passage.room.take(piece.len() as u64).is_some() {
            passage.keeping = passage.permit.keep(keeping, piece, end);
        }
    }
    if end {
        passage.permit.done();
    }
}

/// Puts a piece of an answer's body into the words of the outside.
pub(super) fn download(
    context: &Context,
    passage: Option<&mut Passage>,
    body: &mut Option<Bytes>,
    end: bool,
) -> Result<(), Box<Error>> {
    let Some(passage) = passage else {
        return Ok(());
    };
    passage.permit.watch(context, body.as_deref(), end);
    match &mut passage.download {
        Download::Stream => {}
        Download::Scan(scanner) => {
            scan(scanner, body, end);
            // What has no length has an end, which would leave in a record of its own.
            if let (true, Some(piece), Some(connection)) = (end, &*body, &context.connection)
                && !piece.is_empty()
            {
                connection.together();
            }
        }
        Download::Batch(held, seat, scanner) => {
            if let Some(piece) = body.take() {
                let fits = held.len() + piece.len() <= LARGEST_BATCH;
                if !fits || seat.take(piece.len() as u64).is_none() {
                    let text = "an answer to an LFS batch is too large to be read";
                    return Err(Error::explain(ErrorType::InternalError, text));
                }
                held.extend_from_slice(&piece);
            }
            if !end {
                *body = Some(Bytes::new());
                return Ok(());
            }
            let sealed = passage.permit.sealed(context, held);
            *body = Some(
                sealed
                    .map_err(|fault| unsealed(passage.permit.route(), &fault))?
                    .into(),
            );
            if let Some(scanner) = scanner {
                scan(scanner, body, true);
            }
            passage.download = Download::Stream;
        }
    }
    Ok(())
}

fn unsealed(route: &RouteKey, fault: &Fault) -> Box<Error> {
    tracing::warn!(%route, "an answer to an LFS batch was held back: {fault}");
    Error::explain(ErrorType::InternalError, fault.to_string())
}

fn scan(scanner: &mut Scanner, body: &mut Option<Bytes>, end: bool) {
    let piece = body.take().map(|piece| scanner.push(piece));
    let rest = end
        .then(|| scanner.finish())
        .filter(|rest| !rest.is_empty());
    *body = match (piece, rest) {
        (Some(piece), Some(rest)) if !piece.is_empty() => Some([piece, rest].concat().into()),
        (piece, rest) => rest.or(piece),
    };
}

/// What a client is told of a request that broke off before it was answered.
pub(super) fn failed(passage: Option<&mut Passage>, error: &Error) -> Refusal {
    let Some(passage) = passage else {
        return Refusal::BodyIncomplete;
    };
    if let Some(refusal) = &passage.refused {
        return refusal.clone();
    }
    let refusal = match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader) => Refusal::Malformed,
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Refusal::BodyTooSlow,
        (ErrorSource::Downstream, _) => Refusal::BodyIncomplete,
        (_, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Refusal::ServiceTimeout,
        _ => Refusal::ServiceUnavailable,
    };
    passage.refused = Some(refusal.clone());
    refusal
}
