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
/// What an entry takes besides its text.
const OVERHEAD: usize = 512;
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
pub struct Key([u8; 32]);

/// An answer that is held, as it came: what it says is put into the outside's words each time.
#[derive(Debug, Clone)]
pub struct Held {
    tag: HeaderValue,
    head: HeaderMap,
    body: Bytes,
    /// The headers that it names in `Vary`, as the request had them.
    vary: Vec<(HeaderName, Vec<HeaderValue>)>,
}

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
        metrics::gauge!("hubgate_cache_bytes").set(u32::try_from(size).map_or(f64::MAX, f64::from));
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
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(token.as_bytes());
        part(server.as_bytes());
        part(target.as_bytes());
        for name in &CHOOSING {
            let values = request.get_all(name);
            part(&values.iter().count().to_be_bytes());
            values.iter().for_each(|value| part(value.as_bytes()));
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
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
        Some(Self {
            held: Held {
                tag: head.get(ETAG)?.clone(),
                vary: vary(request, head)?,
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
            body: Bytes::from(self.body),
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
        let mut head = self.head.clone();
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

    fn fits(&self, request: &HeaderMap) -> bool {
        self.vary.iter().all(|(name, values)| {
            let now: Vec<&HeaderValue> = request.get_all(name).iter().collect();
            now.len() == values.len() && now.iter().zip(values).all(|(now, then)| *now == then)
        })
    }

    fn weight(&self) -> u32 {
        let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let head: usize = self.head.iter().map(line).sum();
        let vary = self.vary.iter().flat_map(|(_, values)| values);
        let vary: usize = vary.map(|value| value.len() + OVERHEAD / 8).sum();
        let all = self.body.len() + head + vary + OVERHEAD;
        u32::try_from(all).unwrap_or(u32::MAX)
    }
}

/// What the answer says it hangs on, as the request had it; none where nobody can say. Who asks is
/// in the key, and cookies do not pass.
fn vary(request: &HeaderMap, head: &HeaderMap) -> Option<Vec<(HeaderName, Vec<HeaderValue>)>> {
    let mut all = Vec::new();
    for line in head.get_all(VARY) {
        for word in line.to_str().ok()?.split(',').map(str::trim) {
            if word == "*" {
                return None;
            }
            let Ok(name) = word.parse::<HeaderName>() else {
                continue;
            };
            if name != AUTHORIZATION && name != COOKIE {
                let values = request.get_all(&name).iter().cloned().collect();
                all.push((name, values));
            }
        }
    }
    Some(all)
}

/// The head without what is of one connection or one client.
fn lasting(head: &HeaderMap) -> HeaderMap {
    let mut kept = head.clone();
    for name in ["connection", "keep-alive", "transfer-encoding", "trailer"] {
        kept.remove(name);
    }
    kept.remove(SET_COOKIE);
    kept
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
        || matches!(name.as_str(), "connection" | "keep-alive" | "trailer")
}

#[cfg(test)]
mod tests;
