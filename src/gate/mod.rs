//! A request's path through the gate, top to bottom.
//!
//! The edge has judged the connection; here a request is received, routed, admitted, and handed
//! to what its route is for. Every request ends in one answer and one audit record.

pub mod ask;
mod batch;
mod context;
pub mod desk;
mod ends;
mod flight;
mod forwarded;
mod hook;
mod passage;
mod permit;
pub mod person;
mod refuse;
pub mod route;
pub mod service;
mod sign_in;
pub mod store;
mod subject;
mod through;
mod tunnel;
pub mod upstream;
mod vend;

pub use context::Context;
pub use flight::Flight;
pub use refuse::{Answer, Refusal};
pub use route::{Hook, Route, Table, Way};

use crate::edge::source::{Admitted, Directory};
use crate::edge::{Connection, FOR_BROWSERS};
use crate::spool::Spool;
use crate::telemetry::Audit;
use crate::types::{Clock, Host, Secret};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use context::Outcome;
use http::HeaderValue;
use passage::Passage;
use permit::{Again, Authorized};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::protocols::http::date::get_cached_date;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use std::sync::Arc;
use std::time::Duration;

/// Keep-alive that pingora is told of, in seconds; the edge closes idle connections itself.
const KEEP_ALIVE: u64 = 60;
/// The longest gap between two pieces of a body. The edge holds HTTP/1 to it as well; on HTTP/2
/// nothing else does.
const BODY_GAP: Duration = Duration::from_secs(30);

/// Tells a browser, over TLS, to come back for a year with TLS only.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What requests are judged by: swapped whole on a reload; a request keeps the one it began with.
#[derive(Debug)]
pub struct Snapshot {
    /// Which route is where.
    pub routes: Arc<Table>,
    /// Who is who.
    pub sources: Arc<Directory>,
}

/// What became of a request before anything is dialled.
#[derive(Debug)]
enum Passed {
    /// It is answered here.
    Answered(Answer, Outcome),
    /// It goes on to a service.
    On(Box<Passage>),
}

/// A request with what is known of it, and its way to a published service once it is permitted.
#[derive(Debug)]
pub struct Exchange {
    context: Context,
    passage: Option<Box<Passage>>,
}

/// Told of every delivery that was signed, with the secret that it was signed with: some say that
/// an App's installation has changed.
pub trait Lookout: Send + Sync + std::fmt::Debug {
    /// Takes note of a delivery.
    fn observe(&self, event: &str, action: Option<&str>, payload: &[u8], secret: &Secret);
}

/// The gate: what every request passes.
#[derive(Debug)]
pub struct Gate {
    /// The state of the world.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Where deliveries are kept.
    pub spool: Arc<dyn Spool>,
    /// The audit trail.
    pub audit: Audit,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Bytes of bodies in memory.
    pub flight: Arc<Flight>,
    /// Who wants to know of Apps' installations.
    pub lookout: Arc<dyn Lookout>,
}

impl Gate {
    /// The whole way of a request, each step demanding what the one before found.
    async fn pass(&self, session: &mut Session, context: &mut Context) -> Result<Passed, Refusal> {
        let host = requested_host(session)?;
        context.note.host = Some(host.to_string());
        let snapshot = context.snapshot.clone();
        let path = session.req_header().uri.path();
        // The address comes before the path in the contract: where no route of the listener
        // admits it, the edge has dropped the connection already.
        let route = snapshot.routes.find(&host, path).ok_or(Refusal::NoRoute)?;
        context.note.route = Some(route.key.to_string());
        let client = context
            .connection
            .as_ref()
            .map(|connection| connection.client);
        let by = client
            .and_then(|client| snapshot.sources.admits(&route.admission, client))
            .ok_or(Refusal::Source)?;
        context.note.source = match by {
            Admitted::Anywhere => None,
            Admitted::Source(name) => Some(name.clone()),
        };
        match &route.way {
            Way::Webhook(hook) => hook::receive(self, session, context, route, hook)
                .await
                .map(|(answer, outcome)| Passed::Answered(answer, outcome)),
            Way::Publish(service, place) => {
                let clock = &*self.clock;
                let decided = permit::authorize(clock, session, context, service, *place);
                Ok(match decided.await? {
                    Authorized::On(permit) => {
                        Passed::On(Box::new(Passage::new(permit, &self.flight)))
                    }
                    Authorized::Answered(answer, outcome) => Passed::Answered(answer, outcome),
                    Authorized::SignIn(holder) => {
                        let (answer, outcome) = sign_in::answer(session, context, &holder).await?;
                        Passed::Answered(answer, outcome)
                    }
                })
            }
            Way::Vend(desk, base) => vend::answer(session, context, desk, base)
                .await
                .map(|(answer, outcome)| Passed::Answered(answer, outcome)),
        }
    }

    /// Counts a request that is over, and tells the audit trail.
    async fn conclude(&self, session: &Session, context: &mut Context, outcome: Outcome) {
        count(context, outcome);
        let head = session.req_header();
        let record = context.record(&head.method, head.uri.path(), outcome);
        self.audit.record(record).await;
    }

    async fn respond(
        session: &mut Session,
        answer: &Answer,
        request: &str,
    ) -> Result<(), Box<Error>> {
        let mut head = ResponseHeader::build(answer.status, Some(7))?;
        head.insert_header(http::header::DATE, get_cached_date())?;
        head.insert_header(http::header::CONTENT_LENGTH, answer.body.len())?;
        if let Some(content_type) = &answer.content_type {
            head.insert_header(http::header::CONTENT_TYPE, &**content_type)?;
        }
        if let Some((name, value)) = &answer.extra {
            head.insert_header(name.clone(), value.clone())?;
        }
        if let Some(location) = &answer.location {
            head.insert_header(http::header::LOCATION, location.clone())?;
        }
        head.insert_header("x-request-id", request)?;
        for (name, value) in FOR_BROWSERS {
            head.insert_header(name, value)?;
        }
        let connection = crate::edge::connection();
        let tells = |of: fn(&Connection) -> bool| connection.as_deref().is_some_and(of);
        if tells(|connection| connection.tls.is_some()) {
            head.insert_header(http::header::STRICT_TRANSPORT_SECURITY, ONLY_TLS)?;
        }
        if answer.close || tells(Connection::closing) {
            session.set_keepalive(None);
        }
        let empty = answer.body.is_empty();
        session.write_response_header(Box::new(head), empty).await?;
        if !empty {
            session
                .write_response_body(Some(answer.body.clone()), true)
                .await?;
        }
        Ok(())
    }
}

/// The host that is asked for: `:authority`, or the `Host` header.
fn requested_host(session: &Session) -> Result<Host, Refusal> {
    let head = session.req_header();
    let authority = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head
            .headers
            .get(http::header::HOST)
            .and_then(|value| value.to_str().ok())
            .ok_or(Refusal::NoHost)?,
    };
    Host::from_authority(authority).or(Err(Refusal::NoHost))
}

#[async_trait]
impl ProxyHttp for Gate {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange {
            context: Context::begin(&*self.clock, self.snapshot.load_full()),
            passage: None,
        }
    }

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {
        // None: bodies pass as they come, and nothing compresses them anew.
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<bool, Box<Error>> {
        session.set_keepalive(Some(KEEP_ALIVE));
        let context = &mut exchange.context;
        let (answer, outcome) = match self.pass(session, context).await {
            Ok(Passed::On(passage)) => {
                exchange.passage = Some(passage);
                return Ok(false);
            }
            Ok(Passed::Answered(answer, outcome)) => (answer, outcome),
            Err(refusal) => (refusal.answer(context.request), Outcome::deny(&refusal)),
        };
        let sent = Self::respond(session, &answer, &context.request.to_string()).await;
        context.note.sent = answer.body.len() as u64;
        self.conclude(session, context, outcome).await;
        sent.map(|()| true)
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Box<HttpPeer>, Box<Error>> {
        passage::dial(&mut exchange.context, exchange.passage.as_deref_mut()).await
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Exchange,
        error: Box<Error>,
    ) -> Box<Error> {
        passage::try_another(exchange.passage.as_deref_mut(), error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        exchange: &mut Exchange,
        reused: bool,
    ) -> Box<Error> {
        // A request whose token was refused comes again with another; whether it can was judged
        // when that was decided.
        if passage::comes_again(exchange.passage.as_deref()) {
            error.set_retry(true);
        } else if !session.req_header().method.is_idempotent()
            || session.as_ref().retry_buffer_truncated()
        {
            error.set_retry(false);
        } else {
            error.retry.decide_reuse(reused);
        }
        error
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<(), Box<Error>> {
        passage::inwards(&exchange.context, exchange.passage.as_deref_mut(), head)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> Result<(), Box<Error>> {
        exchange.context.note.bytes += body.as_ref().map_or(0, |piece| piece.len() as u64);
        passage::upload(exchange.passage.as_deref_mut(), body, end_of_stream).await
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<(), Box<Error>> {
        let can = Again {
            whole: !session.as_ref().retry_buffer_truncated(),
            idempotent: session.req_header().method.is_idempotent(),
        };
        let passage = exchange.passage.as_deref_mut();
        match passage::outwards(&exchange.context, passage, head, can)? {
            Some(body) => {
                exchange.context.note.sent += body.len() as u64;
                serve(session, head, body).await
            }
            None => Ok(()),
        }
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> Result<Option<Duration>, Box<Error>> {
        let passage = exchange.passage.as_deref_mut();
        passage::received(passage, body.as_ref(), end_of_stream);
        Ok(None)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> Result<Option<Duration>, Box<Error>> {
        let passage = exchange.passage.as_deref_mut();
        passage::download(&exchange.context, passage, body, end_of_stream)?;
        exchange.context.note.sent += body.as_ref().map_or(0, |piece| piece.len() as u64);
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let context = &exchange.context;
        tracing::debug!(request = %context.request, "a request broke off: {error}");
        let mut error_code = 0;
        if session.response_written().is_none() {
            let refusal = passage::failed(exchange.passage.as_deref_mut(), error);
            let answer = refusal.answer(context.request);
            error_code = answer.status.as_u16();
            // What is left of the request may still be on its way.
            session.set_keepalive(None);
            let id = context.request.to_string();
            if let Err(fault) = Self::respond(session, &answer, &id).await {
                tracing::debug!(request = %context.request, "and could not be answered: {fault}");
            }
        }
        FailToProxy {
            error_code,
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        // What was answered here has its record already.
        let Some(mut passage) = exchange.passage.take() else {
            return;
        };
        let context = &mut exchange.context;
        if let Some(told) = passage.take_told() {
            context.note.operation = Some(told.operation.into());
            context.note.rule = told.rule;
        }
        let status = session.response_written().map(|head| head.status);
        let outcome = passage.outcome(context, status, error.is_some());
        self.conclude(session, context, outcome).await;
    }

    /// How the proxy's own log calls a request: without its query, which may hold a token.
    fn request_summary(&self, session: &Session, exchange: &Exchange) -> String {
        let head = session.req_header();
        let path = context::shown(head.uri.path());
        format!(
            "{} {path}, request {}",
            head.method, exchange.context.request
        )
    }

    fn suppress_error_log(&self, _session: &Session, _exchange: &Exchange, _error: &Error) -> bool {
        true
    }
}

/// Answers with a body that was held. The service's own answer ends with its head, so that no piece
/// of a body follows in whose place this one could go.
async fn serve(
    session: &mut Session,
    head: &mut ResponseHeader,
    body: Bytes,
) -> Result<(), Box<Error>> {
    let empty = body.is_empty();
    session
        .write_response_header(Box::new(head.clone()), empty)
        .await
        .map_err(Error::into_down)?;
    if !empty {
        let written = session.write_response_body(Some(body), true).await;
        written.map_err(Error::into_down)?;
    }
    // The head that the proxy goes on with is to be told to nobody: as an interim one it is not.
    session.as_mut().set_ignore_info_resp(true);
    head.set_status(http::StatusCode::EARLY_HINTS)
}

fn count(context: &Context, outcome: Outcome) {
    let route = context.note.route.clone().unwrap_or_default();
    metrics::counter!(
        "hubgate_requests_total",
        "route" => route,
        "reason" => outcome.reason,
        "status" => outcome.status.as_str().to_owned(),
    )
    .increment(1);
}

/// A body's next piece, or `None` at its end.
async fn next_piece(session: &mut Session) -> Result<Option<Bytes>, Refusal> {
    let piece = session.downstream_session.read_request_body();
    match tokio::time::timeout(BODY_GAP, piece).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(fault)) if matches!(fault.etype(), ErrorType::ReadTimedout) => {
            Err(Refusal::BodyTooSlow)
        }
        Ok(Err(_)) => Err(Refusal::BodyIncomplete),
        Err(_) => Err(Refusal::BodyTooSlow),
    }
}

#[cfg(test)]
mod tests;
