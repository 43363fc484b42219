//! `mode = "through"`: GitHub hears what the tool answers.

use super::context::{Context, Outcome};
use super::refuse::{Answer, Refusal};
use super::route::Route;
use super::{Gate, forwarded};
use crate::telemetry::audit;
use crate::webhook::deliver::{Body, Carry as _, Parcel, Sender};
use crate::webhook::receive::{Admitted, Payload};

/// Sends the payload on and answers what comes back.
pub(super) async fn pass(
    gate: &Gate,
    context: &Context,
    route: &Route,
    sender: &Sender,
    admitted: Admitted,
    payload: Payload,
) -> Result<(Answer, Outcome), Refusal> {
    let parcel = Parcel {
        request: context.request,
        headers: forwarded::forwarded(context, route, admitted.headers),
        body: payload.body,
    };
    let begun = tokio::time::Instant::now();
    let sent = sender.carry(&parcel, 1).await;
    let took = begun.elapsed();
    let (status, address, error) = match &sent {
        Ok(answer) => (Some(answer.status.as_u16()), answer.address, None),
        Err(fault) => (None, None, Some(fault.to_string())),
    };
    gate.audit
        .record(audit::Record::Delivery(audit::Delivery {
            time: gate.clock.now(),
            delivery: None,
            request_id: context.request,
            guid: admitted.guid.to_string(),
            route: route.key.to_string(),
            target: sender.name().clone(),
            address,
            attempt: 1,
            outcome: if status.is_some() {
                "answered"
            } else {
                "failed"
            },
            status,
            error,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }))
        .await;
    match sent {
        Ok(answer) => {
            // Part of an answer could be taken for the whole of it.
            let body = match answer.body {
                Body::Whole(body) => body,
                Body::TooLarge => return Err(Refusal::AnswerTooLarge),
                Body::Broken => return Err(Refusal::TargetUnavailable),
            };
            let outcome = Outcome::allow("passed_through", answer.status);
            let content_type = answer.headers.get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            let answer = Answer {
                status: answer.status,
                extra: None,
                location: None,
                content_type: content_type.map(Into::into),
                body,
                close: false,
            };
            Ok((answer, outcome))
        }
        Err(fault) if fault.is_timeout() => Err(Refusal::TargetTimeout),
        Err(_) => Err(Refusal::TargetUnavailable),
    }
}
