//! What a tool is told beside GitHub's own headers.

use super::context::Context;
use super::route::Route;
use crate::spool::Header;
use std::sync::Arc;

/// The headers to pass on, and who sent them to which public name.
pub(super) fn forwarded(
    context: &Context,
    route: &Route,
    mut passed: Vec<Header>,
) -> Arc<[Header]> {
    let connection = context.connection.as_ref();
    let client = connection.map(|connection| connection.client.to_string());
    let tls = connection.is_some_and(|connection| connection.tls.is_some());
    let ours = [
        ("x-forwarded-for", client.as_deref().unwrap_or_default()),
        ("x-forwarded-proto", if tls { "https" } else { "http" }),
        ("x-forwarded-host", route.key.host()),
    ];
    passed.extend(ours.map(|(name, value)| Header {
        name: name.into(),
        value: value.as_bytes().into(),
    }));
    passed.into()
}
