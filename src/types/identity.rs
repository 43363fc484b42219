//! The ids of things that happen: a request, a delivery, GitHub's name for an event.

use super::ParseError;
use std::fmt;
use std::str::FromStr;

/// A request through the gate, as answers, logs and audit name it (UUID v7, so that ids sort
/// by time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl FromStr for RequestId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match uuid::Uuid::try_parse(text) {
            Ok(id) => Ok(Self(id)),
            Err(_) => Err(ParseError::new(
                text,
                "a request id of 32 hexadecimal digits",
            )),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// A stored delivery: the spool's own number, rising in the order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(i64);

impl DeliveryId {
    /// The delivery with this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeliveryId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse::<i64>() {
            Ok(number) if number > 0 => Ok(Self(number)),
            _ => Err(ParseError::new(text, "a delivery's number, such as `42`")),
        }
    }
}

/// `X-GitHub-Delivery`: GitHub's name for an event. Several hooks that see one event share it,
/// and a redelivery repeats it, so it is never an identity by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Guid(Box<str>);

impl Guid {
    /// The text as GitHub sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Guid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fits = !text.is_empty()
            && text.len() <= 100
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(ParseError::new(
                text,
                "a GUID such as `72d3162e-cc78-11e3-81ab-4c9367dc0958`",
            ))
        }
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
