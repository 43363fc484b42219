//! Who may ask, and how each proves to be who it is.

use super::credential::{Credential, KeyDigest};
use super::grant::{Digest, Grant};
use super::oidc::{self, Claims, Issuers};
use super::rate::Rate;
use super::refusal::Refusal;
use crate::types::Name;
use std::collections::{HashMap, HashSet};

/// `[[caller]]`, checked.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its name.
    pub name: Name,
    /// How it proves who it is: any one of these is enough.
    pub proofs: Vec<Proof>,
    /// How often it may ask.
    pub rate: Rate,
    /// What it may have.
    pub grants: Vec<Grant>,
}

/// A way to prove who one is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A client certificate with exactly this URI or DNS name, from the listener's authorities.
    Certificate(Box<str>),
    /// The gateway key with this digest.
    Key(KeyDigest),
    /// A token of an OIDC issuer.
    Oidc(oidc::Trust),
}

/// All callers, to be found by what they present.
#[derive(Debug, Default)]
pub struct Roster {
    callers: Vec<Caller>,
    by_name: HashMap<Box<str>, usize>,
    /// By the first half of a key's digest; the whole is compared in constant time.
    by_key: HashMap<[u8; 16], usize>,
}

impl Roster {
    /// These callers. The configuration has seen to it that no proof is two callers'.
    #[must_use]
    pub fn new(callers: Vec<Caller>) -> Self {
        let mut roster = Self::default();
        for (index, caller) in callers.iter().enumerate() {
            for proof in &caller.proofs {
                match proof {
                    Proof::Certificate(name) => {
                        roster.by_name.insert(name.clone(), index);
                    }
                    Proof::Key(digest) => {
                        roster.by_key.insert(half(digest), index);
                    }
                    Proof::Oidc(_) => {}
                }
            }
        }
        roster.callers = callers;
        roster
    }

    /// Every caller, in the order of the configuration.
    #[must_use]
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }

    /// The caller at this place.
    #[must_use]
    pub fn caller(&self, index: usize) -> Option<&Caller> {
        self.callers.get(index)
    }

    /// What all grants say.
    #[must_use]
    pub fn digests(&self) -> HashSet<Digest> {
        let grants = self.callers.iter().flat_map(|caller| &caller.grants);
        grants.map(Grant::digest).collect()
    }

    /// The issuers whose tokens are taken.
    pub fn trusts(&self) -> impl Iterator<Item = &oidc::Trust> {
        let proofs = self.callers.iter().flat_map(|caller| &caller.proofs);
        proofs.filter_map(|proof| match proof {
            Proof::Oidc(trust) => Some(trust),
            Proof::Certificate(_) | Proof::Key(_) => None,
        })
    }

    /// Whose request this is, by its place in the list. A credential that is there and is not
    /// known is not made good by a certificate: whoever sends one wants to be known by it.
    ///
    /// # Errors
    /// Where nobody is known by it, or where that cannot be found out.
    pub async fn identify(
        &self,
        credential: &Credential,
        certificate: &[Box<str>],
        issuers: &Issuers,
    ) -> Result<usize, Refusal> {
        match credential {
            Credential::Nothing => self.by_certificate(certificate).ok_or(Refusal::Caller),
            Credential::Key(digest) => self.by_key(digest).ok_or(Refusal::Caller),
            Credential::Token(token) => {
                let claims = issuers.verify(token, self.trusts()).await?;
                self.by_claims(&claims).ok_or(Refusal::Caller)
            }
            Credential::Unknown => Err(Refusal::Caller),
        }
    }

    /// Two names of one certificate that are two callers' are nobody's.
    fn by_certificate(&self, names: &[Box<str>]) -> Option<usize> {
        let mut found = names.iter().filter_map(|name| self.by_name.get(name));
        let first = *found.next()?;
        found.all(|other| *other == first).then_some(first)
    }

    fn by_key(&self, digest: &KeyDigest) -> Option<usize> {
        let index = *self.by_key.get(&half(digest))?;
        let proofs = &self.callers.get(index)?.proofs;
        let same = |proof: &Proof| match proof {
            Proof::Key(own) => {
                aws_lc_rs::constant_time::verify_slices_are_equal(own.bytes(), digest.bytes())
                    .is_ok()
            }
            Proof::Certificate(_) | Proof::Oidc(_) => false,
        };
        proofs.iter().any(same).then_some(index)
    }

    /// The first caller whose claims the token has.
    fn by_claims(&self, claims: &Claims) -> Option<usize> {
        self.callers.iter().position(|caller| {
            caller.proofs.iter().any(|proof| match proof {
                Proof::Oidc(trust) => trust.fits(claims),
                Proof::Certificate(_) | Proof::Key(_) => false,
            })
        })
    }
}

fn half(digest: &KeyDigest) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest.bytes()) {
        *to = *from;
    }
    half
}

#[cfg(test)]
mod tests;
