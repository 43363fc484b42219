//! The delivery log: looked through, shown, sent again.

use super::Parts;
use super::act::{record, to_its_end};
use super::answer::{Body, Detail, Encoding, Failure, Page, Redelivered};
use super::failure::Refusal;
use super::filter::Filter;
use super::guard::Door;
use crate::spool;
use crate::types::DeliveryId;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Looks through the deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(Filter),
    responses((status = 200, description = "A page", body = Page),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn list(
    State(parts): State<Parts>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Page>, Refusal> {
    let Query(filter) = filter.map_err(|failure| Refusal::Parameter(failure.body_text()))?;
    let (query, before, limit) = filter.page(parts.clock.now())?;
    let page = parts.view.spool().find(query, before, limit).await?;
    Ok(Json(page.into()))
}

/// Shows one delivery with its headers, its attempts and the beginning of its body.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The delivery", body = Detail),
        (status = 404, description = "There is none", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn show(
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<Detail>, Refusal> {
    let detail = find(&parts, number(&id)?).await?;
    let body = shown(&detail.body);
    Ok(Json(Detail {
        delivery: detail.summary.into(),
        client: detail.client,
        request: detail.request,
        headers: detail.headers,
        attempts: detail.attempts.into_iter().map(Into::into).collect(),
        body,
    }))
}

/// The body of a delivery, byte for byte.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}/body", tag = "deliveries",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The body", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such delivery", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn body(
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let detail = find(&parts, number(&id)?).await?;
    // An outsider wrote it: no browser is to take it for a page of ours.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, detail.body).into_response())
}

/// What a redelivery of one may say.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Redelivery {
    /// To this target only; absent: to all of the delivery's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
}

/// Sends one delivery again.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/redeliver", tag = "deliveries",
    params(("id" = i64, Path, description = "Its number")),
    request_body(content = Option<Redelivery>, description = "Absent: to all of its targets"),
    responses((status = 200, description = "To how many targets", body = Redelivered),
        (status = 404, description = "There is no such delivery, or it does not go there", body = Failure),
        (status = 409, description = "It is being sent just now", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn redeliver(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Redelivered>, Refusal> {
    let id = number(&id)?;
    let asked: Redelivery = read(&headers, &body)?.unwrap_or_default();
    let (own, target) = (parts.clone(), asked.target.clone());
    let count = to_its_end(&parts, async move {
        let spool = own.view.spool();
        let count = spool.redeliver(id, target.as_deref()).await;
        let whom = target.as_deref().unwrap_or("all its targets");
        audit(&own, door, &format!("delivery {id} to {whom}"), &count).await;
        count
    });
    match count.await?? {
        0 => Err(why_none(&parts, id, asked.target).await),
        count => Ok(Json(Redelivered { count })),
    }
}

/// Sends again all that the filter selects: to its `target`, or to all of their targets that are
/// in its `state` (dead ones, where that is absent).
#[utoipa::path(post, path = "/api/v1/deliveries/redeliver", tag = "deliveries",
    request_body(content = Filter, description = "At least one criterion; no `limit`, no `cursor`"),
    responses((status = 200, description = "How many", body = Redelivered),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn redeliver_found(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Redelivered>, Refusal> {
    let filter: Filter = read(&headers, &body)?.unwrap_or_default();
    let told = serde_json::to_string(&filter).unwrap_or_default();
    let query = filter.selection(parts.clock.now())?;
    let own = parts.clone();
    let count = to_its_end(&parts, async move {
        let count = own.view.spool().redeliver_found(query).await;
        audit(&own, door, &format!("deliveries {told}"), &count).await;
        count
    });
    Ok(Json(Redelivered {
        count: count.await??,
    }))
}

async fn audit(parts: &Parts, door: Door, what: &str, count: &Result<u64, spool::SpoolError>) {
    let outcome = match count {
        Ok(count) => format!("ok: {what}: {count} sent again"),
        Err(failure) => format!("{what}: {failure}"),
    };
    record(parts, "redeliver", door, outcome).await;
}

async fn why_none(parts: &Parts, id: DeliveryId, target: Option<String>) -> Refusal {
    match (find(parts, id).await, target) {
        (Err(refusal), _) => refusal,
        (Ok(detail), Some(target))
            if !detail.summary.targets.iter().any(|to| to.target == target) =>
        {
            Refusal::NoTarget(id, target)
        }
        (Ok(_), _) => Refusal::Sending(id),
    }
}

async fn find(parts: &Parts, id: DeliveryId) -> Result<spool::Detail, Refusal> {
    let _place = Arc::clone(&READERS).acquire_owned().await.ok();
    let detail = parts.view.spool().show(id).await?;
    detail.ok_or(Refusal::NoDelivery(id))
}

fn number(text: &str) -> Result<DeliveryId, Refusal> {
    text.parse()
        .map_err(|failure| Refusal::Parameter(format!("`id`: {failure}")))
}

/// A body of JSON, if there is one. Asking for the content type keeps out forms that a page of
/// another origin could send without asking.
fn read<'a, T: Deserialize<'a>>(
    headers: &HeaderMap,
    body: &'a Bytes,
) -> Result<Option<T>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::ContentType);
    }
    serde_json::from_slice(body)
        .map(Some)
        .map_err(|failure| Refusal::Parameter(format!("the body: {failure}")))
}

fn shown(body: &Bytes) -> Body {
    let beginning = body.get(..LARGEST_SHOWN).unwrap_or(body);
    let truncated = beginning.len() < body.len();
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => Some(text),
        // A letter that the cut went through is left out.
        Err(failure) if truncated && failure.error_len().is_none() => beginning
            .get(..failure.valid_up_to())
            .and_then(|whole| std::str::from_utf8(whole).ok()),
        Err(_) => None,
    };
    let (encoding, content) = match text {
        Some(text) => (Encoding::Text, text.to_owned()),
        None => {
            let base64 = base64::engine::general_purpose::STANDARD.encode(beginning);
            (Encoding::Base64, base64)
        }
    };
    Body {
        encoding,
        content,
        truncated,
    }
}

const LARGEST_SHOWN: usize = 1 << 20;
/// Bodies are up to 25 MiB: this many are read from the spool at once.
static READERS: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(4)));
