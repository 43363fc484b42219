//! The hosts of a route's names: which stands for which, and whether a text tells of one.

use super::origin::{Base, bracketed};
use memchr::memchr2;

/// One place under two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// How it is called inside.
    pub internal: Base,
    /// How it is called outside.
    pub public: Base,
}

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
                let host = |base: &Base| bracketed(base.origin().host()).into();
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

    pub(super) fn mentioned(&self, value: &[u8]) -> bool {
        let mut hosts = self.shortest.iter();
        hosts.any(|host| find(value, host.as_bytes()).is_some())
    }

    /// Whether an internal name stands in the text other than as a part of a public one. What
    /// goes on with a letter is another word: `ghe.integration` does not tell of `ghe.int`.
    pub(super) fn legible(&self, text: &[u8]) -> bool {
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
    pub(super) fn word(&self, word: &[u8], addressed: bool) -> Option<Vec<u8>> {
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

pub(super) const fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}
