//! JSON read strictly: a name that stands twice in an object is refused. Which of the two counts
//! differs from parser to parser, so that a gate and the server behind it would disagree.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::request;
use serde::Deserializer as _;
use serde::de::{Deserialize, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Why a body is not taken as JSON.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A name stands twice in one object.
    #[error("a name stands twice in one object")]
    Twice,
    /// It is not one well-formed JSON value.
    #[error("not one JSON value: {0}")]
    Malformed(#[source] serde_json::Error),
}

/// One JSON value and nothing after it; objects hold each name once, at every depth.
///
/// # Errors
/// [`Fault`], and nothing of the value.
pub fn read(body: &[u8]) -> Result<Value, Fault> {
    let mut twice = false;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader
        .deserialize_any(Strict(&mut twice))
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        if twice {
            Fault::Twice
        } else {
            Fault::Malformed(error)
        }
    })
}

/// Whether a head declares its body as plain JSON. A body under another content type may be read
/// as a form, and then holds other parameters.
#[must_use]
pub fn is_declared(head: &request::Parts) -> bool {
    let Some(kind) = only(head, &CONTENT_TYPE) else {
        return false;
    };
    is_content_type(kind)
        && (!head.headers.contains_key(CONTENT_ENCODING)
            || only(head, &CONTENT_ENCODING)
                .is_some_and(|name| name.eq_ignore_ascii_case("identity")))
}

/// The value of a header that stands once and is text.
fn only<'a>(head: &'a request::Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = head.headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a content type is JSON in the one encoding that JSON has.
fn is_content_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        && parts.all(|part| {
            part.is_empty()
                || part.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("charset")
                        && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
                })
        })
}

/// Builds a value and remembers that a name stood twice.
struct Strict<'a>(&'a mut bool);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict(&mut *self.0))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(Key(name)) = entries.next_key::<Key>()? {
            let value = entries.next_value_seed(Strict(&mut *self.0))?;
            if object.insert(name, value).is_some() {
                *self.0 = true;
                return Err(A::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// A name in an object, escapes undone.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    //! Tests of the strict reading.

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_stands_twice_is_refused_at_every_depth() {
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"c":[{"a":1,"a":1}]}}"#,
        ] {
            assert!(matches!(read(body.as_bytes()), Err(Fault::Twice)), "{body}");
        }
        assert!(read(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).is_ok());
    }

    #[test]
    fn nothing_may_stand_after_the_value_and_nesting_has_an_end() {
        for body in ["{} {}", "{}x", "", "\u{feff}{}", "{'a':1}", "NaN", "[1,]"] {
            assert!(
                matches!(read(body.as_bytes()), Err(Fault::Malformed(_))),
                "{body}"
            );
        }
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
        assert!(read(b"\"\xff\"").is_err());
    }

    #[test]
    fn content_types_that_another_reader_would_take_for_something_else_are_refused() {
        for right in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_content_type(right), "{right}");
        }
        for wrong in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; charset=utf-7",
            "application/json, text/plain",
            "application/json; boundary=x",
            "application/jsonx",
        ] {
            assert!(!is_content_type(wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_it_reads_is_what_the_ordinary_reader_reads(body in any::<Vec<u8>>()) {
            if let Ok(value) = read(&body) {
                prop_assert_eq!(value, serde_json::from_slice::<Value>(&body).unwrap());
            }
        }
    }
}
