//! The HTTP request: one JSON object with one document.

use super::document::{self, Variables};
use super::{Operation, Refusal};
use crate::publish::json;
use http::{Method, request};
use serde_json::{Map, Value};

/// The longest body that is read, as it has to be held whole before anything is let through. The
/// documents of integrations have a few KB; the rest is room for variables.
pub const LONGEST_BODY: usize = 1 << 20;

/// What a head alone can tell, so that a body which would be refused anyway is never waited for.
///
/// # Errors
/// [`Refusal::NotPosted`], [`Refusal::ContentType`].
pub fn admit(head: &request::Parts) -> Result<(), Refusal> {
    // Parameters of the URL and of the body are one set to the server: `?query=` would run.
    if head.method != Method::POST || head.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Refusal::NotPosted);
    }
    if json::is_declared(head) {
        Ok(())
    } else {
        Err(Refusal::ContentType)
    }
}

/// Reads a request and says what would run.
///
/// # Errors
/// A [`Refusal`] for everything that is not certainly one query or one mutation.
pub fn read(head: &request::Parts, body: &[u8]) -> Result<Operation, Refusal> {
    admit(head)?;
    if body.len() > LONGEST_BODY {
        return Err(Refusal::TooLarge);
    }
    let mut members = match json::read(body) {
        Ok(Value::Object(members)) => members,
        Ok(Value::Array(_)) => return Err(Refusal::Batch),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            return Err(Refusal::Unparsable);
        }
        Err(json::Fault::Twice) => return Err(Refusal::Ambiguous),
        Err(json::Fault::Malformed(_)) => return Err(Refusal::Unparsable),
    };
    let query = match members.remove("query") {
        Some(Value::String(text)) if !text.trim().is_empty() => text,
        Some(Value::String(_) | Value::Null) | None => return Err(Refusal::Persisted),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(Refusal::Unparsable);
        }
    };
    let name = match members.remove("operationName") {
        Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Some(Value::Null) | None => None,
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(Refusal::Unparsable);
        }
    };
    let variables = object(members.remove("variables"))?;
    let extensions = object(members.remove("extensions"))?;
    if extensions.contains_key("persistedQuery") {
        return Err(Refusal::Persisted);
    }
    // A member that is not understood might name another document.
    if !members.is_empty() {
        return Err(Refusal::Unparsable);
    }
    document::read(&query, name.as_deref(), &Variables::new(variables))
}

fn object(value: Option<Value>) -> Result<Map<String, Value>, Refusal> {
    match value {
        Some(Value::Object(members)) => Ok(members),
        Some(Value::Null) | None => Ok(Map::new()),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(Refusal::Unparsable)
        }
    }
}
