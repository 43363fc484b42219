//! The answers that are a look at something.

use super::act::{record, to_its_end};
use super::answer::{
    Caller, Condition, Failure, Readiness, Refreshed, Reloaded, Route, Source, Spool, Status,
    Target, TargetState, rfc3339,
};
use super::failure::Refusal;
use super::guard::{Door, Standing};
use super::{Parts, certificates};
use crate::spool;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use std::collections::BTreeMap;

/// Is the process alive? Says so without looking at anything.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It is", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Is traffic taken? Over TCP without the token the reasons are left out.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It is", body = Readiness),
        (status = 503, description = "It is not: draining, or nothing can be stored", body = Readiness)))]
pub(super) async fn readyz(
    State(parts): State<Parts>,
    Extension(standing): Extension<Standing>,
) -> Response {
    let mut readiness = readiness(&parts);
    if standing == Standing::Stranger {
        readiness.reasons.clear();
        readiness.warnings.clear();
    }
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

/// Everything that is counted and measured, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn metrics(State(parts): State<Parts>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, parts.metrics.render()).into_response()
}

/// A glance at the running gateway.
#[utoipa::path(get, path = "/api/v1/status", tag = "gateway",
    responses((status = 200, description = "How it is", body = Status),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn status(State(parts): State<Parts>) -> Result<Json<Status>, Refusal> {
    let running = parts.view.status();
    let spool = parts.view.spool();
    let room = spool.room();
    let (condition, why) = match spool.condition() {
        spool::Condition::Ready => (Condition::Ready, None),
        spool::Condition::Full(why) => (Condition::Full, Some(why.to_string())),
        spool::Condition::Broken(why) => (Condition::Broken, Some(why.to_string())),
    };
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: running.started.to_string(),
        uptime_seconds: parts.clock.now().since(running.started).as_secs(),
        readiness: readiness(&parts),
        listeners: running.listeners,
        routes: parts.view.routes(),
        targets: with_depths(&parts).await?,
        sources: parts.view.sources(),
        certificates: parts.view.certificates(),
        spool: Spool {
            condition,
            why,
            used_bytes: room.used,
            limit_bytes: room.limit,
            deliveries: room.deliveries,
        },
    }))
}

/// The routes.
#[utoipa::path(get, path = "/api/v1/routes", tag = "gateway",
    responses((status = 200, description = "Every route", body = [Route]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn list_routes(State(parts): State<Parts>) -> Json<Vec<Route>> {
    Json(parts.view.routes())
}

/// The sources and the age of their lists.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources",
    responses((status = 200, description = "Every source", body = [Source]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn sources(State(parts): State<Parts>) -> Json<Vec<Source>> {
    Json(parts.view.sources())
}

/// Fetches every source list that is fetched, now.
#[utoipa::path(post, path = "/api/v1/sources/refresh", tag = "sources",
    responses((status = 200, description = "What each came to", body = [Refreshed]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn refresh(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
) -> Result<Json<Vec<Refreshed>>, Refusal> {
    let own = parts.clone();
    let refreshed = to_its_end(&parts, async move {
        let refreshed = own.view.refresh_sources().await;
        let failed = refreshed.iter().filter(|one| one.error.is_some()).count();
        let outcome = match failed {
            0 => "ok".to_owned(),
            failed => format!("{failed} of {} failed", refreshed.len()),
        };
        record(&own, "refresh_sources", door, outcome).await;
        refreshed
    });
    Ok(Json(refreshed.await?))
}

/// The broker's callers: what they may have, and what they have asked. Never what they prove
/// themselves with.
#[utoipa::path(get, path = "/api/v1/callers", tag = "callers",
    responses((status = 200, description = "Every caller", body = [Caller]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn callers(State(parts): State<Parts>) -> Json<Vec<Caller>> {
    Json(parts.view.callers())
}

/// The targets and what waits for them.
#[utoipa::path(get, path = "/api/v1/targets", tag = "deliveries",
    responses((status = 200, description = "Every target", body = [Target]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn targets(State(parts): State<Parts>) -> Result<Json<Vec<Target>>, Refusal> {
    Ok(Json(with_depths(&parts).await?))
}

/// Reads the configuration again. A wrong one changes nothing.
#[utoipa::path(post, path = "/api/v1/reload", tag = "gateway",
    responses((status = 200, description = "What changed", body = Reloaded),
        (status = 422, description = "What is wrong with the new configuration", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn reload(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
) -> Result<Json<Reloaded>, Refusal> {
    let own = parts.clone();
    let outcome = to_its_end(&parts, async move {
        let outcome = own.view.reload().await;
        let told = outcome
            .as_ref()
            .map_or_else(Clone::clone, |_| "ok".to_owned());
        record(&own, "reload", door, told).await;
        outcome
    });
    match outcome.await? {
        Ok(outcome) => Ok(Json(Reloaded { outcome })),
        Err(why) => Err(Refusal::Reload(why)),
    }
}

fn readiness(parts: &Parts) -> Readiness {
    let mut reasons = parts.view.ready().err().unwrap_or_default();
    if let spool::Condition::Full(why) | spool::Condition::Broken(why) =
        parts.view.spool().condition()
        && !reasons.iter().any(|reason| reason.contains(&*why))
    {
        reasons.push(format!("nothing can be stored: {why}"));
    }
    // Webhooks that are turned away are lost, and a gap in the trail is counted: a warning.
    let audit = parts.audit.condition().err();
    let audit = audit.map(|why| format!("the audit trail cannot be written: {why}"));
    let stale = parts
        .view
        .sources()
        .into_iter()
        .filter(|source| source.stale);
    let stale = stale.map(|source| format!("source list `{}` is out of date", source.name));
    let certificates = parts.view.certificates();
    let unissued = certificates.iter().filter_map(certificates::warning);
    Readiness {
        ready: reasons.is_empty(),
        reasons,
        warnings: audit.into_iter().chain(stale).chain(unissued).collect(),
    }
}

async fn with_depths(parts: &Parts) -> Result<Vec<Target>, Refusal> {
    let mut depths: BTreeMap<_, _> = parts.view.spool().depths().await?.into_iter().collect();
    let now = parts.clock.now();
    let join = |name: String, url, routes, state, depth: spool::Depth| {
        let (last_error_at, last_error) = depth.last_error.unzip();
        Target {
            name,
            url,
            routes,
            state,
            pending: depth.pending,
            dead: depth.dead,
            oldest: depth.oldest.map(rfc3339),
            oldest_age_seconds: depth.oldest.map(|oldest| now.since(oldest).as_secs()),
            last_error,
            last_error_at: last_error_at.map(rfc3339),
        }
    };
    let mut targets = Vec::new();
    for target in parts.view.targets() {
        let depth = depths.remove(&target.name).unwrap_or_default();
        targets.push(join(
            target.name,
            Some(target.url),
            target.routes,
            target.state,
            depth,
        ));
    }
    // Those that no route names any more, while something is left for them.
    depths.retain(|_, depth| depth.pending + depth.dead > 0);
    for (name, depth) in depths {
        targets.push(join(
            name,
            None,
            Vec::new(),
            TargetState::Unconfigured,
            depth,
        ));
    }
    Ok(targets)
}
