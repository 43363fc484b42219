//! `mode = "through"`: GitHub hears what the tool answers.

use super::Gate;
use super::context::{Context, Outcome};
use super::refuse::{Answer, Refusal};
use super::route::Route;
use crate::telemetry::audit;
use crate::webhook::deliver::{Parcel, Sender};
use crate::webhook::receive::{Admitted, Payload};

/// Sends the payload on and answers what comes back.
pub(super) async fn pass(
    gate: &Gate,
    context: &Context,
    route: &Route,
    sender: &Sender,
    admitted: &Admitted,
    payload: Payload,
) -> Result<(Answer, Outcome), Refusal> {
    let client = context.connection.as_ref().and_then(|connection| connection.client);
    let parcel = Parcel {
        request: context.request,
        client: client.ok_or(Refusal::Source)?,
        host: route.key.host().to_owned(),
        headers: admitted.headers.clone(),
        body: payload.body,
    };
    let begun = tokio::time::Instant::now();
    let sent = sender.send(&parcel, 1).await;
    let took = begun.elapsed();
    let (status, address, error) = match &sent {
        Ok(answer) => (Some(answer.status.as_u16()), Some(answer.address), None),
        Err(fault) => (None, fault.address(), Some(fault.to_string())),
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
            outcome: if status.is_some() { "answered" } else { "failed" },
            status,
            error,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }))
        .await;
    match sent {
        Ok(answer) => {
            let outcome = Outcome::allow("passed_through", answer.status);
            let answer = Answer {
                status: answer.status,
                extra: None,
                content_type: answer.content_type,
                body: answer.body,
                close: false,
            };
            Ok((answer, outcome))
        }
        Err(fault) if fault.is_timeout() => Err(Refusal::TargetTimeout),
        Err(_) => Err(Refusal::TargetUnavailable),
    }
}
