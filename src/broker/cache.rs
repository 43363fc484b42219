//! Answers of GitHub's API that are kept until GitHub says they are still so. Nothing here answers
//! by itself: each request is authorised and asked of GitHub, with the tag of what is held, and
//! only "not modified" lets that be served.
//!
//! What is held is found by the very token that it was had with (by its digest), the server, the
//! path with its query and the headers that choose an answer; and it fits only where the headers
//! that the answer itself names in `Vary` are the same. So nobody is served what another was
//! allowed to see, and with a token everything that was had with it ends, after an hour at most.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    SET_COOKIE, TRANSFER_ENCODING, VARY,
};
use std::sync::Arc;
use std::time::Duration;

/// The longest body that is held; and no body has more than this part of all.
const LARGEST: u64 = 1 << 20;
const PART: u64 = 8;
/// The longest that anything is held: tokens last an hour.
const LONGEST: Duration = Duration::from_hours(1);
/// What an entry takes besides its text, and the name of a header besides its own.
const OVERHEAD: usize = 512;
const OF_NAME: usize = 64;
/// Room for as many lines as GitHub's heads have.
const MOST_LINES: usize = 32;
/// Headers of a request that choose an answer, besides those that answers name.
const CHOOSING: [HeaderName; 6] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    HeaderName::from_static("x-github-api-version"),
    HeaderName::from_static("x-github-next-global-id"),
    HeaderName::from_static("x-requested-with"),
];
/// Conditions of the client's own, and requests for a part.
const CONDITIONS: [HeaderName; 6] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// Answers that are held.
#[derive(Debug)]
pub struct Cache {
    held: moka::sync::Cache<Key, Arc<Held>>,
    bytes: u64,
    largest: usize,
}

/// What an answer was had with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(Digest);

/// An answer that is held, as it came: what it says is put into the outside's words each time.
///
/// Its head is one text: lines of a head that was read share the memory of the whole, and would
/// keep all of it.
#[derive(Debug, Clone)]
pub struct Held {
    tag: HeaderValue,
    /// `name: value\r\n`, again and again.
    head: Box<[u8]>,
    body: Bytes,
    /// The headers that it names in `Vary`, and a digest of how the request had them.
    vary: Box<[HeaderName]>,
    varied: Digest,
}

type Digest = [u8; 32];

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Draft {
    held: Held,
    /// How long it said it would be.
    length: Option<usize>,
    body: Vec<u8>,
}

impl Cache {
    /// Room for so many bytes; none where that is nothing.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let held = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, held: &Arc<Held>| held.weight())
            .time_to_live(LONGEST)
            .build();
        (bytes > 0).then(|| Self {
            held,
            bytes,
            largest: usize::try_from(LARGEST.min(bytes / PART)).unwrap_or(usize::MAX),
        })
    }

    /// How many bytes there is room for.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The longest body that is held, in bytes.
    #[must_use]
    pub const fn largest(&self) -> usize {
        self.largest
    }

    /// What is held for a request, to be asked whether it is still so.
    #[must_use]
    pub fn find(&self, key: &Key, request: &HeaderMap) -> Option<Arc<Held>> {
        self.held.get(key).filter(|held| held.fits(request))
    }

    /// Holds an answer in place of what was held.
    pub fn keep(&self, key: Key, held: Held) {
        self.held.insert(key, Arc::new(held));
        let size = self.held.weighted_size();
        let kibibytes = u32::try_from(size >> 10).map_or(f64::MAX, f64::from);
        metrics::gauge!("hubgate_cache_bytes").set(kibibytes * 1024.0);
    }

    /// How many bytes are held.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.held.run_pending_tasks();
        self.held.weighted_size()
    }
}

impl Key {
    /// Of a request as it goes to GitHub: the token by its digest, the server, the path with its
    /// query, and the headers.
    #[must_use]
    pub fn of(token: &str, server: &str, target: &str, request: &HeaderMap) -> Self {
        let mut context = Context::new(&SHA256);
        for text in [token, server, target] {
            part(&mut context, text.as_bytes());
        }
        part(&mut context, &digest(&CHOOSING, request));
        Self(finished(context))
    }
}

/// Whether nothing is to be held of a request: it says so (RFC 9111, section 5.2.1.5), or it brings
/// a body, on which its answer may hang.
#[must_use]
pub fn stays_unheld(request: &HeaderMap) -> bool {
    let said = request.get_all(CACHE_CONTROL).iter();
    let mut said = said.filter_map(|line| line.to_str().ok());
    request.contains_key(CONTENT_LENGTH)
        || request.contains_key(TRANSFER_ENCODING)
        || said.any(|line| line.to_ascii_lowercase().contains("no-store"))
}

/// Whether a request has conditions of its own, or is for a part; it goes as it is then.
#[must_use]
pub fn has_conditions(request: &HeaderMap) -> bool {
    CONDITIONS.iter().any(|name| request.contains_key(name))
}

impl Draft {
    /// The answer to a request, where it is one that can be held: a JSON document with a tag, at
    /// most `largest` bytes long as far as it says.
    #[must_use]
    pub fn of(request: &HeaderMap, head: &HeaderMap, largest: usize) -> Option<Self> {
        let text = |name: &HeaderName| head.get(name).and_then(|value| value.to_str().ok());
        let kind = text(&CONTENT_TYPE)?.split(';').next().unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        let json = kind.starts_with("application/")
            && (kind.ends_with("/json") || kind.ends_with("+json"));
        let never = text(&CACHE_CONTROL).is_some_and(|said| said.contains("no-store"));
        let whole = head.contains_key(CONTENT_LENGTH) || head.contains_key(TRANSFER_ENCODING);
        let length = text(&CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if !json
            || never
            || !whole
            || head.contains_key(CONTENT_DISPOSITION)
            || length.is_some_and(|length| length > largest)
        {
            return None;
        }
        let vary = vary(head)?;
        Some(Self {
            held: Held {
                tag: HeaderValue::from_bytes(head.get(ETAG)?.as_bytes()).ok()?,
                varied: digest(&vary, request),
                vary: vary.into(),
                head: lasting(head),
                body: Bytes::new(),
            },
            length,
            body: Vec::new(),
        })
    }

    /// Takes a piece of the body; none where it becomes too long.
    #[must_use]
    pub fn take(mut self, piece: &[u8], largest: usize) -> Option<Self> {
        if self.body.len() + piece.len() > largest {
            return None;
        }
        self.body.extend_from_slice(piece);
        Some(self)
    }

    /// The whole, where it is as long as it said.
    #[must_use]
    pub fn finish(self) -> Option<Held> {
        if self.length.is_some_and(|length| length != self.body.len()) {
            return None;
        }
        Some(Held {
            body: Bytes::from(self.body.into_boxed_slice()),
            ..self.held
        })
    }
}

impl Held {
    /// Its tag, by which GitHub knows it.
    #[must_use]
    pub const fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// Its body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its head, with what the answer that confirms it says anew: dates, limits, request ids.
    /// None where that answer is about something else.
    #[must_use]
    pub fn confirmed(&self, answer: &HeaderMap) -> Option<HeaderMap> {
        let bare = |tag: &HeaderValue| {
            let tag = tag.as_bytes();
            tag.strip_prefix(b"W/").unwrap_or(tag).to_vec()
        };
        if answer
            .get(ETAG)
            .is_some_and(|tag| bare(tag) != bare(&self.tag))
        {
            return None;
        }
        let mut head = self.head();
        for name in answer.keys().filter(|name| !is_of_body(name)) {
            let mut values = answer.get_all(name).iter();
            if let Some(first) = values.next() {
                head.insert(name, first.clone());
            }
            for value in values {
                head.append(name, value.clone());
            }
        }
        // It names the very bytes.
        head.insert(ETAG, self.tag.clone());
        head.insert(CONTENT_LENGTH, self.body.len().into());
        Some(head)
    }

    fn head(&self) -> HeaderMap {
        let lines = self.head.split(|byte| *byte == b'\n');
        let line = |line: &[u8]| {
            let line = line.strip_suffix(b"\r")?;
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (line.get(..colon)?, line.get(colon + 2..)?);
            let value = HeaderValue::from_bytes(value).ok()?;
            Some((HeaderName::from_bytes(name).ok()?, value))
        };
        let mut head = HeaderMap::with_capacity(MOST_LINES);
        for (name, value) in lines.filter_map(line) {
            head.append(name, value);
        }
        head
    }

    fn fits(&self, request: &HeaderMap) -> bool {
        digest(&self.vary, request) == self.varied
    }

    fn weight(&self) -> u32 {
        let vary: usize = self
            .vary
            .iter()
            .map(|name| name.as_str().len() + OF_NAME)
            .sum();
        let all = self.body.len() + self.head.len() + self.tag.len() + vary + OVERHEAD;
        u32::try_from(all).unwrap_or(u32::MAX)
    }
}

/// The headers that the answer says it hangs on; none where nobody can say. Who asks is in the key,
/// and cookies do not pass.
fn vary(head: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut all = Vec::new();
    for line in head.get_all(VARY) {
        for word in line.to_str().ok()?.split(',').map(str::trim) {
            if word == "*" {
                return None;
            }
            let Ok(name) = word.parse::<HeaderName>() else {
                continue;
            };
            if name != AUTHORIZATION && name != COOKIE && !all.contains(&name) {
                all.push(name);
            }
        }
    }
    Some(all)
}

/// How a request has these headers.
fn digest(names: &[HeaderName], request: &HeaderMap) -> Digest {
    let mut context = Context::new(&SHA256);
    for name in names {
        part(&mut context, name.as_str().as_bytes());
        let values = request.get_all(name);
        part(&mut context, &values.iter().count().to_be_bytes());
        for value in values {
            part(&mut context, value.as_bytes());
        }
    }
    finished(context)
}

/// A part of what is digested, told from the next by its length.
fn part(context: &mut Context, bytes: &[u8]) {
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(bytes);
}

fn finished(context: Context) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The head without what is of one connection or one client.
fn lasting(head: &HeaderMap) -> Box<[u8]> {
    let mut text = Vec::new();
    for (name, value) in head {
        if *name != SET_COOKIE && *name != TRANSFER_ENCODING && !is_of_connection(name) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.into()
}

fn is_of_connection(name: &HeaderName) -> bool {
    matches!(name.as_str(), "connection" | "keep-alive" | "trailer")
}

/// What an answer without a body says of the body, or of its own connection.
fn is_of_body(name: &HeaderName) -> bool {
    [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        TRANSFER_ENCODING,
        SET_COOKIE,
    ]
    .contains(name)
        || is_of_connection(name)
}

#[cfg(test)]
mod tests;
