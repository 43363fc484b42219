//! References to other places (RFC 3986, section 4.1), as fields have them: told apart as a
//! browser would, changed no more than needed.

use super::hosts::Pair;
use super::names::Names;
use super::origin::{Base, Origin, Scheme};
use std::borrow::Cow;
use url::{ParseError, Url};

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Where it also leads outside.
    Same,
    /// Into the service: this is what it is called outside.
    Inside(String),
    /// To none of the names.
    Elsewhere,
}

impl Names {
    /// Reads a reference in an answer of the service that `pair` names.
    pub(super) fn place(&self, pair: &Pair, text: &str) -> Place {
        let place = self.bare_place(pair, text);
        let current: &str = match &place {
            Place::Same => text,
            Place::Inside(changed) => changed,
            Place::Elsewhere => return place,
        };
        // Where to go afterwards is told in the query.
        match query(current, None, |value| self.outward(value)) {
            Some(changed) => Place::Inside(changed),
            None => place,
        }
    }

    fn bare_place(&self, pair: &Pair, text: &str) -> Place {
        let plain = is_plain(text);
        if plain && let Some(changed) = self.outward(text) {
            return Place::Inside(changed);
        }
        let rooted = text.starts_with('/') && !text.starts_with("//");
        if plain && rooted {
            return match moved(text, &pair.internal, &pair.public) {
                Some(changed) => Place::Inside(changed),
                None => Place::Same,
            };
        }
        let Some((origin, url)) = self.resolve(pair, text) else {
            return Place::Elsewhere;
        };
        if plain && !text.starts_with("//") && text.parse::<Url>() == Err(RELATIVE) {
            return Place::Same;
        }
        match self.internal(&origin) {
            Some(of) if of.internal != of.public => Place::Inside(spelled_out(of, &url)),
            Some(_) => Place::Same,
            None if self.is_public(&origin) => Place::Same,
            None => Place::Elsewhere,
        }
    }

    fn resolve(&self, pair: &Pair, text: &str) -> Option<(Origin, Url)> {
        let base: Url = format!("{}/", pair.internal).parse().ok()?;
        let url = base.join(text).ok()?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let host = url.host_str()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port().unwrap_or(scheme.port());
        Some((Origin::new(scheme, host.parse().ok()?, port), url))
    }
}

/// What a reference without a scheme says when it is read by itself.
const RELATIVE: ParseError = ParseError::RelativeUrlWithoutBase;

/// Whether a reference has nothing in it that browsers leave out or take for something else.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// An address that is spelled in a way of its own: written out anew, without a user.
fn spelled_out(pair: &Pair, url: &Url) -> String {
    let path = url.path();
    let path = moved(path, &pair.internal, &pair.public).unwrap_or_else(|| path.to_owned());
    let mut text = format!("{}{path}", pair.public.origin());
    for (mark, part) in [('?', url.query()), ('#', url.fragment())] {
        if let Some(part) = part {
            text.push(mark);
            text.push_str(part);
        }
    }
    text
}

/// A path of one base as a path of the other: nothing where both are the same, where it is
/// relative, or where it is in neither.
pub(super) fn moved(path: &str, from: &Base, to: &Base) -> Option<String> {
    if from.path() == to.path() || !path.starts_with('/') {
        return None;
    }
    let rest = below(path, from.path())?;
    let to = to.path();
    Some(if rest.starts_with('/') || !to.is_empty() {
        format!("{to}{rest}")
    } else {
        format!("/{rest}")
    })
}

/// What follows `base` in a path that lies below it.
fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
}

/// Puts other values into the query of a reference: into parameters of this name, or into all.
/// Nothing where none changes; what does not change stays byte for byte.
pub(super) fn query(
    text: &str,
    name: Option<&str>,
    change: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let (address, fragment) = match text.split_once('#') {
        Some((address, _)) => (address, text.get(address.len()..)?),
        None => (text, ""),
    };
    let (path, query) = address.split_once('?')?;
    let mut changed = false;
    let parameters = query.split('&').map(|parameter| {
        let new = parameter.split_once('=').and_then(|(key, _)| {
            // What is no address need not be decoded.
            parameter.contains([':', '%']).then_some(())?;
            let (decoded, value) = form_urlencoded::parse(parameter.as_bytes()).next()?;
            let value = change(&value).filter(|_| name.is_none_or(|name| decoded == name))?;
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            Some(format!("{key}={value}"))
        });
        changed |= new.is_some();
        new.map_or(Cow::Borrowed(parameter), Cow::Owned)
    });
    let parameters: Vec<Cow<'_, str>> = parameters.collect();
    changed.then(|| format!("{path}?{}{fragment}", parameters.join("&")))
}
