//! What every proxy does to heads whatever it publishes: fields that are for one connection end
//! here (RFC 9110, section 7.6.1), and who forwards for whom is written afresh.

use super::arrival::Arrival;
use super::edit::Edits;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};

/// Fields for one connection, besides those that `Connection` names. How the body is framed
/// (`Transfer-Encoding`) is for whoever writes the message.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];
/// Fields that `Connection` may name and that stay: without them the message is another one.
const KEPT: [&str; 5] = [
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "content-encoding",
];
/// Fields in which a client would claim to be someone else, or to ask for something else than
/// what was judged; `x-forwarded-` and whatever follows it is one more.
const CLAIMS: [&str; 31] = [
    "ali-cdn-real-ip",
    "base-url",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "front-end-https",
    "proxy",
    "true-client-ip",
    "x-arr-clientcert",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
];

/// Removes what is for one connection only; leaves an upgrade where it may pass.
pub(super) fn hop_by_hop(head: &HeaderMap, upgrade: bool, edits: &mut Edits) {
    let named = named(head);
    for name in head.keys() {
        let one = HOP_BY_HOP.contains(&name.as_str()) || named.contains(name);
        if one && !(upgrade && (name == UPGRADE || name == CONNECTION)) {
            edits.remove(name.clone());
        }
    }
    if upgrade && head.contains_key(UPGRADE) {
        edits.set(CONNECTION, HeaderValue::from_static("upgrade"));
    } else if upgrade && head.contains_key(CONNECTION) {
        edits.remove(CONNECTION);
    }
}

fn named(head: &HeaderMap) -> Vec<HeaderName> {
    let lines = head.get_all(CONNECTION).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|word| HeaderName::from_bytes(word.trim().as_bytes()).ok())
        .filter(|name| !KEPT.contains(&name.as_str()))
        .collect()
}

/// Removes what a client claims, and says who it is.
pub(super) fn forwarded(head: &HeaderMap, arrival: &Arrival<'_>, edits: &mut Edits) {
    for name in head.keys().filter(|name| is_claim(name.as_str())) {
        edits.remove(name.clone());
    }
    let client = arrival.client.to_string();
    let lines = [
        ("x-forwarded-for", client.as_str()),
        ("x-forwarded-proto", arrival.scheme.as_str()),
        ("x-forwarded-host", arrival.authority),
    ];
    for (name, text) in lines {
        if let Ok(value) = HeaderValue::from_str(text) {
            edits.set(HeaderName::from_static(name), value);
        }
    }
}

/// Some servers take `_` in a field's name for `-`.
fn is_claim(name: &str) -> bool {
    let claim = |name: &str| name.starts_with("x-forwarded-") || CLAIMS.contains(&name);
    claim(name) || (name.contains('_') && claim(&name.replace('_', "-")))
}
