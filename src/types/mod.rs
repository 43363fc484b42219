//! The words of the field as types: parsed once at the border, trusted afterwards.
//! Newtypes and parsing only; nothing here opens a socket or decides anything.

mod address;
mod app;
mod cause;
mod clock;
mod event;
mod host;
mod identity;
mod name;
mod pattern;
mod permission;
mod quantity;
mod repository;
mod secret;

pub use address::ClientAddr;
pub use app::{AppId, InstallationId, Owner};
pub use cause::with_causes;
pub use clock::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp};
pub use event::{Action, EventName, EventPattern};
pub use host::{Host, RouteKey};
pub use identity::{DeliveryId, Guid, RequestId};
pub use name::Name;
pub use pattern::{RepositoryPattern, RepositoryPatterns, without_suffix};
pub use permission::{Level, Permissions};
pub use quantity::{ByteSize, Span};
pub use repository::Repository;
pub use secret::{Secret, SecretError, SecretSource};

/// Text that is not what it should be: what was found and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected {expected}")]
pub struct ParseError {
    /// The text as it came, cut to a length that can be shown.
    pub found: String,
    /// What would have been accepted, in words.
    pub expected: &'static str,
}

impl ParseError {
    /// An error about `found`, of which at most 120 characters are kept.
    #[must_use]
    pub fn new(found: &str, expected: &'static str) -> Self {
        let mut text: String = found.chars().take(120).collect();
        if text.len() < found.len() {
            text.push('…');
        }
        Self {
            found: text.escape_debug().to_string(),
            expected,
        }
    }
}

#[cfg(test)]
mod tests;
