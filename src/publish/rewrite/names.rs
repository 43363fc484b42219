//! The names of a route: what is called how inside and outside.

use super::hosts::{Hosts, Pair};
use super::origin::{Base, Origin, Scheme, bracketed};
use super::prefix::{Next, Prefix, Table, Target};
use crate::types::Host;
use aws_lc_rs::digest::{Context, SHA256};
use std::fmt::Write as _;

/// What makes pairs unusable together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// There is none.
    #[error("a route without a name inside and outside; at least one pair is needed")]
    Empty,
    /// One name stands for two places.
    #[error("`{0}` stands in two pairs; every name must have one counterpart")]
    Twice(Base),
    /// What one pair calls public, another calls internal.
    #[error("`{0}` is public in one pair and internal in another; a name must be one of the two")]
    Chained(Origin),
    /// The same origin inside and outside, with other paths.
    #[error(
        "`{internal}` and `{public}` have the same origin but not the same path; \
             where the origin is the same, the path must be"
    )]
    Moved {
        /// The internal name.
        internal: Base,
        /// The public one.
        public: Base,
    },
}

/// The pairs of a route, ready to be applied in both directions.
#[derive(Debug)]
pub struct Names {
    pairs: Vec<Pair>,
    outward: Table,
    inward: Table,
    hosts: Hosts,
    version: Box<str>,
}

/// Goes into the version: a change in what rewriting does makes other bodies of the same answers.
const RULES: &str = "1";
/// Bytes of the digest that make the version.
const VERSION: usize = 6;

impl Names {
    /// The names of these pairs, of which the first is the service's own. A pair whose two
    /// names are the same is let through as it is.
    ///
    /// # Errors
    /// Where the pairs contradict each other.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Result<Self, NamesError> {
        let pairs: Vec<Pair> = pairs.into_iter().collect();
        consistent(&pairs)?;
        Ok(Self {
            outward: Table::new(&outward(&pairs)),
            inward: Table::new(&inward(&pairs)),
            hosts: Hosts::new(&pairs),
            version: version(&pairs),
            pairs,
        })
    }

    /// The pairs, of which the first is the service's own.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The pair that is asked for at this public host.
    #[must_use]
    pub fn at(&self, public: &Host) -> Option<&Pair> {
        self.pairs
            .iter()
            .find(|pair| pair.public.origin().host() == public)
    }

    /// The public form of an internal address: nothing where it is none of these names'.
    #[must_use]
    pub fn outward(&self, address: &str) -> Option<String> {
        swap(&self.outward, address)
    }

    /// The internal form of a public address: nothing where it is none of these names'.
    #[must_use]
    pub fn inward(&self, address: &str) -> Option<String> {
        swap(&self.inward, address)
    }

    /// Twelve hexadecimal digits that are others where a rewritten body would be another.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) const fn table(&self) -> &Table {
        &self.outward
    }

    pub(super) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The pair whose internal name has this origin, in its own spelling or as plain https.
    pub(super) fn internal(&self, origin: &Origin) -> Option<&Pair> {
        let own = |pair: &&Pair| pair.internal.origin() == origin;
        let plain = |pair: &&Pair| https(pair) == *origin;
        let found = self.pairs.iter().find(own);
        found.or_else(|| {
            let mut pairs = self.pairs.iter().filter(|_| !self.is_public(origin));
            pairs.find(plain)
        })
    }

    /// Whether the origin is one of the public ones.
    pub(super) fn is_public(&self, origin: &Origin) -> bool {
        self.pairs.iter().any(|pair| pair.public.origin() == origin)
    }
}

fn swap(table: &Table, address: &str) -> Option<String> {
    let (len, to) = table.plain(address.as_bytes())?;
    Some(format!("{}{}", to.as_str(), address.get(len..)?))
}

fn https(pair: &Pair) -> Origin {
    let host = pair.internal.origin().host().clone();
    Origin::new(Scheme::Https, host, Scheme::Https.port())
}

fn consistent(pairs: &[Pair]) -> Result<(), NamesError> {
    if pairs.is_empty() {
        return Err(NamesError::Empty);
    }
    for (at, pair) in pairs.iter().enumerate() {
        let Pair { internal, public } = pair;
        if internal.origin() == public.origin() && internal.path() != public.path() {
            return Err(NamesError::Moved {
                internal: internal.clone(),
                public: public.clone(),
            });
        }
        for (other_at, other) in pairs.iter().enumerate() {
            if other_at != at && other.public.origin() == internal.origin() {
                return Err(NamesError::Chained(internal.origin().clone()));
            }
            if other_at < at && other.internal == *internal {
                return Err(NamesError::Twice(internal.clone()));
            }
            if other_at < at && other.public == *public {
                return Err(NamesError::Twice(public.clone()));
            }
        }
    }
    Ok(())
}

/// The beginnings of internal addresses, the service's own first.
fn outward(pairs: &[Pair]) -> Vec<Prefix> {
    let public = |origin: &Origin| pairs.iter().any(|pair| pair.public.origin() == origin);
    let public_host = |host: &Host| pairs.iter().any(|pair| pair.public.origin().host() == host);
    let mut all = Vec::new();
    for pair in pairs {
        let own = pair.internal.origin();
        let target = Target::new(&pair.public.origin().to_string(), pair.public.path());
        let mut origins = vec![own.clone(), https(pair)];
        origins.dedup();
        origins.retain(|origin| !public(origin));
        for origin in origins.iter().flat_map(Origin::spellings) {
            let web = |path: &str, to: &Target| Prefix {
                origin: origin.clone(),
                path: path.to_owned(),
                next: Next::Part,
                to: to.clone(),
            };
            all.push(web(pair.internal.path(), &target));
            // What is outside of the base must not name its host either: it has the same path
            // at the public host, as a reference without a host has.
            if !pair.internal.path().is_empty() {
                all.push(web("", &Target::new(target.origin(), "")));
            }
        }
        if !public_host(own.host()) {
            let inside = bracketed(own.host());
            let outside = bracketed(pair.public.origin().host());
            let forms = [
                ("git://", Next::Port),
                ("ssh://git@", Next::Port),
                ("ssh://", Next::Port),
                ("git@", Next::Colon),
            ];
            all.extend(forms.map(|(form, next)| Prefix {
                origin: format!("{form}{inside}"),
                path: String::new(),
                next,
                to: Target::new(&format!("{form}{outside}"), ""),
            }));
        }
    }
    all
}

/// The beginnings of public addresses.
fn inward(pairs: &[Pair]) -> Vec<Prefix> {
    let mut all = Vec::new();
    for pair in pairs {
        for origin in pair.public.origin().spellings() {
            all.push(Prefix {
                origin,
                path: pair.public.path().to_owned(),
                next: Next::Part,
                to: Target::new(&pair.internal.origin().to_string(), pair.internal.path()),
            });
        }
    }
    all
}

fn version(pairs: &[Pair]) -> Box<str> {
    let mut context = Context::new(&SHA256);
    context.update(RULES.as_bytes());
    for pair in pairs {
        context.update(format!("\n{} {}", pair.internal, pair.public).as_bytes());
    }
    let digest = context.finish();
    let mut text = String::with_capacity(2 * VERSION);
    for byte in digest.as_ref().iter().take(VERSION) {
        // Writing to a `String` cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text.into()
}
