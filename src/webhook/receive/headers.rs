//! Which of a delivery's headers are kept and passed on: an allowlist.
//!
//! None of GitHub's headers is signed, and some deliveries have carried headers that must not
//! travel on (a secret in base64), so what is not named here stays here.

use crate::spool::Header;
use http::HeaderMap;

/// GitHub's documented headers, and the two that say what the body is and who sent it.
const PASSED: [&str; 11] = [
    "content-type",
    "user-agent",
    "x-github-delivery",
    "x-github-enterprise-host",
    "x-github-enterprise-version",
    "x-github-event",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
    "x-hub-signature",
    "x-hub-signature-256",
];

/// The longest value kept; GitHub's are under 300 bytes.
const LONGEST: usize = 4096;

/// The headers of `all` that are passed on, in the order of the list.
#[must_use]
pub(super) fn passed(all: &HeaderMap) -> Vec<Header> {
    PASSED
        .iter()
        .filter_map(|name| {
            let value = all.get(*name)?.as_bytes();
            (value.len() <= LONGEST).then(|| Header {
                name: (*name).into(),
                value: value.into(),
            })
        })
        .collect()
}
