//! The name of a key in a hardware module, as RFC 7512 has it:
//! `pkcs11:token=hubgate;object=sync?module-path=…&pin-source=…`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Which key, in which token, by which module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uri {
    /// Its label.
    pub object: Option<String>,
    /// Its `CKA_ID`.
    pub id: Option<Vec<u8>>,
    /// The label of the token that has it.
    pub token: Option<String>,
    /// That token's serial number.
    pub serial: Option<String>,
    /// That token's manufacturer.
    pub manufacturer: Option<String>,
    /// That token's model.
    pub model: Option<String>,
    /// The library that speaks with it.
    pub module: Option<PathBuf>,
    /// The file with its PIN.
    pub pin: Option<PathBuf>,
    /// As it is shown: where to find the key, and nothing of how.
    shown: String,
}

/// Without what comes after `?`.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Why a text names no key. It repeats nothing of it, since a PIN may be in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the PKCS#11 URI {0}; expected such as `pkcs11:token=hubgate;object=jira-sync`")]
pub struct UriError(String);

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let wrong = |why: &str| UriError(why.to_owned());
        let rest = text.strip_prefix(SCHEME);
        let rest = rest.ok_or_else(|| wrong("does not begin with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self {
            shown: format!("{SCHEME}{path}"),
            ..Self::default()
        };
        for attribute in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = pair(attribute)?;
            uri.place(name, value)?;
        }
        for attribute in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = pair(attribute)?;
            uri.ask(name, value)?;
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(wrong("names neither `object` nor `id`"));
        }
        Ok(uri)
    }
}

impl Uri {
    /// An attribute of the path: what tells the key from others.
    fn place(&mut self, name: &str, value: Vec<u8>) -> Result<(), UriError> {
        if name == "id" {
            return once(name, &mut self.id, value);
        }
        let value = text(name, value)?;
        match name {
            "object" => once(name, &mut self.object, value),
            "token" => once(name, &mut self.token, value),
            "serial" => once(name, &mut self.serial, value),
            "manufacturer" => once(name, &mut self.manufacturer, value),
            "model" => once(name, &mut self.model, value),
            "type" if value == "private" => Ok(()),
            "type" => Err(UriError("has a `type` other than `private`".to_owned())),
            _ => Err(UriError(format!(
                "has `{}`, which is not understood: only `object`, `id`, `token`, `serial`, \
                 `manufacturer`, `model` and `type` are",
                name.escape_debug()
            ))),
        }
    }

    /// An attribute of the query: how the key is got at.
    fn ask(&mut self, name: &str, value: Vec<u8>) -> Result<(), UriError> {
        match name {
            "module-path" => once(name, &mut self.module, text(name, value)?.into()),
            "pin-source" => {
                let value = text(name, value)?;
                let path = value.strip_prefix("file:").unwrap_or(&value);
                if !path.starts_with('/') {
                    let why = "has a `pin-source` that is no file, such as `file:/etc/pin`";
                    return Err(UriError(why.to_owned()));
                }
                once(name, &mut self.pin, path.into())
            }
            "pin-value" => Err(UriError(
                "has the PIN itself, which whoever lists processes can read: name its file in \
                 `pin-source`"
                    .to_owned(),
            )),
            _ => Err(UriError(format!(
                "has `{}`, which is not understood: only `module-path` and `pin-source` are",
                name.escape_debug()
            ))),
        }
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), UriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UriError(format!("has `{name}` twice"))),
    }
}

fn text(name: &str, value: Vec<u8>) -> Result<String, UriError> {
    let text = String::from_utf8(value).ok();
    text.ok_or_else(|| UriError(format!("has a `{}` that is not UTF-8", name.escape_debug())))
}

fn pair(attribute: &str) -> Result<(&str, Vec<u8>), UriError> {
    let (name, value) = attribute
        .split_once('=')
        .ok_or_else(|| UriError("has an attribute without a value".to_owned()))?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || (rest.next()? as char).to_digit(16);
            let both = digit().zip(digit());
            let both = both.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
            both.ok_or_else(|| UriError("has a `%` without two hexadecimal digits".to_owned()))?
        } else {
            byte
        };
        bytes.push(byte);
    }
    Ok((name, bytes))
}

/// How such a name begins.
pub const SCHEME: &str = "pkcs11:";

#[cfg(test)]
mod tests;
