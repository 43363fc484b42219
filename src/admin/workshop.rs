//! GitHub Apps: looked at, made, given other keys, removed. Making one takes a person's browser to
//! GitHub and back, by two pages that are served here.

use super::Parts;
use super::act::{record, to_its_end};
use super::answer::{AddKey, App, CreateApp, Failure, RemovedApp};
use super::failure::Refusal;
use super::guard::Door;
use async_trait::async_trait;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::fmt;

/// The Apps of the running gateway. `gateway` implements it.
#[async_trait]
pub trait Workshop: Send + Sync + fmt::Debug {
    /// Every App, and those that are being made.
    async fn apps(&self) -> Vec<App>;

    /// One of them, with the repositories of its installations.
    async fn app(&self, name: &str) -> Option<App>;

    /// Begins to make one, or goes on with one that was begun.
    ///
    /// # Errors
    /// Why not.
    async fn create(&self, name: &str, wanted: CreateApp) -> Result<App, NotDone>;

    /// Takes a new key into use, if GitHub takes it.
    ///
    /// # Errors
    /// Why not.
    async fn add_key(&self, name: &str, key: AddKey) -> Result<App, NotDone>;

    /// Uninstalls an App everywhere and wipes its credentials.
    ///
    /// # Errors
    /// Why not; then they are still there.
    async fn remove(&self, name: &str) -> Result<RemovedApp, NotDone>;

    /// The page that takes a person to GitHub, by what nobody can guess.
    async fn page(&self, state: &str) -> Option<String>;

    /// What GitHub sent a person back with; says what became of it, as a page.
    async fn finish(&self, code: &str, state: &str) -> Result<String, String>;
}

/// Why something about an App was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// There is no such App.
    #[error("there is no App `{0}`; `hubgate app list` names them")]
    None(String),
    /// It cannot be.
    #[error("{0}")]
    Refused(String),
    /// GitHub could not be asked, or could not do it.
    #[error("{0}")]
    Away(String),
}

impl From<NotDone> for Refusal {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::None(_) => Self::NoApp(why.to_string()),
            NotDone::Refused(text) => Self::App(text),
            NotDone::Away(text) => Self::Github(text),
        }
    }
}

/// Every App whose keys are held here, and those that are being made.
#[utoipa::path(get, path = "/api/v1/apps", tag = "apps",
    responses((status = 200, description = "Every App", body = [App]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn list(State(parts): State<Parts>) -> Json<Vec<App>> {
    Json(parts.workshop.apps().await)
}

/// An App, with the repositories of its installations.
#[utoipa::path(get, path = "/api/v1/apps/{name}", tag = "apps",
    params(("name" = String, Path, description = "Its name here")),
    responses((status = 200, description = "The App", body = App),
        (status = 404, description = "There is no such App", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn show(
    State(parts): State<Parts>,
    Path(name): Path<String>,
) -> Result<Json<App>, Refusal> {
    let found = parts.workshop.app(&name).await;
    found.map(Json).ok_or(NotDone::None(name).into())
}

/// Where an App is installed.
#[utoipa::path(get, path = "/api/v1/apps/{name}/installations", tag = "apps",
    params(("name" = String, Path, description = "Its name here")),
    responses((status = 200, description = "Its installations", body = [super::answer::AppInstallation]),
        (status = 404, description = "There is no such App", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn installations(
    state: State<Parts>,
    name: Path<String>,
) -> Result<Response, Refusal> {
    let Json(app) = show(state, name).await?;
    Ok(Json(app.installations).into_response())
}

/// Begins to make an App at GitHub, or goes on with one that was begun: the answer names the page
/// to open.
#[utoipa::path(post, path = "/api/v1/apps/{name}/create", tag = "apps", request_body = CreateApp,
    params(("name" = String, Path, description = "What it is to be called here")),
    responses((status = 200, description = "The App that is being made", body = App),
        (status = 422, description = "Why it cannot be made", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn create(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Path(name): Path<String>,
    body: Result<Json<CreateApp>, JsonRejection>,
) -> Result<Json<App>, Refusal> {
    let Json(wanted) = body.map_err(|fault| Refusal::Parameter(fault.body_text()))?;
    let made = parts.workshop.create(&name, wanted).await;
    record(&parts, "app_create", door, outcome(&name, made.as_ref())).await;
    Ok(Json(made?))
}

/// Takes a new key of an App into use, if GitHub takes it.
#[utoipa::path(post, path = "/api/v1/apps/{name}/keys", tag = "apps", request_body = AddKey,
    params(("name" = String, Path, description = "Its name here")),
    responses((status = 200, description = "The App", body = App),
        (status = 404, description = "There is no such App", body = Failure),
        (status = 422, description = "Why the key is not taken", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn add_key(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Path(name): Path<String>,
    body: Result<Json<AddKey>, JsonRejection>,
) -> Result<Json<App>, Refusal> {
    // What is wrong with the body is not repeated: it holds a key.
    let Ok(Json(key)) = body else {
        return Err(Refusal::Parameter("expected `{\"pem\":\"…\"}`".to_owned()));
    };
    let own = parts.clone();
    let done = to_its_end(&parts, async move {
        let done = own.workshop.add_key(&name, key).await;
        record(&own, "app_rotate_key", door, outcome(&name, done.as_ref())).await;
        done
    });
    Ok(Json(done.await??))
}

/// Uninstalls an App everywhere and wipes its credentials.
#[utoipa::path(post, path = "/api/v1/apps/{name}/remove", tag = "apps",
    params(("name" = String, Path, description = "Its name here")),
    responses((status = 200, description = "What became of it", body = RemovedApp),
        (status = 404, description = "There is no such App", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn remove(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Path(name): Path<String>,
) -> Result<Json<RemovedApp>, Refusal> {
    let own = parts.clone();
    let done = to_its_end(&parts, async move {
        let done = own.workshop.remove(&name).await;
        record(&own, "app_remove", door, outcome(&name, done.as_ref())).await;
        done
    });
    Ok(Json(done.await??))
}

fn outcome<T>(name: &str, done: Result<&T, &NotDone>) -> String {
    match done {
        Ok(_) => format!("{name}: ok"),
        Err(why) => format!("{name}: {why}"),
    }
}

/// The page that takes a person to GitHub. Its address cannot be guessed, and works for an hour.
#[utoipa::path(get, path = "/setup/apps/{state}", tag = "apps", security(()),
    params(("state" = String, Path, description = "As `create` answered it")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such page", body = String, content_type = "text/html")))]
pub(super) async fn page(State(parts): State<Parts>, Path(state): Path<String>) -> Response {
    match parts.workshop.page(&state).await {
        Some(page) => shown(StatusCode::OK, page),
        None => shown(StatusCode::NOT_FOUND, GONE.to_owned()),
    }
}

/// What GitHub sends a person back with.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// Where GitHub sends a person back to, with a code that becomes the App.
#[utoipa::path(get, path = "/setup/apps/callback", tag = "apps", security(()),
    params(("code" = String, Query, description = "GitHub's"), ("state" = String, Query, description = "Ours")),
    responses((status = 200, description = "It is made", body = String, content_type = "text/html"),
        (status = 400, description = "It is not", body = String, content_type = "text/html")))]
pub(super) async fn callback(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    Query(Back { code, state }): Query<Back>,
) -> Response {
    let own = parts.clone();
    // The code works once: whoever leaves now must not take the key along.
    let done = to_its_end(&parts, async move {
        let done = own.workshop.finish(&code, &state).await;
        let outcome = if done.is_ok() { "ok" } else { "not made" };
        record(&own, "app_made", door, outcome.to_owned()).await;
        done
    });
    match done.await {
        Ok(Ok(page)) => shown(StatusCode::OK, page),
        Ok(Err(page)) => shown(StatusCode::BAD_REQUEST, page),
        Err(refusal) => refusal.into_response(),
    }
}

fn shown(status: StatusCode, page: String) -> Response {
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// No script runs on these pages, no other page frames them, and their addresses, which hold what
/// nobody may guess, are not told to where they lead.
const HEADERS: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "strict-origin"),
];
const GONE: &str = "<!doctype html>\n<title>No such page</title>\n<p>This address does not work \
    any more: it is good for one App and one hour. Run <code>hubgate app create</code> again.</p>\n";
