//! JSON as it streams by: string values that begin with an internal origin get the public one.
//!
//! The document is not taken apart. In JSON a quote that a letter or a `\` follows opens a
//! string, unless a `\` stands before it; and the byte before it tells a value (`:` or `[`)
//! from a name (`{`). Only behind a `,` the string's end must be seen: a `:` follows a name. So
//! it is enough to look where an address can be: around `://`, `@` and `\`, which are found
//! many bytes at a time.

use super::names::Names;
use super::prefix::{Anchor, Verdict};
use bytes::Bytes;
use memchr::{memchr_iter, memchr2, memmem, memrchr};
use std::sync::Arc;

/// Rewrites one document, piece by piece. What does not begin as JSON passes untouched.
#[derive(Debug)]
pub struct Scanner {
    names: Arc<Names>,
    stage: Stage,
    /// The last byte before `held` that is no space.
    before: Option<u8>,
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing but spaces came yet.
    Fresh,
    Inside,
    /// This is no JSON.
    Lost,
}

/// What becomes of a string.
enum Fate<'t> {
    Stay,
    /// More must come before it can be told.
    Wait,
    /// So many of its bytes give way to this.
    Change(usize, &'t str),
}

/// So many bytes of a string behind a `,` are looked through for its end; one that is longer and
/// begins with an internal origin is no member's name.
const LONGEST_NAME: usize = 4096;

impl Scanner {
    /// A scanner at the beginning of a document.
    #[must_use]
    pub const fn new(names: Arc<Names>) -> Self {
        Self {
            names,
            stage: Stage::Fresh,
            before: None,
            held: Vec::new(),
        }
    }

    /// Takes the next piece and gives what can be sent on; the same bytes, not copied, where
    /// nothing in them changes.
    #[must_use]
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let text = if self.held.is_empty() {
            piece
        } else {
            self.held.extend_from_slice(&piece);
            std::mem::take(&mut self.held).into()
        };
        if self.stage == Stage::Fresh {
            self.stage = match text.iter().find(|byte| !is_space(**byte)) {
                None => Stage::Fresh,
                Some(byte) if begins(*byte) => Stage::Inside,
                Some(_) => Stage::Lost,
            };
        }
        if self.stage != Stage::Inside {
            return text;
        }
        let names = Arc::clone(&self.names);
        let mut out = Out {
            names: &names,
            text: &text,
            before: self.before,
            sent: 0,
            new: Vec::new(),
        };
        let keep = out.scan();
        self.before = out.before(keep);
        self.held = text.get(keep..).unwrap_or_default().to_vec();
        let Out { sent, mut new, .. } = out;
        if new.is_empty() {
            return text.slice(..keep);
        }
        new.extend_from_slice(text.get(sent..keep).unwrap_or_default());
        new.into()
    }

    /// Ends the document and gives what was still held, which happens only where the document
    /// broke off.
    #[must_use]
    pub fn finish(&mut self) -> Bytes {
        self.stage = Stage::Lost;
        std::mem::take(&mut self.held).into()
    }

    /// How many bytes are held at the moment.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// How many bytes are held at most: of one string, its quote and the longest beginning with
    /// each character written as `\u0000`, and all but the last byte of one more; behind a `,`
    /// up to 4 KiB.
    #[must_use]
    pub fn most_held(&self) -> usize {
        (1 + self.names.table().longest() * 6 + 5).max(LONGEST_NAME)
    }
}

/// A text on its way out.
struct Out<'p> {
    names: &'p Names,
    text: &'p [u8],
    /// The last byte before the text that is no space.
    before: Option<u8>,
    /// How much of the text is in `new`.
    sent: usize,
    /// What goes before the rest of the text.
    new: Vec<u8>,
}

impl<'p> Out<'p> {
    /// Changes what there is to change, and says where that begins which cannot be told yet.
    fn scan(&mut self) -> usize {
        let text = self.text;
        let table = self.names.table();
        let mut schemes = memmem::find_iter(text, b"://").peekable();
        let mut users = memchr_iter(b'@', text).peekable();
        let mut escapes = memchr_iter(b'\\', text).peekable();
        loop {
            let scheme = schemes.peek().copied().unwrap_or(usize::MAX);
            let user = users.peek().copied().unwrap_or(usize::MAX);
            let escape = escapes.peek().copied().unwrap_or(usize::MAX);
            let quote = if scheme < user && scheme < escape {
                schemes.next();
                self.quote(scheme, table.distances(Anchor::Scheme))
            } else if user < escape {
                users.next();
                self.quote(user, table.distances(Anchor::User))
            } else if escape < usize::MAX {
                escapes.next();
                let from = escape.saturating_sub(table.reach());
                let near = text.get(from..escape).unwrap_or_default();
                memrchr(b'"', near).map(|at| from + at)
            } else {
                return self.tail();
            };
            let Some(quote) = quote.filter(|quote| *quote >= self.sent) else {
                continue;
            };
            match self.fate(quote) {
                Fate::Stay => {}
                Fate::Wait => return quote,
                Fate::Change(len, to) => self.replace(quote + 1, len, to),
            }
        }
    }

    /// The quote at one of these distances before `at`.
    fn quote(&self, at: usize, distances: &[usize]) -> Option<usize> {
        let mut all = distances.iter().filter_map(|far| at.checked_sub(*far));
        all.find(|at| self.text.get(*at) == Some(&b'"'))
    }

    /// Where a string begins that the end of the text cuts before it can be told; else the end.
    /// One with an anchor or a `\` in it was found by that.
    fn tail(&self) -> usize {
        let end = self.text.len();
        let from = end.saturating_sub(self.names.table().reach());
        let last = memrchr(b'"', self.text.get(from..).unwrap_or_default());
        match last.map(|at| from + at) {
            Some(quote) if matches!(self.fate(quote), Fate::Wait) => quote,
            Some(_) | None => end,
        }
    }

    /// The last byte before `at` that is no space.
    fn before(&self, at: usize) -> Option<u8> {
        let text = self.text.get(..at).unwrap_or_default();
        let mut bytes = text.iter().rev().copied();
        bytes.find(|byte| !is_space(*byte)).or(self.before)
    }

    fn fate(&self, quote: usize) -> Fate<'p> {
        let raw = self.text.get(quote + 1..).unwrap_or_default();
        let verdict = self.names.table().json(raw);
        if verdict == Verdict::None {
            return Fate::Stay;
        }
        let sure = match self.before(quote) {
            None | Some(b':' | b'[') => true,
            Some(b',') => false,
            Some(_) => return Fate::Stay,
        };
        match verdict {
            Verdict::None => Fate::Stay,
            Verdict::Open => Fate::Wait,
            Verdict::Found { len, to } if sure => Fate::Change(len, to.as_str()),
            Verdict::Found { len, to } => match is_name(raw, len) {
                Some(true) => Fate::Stay,
                Some(false) => Fate::Change(len, to.as_str()),
                None => Fate::Wait,
            },
        }
    }

    /// Puts `to` in the place of `len` bytes.
    fn replace(&mut self, at: usize, len: usize, to: &str) {
        if self.new.capacity() == 0 {
            self.new.reserve(self.text.len() + self.text.len() / 8);
        }
        let before = self.text.get(self.sent..at).unwrap_or_default();
        self.new.extend_from_slice(before);
        self.new.extend_from_slice(to.as_bytes());
        self.sent = at + len;
    }
}

/// Whether a string, of which this much has been seen from its quote on, is the name of a member;
/// nothing where more must come.
fn is_name(raw: &[u8], from: usize) -> Option<bool> {
    let near = raw.get(..LONGEST_NAME).unwrap_or(raw);
    let more = || {
        if near.len() < LONGEST_NAME {
            None
        } else {
            Some(false)
        }
    };
    let mut at = from;
    loop {
        let rest = near.get(at..).unwrap_or_default();
        let Some(len) = memchr2(b'"', b'\\', rest) else {
            return more();
        };
        if rest.get(len) == Some(&b'"') {
            let rest = rest.get(len + 1..).unwrap_or_default();
            return match rest.iter().find(|byte| !is_space(**byte)) {
                Some(byte) => Some(*byte == b':'),
                None => more(),
            };
        }
        at += len + 2;
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a value can begin so.
const fn begins(byte: u8) -> bool {
    matches!(
        byte,
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'
    )
}
