//! What is looked at and changed of published services: what was learned, and setup windows.

use super::Parts;
use super::act::record;
use super::answer::{Failure, Learned, OpenSetup, SetupWindow};
use super::failure::Refusal;
use super::guard::Door;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use std::time::Duration;

/// Whoever needs the window for longer opens it again.
const LONGEST: u64 = 24 * 3600;

/// What a published route was asked for while it learned, and the profile that would allow it.
#[utoipa::path(get, path = "/api/v1/learned/{route}", tag = "gateway",
    params(("route" = String, Path, description = "Host and path, percent-encoded")),
    responses((status = 200, description = "What was learned", body = Learned),
        (status = 404, description = "There is no such route", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn learned(
    State(parts): State<Parts>,
    Path(route): Path<String>,
) -> Result<Json<Learned>, Refusal> {
    let found = parts.view.learned(&route);
    found.map(Json).ok_or(Refusal::NotPublished(route))
}

/// Lets `POST /app-manifests/{code}/conversions` through a published route for a while. What it
/// answers holds a new App's private key.
#[utoipa::path(post, path = "/api/v1/setup/{route}", tag = "gateway", request_body = OpenSetup,
    params(("route" = String, Path, description = "Host and path, percent-encoded")),
    responses((status = 200, description = "The window", body = SetupWindow),
        (status = 404, description = "There is no such route", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn open_setup(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Path(route): Path<String>,
    body: Result<Json<OpenSetup>, JsonRejection>,
) -> Result<Json<SetupWindow>, Refusal> {
    let Json(asked) = body.map_err(|fault| Refusal::Parameter(fault.body_text()))?;
    if asked.seconds > LONGEST {
        let text = format!(
            "`seconds` is {}, and a day, {LONGEST}, is the most",
            asked.seconds
        );
        return Err(Refusal::Parameter(text));
    }
    let lasting = Duration::from_secs(asked.seconds);
    let window = parts.view.open_setup(&route, lasting);
    let window = window.ok_or(Refusal::NotPublished(route))?;
    let outcome = match &window.until {
        Some(until) => format!("{} is open until {until}", window.route),
        None => format!("{} is closed", window.route),
    };
    record(&parts, "setup_window", door, outcome).await;
    Ok(Json(window))
}
