//! The one table from a refusal to what is answered, and the answers themselves.
//!
//! A refusal's code is stable and the same in answers, audit and metrics. No answer says a
//! version, an internal name or anything of GitHub's.

use crate::types::RequestId;
use crate::webhook::receive;
use bytes::Bytes;
use http::StatusCode;

/// Why a request does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The address is in none of the route's sources.
    Source,
    /// Nothing is published at this host and path.
    NoRoute,
    /// No host is asked for, or none that could be one.
    NoHost,
    /// What the webhook's route found.
    Webhook(receive::Refusal),
    /// The body did not come whole.
    BodyIncomplete,
    /// The body comes too slowly.
    BodyTooSlow,
    /// Too many bytes are being taken in at once.
    Busy,
    /// The spool is full.
    SpoolFull,
    /// The spool failed, or did not answer in time.
    SpoolUnavailable,
    /// The target of a `through` route did not answer.
    TargetUnavailable,
    /// The target of a `through` route did not answer in time.
    TargetTimeout,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source => "source_not_allowed",
            Self::NoRoute => "not_found",
            Self::NoHost => "host_missing",
            Self::Webhook(refusal) => refusal.code(),
            Self::BodyIncomplete => "body_incomplete",
            Self::BodyTooSlow => "body_too_slow",
            Self::Busy => "busy",
            Self::SpoolFull => "spool_full",
            Self::SpoolUnavailable => "spool_unavailable",
            Self::TargetUnavailable => "target_unavailable",
            Self::TargetTimeout => "target_timeout",
        }
    }

    /// The status that says it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        use receive::Refusal as Hook;
        match self {
            Self::Source => StatusCode::FORBIDDEN,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Webhook(refusal) => match refusal {
                Hook::Method => StatusCode::METHOD_NOT_ALLOWED,
                Hook::Header(_) | Hook::Json(_) => StatusCode::BAD_REQUEST,
                Hook::MediaType | Hook::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Hook::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Hook::Unsigned | Hook::Signature => StatusCode::UNAUTHORIZED,
            },
            Self::BodyIncomplete | Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::SpoolFull | Self::SpoolUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TargetUnavailable => StatusCode::BAD_GATEWAY,
            Self::TargetTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Source => "this address may not use this route".to_owned(),
            Self::NoRoute => "nothing is here".to_owned(),
            Self::NoHost => "the request names no host".to_owned(),
            Self::Webhook(refusal) => refusal.message(),
            Self::BodyIncomplete => "the body did not come whole".to_owned(),
            Self::BodyTooSlow => "the body came too slowly".to_owned(),
            Self::Busy => "too much is being taken in at once; try again".to_owned(),
            Self::SpoolFull | Self::SpoolUnavailable => {
                "the delivery cannot be kept now; try again later".to_owned()
            }
            Self::TargetUnavailable => "the service behind this route did not answer".to_owned(),
            Self::TargetTimeout => {
                "the service behind this route did not answer in time".to_owned()
            }
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn answer(&self, request: RequestId) -> Answer {
        let body = serde_json::json!({ "error": {
            "code": self.code(),
            "message": self.message(),
            "request_id": request.to_string(),
        }});
        let extra = match self {
            Self::Webhook(receive::Refusal::Method) => Some((http::header::ALLOW, "POST")),
            Self::Busy => Some((http::header::RETRY_AFTER, "5")),
            Self::SpoolFull | Self::SpoolUnavailable => Some((http::header::RETRY_AFTER, "60")),
            Self::Source
            | Self::NoRoute
            | Self::NoHost
            | Self::Webhook(_)
            | Self::BodyIncomplete
            | Self::BodyTooSlow
            | Self::TargetUnavailable
            | Self::TargetTimeout => None,
        };
        let close = matches!(
            self,
            Self::BodyIncomplete
                | Self::BodyTooSlow
                | Self::Busy
                | Self::SpoolFull
                | Self::SpoolUnavailable
                | Self::Webhook(receive::Refusal::TooLarge(_))
        );
        Answer {
            status: self.status(),
            extra,
            content_type: Some("application/json".into()),
            body: Bytes::from(body.to_string()),
            close,
        }
    }
}

/// What a client is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// A header that this status needs.
    pub extra: Option<(http::HeaderName, &'static str)>,
    /// The body's type.
    pub content_type: Option<Box<str>>,
    /// The body.
    pub body: Bytes,
    /// Whether the connection ends with it.
    pub close: bool,
}

impl Answer {
    /// A JSON document.
    #[must_use]
    pub fn json(status: StatusCode, body: String) -> Self {
        Self {
            status,
            extra: None,
            content_type: Some("application/json".into()),
            body: Bytes::from(body),
            close: false,
        }
    }
}
