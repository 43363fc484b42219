//! The one table from a refusal to what is answered, and the answers themselves.
//!
//! A refusal's code is stable and the same in answers, audit and metrics. No answer says a
//! version, an internal name or anything of GitHub's.

use crate::apps::people;
use crate::broker;
use crate::publish;
use crate::types::RequestId;
use crate::webhook::receive;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// Why a question to the token endpoint is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is in another form than those that are read.
    #[error(
        "a sign-in is read as application/x-www-form-urlencoded or application/json, in UTF-8 and \
         not compressed"
    )]
    Form,
    /// It could be read in more ways than one.
    #[error("a sign-in could be read in more than one way: {0}")]
    Unclear(&'static str),
}

/// Why a request does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The address is in none of the route's sources.
    Source,
    /// Nothing is published at this host and path.
    NoRoute,
    /// The method is not one of these.
    Method(&'static str),
    /// No host is asked for, or none that could be one.
    NoHost,
    /// What the webhook's route found.
    Webhook(receive::Refusal),
    /// What a published route found.
    Publish(publish::Refusal),
    /// What the broker found.
    Broker(broker::Refusal),
    /// What became of the token of one who signed in.
    User(people::Refusal),
    /// Why a question that signs somebody in is not read.
    SignIn(Unread),
    /// Whether it is inside the route's repositories cannot be asked without credentials.
    CredentialsRequired,
    /// The head is one that two readers could understand in two ways.
    Malformed,
    /// A document that has to be read before it may pass is too large.
    DocumentTooLarge,
    /// A document that has to be read before it may pass is compressed.
    DocumentEncoded,
    /// The published service did not answer.
    ServiceUnavailable,
    /// The published service did not answer in time.
    ServiceTimeout,
    /// What the published service answered would have told of the inside.
    AnswerHeldBack,
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
    /// The target of a `through` route answered more than is passed on.
    AnswerTooLarge,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source => "source_not_allowed",
            Self::NoRoute => "not_found",
            Self::Method(_) => "method_not_allowed",
            Self::NoHost => "host_missing",
            Self::Webhook(refusal) => refusal.code(),
            Self::Publish(refusal) => refusal.code(),
            Self::Broker(refusal) => refusal.code(),
            Self::User(refusal) => match refusal {
                people::Refusal::Ended => "user_token_ended",
                people::Refusal::Unreachable => "user_token_not_renewed",
                people::Refusal::NotKept => "user_token_not_kept",
            },
            Self::SignIn(Unread::Form) => "sign_in_media_type",
            Self::SignIn(Unread::Unclear(_)) => "sign_in_unclear",
            Self::CredentialsRequired => "credentials_required",
            Self::Malformed => "request_malformed",
            Self::DocumentTooLarge => "document_too_large",
            Self::DocumentEncoded => "document_encoded",
            Self::ServiceUnavailable => "service_unavailable",
            Self::ServiceTimeout => "service_timeout",
            Self::AnswerHeldBack => "answer_held_back",
            Self::BodyIncomplete => "body_incomplete",
            Self::BodyTooSlow => "body_too_slow",
            Self::Busy => "busy",
            Self::SpoolFull => "spool_full",
            Self::SpoolUnavailable => "spool_unavailable",
            Self::TargetUnavailable => "target_unavailable",
            Self::TargetTimeout => "target_timeout",
            Self::AnswerTooLarge => "answer_too_large",
        }
    }

    /// The status that says it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        use receive::Refusal as Hook;
        match self {
            Self::Source => StatusCode::FORBIDDEN,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Webhook(refusal) => match refusal {
                Hook::Method => StatusCode::METHOD_NOT_ALLOWED,
                Hook::Header(_) | Hook::Json(_) => StatusCode::BAD_REQUEST,
                Hook::MediaType | Hook::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Hook::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Hook::Unsigned | Hook::Signature => StatusCode::UNAUTHORIZED,
            },
            Self::Publish(refusal) => refusal.status(),
            Self::Broker(refusal) => refusal.status(),
            Self::User(refusal) => match refusal {
                people::Refusal::Ended => StatusCode::UNAUTHORIZED,
                people::Refusal::Unreachable => StatusCode::BAD_GATEWAY,
                people::Refusal::NotKept => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::CredentialsRequired => StatusCode::UNAUTHORIZED,
            Self::SignIn(Unread::Form) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed | Self::SignIn(Unread::Unclear(_)) => StatusCode::BAD_REQUEST,
            Self::DocumentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::DocumentEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyIncomplete | Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::SpoolFull | Self::SpoolUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TargetUnavailable
            | Self::AnswerTooLarge
            | Self::ServiceUnavailable
            | Self::AnswerHeldBack => StatusCode::BAD_GATEWAY,
            Self::TargetTimeout | Self::ServiceTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Source => "this address may not use this route".to_owned(),
            Self::NoRoute => "nothing is here".to_owned(),
            Self::Method(methods) => format!("only {methods} is answered here"),
            Self::NoHost => "the request names no host".to_owned(),
            Self::Webhook(refusal) => refusal.message(),
            Self::Publish(refusal) => refusal.message(),
            Self::Broker(refusal) => refusal.to_string(),
            Self::User(refusal) => refusal.to_string(),
            Self::SignIn(why) => why.to_string(),
            Self::CredentialsRequired => "credentials are needed for this".to_owned(),
            Self::Malformed => {
                "the request's head can be understood in more than one way".to_owned()
            }
            Self::DocumentTooLarge => {
                "a GraphQL or LFS document may have 1 MiB; send it in parts".to_owned()
            }
            Self::DocumentEncoded => {
                "a GraphQL or LFS document is taken without Content-Encoding".to_owned()
            }
            Self::AnswerHeldBack => {
                "the service's answer cannot be passed on; the gateway's log says why".to_owned()
            }
            Self::BodyIncomplete => "the body did not come whole".to_owned(),
            Self::BodyTooSlow => "the body came too slowly".to_owned(),
            Self::Busy => "too much is being taken in at once; try again".to_owned(),
            Self::SpoolFull | Self::SpoolUnavailable => {
                "the delivery cannot be kept now; try again later".to_owned()
            }
            Self::TargetUnavailable | Self::ServiceUnavailable => {
                "the service behind this route did not answer".to_owned()
            }
            Self::TargetTimeout | Self::ServiceTimeout => {
                "the service behind this route did not answer in time".to_owned()
            }
            Self::AnswerTooLarge => "the service behind this route has the delivery, and answered \
                more than the 64 KiB that are passed on"
                .to_owned(),
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
            Self::Webhook(receive::Refusal::Method) => {
                Some((http::header::ALLOW, HeaderValue::from_static("POST")))
            }
            Self::Method(methods) => Some((http::header::ALLOW, HeaderValue::from_static(methods))),
            // Git sends credentials only when it is asked for them.
            Self::CredentialsRequired | Self::Broker(broker::Refusal::Caller) => Some((
                http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"GitHub\""),
            )),
            Self::Broker(refusal) => refusal
                .wait()
                .map(|wait| (http::header::RETRY_AFTER, wait.as_secs().max(1).into())),
            Self::Busy => Some((http::header::RETRY_AFTER, HeaderValue::from_static("5"))),
            Self::SpoolFull | Self::SpoolUnavailable => {
                Some((http::header::RETRY_AFTER, HeaderValue::from_static("60")))
            }
            Self::Source
            | Self::NoRoute
            | Self::NoHost
            | Self::User(_)
            | Self::SignIn(_)
            | Self::Webhook(_)
            | Self::BodyIncomplete
            | Self::BodyTooSlow
            | Self::TargetUnavailable
            | Self::TargetTimeout
            | Self::AnswerTooLarge
            | Self::Publish(_)
            | Self::Malformed
            | Self::DocumentTooLarge
            | Self::DocumentEncoded
            | Self::ServiceUnavailable
            | Self::ServiceTimeout
            | Self::AnswerHeldBack => None,
        };
        let close = matches!(
            self,
            Self::BodyIncomplete
                | Self::BodyTooSlow
                | Self::DocumentTooLarge
                | Self::Malformed
                | Self::Busy
                | Self::SpoolFull
                | Self::SpoolUnavailable
                | Self::Webhook(receive::Refusal::TooLarge(_))
        );
        Answer {
            status: self.status(),
            extra,
            location: None,
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
    pub extra: Option<(http::HeaderName, HeaderValue)>,
    /// Where to go instead.
    pub location: Option<HeaderValue>,
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
            location: None,
            content_type: Some("application/json".into()),
            body: Bytes::from(body),
            close: false,
        }
    }
}
