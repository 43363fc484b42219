//! What the admin room may see of callers: never what they prove themselves with.

use crate::admin::answer::{Caller, CallerGrant};
use crate::broker::{self, Grant, Proof, Reach};
use crate::gate::desk::Desk;
use crate::github::Allowed;
use crate::types::RepositoryPattern;
use std::collections::BTreeMap;

/// Every caller, in the order of the configuration.
pub(super) fn listed(desk: &Desk) -> Vec<Caller> {
    let callers = desk.roster.callers().iter().enumerate();
    callers
        .map(|(index, caller)| listed_one(desk, index, caller))
        .collect()
}

fn listed_one(desk: &Desk, index: usize, caller: &broker::Caller) -> Caller {
    let counts = desk.tallies.get(index).map(|tally| tally.counts());
    let mut proofs: Vec<String> = caller.proofs.iter().map(kind).map(str::to_owned).collect();
    proofs.dedup();
    Caller {
        name: caller.name.to_string(),
        proofs,
        grants: caller.grants.iter().map(granted).collect(),
        rate: caller.rate.to_string(),
        remaining: desk.rates.left(index),
        last_seen: counts.and_then(|counts| counts.last.map(|at| at.to_string())),
        requests: counts.map_or(0, |counts| counts.requests),
        rate_limited: counts.map_or(0, |counts| counts.limited),
        tokens: counts.map_or(0, |counts| counts.tokens),
    }
}

const fn kind(proof: &Proof) -> &'static str {
    match proof {
        Proof::Certificate(_) => "certificate",
        Proof::Key(_) => "key",
        Proof::Oidc(_) => "oidc",
    }
}

fn granted(grant: &Grant) -> CallerGrant {
    let name = |pattern: &RepositoryPattern| pattern.name().to_owned();
    let uses = [("proxy", grant.uses.proxy), ("token", grant.uses.token)];
    CallerGrant {
        app: grant.app.to_string(),
        owner: grant.owner.to_string(),
        repositories: match &grant.reach {
            Reach::All => vec!["all".to_owned()],
            Reach::Some(patterns) => patterns.iter().map(name).collect(),
        },
        permissions: match &grant.permissions {
            Allowed::All => None,
            Allowed::Only(permissions) => {
                let each = permissions.iter();
                let each = each.map(|(name, level)| (name.to_owned(), level.to_string()));
                Some(each.collect::<BTreeMap<_, _>>())
            }
        },
        uses: uses
            .iter()
            .filter(|(_, may)| *may)
            .map(|(word, _)| (*word).to_owned())
            .collect(),
    }
}
