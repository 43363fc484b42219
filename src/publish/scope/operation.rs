//! What the REST operations do beyond the repository that their path names. The lists are reviewed
//! against GHES 3.19's description; an operation that is in none of them is judged by what its
//! path names.

use super::body::{Body, Rule};
use super::{Limit, Refusal, Verdict};
use crate::types::Repository;

/// Parameters by which a caller chooses what an operation reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crossings<'a> {
    /// What stands after `/compare/`, percent-encoding undone.
    pub basehead: Option<&'a str>,
    /// The query of the URL as it stands.
    pub query: Option<&'a str>,
}

/// They show nothing of any repository, or only what the caller's own credential is.
const HARMLESS: [&str; 39] = [
    // The server itself.
    "meta/root",
    "meta/get",
    "meta/get-zen",
    "meta/get-octocat",
    "rate-limit/get",
    "emojis/get",
    "licenses/get-all-commonly-used",
    "licenses/get",
    "gitignore/get-all-templates",
    "gitignore/get-template",
    "codes-of-conduct/get-all-codes-of-conduct",
    "codes-of-conduct/get-conduct-code",
    // The public database of advisories.
    "security-advisories/list-global-advisories",
    "security-advisories/get-global-advisory",
    // Who the caller is.
    "users/get-authenticated",
    "users/list-emails-for-authenticated-user",
    "users/list-public-emails-for-authenticated-user",
    "users/list-public-ssh-keys-for-authenticated-user",
    "users/get-public-ssh-key-for-authenticated-user",
    "users/list-gpg-keys-for-authenticated-user",
    "users/get-gpg-key-for-authenticated-user",
    "users/list-ssh-signing-keys-for-authenticated-user",
    "users/get-ssh-signing-key-for-authenticated-user",
    // Names of organisations, which integrations offer for choice; never of repositories.
    "orgs/list-for-authenticated-user",
    "orgs/list-memberships-for-authenticated-user",
    "orgs/get-membership-for-authenticated-user",
    "orgs/list-for-user",
    // The public page of an account: whose commit, whose review.
    "users/get-by-username",
    "users/get-by-id",
    "users/list-public-keys-for-user",
    // An App about itself. An installation's token may see more than the route's limit, but each
    // use of it here is judged again; without these no App works under a limit.
    "apps/get-authenticated",
    "apps/get-by-slug",
    "apps/list-installations",
    "apps/get-installation",
    "apps/list-installations-for-authenticated-user",
    "apps/create-installation-access-token",
    "apps/revoke-installation-access-token",
    "apps/create-from-manifest",
    "apps/check-token",
];

/// They show an owner and not its repositories: enough that some of them may be inside.
const ABOUT_OWNER: [&str; 8] = [
    "orgs/get",
    "orgs/list-members",
    "orgs/check-membership-for-user",
    "orgs/get-membership-for-user",
    "orgs/list-public-members",
    "orgs/check-public-membership-for-user",
    "apps/get-org-installation",
    "apps/get-user-installation",
];

/// They read or change other repositories than the one, or those of the owner, that they name.
const CROSSING: [&str; 16] = [
    // Forks are other owners' repositories, and the network's events are all of theirs.
    "repos/list-forks",
    "activity/list-public-events-for-repo-network",
    // They make a repository somewhere else, or move one there.
    "repos/create-fork",
    "repos/create-using-template",
    "repos/transfer",
    // It takes commits from the parent, and this one gives commits to the branch's fork.
    "repos/merge-upstream",
    "pulls/update-branch",
    // The body names an issue of any repository by its id, whose text is listed afterwards.
    "issues/add-blocked-by-dependency",
    // What a person does or likes is mostly in repositories of others.
    "activity/list-events-for-authenticated-user",
    "activity/list-org-events-for-authenticated-user",
    "activity/list-public-events-for-user",
    "activity/list-received-events-for-user",
    "activity/list-received-public-events-for-user",
    "activity/list-repos-starred-by-user",
    "activity/list-repos-watched-by-user",
    // Its parameters name a repository or an issue by id.
    "users/get-context-for-user",
];

pub(super) fn is_harmless(operation: &str) -> bool {
    HARMLESS.contains(&operation)
}

pub(super) fn is_about_owner(operation: &str) -> bool {
    ABOUT_OWNER.contains(&operation)
}

pub(super) fn crosses(operation: &str) -> bool {
    CROSSING.contains(&operation)
}

impl Limit {
    /// Judges what an operation reads by its parameters or its body, `named` being inside.
    pub(super) fn crossing(
        &self,
        operation: &str,
        named: Option<&Repository>,
        crossings: &Crossings<'_>,
    ) -> Verdict {
        let inside = match operation {
            "repos/compare-commits-with-basehead"
            | "repos/compare-commits"
            | "dependency-graph/diff-range" => match (crossings.basehead, named) {
                (Some(text), Some(own)) => text
                    .split("...")
                    .flat_map(|part| part.split(".."))
                    .all(|side| self.branch(side, own)),
                (None, _) | (_, None) => false,
            },
            "repos/list-for-user" => lists_owned(crossings.query),
            "pulls/create" => return body(Rule::Head, named),
            "repos/update" => return body(Rule::Name, named),
            _ => true,
        };
        if inside {
            Verdict::Inside
        } else {
            Verdict::Outside(Refusal::Crossing)
        }
    }

    /// Whether a branch, as `branch`, `owner:branch` or `owner:repository:branch`, is in a
    /// repository that is inside. `owner:` means that owner's fork whatever it is called, and the
    /// owner's own name the repository itself.
    pub(super) fn branch(&self, text: &str, own: &Repository) -> bool {
        let parts: Vec<&str> = text.split(':').collect();
        match *parts {
            [_] => true,
            [owner, _] => {
                owner.eq_ignore_ascii_case(own.owner()) || self.patterns.covers_owner(owner)
            }
            [owner, name, _] => format!("{owner}/{name}")
                .parse()
                .is_ok_and(|name| self.patterns.admits(&name)),
            [] | [_, _, _, ..] => false,
        }
    }
}

fn body(rule: Rule, named: Option<&Repository>) -> Verdict {
    match named {
        Some(named) => Verdict::Body(Body::new(rule, named.clone())),
        None => Verdict::Outside(Refusal::Crossing),
    }
}

/// Whether `GET /users/{username}/repos` lists only what the user owns, which is its default;
/// `type=member` and `type=all` list repositories of others.
fn lists_owned(query: Option<&str>) -> bool {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(name, _)| name.starts_with("type"))
        .all(|(name, value)| name == "type" && value == "owner")
}

#[cfg(test)]
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    let named = [
        "repos/compare-commits-with-basehead",
        "repos/compare-commits",
        "dependency-graph/diff-range",
        "repos/list-for-user",
        "pulls/create",
        "repos/update",
    ];
    HARMLESS
        .into_iter()
        .chain(ABOUT_OWNER)
        .chain(CROSSING)
        .chain(named)
}
