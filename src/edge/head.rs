//! A request's head on its raw bytes: where it ends, where its body ends, and what in it is ours
//! to refuse because the parser behind would take it. Reads nothing and answers nothing.

use memchr::memchr_iter;

/// The longest head taken, request line and all. GitHub's are under 2 KiB; cookies of a large
/// intranet reach 16.
pub const LONGEST: usize = 64 * 1024;

/// The most header fields taken; browsers behind several proxies send 40.
pub const MOST_FIELDS: usize = 128;

/// Blank lines that may come before a request (RFC 9112 section 2.2 asks for one at least).
const BLANK_LINES: usize = 2;

/// What is known of a request from its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of blank lines before it, to be thrown away.
    pub blank: usize,
    /// Its bytes after these, the empty line at its end included.
    pub length: usize,
    /// What follows it.
    pub body: Body,
}

/// Where a request's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// After this many bytes.
    Length(u64),
    /// Where its chunks say.
    Chunked,
    /// Nowhere, if the application agrees to the upgrade that is asked for.
    Upgrade,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not end within [`LONGEST`], or has more than [`MOST_FIELDS`].
    #[error("the request's header is larger than 64 KiB or has more than 128 fields")]
    TooLarge,
    /// It is not a head, or one that two readers could understand in two ways.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Looks at what came so far; `None` where the head is not complete yet.
///
/// # Errors
/// Where it is not to be passed on, which may show before it is complete.
pub fn check(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let (blank, rest) = skip_blank_lines(bytes)?;
    let mut fields = Fields::default();
    let mut request = None;
    let mut start = 0;
    for end in memchr_iter(b'\n', rest) {
        if end >= LONGEST {
            return Err(Refusal::TooLarge);
        }
        let line = rest
            .get(start..end)
            .and_then(|line| line.strip_suffix(b"\r"));
        let Some(line) = line else {
            return Err(Refusal::Malformed("a line ends without a carriage return"));
        };
        start = end + 1;
        match request {
            None => request = Some(Request::read(line)?),
            Some(request) if line.is_empty() => {
                return Ok(Some(Head {
                    blank,
                    length: start,
                    body: fields.body(request)?,
                }));
            }
            Some(_) => fields.take(line)?,
        }
    }
    if rest.len() >= LONGEST {
        return Err(Refusal::TooLarge);
    }
    Ok(None)
}

fn skip_blank_lines(bytes: &[u8]) -> Result<(usize, &[u8]), Refusal> {
    let mut rest = bytes;
    for lines in 0.. {
        let Some(after) = rest.strip_prefix(b"\r\n") else {
            break;
        };
        if lines == BLANK_LINES {
            return Err(Refusal::Malformed(
                "too many empty lines before the request",
            ));
        }
        rest = after;
    }
    Ok((bytes.len() - rest.len(), rest))
}

#[derive(Debug, Clone, Copy)]
struct Request {
    /// HTTP/1.1, and not 1.0.
    persistent: bool,
}

impl Request {
    fn read(line: &[u8]) -> Result<Self, Refusal> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refusal::Malformed(
                "the request line is not a method, a target and a version",
            ));
        };
        if !is_token(method) {
            return Err(Refusal::Malformed("the method is not a token"));
        }
        if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
            return Err(Refusal::Malformed(
                "the target holds a byte that must be percent-encoded",
            ));
        }
        match version {
            b"HTTP/1.1" => Ok(Self { persistent: true }),
            b"HTTP/1.0" => Ok(Self { persistent: false }),
            _ => Err(Refusal::Malformed(
                "the version is neither HTTP/1.1 nor HTTP/1.0",
            )),
        }
    }
}

/// The fields that say where a request goes and where it ends.
#[derive(Debug, Default)]
struct Fields {
    count: usize,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.count += 1;
        if self.count > MOST_FIELDS {
            return Err(Refusal::TooLarge);
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(Refusal::Malformed(
                "a header field is folded over two lines",
            ));
        }
        let colon = memchr::memchr(b':', line);
        let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
            return Err(Refusal::Malformed("a header line has no colon"));
        };
        if !is_token(name) {
            return Err(Refusal::Malformed("a header field's name is not a token"));
        }
        let value = value.get(1..).unwrap_or_default();
        if value
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err(Refusal::Malformed(
                "a header field's value holds a control character",
            ));
        }
        // Only what was found to hold no other white space may be trimmed of it.
        self.note(name, value.trim_ascii())
    }

    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("host") {
            if value.is_empty() || std::mem::replace(&mut self.host, true) {
                return Err(Refusal::Malformed(
                    "the Host field is empty, or there are two",
                ));
            }
        } else if is("content-length") {
            let Some(length) = decimal(value) else {
                return Err(Refusal::Malformed("the Content-Length is not a number"));
            };
            if self.length.replace(length).is_some() {
                return Err(Refusal::Malformed("there are two Content-Length fields"));
            }
        } else if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") || std::mem::replace(&mut self.chunked, true)
            {
                return Err(Refusal::Malformed(
                    "the Transfer-Encoding is something else than `chunked`",
                ));
            }
        } else if is("upgrade") {
            self.upgrade = true;
        }
        Ok(())
    }

    fn body(&self, request: Request) -> Result<Body, Refusal> {
        if request.persistent && !self.host {
            return Err(Refusal::Malformed("the Host field is missing"));
        }
        if self.chunked && !request.persistent {
            return Err(Refusal::Malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Refusal::Malformed(
                "there are both a Content-Length and a Transfer-Encoding",
            )),
            _ if self.upgrade => Ok(Body::Upgrade),
            (_, true) => Ok(Body::Chunked),
            (length, false) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

/// Digits and nothing else; 19 of them always fit.
fn decimal(text: &[u8]) -> Option<u64> {
    let fits = !text.is_empty() && text.len() <= 19 && text.iter().all(u8::is_ascii_digit);
    fits.then(|| {
        text.iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests;
