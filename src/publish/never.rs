//! What no profile lets through: the console, the site administration and the inner services of
//! the appliance, and the doors of a GitHub App's private key.
//!
//! Compared without regard to case, below the root and below `/api/…` alike, and with encoded
//! slashes taken for slashes: nothing here depends on how carefully GHES reads.

use super::path::Path;

/// Why a path is closed to everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {
    /// It is never exposed; the pattern that says so.
    Exposed(&'static str),
    /// It hands out an App's private key: open only while the route's setup window is.
    Setup,
}

/// Ports of the appliance that are no service to publish: consoles, administrative SSH,
/// monitoring, replication.
pub const PORTS: [u16; 6] = [8443, 8080, 122, 9103, 161, 1194];

/// The pattern of what only a setup window opens.
pub const SETUP: &str = "/app-manifests/*/conversions";

/// What closes this path to everyone. `above` is how many of its first segments stand for a host
/// of their own.
#[must_use]
pub fn find(path: &Path, above: usize) -> Option<Never> {
    let mut first = [""; DEEP];
    for (slot, segment) in first.iter_mut().zip(path.text().split('/')) {
        *slot = seen(segment);
    }
    let from = |skip| below_root(first.get(skip..).unwrap_or_default());
    let inside = |skip: usize| {
        let api = first
            .get(skip)
            .is_some_and(|word| word.eq_ignore_ascii_case("api"));
        // `/api/v3/…`, `/api/…` and whatever version comes next.
        let below = if api { skip + 2 } else { skip };
        (skip..=below).find_map(from)
    };
    let outside = if above > 0 { inside(0) } else { None };
    outside.or_else(|| inside(above))
}

/// What a server sees that takes an encoded `?` or `#` for the end, and `.json` for a format.
fn seen(segment: &str) -> &str {
    let end = segment
        .bytes()
        .position(|byte| matches!(byte, b'?' | b'#' | b'.'));
    end.and_then(|end| segment.get(..end)).unwrap_or(segment)
}

fn below_root(segments: &[&str]) -> Option<Never> {
    let letter = segments.first()?.bytes().next()?.to_ascii_lowercase();
    // Most paths end here: they begin with nothing that any pattern begins with.
    let may = |pattern: &str| pattern.as_bytes().get(1) == Some(&letter);
    if may(SETUP) && holds(SETUP, segments) {
        return Some(Never::Setup);
    }
    let closed = EXPOSED
        .iter()
        .find(|pattern| may(pattern) && holds(pattern, segments));
    closed.map(|pattern| Never::Exposed(pattern))
}

/// Whether the path is the pattern or anything below it. `*` stands for any segment, and at the
/// end of a word for any end of it.
fn holds(pattern: &str, segments: &[&str]) -> bool {
    let mut segments = segments.iter().filter(|segment| !segment.is_empty());
    pattern.split('/').skip(1).all(|word| {
        segments
            .next()
            .is_some_and(|segment| match word.strip_suffix('*') {
                Some(start) => begins(segment, start).is_some(),
                None => begins(segment, word).is_some_and(|next| !next.is_some_and(goes_on)),
            })
    })
}

/// What comes after `start`, where the segment begins with that.
fn begins(segment: &str, start: &str) -> Option<Option<u8>> {
    let (head, rest) = segment.as_bytes().split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start.as_bytes())
        .then(|| rest.first().copied())
}

/// Whether a word with this after it is another name: `admin-team` may be an organization, and
/// `admin~` is nothing but the word to a server that reads less strictly.
fn goes_on(next: u8) -> bool {
    next.is_ascii_alphanumeric() || next == b'-'
}

/// As many segments as any pattern needs, below a host's own and below `/api/v3`.
const DEEP: usize = 8;
/// Where two lists of the same thing differed, this has the stricter line. No account's name begins
/// with `_`, so that nothing is lost by closing all that begins so.
const EXPOSED: [&str; 14] = [
    "/setup",
    "/manage",
    "/stafftools",
    "/admin",
    "/enterprise",
    "/enterprises/*/settings*",
    "/scim",
    "/authorizations",
    "/_services*",
    "/_sockets*",
    "/_private*",
    "/devtools",
    "/graphite",
    "/mail",
];

#[cfg(test)]
mod tests;
