//! A set of beginnings that addresses may have, each with what is put in its place, as a tree
//! that is walked by one byte of the decoded text after the other.

use std::ops::Range;

/// What may stand after a beginning for it to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A path, a query, a fragment, or the end: `https://host`.
    Part,
    /// A port, a path, or the end: `git://host`.
    Port,
    /// The path of `git@host:owner/name.git`.
    Colon,
}

impl Next {
    const fn allows(self, byte: u8) -> bool {
        match self {
            Self::Part => matches!(byte, b'/' | b'?' | b'#'),
            Self::Port => matches!(byte, b'/' | b':'),
            Self::Colon => byte == b':',
        }
    }

    const fn allows_end(self) -> bool {
        match self {
            Self::Part | Self::Port => true,
            Self::Colon => false,
        }
    }
}

/// One beginning.
#[derive(Debug, Clone)]
pub(super) struct Prefix {
    /// Scheme and authority, compared without case.
    pub(super) origin: String,
    /// What belongs to the path, compared as it is.
    pub(super) path: String,
    /// What may follow.
    pub(super) next: Next,
    /// What is put in its place.
    pub(super) to: Target,
}

/// What is put in the place of a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    text: Box<str>,
    origin: usize,
}

impl Target {
    /// An origin and the path of a base.
    pub(super) fn new(origin: &str, path: &str) -> Self {
        Self {
            text: format!("{origin}{path}").into(),
            origin: origin.len(),
        }
    }

    /// The whole.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Without the path.
    pub(super) fn origin(&self) -> &str {
        self.text.get(..self.origin).unwrap_or_default()
    }
}

/// What a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict<'t> {
    /// With none of the beginnings.
    None,
    /// It cannot be told from so little.
    Open,
    /// With one that is this long as it is written; this goes in its place.
    Found { len: usize, to: &'t Target },
}

#[derive(Debug, Default)]
struct Node {
    edges: Vec<(u8, usize)>,
    end: Option<(Next, Target)>,
}

/// The set.
#[derive(Debug)]
pub(super) struct Table {
    nodes: Vec<Node>,
    longest: usize,
    /// How far before their anchors the quotes of strings with such beginnings are.
    distances: [Vec<usize>; 2],
    /// Where the tree goes on behind `https://`.
    web: Option<usize>,
    /// The beginning that nearly all addresses have, to be compared in one go.
    usual: Option<(Box<[u8]>, Next, Target)>,
}

const ROOT: usize = 0;
const WEB: &[u8] = b"https://";

/// What every beginning has in it, and hardly anything else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// `://`
    Scheme,
    /// `@`
    User,
}

impl Anchor {
    fn distances(self, prefixes: &[Prefix]) -> Vec<usize> {
        let distance = |prefix: &Prefix| match (prefix.origin.find("://"), self) {
            (Some(at), Self::Scheme) => Some(at + 1),
            (None, Self::User) => prefix.origin.find('@').map(|at| at + 1),
            (Some(_), Self::User) | (None, Self::Scheme) => None,
        };
        let mut all: Vec<usize> = prefixes.iter().filter_map(distance).collect();
        // Of two quotes the nearer one is meant.
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Table {
    /// The set of `prefixes`, of which the first is the usual one. Where two are the same, the
    /// earlier holds.
    pub(super) fn new(prefixes: &[Prefix]) -> Self {
        let mut table = Self {
            nodes: vec![Node::default()],
            longest: 0,
            distances: [Anchor::Scheme, Anchor::User].map(|anchor| anchor.distances(prefixes)),
            web: None,
            usual: prefixes
                .first()
                // A longer one might begin like it.
                .filter(|first| {
                    let text = format!("{}{}", first.origin, first.path);
                    prefixes.iter().skip(1).all(|other| {
                        let other = format!("{}{}", other.origin, other.path);
                        let longer = other
                            .get(..text.len())
                            .is_some_and(|head| head.eq_ignore_ascii_case(&text));
                        !longer || other.as_bytes().get(text.len()) == Some(&b':')
                    })
                })
                .map(|first| {
                    let text = format!("{}{}", first.origin, first.path);
                    (text.into_bytes().into(), first.next, first.to.clone())
                }),
        };
        for prefix in prefixes {
            table.insert(prefix);
        }
        let mut web = Some(ROOT);
        for byte in WEB {
            web = web.and_then(|at| table.step(at, *byte));
        }
        table.web = web;
        table
    }

    fn insert(&mut self, prefix: &Prefix) {
        let origin = prefix.origin.bytes().map(|byte| (byte, true));
        let path = prefix.path.bytes().map(|byte| (byte, false));
        let mut at = ROOT;
        for (byte, fold) in origin.chain(path) {
            let upper = if fold {
                byte.to_ascii_uppercase()
            } else {
                byte
            };
            at = self.step(at, byte).unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                if let Some(node) = self.nodes.get_mut(at) {
                    node.edges.push((byte, new));
                    if upper != byte {
                        node.edges.push((upper, new));
                    }
                }
                new
            });
        }
        if let Some(node) = self.nodes.get_mut(at)
            && node.end.is_none()
        {
            node.end = Some((prefix.next, prefix.to.clone()));
        }
        let len = prefix.origin.len() + prefix.path.len();
        self.longest = self.longest.max(len);
    }

    /// The length of the longest beginning, decoded.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// How far before such an anchor the quote of a string is that has one of the beginnings.
    pub(super) fn distances(&self, anchor: Anchor) -> &[usize] {
        let [scheme, user] = &self.distances;
        match anchor {
            Anchor::Scheme => scheme,
            Anchor::User => user,
        }
    }

    /// How far before the first `\` of a string's beginning, or the end of what there is of it,
    /// its quote may be, where there is no anchor between them.
    pub(super) fn reach(&self) -> usize {
        let far = self.distances.iter().flatten().max();
        far.map_or(0, |far| far + 2)
    }

    /// Whether a text with this byte first may have one of the beginnings.
    pub(super) fn starts(&self, byte: u8) -> bool {
        self.step(ROOT, byte).is_some()
    }

    fn step(&self, at: usize, byte: u8) -> Option<usize> {
        let edges = &self.nodes.get(at)?.edges;
        edges
            .iter()
            .find(|(edge, _)| *edge == byte)
            .map(|(_, to)| *to)
    }

    fn end(&self, at: usize) -> Option<&(Next, Target)> {
        self.nodes.get(at)?.end.as_ref()
    }

    /// What a plain text begins with.
    pub(super) fn plain(&self, text: &[u8]) -> Option<(usize, &Target)> {
        let units = text.iter().enumerate();
        let units = units.map(|(at, byte)| Unit::Byte(*byte, at..at + 1));
        match self.walk(ROOT, 0, units.chain([Unit::End])) {
            Verdict::Found { len, to } => Some((len, to)),
            Verdict::None | Verdict::Open => None,
        }
    }

    /// What a JSON string begins with, given what stands after its opening quote.
    pub(super) fn json(&self, raw: &[u8]) -> Verdict<'_> {
        if let Some((usual, next, to)) = &self.usual
            && raw.starts_with(usual)
            && raw.get(usual.len()).is_some_and(|byte| next.allows(*byte))
        {
            return Verdict::Found {
                len: usual.len(),
                to,
            };
        }
        match self.web.filter(|_| raw.starts_with(WEB)) {
            Some(web) => {
                let at = WEB.len();
                self.walk(web, at, Units { raw, at })
            }
            None => self.walk(ROOT, 0, Units { raw, at: 0 }),
        }
    }

    /// Goes on from a place in the tree that was reached with so many bytes.
    fn walk(
        &self,
        mut at: usize,
        mut len: usize,
        units: impl Iterator<Item = Unit>,
    ) -> Verdict<'_> {
        let mut best = Verdict::None;
        for unit in units {
            let end = self.end(at);
            match unit {
                Unit::Byte(byte, raw) => {
                    if let Some((next, to)) = end
                        && next.allows(byte)
                    {
                        best = Verdict::Found { len, to };
                    }
                    match self.step(at, byte) {
                        Some(to) => at = to,
                        None => return best,
                    }
                    len = raw.end;
                }
                Unit::End => {
                    if let Some((next, to)) = end
                        && next.allows_end()
                    {
                        best = Verdict::Found { len, to };
                    }
                    return best;
                }
                Unit::Foreign => return best,
            }
        }
        Verdict::Open
    }
}

/// A piece of a text: a byte of what it says and where that is written.
enum Unit {
    Byte(u8, Range<usize>),
    /// Something that no beginning has in it.
    Foreign,
    /// The end of the text.
    End,
}

/// The units of a JSON string (RFC 8259, section 7); stops where what there is of it stops.
struct Units<'r> {
    raw: &'r [u8],
    at: usize,
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let from = self.at;
        let byte = *self.raw.get(from)?;
        let (unit, len) = match byte {
            b'"' => return Some(Unit::End),
            b'\\' => match self.raw.get(from + 1)? {
                b'u' => match hex(self.raw.get(from + 2..)?)? {
                    Some(byte) => (byte, 6),
                    None => return Some(Unit::Foreign),
                },
                b'/' => (b'/', 2),
                // The others stand for what no address has in its beginning.
                _ => return Some(Unit::Foreign),
            },
            byte => (byte, 1),
        };
        self.at = from + len;
        Some(Unit::Byte(unit, from..self.at))
    }
}

/// The character of four hexadecimal digits: nothing where more must come, `Some(None)` where
/// no beginning has such a one.
fn hex(digits: &[u8]) -> Option<Option<u8>> {
    let mut code: u32 = 0;
    for at in 0..4 {
        let Some(digit) = char::from(*digits.get(at)?).to_digit(16) else {
            return Some(None);
        };
        code = code * 16 + digit;
    }
    Some(u8::try_from(code).ok())
}
