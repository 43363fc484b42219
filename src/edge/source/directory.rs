//! The sources by name, and the rules of routes (`from`) compiled against them.

use super::From;
use super::table::Table;
use crate::types::{ClientAddr, Name};
use ipnet::IpNet;
use std::sync::Arc;

/// All sources and their networks, as they are now. Immutable: a source whose list changed makes
/// a new directory ([`Directory::with`]), to which what was compiled against the old one applies.
#[derive(Debug, Clone)]
pub struct Directory {
    names: Arc<[Name]>,
    networks: Vec<Arc<[IpNet]>>,
    table: Table,
}

/// A route's `from`, compiled; or several in one.
#[derive(Debug, Clone)]
pub struct Admission {
    names: Arc<[Name]>,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Anywhere,
    /// One bit for each source, 64 in a word.
    Sources(Box<[u64]>),
}

/// By what an address was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted<'a> {
    /// Everybody is.
    Anywhere,
    /// It is in this source: of those that the rule names, the one with the longest prefix.
    Source(&'a Name),
}

/// A `from` names a source that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no source `{name}`; add a [[source]] of that name, or correct it")]
pub struct UnknownSource {
    /// The name.
    pub name: Name,
}

impl Directory {
    /// A directory of these sources. Lists of one name are put together.
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = (Name, Vec<IpNet>)>) -> Self {
        let mut sources: Vec<(Name, Vec<IpNet>)> = sources.into_iter().collect();
        sources.sort_by(|a, b| a.0.cmp(&b.0));
        sources.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1.append(&mut later.1);
            }
            same
        });
        let (names, networks): (Vec<_>, Vec<Arc<[IpNet]>>) = sources
            .into_iter()
            .map(|(name, list)| (name, list.into()))
            .unzip();
        Self::build(names.into(), networks)
    }

    /// This directory with another list for one of its sources.
    ///
    /// # Errors
    /// Where the source is not in it.
    pub fn with(&self, name: &Name, list: &[IpNet]) -> Result<Self, UnknownSource> {
        let at = self.position(name)?;
        let mut networks = self.networks.clone();
        if let Some(old) = networks.get_mut(at) {
            *old = list.into();
        }
        Ok(Self::build(Arc::clone(&self.names), networks))
    }

    fn build(names: Arc<[Name]>, networks: Vec<Arc<[IpNet]>>) -> Self {
        let table = Table::new(
            (0u32..)
                .zip(&networks)
                .flat_map(|(source, list)| list.iter().map(move |network| (*network, source))),
        );
        Self {
            names,
            networks,
            table,
        }
    }

    /// Each source with its networks, by name.
    pub fn sources(&self) -> impl Iterator<Item = (&Name, &[IpNet])> {
        self.names
            .iter()
            .zip(self.networks.iter().map(AsRef::as_ref))
    }

    /// The rule of a route, ready to be asked.
    ///
    /// # Errors
    /// Where it names a source that is not here.
    pub fn compile(&self, from: &From) -> Result<Admission, UnknownSource> {
        let rule = match from {
            From::Anywhere => Rule::Anywhere,
            From::Sources(names) => {
                let mut bits = vec![0; self.names.len().div_ceil(64)];
                for name in names {
                    let at = self.position(name)?;
                    if let Some(word) = bits.get_mut(at / 64) {
                        *word |= 1 << (at % 64);
                    }
                }
                Rule::Sources(bits.into())
            }
        };
        Ok(Admission {
            names: Arc::clone(&self.names),
            rule,
        })
    }

    /// What admits whoever one of these admits; nobody, where there are none.
    #[must_use]
    pub fn union<'a>(&self, admissions: impl IntoIterator<Item = &'a Admission>) -> Admission {
        let mut bits = vec![0; self.names.len().div_ceil(64)];
        let mut anywhere = false;
        for admission in admissions.into_iter().filter(|other| self.knows(other)) {
            match &admission.rule {
                Rule::Anywhere => anywhere = true,
                Rule::Sources(more) => {
                    for (word, more) in bits.iter_mut().zip(more) {
                        *word |= more;
                    }
                }
            }
        }
        Admission {
            names: Arc::clone(&self.names),
            rule: if anywhere {
                Rule::Anywhere
            } else {
                Rule::Sources(bits.into())
            },
        }
    }

    /// Whether `client` is admitted, and by what. A rule that was compiled against other sources
    /// than these admits nobody.
    #[must_use]
    pub fn admits(&self, admission: &Admission, client: ClientAddr) -> Option<Admitted<'_>> {
        if !self.knows(admission) {
            return None;
        }
        let bits = match &admission.rule {
            Rule::Anywhere => return Some(Admitted::Anywhere),
            Rule::Sources(bits) => bits,
        };
        self.table
            .sources(client.ip())
            .iter()
            .filter_map(|source| usize::try_from(*source).ok())
            .find(|at| {
                bits.get(at / 64)
                    .is_some_and(|word| word >> (at % 64) & 1 == 1)
            })
            .and_then(|at| self.names.get(at))
            .map(Admitted::Source)
    }

    fn knows(&self, admission: &Admission) -> bool {
        Arc::ptr_eq(&self.names, &admission.names) || self.names == admission.names
    }

    fn position(&self, name: &Name) -> Result<usize, UnknownSource> {
        self.names
            .binary_search(name)
            .ok()
            .ok_or_else(|| UnknownSource { name: name.clone() })
    }
}
