//! Certificates: what is served, and renewals by hand.

use super::Parts;
use super::act::{record, to_its_end};
use super::answer::{Certificate, Failure, RenewCertificates, Renewed};
use super::failure::Refusal;
use super::guard::Door;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};

/// The certificates that are chosen from.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "gateway",
    responses((status = 200, description = "Every certificate", body = [Certificate]),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn list(State(parts): State<Parts>) -> Json<Vec<Certificate>> {
    Json(parts.view.certificates())
}

/// Has certificates renewed now that authorities issue, whenever they are due: all, or the one for
/// a host. What is served stays until the new one was checked. Answers after a minute at most;
/// what is not finished then goes on.
#[utoipa::path(post, path = "/api/v1/certificates/renew", tag = "gateway",
    request_body = RenewCertificates,
    responses((status = 200, description = "What each came to", body = [Renewed]),
        (status = 404, description = "No authority issues a certificate for that host", body = Failure),
        (status = "default", description = "Refused", body = Failure)))]
pub(super) async fn renew(
    State(parts): State<Parts>,
    Extension(door): Extension<Door>,
    body: Result<Json<RenewCertificates>, JsonRejection>,
) -> Result<Json<Vec<Renewed>>, Refusal> {
    let Json(asked) = body.map_err(|fault| Refusal::Parameter(fault.body_text()))?;
    let own = parts.clone();
    let renewed = to_its_end(&parts, async move {
        let host = asked.host.as_deref();
        let renewed = own.view.renew_certificates(host).await;
        let failed = renewed.iter().filter(|one| one.error.is_some()).count();
        let of = host.unwrap_or("all");
        let outcome = match (failed, renewed.len()) {
            (_, 0) => format!("{of}: none is issued by an authority"),
            (0, _) => format!("{of}: ok"),
            (failed, all) => format!("{of}: {failed} of {all} failed"),
        };
        record(&own, "renew_certificates", door, outcome).await;
        (renewed, asked.host)
    });
    match renewed.await? {
        (renewed, Some(host)) if renewed.is_empty() => Err(Refusal::NoCertificate(host)),
        (renewed, _) => Ok(Json(renewed)),
    }
}

/// What a person should look at.
pub(super) fn warning(one: &Certificate) -> Option<String> {
    let hosts = one.hosts.join(", ");
    let why = one.last_error.as_deref();
    match (one.stands_in, why) {
        (true, None) => Some(format!(
            "no certificate was issued yet for {hosts}; another one stands in"
        )),
        (true, Some(why)) => Some(format!(
            "no certificate was issued yet for {hosts}; another one stands in: {why}"
        )),
        (false, Some(why)) => Some(format!(
            "the certificate for {hosts} was not renewed: {why}"
        )),
        (false, None) => None,
    }
}
