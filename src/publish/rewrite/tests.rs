//! Tests of rewriting: names, the scanner against a slow reader that is plainly right, and heads
//! field by field.

mod names;
mod oracle;
mod request;
mod response;
mod scanner;
mod tag;

use super::*;
use http::HeaderMap;
use std::sync::Arc;

/// Names of pairs that are written `internal public`.
fn names_of<P: AsRef<str>>(pairs: &[P]) -> Arc<Names> {
    Arc::new(try_names(pairs).unwrap())
}

fn try_names<P: AsRef<str>>(pairs: &[P]) -> Result<Names, NamesError> {
    Names::new(pairs.iter().map(|pair| {
        let (internal, public) = pair.as_ref().split_once(' ').unwrap();
        Pair {
            internal: internal.parse().unwrap(),
            public: public.parse().unwrap(),
        }
    }))
}

/// An appliance with subdomains, which is called after itself.
fn appliance() -> Arc<Names> {
    names_of(&oracle::APPLIANCE.pairs())
}

/// A tool on a port and a path of its own, below a path of a gateway's.
fn tool() -> Arc<Names> {
    names_of(&oracle::TOOL.pairs())
}

/// A head of `name: value` lines.
fn head(lines: &[&str]) -> HeaderMap {
    let mut head = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        head.append(name, value.parse().unwrap());
    }
    head
}

/// The lines of a field.
fn lines(head: &HeaderMap, name: &str) -> Vec<String> {
    let all = head.get_all(name).iter();
    all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}
