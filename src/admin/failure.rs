//! The one table from what went wrong to status, code and words.

use super::answer::{Failure, Reason};
use super::filter::Unclear;
use crate::spool::SpoolError;
use crate::types::DeliveryId;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "this address of the admin API asks for `Authorization: Bearer TOKEN`; the token is what `[admin].token` names"
    )]
    Unauthorized,
    #[error("the admin API is not served to this address; set `[admin].token` to open it")]
    NotLoopback,
    #[error(
        "the Host header names another host; without a token only `localhost` or an IP address is answered, so that no web page can reach this API by a name of its own"
    )]
    ForeignHost,
    #[error("the request comes from a page of another origin")]
    ForeignOrigin,
    #[error("nothing is at this path; `/api/v1/openapi.json` lists what is")]
    NoRoute,
    #[error("this path does not answer that method; `/api/v1/openapi.json` lists which it does")]
    Method,
    #[error("{0}")]
    Parameter(String),
    #[error("a body must come as `Content-Type: application/json`")]
    ContentType,
    #[error("the request's body is larger than 64 KiB or did not come within 10 s")]
    Body,
    #[error("there is no delivery {0}; it may have been forgotten since `[spool].keep` passed")]
    NoDelivery(DeliveryId),
    #[error("`{0}` is no published route; `hubgate status` lists them")]
    NotPublished(String),
    #[error("no authority issues a certificate for `{0}`; `hubgate cert` lists which there are")]
    NoCertificate(String),
    #[error("delivery {0} does not go to target `{1}`")]
    NoTarget(DeliveryId, String),
    #[error("delivery {0} is being sent just now; look again in a moment")]
    Sending(DeliveryId),
    #[error("the new configuration is not used, the old one runs on: {0}")]
    Reload(String),
    #[error("{0}")]
    NoApp(String),
    #[error("{0}")]
    App(String),
    #[error("{0}")]
    Github(String),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the gateway is stopping or a fault cut this short; its log says more")]
    CutShort,
}

impl Refusal {
    const fn told(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotLoopback => (StatusCode::FORBIDDEN, "not_loopback"),
            Self::ForeignHost => (StatusCode::FORBIDDEN, "foreign_host"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign_origin"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Parameter(_) => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            Self::Body => (StatusCode::PAYLOAD_TOO_LARGE, "body"),
            Self::NoDelivery(_) => (StatusCode::NOT_FOUND, "no_such_delivery"),
            Self::NotPublished(_) => (StatusCode::NOT_FOUND, "no_such_route"),
            Self::NoCertificate(_) => (StatusCode::NOT_FOUND, "no_such_certificate"),
            Self::NoTarget(..) => (StatusCode::NOT_FOUND, "no_such_target"),
            Self::Sending(_) => (StatusCode::CONFLICT, "being_sent"),
            Self::Reload(_) => (StatusCode::UNPROCESSABLE_ENTITY, "reload_refused"),
            Self::NoApp(_) => (StatusCode::NOT_FOUND, "no_such_app"),
            Self::App(_) => (StatusCode::UNPROCESSABLE_ENTITY, "app_refused"),
            Self::Github(_) => (StatusCode::BAD_GATEWAY, "github_unavailable"),
            Self::Spool(_) => (StatusCode::SERVICE_UNAVAILABLE, "spool_unavailable"),
            Self::CutShort => (StatusCode::INTERNAL_SERVER_ERROR, "cut_short"),
        }
    }
}

impl From<Unclear> for Refusal {
    fn from(unclear: Unclear) -> Self {
        Self::Parameter(unclear.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = self.told();
        let body = Failure {
            error: Reason {
                code: code.to_owned(),
                message: self.to_string(),
            },
        };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"hubgate\""),
            );
        }
        response
    }
}
