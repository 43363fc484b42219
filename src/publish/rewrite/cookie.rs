//! `Set-Cookie` (RFC 6265, section 4.1) of pages: for the public host and path.

use super::hosts::Pair;
use super::names::Names;
use super::reference::moved;

/// The cookie as the outside is to have it: nothing where it stays as it is. A domain that is
/// none of the names' goes: no browser would take it from the public host, and it may tell the
/// inner domain.
pub(super) fn cookie(names: &Names, pair: &Pair, field: &str) -> Option<String> {
    let mut changed = false;
    let parts = field.split(';').enumerate().filter_map(|(at, part)| {
        let attribute = part.split_once('=').filter(|_| at > 0);
        let Some((key, value)) = attribute.map(|(key, value)| (key.trim(), value.trim())) else {
            return Some(part.to_owned());
        };
        let new = if key.eq_ignore_ascii_case("domain") {
            let host = value.trim_start_matches('.');
            if host.is_empty() || names.hosts().is_public(host) {
                return Some(part.to_owned());
            }
            names.hosts().outward(host).map(str::to_owned)
        } else if key.eq_ignore_ascii_case("path") {
            if !value.starts_with('/') || pair.internal.path() == pair.public.path() {
                return Some(part.to_owned());
            }
            // A path above the base would be above the route: the route is all that it has.
            let root = pair.public.path();
            let root = if root.is_empty() { "/" } else { root };
            let new = moved(value, &pair.internal, &pair.public);
            Some(new.unwrap_or_else(|| root.to_owned()))
        } else {
            return Some(part.to_owned());
        };
        changed = true;
        new.map(|value| format!(" {key}={value}"))
    });
    let parts: Vec<String> = parts.collect();
    changed.then(|| parts.join(";"))
}
