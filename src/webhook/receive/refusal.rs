//! Why a webhook is not taken. The names are the same in answers, audit and metrics.

use super::json::Malformed;

/// Why a request on a webhook's route is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not POST.
    Method,
    /// A header that every GitHub delivery has is absent or not well formed.
    Header(&'static str),
    /// Neither JSON nor a form with a payload.
    MediaType,
    /// The body is encoded, so that what was signed is not what is there.
    Encoded,
    /// Larger than the route takes, in bytes.
    TooLarge(u64),
    /// No `X-Hub-Signature-256`.
    Unsigned,
    /// The signature is not one of the route's secrets over this body.
    Signature,
    /// Not one well-formed JSON value.
    Json(Malformed),
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Method => "method_not_allowed",
            Self::Header(_) => "header_missing",
            Self::MediaType => "unsupported_media_type",
            Self::Encoded => "content_encoding_refused",
            Self::TooLarge(_) => "body_too_large",
            Self::Unsigned => "signature_missing",
            Self::Signature => "signature_mismatch",
            Self::Json(_) => "malformed_json",
        }
    }

    /// What to tell the sender.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Method => "webhooks are sent by POST".to_owned(),
            Self::Header(name) => format!("the header {name} is missing or not well formed"),
            Self::MediaType => "expected application/json, or \
                application/x-www-form-urlencoded with a field payload"
                .to_owned(),
            Self::Encoded => "a webhook's body must not be encoded".to_owned(),
            Self::TooLarge(limit) => format!("the body is larger than {limit} bytes"),
            Self::Unsigned => {
                "the header X-Hub-Signature-256 is missing: give the webhook a secret".to_owned()
            }
            Self::Signature => "the signature does not match the body and the secret".to_owned(),
            Self::Json(fault) => format!("the payload is not well-formed JSON: {fault}"),
        }
    }
}
