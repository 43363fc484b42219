//! The API's own description, made of the routes and the answers.

use super::answer::Failure;
use super::{api, certificates, deliveries, published, workshop};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The OpenAPI document of the admin API.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hubgate admin API",
        description = "How a running gateway is watched and told what to do. Served on the Unix \
            socket `[admin].socket` to whoever may open it, and on `[admin].address` to whoever \
            shows `[admin].token`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        api::healthz,
        api::readyz,
        api::metrics,
        openapi,
        api::status,
        api::list_routes,
        api::sources,
        api::refresh,
        api::callers,
        certificates::list,
        certificates::renew,
        api::targets,
        api::reload,
        published::learned,
        published::open_setup,
        deliveries::list,
        deliveries::redeliver_found,
        deliveries::show,
        deliveries::body,
        deliveries::redeliver,
        workshop::list,
        workshop::show,
        workshop::installations,
        workshop::create,
        workshop::add_key,
        workshop::remove,
        workshop::callback,
        workshop::page,
    ),
    tags(
        (name = "health", description = "For load balancers and Prometheus"),
        (name = "gateway", description = "What runs"),
        (name = "sources", description = "Who may come"),
        (name = "apps", description = "GitHub Apps whose keys are held here"),
        (name = "callers", description = "Who may use Apps through the broker"),
        (name = "deliveries", description = "What was accepted, and what became of it"),
    ),
    modifiers(&Token),
    security((), ("token" = [])),
)]
struct Api;

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "gateway",
    responses((status = 200, description = "The OpenAPI document", body = Object),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn openapi() -> Response {
    Json(document()).into_response()
}

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "token",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    }
}
