//! Host names in fields that have no form of their own: whatever a service writes there, its
//! internal names do not leave.

use super::names::{Names, Pair};
use super::origin::bracketed;
use memchr::memchr2;

/// The hosts of a route's names.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Internal ones with what they are called outside, the longest first.
    internal: Vec<(Box<str>, Box<str>)>,
    /// Those of the internal ones that no other is a part of: where none of these stands, none
    /// stands.
    shortest: Vec<Box<str>>,
    /// Public ones, the longest first.
    public: Vec<Box<str>>,
}

impl Hosts {
    pub(super) fn new(pairs: &[Pair]) -> Self {
        let mut public: Vec<Box<str>> = pairs
            .iter()
            .map(|pair| bracketed(pair.public.origin().host()).into())
            .collect();
        let mut internal: Vec<(Box<str>, Box<str>)> = pairs
            .iter()
            .map(|pair| {
                let host = |base: &super::Base| bracketed(base.origin().host()).into();
                (host(&pair.internal), host(&pair.public))
            })
            .filter(|(inside, _)| !public.contains(inside))
            .collect();
        public.sort_by_key(|host| std::cmp::Reverse(host.len()));
        internal.sort_by_key(|(host, _)| std::cmp::Reverse(host.len()));
        internal.dedup_by(|a, b| a.0 == b.0);
        let part = |host: &str, other: &str| other != host && host.contains(other);
        let shortest = internal.iter().map(|(host, _)| host.clone());
        let shortest = shortest
            .filter(|host| !internal.iter().any(|(other, _)| part(host, other)))
            .collect();
        Self {
            internal,
            shortest,
            public,
        }
    }

    /// The public counterpart of an internal host.
    pub(super) fn outward(&self, host: &str) -> Option<&str> {
        let mut all = self.internal.iter();
        all.find(|(inside, _)| inside.eq_ignore_ascii_case(host))
            .map(|(_, outside)| &**outside)
    }

    /// Whether the host is one of the public ones.
    pub(super) fn is_public(&self, host: &str) -> bool {
        self.public
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    fn mentioned(&self, value: &[u8]) -> bool {
        let mut hosts = self.shortest.iter();
        hosts.any(|host| find(value, host.as_bytes()).is_some())
    }

    /// Whether an internal name stands in the text other than as a part of a public one. What
    /// goes on with a letter is another word: `ghe.integration` does not tell of `ghe.int`.
    fn legible(&self, text: &[u8]) -> bool {
        let told = |host: &str| host.contains('.') || host.contains(':');
        let mut hosts = self.internal.iter().filter(|(host, _)| told(host));
        hosts.any(|(host, _)| {
            let mut bare = text.to_vec();
            for public in self.public.iter().filter(|name| name.contains(&**host)) {
                while let Some(at) = find(&bare, public.as_bytes()) {
                    bare.splice(at..at + public.len(), [b' ']);
                }
            }
            let mut rest: &[u8] = &bare;
            while let Some(at) = find(rest, host.as_bytes()) {
                rest = rest.get(at + host.len()..).unwrap_or_default();
                let next = rest.first();
                if !next.is_some_and(|byte| is_host(*byte) && *byte != b'.') {
                    return true;
                }
            }
            false
        })
    }

    /// The public form of a word that is an internal host or lies below one.
    fn word(&self, word: &[u8], addressed: bool) -> Option<Vec<u8>> {
        let (inside, outside) = self.internal.iter().find(|(host, _)| {
            // A name without a dot is also a word of the language.
            let alone = !host.contains('.') && !host.contains(':');
            if alone {
                addressed && word.eq_ignore_ascii_case(host.as_bytes())
            } else {
                below(word, host)
            }
        })?;
        let longer = |name: &str| name.len() > inside.len() && below(word, name);
        if self.public.iter().any(|name| longer(name)) {
            return None;
        }
        let head = word.get(..word.len() - inside.len())?;
        Some([head, outside.as_bytes()].concat())
    }
}

/// Whether a word is a host or a name below it.
fn below(word: &[u8], host: &str) -> bool {
    let Some(at) = word.len().checked_sub(host.len()) else {
        return false;
    };
    let tail = word.get(at..).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|at| word.get(at));
    tail.eq_ignore_ascii_case(host.as_bytes()) && matches!(before, None | Some(b'.'))
}

/// The first place of a name, written in either case.
fn find(value: &[u8], name: &[u8]) -> Option<usize> {
    let first = *name.first()?;
    let mut from = 0;
    loop {
        let rest = value.get(from..)?;
        let at = from + memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), rest)?;
        let text = value.get(at..at + name.len())?;
        if text.eq_ignore_ascii_case(name) {
            return Some(at);
        }
        from = at + 1;
    }
}

impl Names {
    /// The value with public names for internal ones, wherever they stand: origins first, then
    /// bare hosts and names below them. Nothing where there is none.
    pub(super) fn sweep(&self, value: &[u8]) -> Option<Vec<u8>> {
        if !self.hosts().mentioned(value) {
            return None;
        }
        let mut out = Vec::with_capacity(value.len() + 32);
        let mut rest = value;
        while let Some(&byte) = rest.first() {
            let len = if let Some((len, to)) = self.origin_here(rest, &out) {
                out.extend_from_slice(to.as_bytes());
                len
            } else if let Some(len) = escape(rest) {
                out.extend_from_slice(rest.get(..len).unwrap_or_default());
                len
            } else if is_host(byte) || byte == b'[' {
                let len = word(rest);
                let text = rest.get(..len).unwrap_or_default();
                match self.hosts().word(text, addressed(&out)) {
                    Some(public) => out.extend_from_slice(&public),
                    None => out.extend_from_slice(text),
                }
                len
            } else {
                out.push(byte);
                1
            };
            rest = rest.get(len.max(1)..).unwrap_or_default();
        }
        (out != value).then_some(out)
    }

    /// Whether an internal name can still be read in the value, also where it is
    /// percent-encoded, once or twice.
    pub(super) fn lingers(&self, value: &[u8]) -> bool {
        if !value.contains(&b'%') && !self.hosts().mentioned(value) {
            return false;
        }
        let mut text = value.to_ascii_lowercase();
        for _ in 0..3 {
            if self.hosts().legible(&text) {
                return true;
            }
            if !text.contains(&b'%') {
                return false;
            }
            text = decoded(&text).to_ascii_lowercase();
        }
        false
    }

    /// The internal origin that begins here, its length and what goes in its place: with the
    /// path of the public base where it has a path itself.
    fn origin_here(&self, rest: &[u8], before: &[u8]) -> Option<(usize, &str)> {
        let byte = *rest.first()?;
        if before.last().is_some_and(|last| is_host(*last)) || !self.table().starts(byte) {
            return None;
        }
        let ends = |byte: &u8| !byte.is_ascii_graphic() || b"\"'<>,;()|\\%".contains(byte);
        let token = rest.split(ends).next()?;
        let (len, to) = self.table().plain(token)?;
        let whole = token.len() == len;
        Some((len, if whole { to.origin() } else { to.as_str() }))
    }
}

const fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// The length of the word that begins here: of host characters, or a bracketed literal.
fn word(rest: &[u8]) -> usize {
    if rest.first() == Some(&b'[') {
        return rest
            .iter()
            .position(|byte| *byte == b']')
            .map_or(1, |at| at + 1);
    }
    let len = rest.iter().take_while(|byte| is_host(**byte)).count();
    let text = rest.get(..len).unwrap_or_default();
    // The dot behind a name belongs to the sentence, or to the root.
    let dots = text.iter().rev().take_while(|byte| **byte == b'.').count();
    (len - dots).max(1)
}

/// The length of a percent-encoded character, which separates words.
fn escape(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => Some(3),
        _ => None,
    }
}

/// Whether what comes next stands where an address has its host.
fn addressed(before: &[u8]) -> bool {
    let ends = |end: &[u8]| {
        let at = before.len().checked_sub(end.len());
        at.and_then(|at| before.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends(b"//") || ends(b"@") || ends(b"%2f%2f") || ends(b"%40")
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}
