//! The table of what is served, and what comes before any of it.

use super::act::by;
use super::failure::Refusal;
use super::guard::{Door, Guard};
use super::{Parts, api, certificates, deliveries, openapi, published, workshop};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use http::{HeaderValue, header};
use std::time::Duration;
use tokio::time::Instant;

const LONGEST_BODY: Duration = Duration::from_secs(10);
/// A filter is a few hundred bytes.
const LARGEST_BODY: usize = 64 << 10;

/// Every path that is served, with the method it answers.
pub(super) fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Parts>)> {
    vec![
        ("GET", "/healthz", get(api::healthz)),
        ("GET", "/readyz", get(api::readyz)),
        ("GET", "/metrics", get(api::metrics)),
        ("GET", "/api/v1/openapi.json", get(openapi::openapi)),
        ("GET", "/api/v1/status", get(api::status)),
        ("GET", "/api/v1/routes", get(api::list_routes)),
        ("GET", "/api/v1/sources", get(api::sources)),
        ("POST", "/api/v1/sources/refresh", post(api::refresh)),
        ("GET", "/api/v1/callers", get(api::callers)),
        ("GET", "/api/v1/certificates", get(certificates::list)),
        (
            "POST",
            "/api/v1/certificates/renew",
            post(certificates::renew),
        ),
        ("GET", "/api/v1/targets", get(api::targets)),
        ("GET", "/api/v1/deliveries", get(deliveries::list)),
        (
            "POST",
            "/api/v1/deliveries/redeliver",
            post(deliveries::redeliver_found),
        ),
        ("GET", "/api/v1/deliveries/{id}", get(deliveries::show)),
        ("GET", "/api/v1/deliveries/{id}/body", get(deliveries::body)),
        (
            "POST",
            "/api/v1/deliveries/{id}/redeliver",
            post(deliveries::redeliver),
        ),
        ("POST", "/api/v1/reload", post(api::reload)),
        ("GET", "/api/v1/learned/{route}", get(published::learned)),
        ("POST", "/api/v1/setup/{route}", post(published::open_setup)),
        ("GET", "/api/v1/apps", get(workshop::list)),
        ("GET", "/api/v1/apps/{name}", get(workshop::show)),
        (
            "GET",
            "/api/v1/apps/{name}/installations",
            get(workshop::installations),
        ),
        ("POST", "/api/v1/apps/{name}/create", post(workshop::create)),
        ("POST", "/api/v1/apps/{name}/keys", post(workshop::add_key)),
        ("POST", "/api/v1/apps/{name}/remove", post(workshop::remove)),
        ("GET", "/setup/apps/callback", get(workshop::callback)),
        ("GET", "/setup/apps/{state}", get(workshop::page)),
    ]
}

/// The table as a service.
pub(super) fn router(parts: Parts, guard: Guard) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, route)| {
            router.route(path, route)
        })
        .fallback(async || Refusal::NoRoute)
        .method_not_allowed_fallback(async || Refusal::Method)
        .with_state(parts)
        .layer(from_fn_with_state(guard, receive))
}

/// The bounds and the guard, before any route.
async fn receive(
    State(guard): State<Guard>,
    Extension(door): Extension<Door>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let mut response = match admit(&guard, door, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let status = response.status().as_u16().to_string();
    metrics::counter!("hubgate_admin_requests_total", "door" => by(door), "status" => status)
        .increment(1);
    metrics::histogram!("hubgate_admin_request_seconds").record(began.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn admit(guard: &Guard, door: Door, request: Request) -> Result<Request, Refusal> {
    let path = request.uri().path();
    // Nobody can guess the address of a page.
    let open = matches!(path, "/healthz" | "/readyz") || path.starts_with("/setup/apps/");
    let standing = guard.admit(&request, door, open)?;
    let (mut head, body) = request.into_parts();
    head.extensions.insert(standing);
    let whole = axum::body::to_bytes(body, LARGEST_BODY);
    match tokio::time::timeout(LONGEST_BODY, whole).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.into())),
        Ok(Err(_)) | Err(_) => Err(Refusal::Body),
    }
}
