//! Rules about several sections at once: does every route have a door, and every door what it
//! needs?

use super::key::Key;
use super::translation::Translation;
use super::url::RouteUrl;
use super::webhook::Found;
use crate::admin;
use crate::edge::Listener;
use crate::edge::certificate::HostPattern;
use crate::spool;
use crate::types::Host;

impl Translation<'_> {
    /// Holds the listeners against the routes and their certificates.
    pub(super) fn judge_doors(
        &mut self,
        listeners: &[(Key, Listener)],
        certificates: &[HostPattern],
        routes: &[(&Key, &RouteUrl)],
    ) {
        let serving = || listeners.iter().filter(|(_, listener)| !listener.redirect);
        let with_tls = serving().any(|(_, listener)| listener.tls);
        let with_https = routes.iter().find(|(_, url)| url.https);
        for (key, url) in routes {
            if !listeners.is_empty() && serving().next().is_none() {
                self.wrong(key, "no listener serves it: all of them only redirect");
            } else if url.https && with_tls && !is_covered(&url.host, certificates) {
                self.wrong(
                    key,
                    format!(
                        "there is no `[[certificate]]` whose `hosts` name `{}`",
                        url.host
                    ),
                );
            } else if !url.https && serving().all(|(_, listener)| listener.tls) {
                self.warn(key, "is http, and every listener that serves it speaks TLS");
            }
        }
        if let Some((_, url)) = with_https {
            for (key, listener) in serving().filter(|(_, listener)| !listener.tls) {
                self.warn(
                    &key.child("tls"),
                    format!(
                        "listener `{}` serves https routes such as `{}{}` without TLS; is right \
                         only behind something that ends TLS",
                        listener.name, url.host, url.path
                    ),
                );
            }
        }
    }

    /// Holds the admin address against the listeners'.
    pub(super) fn judge_addresses(
        &mut self,
        key: &Key,
        admin: &admin::Settings,
        listeners: &[(Key, Listener)],
    ) {
        let Some(address) = admin.address.filter(|address| address.port() != 0) else {
            return;
        };
        if let Some((other, _)) = listeners.iter().find(|(_, l)| l.address == address) {
            let other = other.child("address").seen_from(key);
            self.wrong(key, format!("`{address}` is taken by {other}"));
        }
    }

    /// Warns where the spool can hardly hold what the routes may bring.
    pub(super) fn judge_room(&mut self, key: &Key, spool: &spool::Settings, routes: &[Found]) {
        let largest = routes
            .iter()
            .filter_map(|found| found.route.as_ref())
            .map(|route| route.max_body)
            .max();
        if let Some(largest) = largest
            && spool.max_size.bytes() < largest.bytes().saturating_mul(4)
        {
            let size = spool.max_size;
            self.warn(
                key,
                format!("`{size}` holds fewer than four of the largest payloads, {largest}"),
            );
        }
    }
}

/// Whether a certificate's names cover a host; `*.` stands for exactly one label.
fn is_covered(host: &Host, certificates: &[HostPattern]) -> bool {
    let parent = host.as_str().split_once('.').map(|(_, parent)| parent);
    certificates.iter().any(|pattern| {
        if pattern.wildcard {
            parent == Some(pattern.name.as_str())
        } else {
            pattern.name == *host
        }
    })
}
