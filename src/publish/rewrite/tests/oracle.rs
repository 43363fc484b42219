//! The slow reader: parses the whole document, looks at each string, writes it out again. It
//! shares nothing with the scanner but what they are both told; the fuzz target uses it too.

#![expect(clippy::string_slice, reason = "tests may panic")]

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A set of names, and by hand what follows from it.
pub(super) struct Told {
    /// Internal and public addresses.
    pub(super) pairs: &'static [(&'static str, &'static str)],
    /// Beginnings with what goes in their place and what may follow; a `$` is the end. The first
    /// that fits holds.
    pub(super) rules: &'static [(&'static str, &'static str, &'static str)],
}

/// An appliance with subdomain isolation.
pub(super) const APPLIANCE: Told = Told {
    pairs: &[
        ("https://github.corp.internal/", "https://ghe.example.com/"),
        (
            "https://codeload.github.corp.internal/",
            "https://codeload.ghe.example.com/",
        ),
    ],
    rules: &[
        (
            "https://github.corp.internal",
            "https://ghe.example.com",
            "/?#$",
        ),
        (
            "https://github.corp.internal:443",
            "https://ghe.example.com",
            "/?#$",
        ),
        ("git://github.corp.internal", "git://ghe.example.com", "/:$"),
        (
            "ssh://git@github.corp.internal",
            "ssh://git@ghe.example.com",
            "/:$",
        ),
        ("ssh://github.corp.internal", "ssh://ghe.example.com", "/:$"),
        ("git@github.corp.internal", "git@ghe.example.com", ":"),
        (
            "https://codeload.github.corp.internal",
            "https://codeload.ghe.example.com",
            "/?#$",
        ),
        (
            "https://codeload.github.corp.internal:443",
            "https://codeload.ghe.example.com",
            "/?#$",
        ),
        (
            "git://codeload.github.corp.internal",
            "git://codeload.ghe.example.com",
            "/:$",
        ),
        (
            "ssh://git@codeload.github.corp.internal",
            "ssh://git@codeload.ghe.example.com",
            "/:$",
        ),
        (
            "ssh://codeload.github.corp.internal",
            "ssh://codeload.ghe.example.com",
            "/:$",
        ),
        (
            "git@codeload.github.corp.internal",
            "git@codeload.ghe.example.com",
            ":",
        ),
    ],
};

/// A tool on a port and below a path of its own, published below another path.
pub(super) const TOOL: Told = Told {
    pairs: &[("http://ghe.int:8080/base/", "https://gw.example.com/ghes/")],
    rules: &[
        (
            "http://ghe.int:8080/base",
            "https://gw.example.com/ghes",
            "/?#$",
        ),
        (
            "https://ghe.int/base",
            "https://gw.example.com/ghes",
            "/?#$",
        ),
        (
            "https://ghe.int:443/base",
            "https://gw.example.com/ghes",
            "/?#$",
        ),
        ("http://ghe.int:8080", "https://gw.example.com", "/?#$"),
        ("https://ghe.int", "https://gw.example.com", "/?#$"),
        ("https://ghe.int:443", "https://gw.example.com", "/?#$"),
        ("git://ghe.int", "git://gw.example.com", "/:$"),
        ("ssh://git@ghe.int", "ssh://git@gw.example.com", "/:$"),
        ("ssh://ghe.int", "ssh://gw.example.com", "/:$"),
        ("git@ghe.int", "git@gw.example.com", ":"),
    ],
};

impl Told {
    /// The pairs as `internal public`.
    pub(super) fn pairs(&self) -> Vec<String> {
        let pairs = self.pairs.iter();
        pairs
            .map(|(inside, outside)| format!("{inside} {outside}"))
            .collect()
    }

    /// What a text begins with, and what goes in its place.
    pub(super) fn beginning(&self, text: &str) -> Option<(usize, &'static str)> {
        let mut rules = self.rules.iter();
        let (from, to, _) = rules.find(|(from, _, next)| {
            // Scheme and host in any case, a path as it is.
            let host = from
                .match_indices('/')
                .nth(2)
                .map_or(from.len(), |(at, _)| at);
            let Some((head, rest)) = text.split_at_checked(from.len()) else {
                return false;
            };
            let (origin, path) = head.as_bytes().split_at(host);
            origin.eq_ignore_ascii_case(&from.as_bytes()[..host])
                && path == &from.as_bytes()[host..]
                && next.contains(rest.chars().next().unwrap_or('$'))
                && !rest.starts_with('$')
        })?;
        Some((from.len(), to))
    }

    /// The document with public names, whatever is not changed byte for byte. Nothing where it is
    /// no JSON, or has a name that is no text (`"\ud800"`), which this reader cannot get past.
    pub(super) fn rewrite(&self, document: &str) -> Option<String> {
        let raw: &RawValue = serde_json::from_str(document).ok()?;
        let mut strings = Vec::new();
        collect(raw, &mut strings)?;
        let mut out = String::new();
        let mut done = 0;
        for raw in strings {
            let at = raw.as_ptr() as usize - document.as_ptr() as usize;
            if let Some(new) = self.string(raw) {
                out.push_str(&document[done..at]);
                out.push_str(&new);
                done = at + raw.len();
            }
        }
        out.push_str(&document[done..]);
        Some(out)
    }

    /// A JSON string with its quotes: grows what is decoded of it until that decides.
    fn string(&self, raw: &str) -> Option<String> {
        let mut best = None;
        let ends = (1..raw.len()).filter(|end| raw.is_char_boundary(*end));
        for end in ends {
            let Ok(text) = serde_json::from_str::<String>(&format!("{}\"", &raw[..end])) else {
                continue;
            };
            if text.len() > 80 {
                break;
            }
            if let Some((len, to)) = self.beginning(&text)
                && len + 1 == text.len()
            {
                // One more character than the beginning was decoded; find where that began.
                let own = (1..end).rev().find(|end| {
                    raw.is_char_boundary(*end)
                        && serde_json::from_str::<String>(&format!("{}\"", &raw[..*end]))
                            .is_ok_and(|text| text.len() == len)
                })?;
                best = Some(format!("\"{to}{}", &raw[own..]));
            }
        }
        let whole = serde_json::from_str::<String>(raw).ok();
        match whole.and_then(|text| Some((self.beginning(&text)?, text))) {
            Some(((len, to), text)) if len == text.len() => Some(format!("\"{to}\"")),
            Some(_) | None => best,
        }
    }

    /// The tree with public names.
    pub(super) fn replaced(&self, tree: Tree) -> Tree {
        match tree {
            Tree::Scalar(text) => Tree::Scalar(text),
            Tree::Text(text) => match self.beginning(&text) {
                Some((len, to)) => Tree::Text(format!("{to}{}", &text[len..])),
                None => Tree::Text(text),
            },
            Tree::Array(all) => {
                Tree::Array(all.into_iter().map(|one| self.replaced(one)).collect())
            }
            Tree::Object(all) => Tree::Object(
                all.into_iter()
                    .map(|(name, one)| (name, self.replaced(one)))
                    .collect(),
            ),
        }
    }
}

/// The string values of a document, with their quotes.
fn collect<'d>(raw: &'d RawValue, strings: &mut Vec<&'d str>) -> Option<()> {
    let text = raw.get();
    let mut inner = serde_json::Deserializer::from_str(text);
    match text.as_bytes().first() {
        Some(b'"') => strings.push(text),
        Some(b'{' | b'[') => {
            for one in inner.deserialize_any(Inside).ok()? {
                collect(one, strings)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// What an array or object has directly inside, names left out.
struct Inside;

impl<'de> Visitor<'de> for Inside {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while map.next_key::<IgnoredAny>()?.is_some() {
            all.push(map.next_value()?);
        }
        Ok(all)
    }
}

/// A document with everything in its order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// A number or word, as it is written.
    Scalar(String),
    /// What a string says.
    Text(String),
    /// The elements.
    Array(Vec<Self>),
    /// The members.
    Object(Vec<(String, Self)>),
}

/// Reads a document: nothing where it is no JSON, or says what is no text.
pub(super) fn tree(document: &str) -> Option<Tree> {
    let raw: &RawValue = serde_json::from_str(document).ok()?;
    let text = raw.get();
    Some(match text.as_bytes().first()? {
        b'"' => Tree::Text(serde_json::from_str(text).ok()?),
        b'[' => {
            let all: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Tree::Array(
                all.iter()
                    .map(|one| tree(one.get()))
                    .collect::<Option<_>>()?,
            )
        }
        b'{' => {
            let mut inner = serde_json::Deserializer::from_str(text);
            let all = inner.deserialize_any(Members).ok()?;
            let all = all
                .into_iter()
                .map(|(name, one)| Some((name, tree(one.get())?)));
            Tree::Object(all.collect::<Option<_>>()?)
        }
        _ => Tree::Scalar(text.to_owned()),
    })
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = map.next_entry()? {
            all.push(one);
        }
        Ok(all)
    }
}
