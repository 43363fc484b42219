//! What passed on the wire, read again as HTTP/1.1.

use super::wire::Tape;
use std::io::Read as _;

/// One request and what was answered.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    pub target: String,
    pub status: u16,
    pub headers: Headers,
    /// The answer's body without its framing and its encoding.
    pub body: Vec<u8>,
    /// Whether the answer came to its end.
    pub whole: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Headers(pub Vec<(String, Vec<u8>)>);

impl Headers {
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        let (_, value) = all.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

impl Exchange {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How a message's body ends.
enum Framing {
    None,
    Length(usize),
    Chunked,
    /// With the connection.
    Close,
}

/// The exchanges of one connection, in their order.
pub(super) fn exchanges(tape: &Tape) -> Vec<Exchange> {
    let asked = tape.asked.lock().unwrap().clone();
    let answered = tape.answered.lock().unwrap().clone();
    let (mut asked, mut answered) = (&asked[..], &answered[..]);
    let mut all = Vec::new();
    while let Some((method, target, headers)) = request(&mut asked) {
        let framing = framing(&headers, Framing::None);
        drop(body(&mut asked, &framing));
        // Interim answers come before the one that counts.
        let mut found = response(&mut answered);
        while matches!(found, Some((100..=199, _))) {
            found = response(&mut answered);
        }
        let Some((status, answer)) = found else { break };
        let bare = method == "HEAD" || matches!(status, 204 | 304);
        let framing = if bare {
            Framing::None
        } else {
            self::framing(&answer, Framing::Close)
        };
        let (body, whole) = body(&mut answered, &framing);
        all.push(Exchange {
            method,
            target,
            status,
            body: decoded(&answer, body),
            headers: answer,
            whole,
        });
    }
    all
}

fn request(from: &mut &[u8]) -> Option<(String, String, Headers)> {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut room);
    let httparse::Status::Complete(length) = parsed.parse(from).ok()? else {
        return None;
    };
    let found = (
        parsed.method?.to_owned(),
        parsed.path?.to_owned(),
        headers(parsed.headers),
    );
    *from = &from[length..];
    Some(found)
}

fn response(from: &mut &[u8]) -> Option<(u16, Headers)> {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Response::new(&mut room);
    let httparse::Status::Complete(length) = parsed.parse(from).ok()? else {
        return None;
    };
    let found = (parsed.code?, headers(parsed.headers));
    *from = &from[length..];
    Some(found)
}

fn headers(parsed: &[httparse::Header<'_>]) -> Headers {
    let all = parsed.iter();
    Headers(
        all.map(|one| (one.name.to_owned(), one.value.to_vec()))
            .collect(),
    )
}

fn framing(headers: &Headers, otherwise: Framing) -> Framing {
    if headers.one("transfer-encoding").is_some() {
        return Framing::Chunked;
    }
    let length = headers.one("content-length");
    length.map_or(otherwise, |length| Framing::Length(length.parse().unwrap()))
}

/// Takes a body off, and tells whether it was whole.
fn body(from: &mut &[u8], framing: &Framing) -> (Vec<u8>, bool) {
    match framing {
        Framing::None => (Vec::new(), true),
        Framing::Length(length) => {
            let (body, rest) = from.split_at((*length).min(from.len()));
            *from = rest;
            (body.to_vec(), body.len() == *length)
        }
        Framing::Close => (std::mem::take(from).to_vec(), true),
        Framing::Chunked => {
            let mut whole = Vec::new();
            while let Ok(httparse::Status::Complete((start, length))) =
                httparse::parse_chunk_size(from)
            {
                let end = start + usize::try_from(length).unwrap();
                let Some(piece) = from.get(start..end) else {
                    break;
                };
                whole.extend(piece);
                *from = from.get(end + 2..).unwrap_or_default();
                if length == 0 {
                    return (whole, true);
                }
            }
            (whole, false)
        }
    }
}

fn decoded(headers: &Headers, body: Vec<u8>) -> Vec<u8> {
    match headers.one("content-encoding") {
        None => body,
        Some("gzip") => {
            let mut plain = Vec::new();
            // What was cut off is searched as far as it goes.
            drop(flate2::read::MultiGzDecoder::new(&body[..]).read_to_end(&mut plain));
            plain
        }
        Some(other) => panic!("an answer is encoded as `{other}`, which cannot be searched"),
    }
}
