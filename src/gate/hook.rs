//! A webhook's way from its head to its answer: admit, read, judge, keep (or pass through).

use super::context::{Context, Outcome};
use super::forwarded;
use super::refuse::{Answer, Refusal};
use super::route::{Hook, Route};
use super::{Gate, next_piece, through};
use crate::spool::{Intake, Put, PutError};
use crate::types::{Action, DeliveryId};
use crate::webhook::Mode;
use crate::webhook::receive::{Admitted, Payload, Signed, Wanted};
use http::StatusCode;
use pingora::proxy::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout_at;

/// GitHub waits 10 s for an answer; one that comes later than this is a delivery lost to its
/// page, so storing is given up and GitHub told to try again.
const PATIENCE: Duration = Duration::from_secs(8);
/// From here on a body must have come at [`SLOWEST`] on average.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes a second.
const SLOWEST: u64 = 16 << 10;
/// Payloads up to here are judged on the request's own thread; longer ones would hold up its
/// other requests.
const SHORT: usize = 1 << 20;
/// The same where a filter reads the payload, which costs some twenty times as much.
const SHORT_FILTERED: usize = 64 << 10;

/// Takes a request on a webhook's route to its end.
pub(super) async fn receive(
    gate: &Gate,
    session: &mut Session,
    context: &mut Context,
    route: &Route,
    hook: &Arc<Hook>,
) -> Result<(Answer, Outcome), Refusal> {
    let head = session.req_header();
    let admitted = hook
        .receiver
        .admit(&head.method, &head.headers)
        .map_err(Refusal::Webhook)?;
    context.note.event = Some(admitted.event.clone());
    context.note.guid = Some(admitted.guid.clone());
    let (signed, seat) = read(gate, session, context, hook, &admitted).await?;
    let (admitted, payload) = judge(hook, admitted, signed).await?;
    context.note.secret = Some(payload.secret);
    context.note.action.clone_from(&payload.action);
    context.note.repository.clone_from(&payload.repository);
    if let Some(secret) = hook.secrets.get(payload.secret) {
        let action = payload.action.as_ref().map(Action::as_str);
        let event = admitted.event.as_str();
        gate.lookout.observe(event, action, &payload.body, secret);
    }
    if let Some(reason) = unwanted(payload.wanted) {
        let answer = Answer::json(StatusCode::ACCEPTED, r#"{"status":"ignored"}"#.to_owned());
        return Ok((answer, Outcome::allow(reason, StatusCode::ACCEPTED)));
    }
    let ended = match (hook.mode, &hook.through) {
        (Mode::Through, Some(sender)) => {
            through::pass(gate, context, route, sender, admitted, payload).await
        }
        (Mode::Store | Mode::Through, _) => {
            keep(gate, context, (route, hook), admitted, payload).await
        }
    };
    drop(seat);
    route.counts.seconds.record(context.started.elapsed());
    route.counts.bytes.increment(context.note.bytes);
    ended
}

/// Reads the body while it is hashed, within its bounds in bytes, in time and in memory.
async fn read(
    gate: &Gate,
    session: &mut Session,
    context: &mut Context,
    hook: &Hook,
    admitted: &Admitted,
) -> Result<(Signed, super::flight::Seat), Refusal> {
    let mut reading = hook.receiver.read(admitted, &session.req_header().headers);
    let mut seat = gate.flight.clone().board();
    if expects_continue(session) {
        let told = session.downstream_session.write_continue_response().await;
        told.or(Err(Refusal::BodyIncomplete))?;
    }
    while let Some(piece) = next_piece(session).await? {
        let length = piece.len() as u64;
        context.note.bytes += length;
        seat.take(length).ok_or(Refusal::Busy)?;
        reading.take(piece).map_err(Refusal::Webhook)?;
        let late = context.started.elapsed().saturating_sub(GRACE);
        if context.note.bytes < late.as_secs() * SLOWEST {
            return Err(Refusal::BodyTooSlow);
        }
    }
    let signed = reading.finish().map_err(Refusal::Webhook)?;
    Ok((signed, seat))
}

fn expects_continue(session: &Session) -> bool {
    session
        .req_header()
        .headers
        .get(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

async fn judge(
    hook: &Arc<Hook>,
    admitted: Admitted,
    signed: Signed,
) -> Result<(Admitted, Payload), Refusal> {
    let short = if hook.receiver.filters_bodies() {
        SHORT_FILTERED
    } else {
        SHORT
    };
    let judged = if signed.len() <= short {
        (hook.receiver.judge(&admitted, signed), admitted)
    } else {
        let hook = hook.clone();
        let work = move || (hook.receiver.judge(&admitted, signed), admitted);
        let judged = tokio::task::spawn_blocking(work).await;
        judged.or(Err(Refusal::SpoolUnavailable))?
    };
    let (payload, admitted) = judged;
    Ok((admitted, payload.map_err(Refusal::Webhook)?))
}

const fn unwanted(wanted: Wanted) -> Option<&'static str> {
    match wanted {
        Wanted::Yes => None,
        Wanted::NotTheEvent => Some("ignored_event"),
        Wanted::Filtered => Some("ignored_filter"),
        Wanted::FilterFailed => Some("ignored_filter_failed"),
    }
}

/// Keeps the delivery; answers when it is on disk.
async fn keep(
    gate: &Gate,
    context: &mut Context,
    (route, hook): (&Route, &Hook),
    admitted: Admitted,
    payload: Payload,
) -> Result<(Answer, Outcome), Refusal> {
    let guid = admitted.guid.clone();
    let client = context
        .connection
        .as_ref()
        .map(|connection| connection.client);
    let intake = Intake {
        route: route.key.clone(),
        request: context.request,
        received: context.received,
        client: client.ok_or(Refusal::Source)?,
        hook: admitted.hook,
        guid: admitted.guid,
        event: admitted.event,
        action: payload.action,
        repository: payload.repository,
        headers: forwarded::forwarded(context, route, admitted.headers),
        body: payload.body,
        targets: hook.targets.clone(),
        window: hook.window,
    };
    let put = timeout_at(context.started + PATIENCE, gate.spool.put(intake))
        .await
        .or(Err(Refusal::SpoolUnavailable))?
        .map_err(|fault| match fault {
            PutError::Full(_) => Refusal::SpoolFull,
            PutError::Busy => Refusal::Busy,
            PutError::Broken(_) => Refusal::SpoolUnavailable,
        })?;
    let (id, reason, status) = match put {
        Put::Stored(id) => (id, "accepted", StatusCode::ACCEPTED),
        Put::Redelivered { id, .. } => (id, "accepted_again", StatusCode::ACCEPTED),
        Put::Conflicting { id, earlier } => {
            alarm(route, &guid, id, earlier);
            (id, "accepted_conflicting", StatusCode::ACCEPTED)
        }
        Put::Duplicate(id) => (id, "duplicate", StatusCode::OK),
    };
    context.note.delivery = Some(id);
    let body = if status == StatusCode::OK {
        r#"{"status":"duplicate"}"#.to_owned()
    } else {
        format!(r#"{{"status":"accepted","delivery":"{guid}"}}"#)
    };
    Ok((Answer::json(status, body), Outcome::allow(reason, status)))
}

fn alarm(route: &Route, guid: &crate::types::Guid, id: DeliveryId, earlier: DeliveryId) {
    tracing::warn!(
        route = %route.key, %guid, delivery = %id, %earlier,
        "the same hook sent this GUID before with another body; both are kept"
    );
    metrics::counter!("hubgate_conflicting_deliveries_total", "route" => route.key.to_string())
        .increment(1);
}
