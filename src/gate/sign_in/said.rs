//! What a question to the token endpoint says, where it can be read in one way only.

use crate::gate::refuse::Unread;
use crate::types::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// The parameters, each said once.
pub(super) struct Said(Vec<(String, Zeroizing<String>)>);

impl Said {
    /// What is said in the query, in the body and by `Basic`, together.
    pub(super) fn read(
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Unread> {
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Unread::Form);
        }
        if *method != Method::POST && !body.is_empty() {
            return Err(Unread::Unclear("only POST may have a body"));
        }
        let mut said = Self(Vec::new());
        said.add_form(query.unwrap_or_default().as_bytes())?;
        if !body.is_empty() {
            match kind(headers).as_deref() {
                Some("application/x-www-form-urlencoded") => said.add_form(body)?,
                Some("application/json") => {
                    let mut pairs: Object = serde_json::from_slice(body)
                        .or(Err(Unread::Unclear("its JSON is not one object of texts")))?;
                    for (name, value) in std::mem::take(&mut pairs.0) {
                        said.add(&name, value)?;
                    }
                }
                Some(_) | None => return Err(Unread::Form),
            }
        }
        said.add_basic(headers)?;
        if said.client_id().is_empty() {
            return Err(Unread::Unclear("it says no client_id"));
        }
        Ok(said)
    }

    fn add_form(&mut self, text: &[u8]) -> Result<(), Unread> {
        for (name, value) in form_urlencoded::parse(text) {
            self.add(&name, value.into_owned())?;
        }
        Ok(())
    }

    /// What is no parameter of OAuth's by its name is left out: nobody reads it then.
    fn add(&mut self, name: &str, value: String) -> Result<(), Unread> {
        let value = Zeroizing::new(value);
        let name = name.trim().to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        // `format` and names that begin with `_` steer the server, not the question.
        if name.starts_with('_') || name == "format" || !name.bytes().all(plain) {
            return Ok(());
        }
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(Unread::Unclear(match name.as_str() {
                "client_id" => "it says client_id more than once",
                "client_secret" => "it says client_secret more than once",
                _ => "it says a parameter more than once",
            }));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn add_basic(&mut self, headers: &HeaderMap) -> Result<(), Unread> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (line, more) = (lines.next(), lines.next());
        if more.is_some() {
            return Err(Unread::Unclear("it has more than one Authorization"));
        }
        let Some(line) = line else {
            return Ok(());
        };
        let broken = Unread::Unclear("its Authorization cannot be read");
        let line = line.to_str().or(Err(broken))?.trim();
        let (scheme, rest) = line.split_once(' ').ok_or(broken)?;
        // Another scheme says nothing here, and is not passed on.
        if !scheme.eq_ignore_ascii_case("basic") {
            return Ok(());
        }
        let pair = Zeroizing::new(STANDARD.decode(rest.trim()).or(Err(broken))?);
        let pair = std::str::from_utf8(&pair).or(Err(broken))?;
        let (id, secret) = pair.split_once(':').ok_or(broken)?;
        self.add("client_id", id.to_owned())?;
        if secret.is_empty() {
            return Ok(());
        }
        self.add("client_secret", secret.to_owned())
    }

    fn one(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Which App is signed in to.
    pub(super) fn client_id(&self) -> &str {
        self.one("client_id").trim()
    }

    /// The same, and its secret.
    pub(super) fn client(&self) -> (String, Secret) {
        let secret = self.one("client_secret").as_bytes().to_vec();
        (self.client_id().to_owned(), Secret::new(secret))
    }

    /// All of it as a form.
    pub(super) fn write(&self) -> Zeroizing<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            let value = if name == "client_id" {
                value.trim()
            } else {
                value.as_str()
            };
            form.append_pair(name, value);
        }
        Zeroizing::new(form.finish())
    }
}

/// The body's type, without its parameters; none where another character set is said, or two types.
fn kind(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let mut parts = line.to_str().ok()?.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let utf8 = parts.all(|part| {
        let part = part.to_ascii_lowercase().replace('"', "");
        part.is_empty() || part == "charset=utf-8" || part == "charset=utf8"
    });
    utf8.then_some(kind)
}

/// A JSON object's pairs as they stand, those of one name too.
struct Object(Vec<(String, String)>);

impl Drop for Object {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut all = Object(Vec::new());
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            match value {
                Value::String(text) => all.0.push((name, text)),
                Value::Number(number) => all.0.push((name, number.to_string())),
                Value::Bool(flag) => all.0.push((name, flag.to_string())),
                Value::Null => {}
                Value::Array(_) | Value::Object(_) => {
                    return Err(A::Error::custom("a text was expected"));
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::slice::from_ref;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json; charset=utf-8";
    /// `Iv1:s`
    const BASIC: &str = "Basic SXYxOnM=";

    fn read(
        method: &Method,
        query: &str,
        headers: &[(http::HeaderName, &'static str)],
        body: &str,
    ) -> Result<Said, Unread> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, HeaderValue::from_static(value));
        }
        Said::read(method, Some(query), &all, body.as_bytes())
    }

    #[test]
    fn what_is_sent_is_what_was_read() {
        let (form, json) = ((CONTENT_TYPE, FORM), (CONTENT_TYPE, JSON));
        let basic = (AUTHORIZATION, BASIC);
        let plain = "client_id=Iv1&client_secret=s&code=c";
        let spaced =
            "%20client_ID=+Iv1%09&_method=put&format=xml&client_id[]=x&[client_id]=x&a;client_id=x";
        let object = r#"{"client_id":"Iv1","repository_id":7,"state":null}"#;
        for (headers, query, body, expected) in [
            (from_ref(&form), "", plain, plain),
            (&[], plain, "", plain),
            (
                from_ref(&form),
                "client_id=Iv1",
                "code=a%26b",
                "client_id=Iv1&code=a%26b",
            ),
            (from_ref(&form), spaced, "", "client_id=Iv1"),
            (from_ref(&json), "", object, "client_id=Iv1&repository_id=7"),
            (
                from_ref(&basic),
                "code=c",
                "",
                "code=c&client_id=Iv1&client_secret=s",
            ),
        ] {
            let said = read(&Method::POST, query, headers, body).ok().unwrap();
            assert_eq!(*said.write(), expected);
            assert_eq!(said.client().0, "Iv1");
        }
        let said = read(&Method::GET, plain, &[], "").ok().unwrap();
        assert_eq!(*said.write(), plain);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        let (form, json) = ((CONTENT_TYPE, FORM), (CONTENT_TYPE, JSON));
        let basic = (AUTHORIZATION, BASIC);
        let (post, id) = (&Method::POST, "client_id=Iv1");
        for (method, query, headers, body) in [
            (&Method::GET, id, from_ref(&form), "client_id=x"),
            (&Method::GET, "", from_ref(&form), id),
            (post, id, from_ref(&form), "client_id=x"),
            (post, id, from_ref(&form), id),
            (post, "", from_ref(&form), "client_id=x&client_id=Iv1"),
            (post, "", from_ref(&form), "client_id=Iv1&CLIENT_ID+=x"),
            (post, "", from_ref(&form), "client_id=Iv1&code=a&code=b"),
            (post, "", &[form.clone(), basic.clone()], id),
            (post, "", &[form.clone(), basic.clone()], "client_secret=x"),
            (post, "", &[basic.clone(), basic.clone()], ""),
            (post, id, &[(AUTHORIZATION, "Basic !")], ""),
            (post, id, &[(AUTHORIZATION, "Basic")], ""),
            (
                post,
                "",
                from_ref(&json),
                r#"{"client_id":"x","client_id":"Iv1"}"#,
            ),
            (post, "", from_ref(&json), r#"{"client_id":["Iv1"]}"#),
            (post, id, from_ref(&json), r#"{"client_id":"Iv1"}"#),
            (post, id, from_ref(&json), "code=c"),
            (post, "", from_ref(&form), ""),
            (post, "", from_ref(&form), "client_id=+"),
            (post, "", from_ref(&form), "client_id[]=Iv1"),
        ] {
            let found = read(method, query, headers, body).err();
            let unclear = matches!(found, Some(Unread::Unclear(_)));
            assert!(unclear, "{method} {query} {body}: {found:?}");
        }
    }

    #[test]
    fn other_forms_are_not_read() {
        let id = "client_id=Iv1";
        let form = (CONTENT_TYPE, FORM);
        for headers in [
            &[][..],
            &[(CONTENT_TYPE, "multipart/form-data; boundary=b")],
            &[(CONTENT_TYPE, "text/plain")],
            &[(CONTENT_TYPE, "text/json")],
            &[(
                CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=utf-16",
            )],
            &[form.clone(), form.clone()],
            &[form, (CONTENT_ENCODING, "gzip")],
        ] {
            let found = read(&Method::POST, "", headers, id).err();
            assert_eq!(found, Some(Unread::Form), "{headers:?}");
        }
    }
}
