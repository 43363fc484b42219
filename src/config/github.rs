//! `[[github]]`.

use super::key::Key;
use super::layers::Layers;
use super::mistake::{did_you_mean, shown};
use super::publish::Found as Published;
use super::translation::{Taken, Translation, optional};
use crate::apps::Settings;
use crate::github::{Product, Site};
use crate::types::Name;
use std::sync::Arc;
use url::Url;

/// The hosts, and what is known of them while Apps are read.
#[derive(Debug, Default)]
pub(super) struct Sites {
    /// Those that are right.
    pub(super) all: Vec<Arc<Site>>,
    /// Every name that is given, even to one that is wrong otherwise.
    named: Vec<String>,
}

impl Translation<'_> {
    /// `[[github]]`.
    pub(super) fn sites(&mut self, layers: &Layers) -> Sites {
        let mut names = Taken::default();
        let mut sites = Sites::default();
        for (key, site) in layers.list("github", |file| &file.github) {
            sites.named.extend(site.name.clone());
            let name = self.name(&key, site.name.as_ref(), &mut names);
            let at = key.child("url");
            let expected = "an address such as `https://github.corp.internal`";
            let place = self
                .required(&at, site.url.as_ref(), expected)
                .and_then(|text| self.site_url(&at, text));
            let ca = site.ca.as_ref();
            let ca = ca.map(|path| self.certificates(&key.child("ca"), path));
            let via = site.via.as_ref();
            let via = via.map(|text| self.proxy(&key.child("via"), text));
            let Some((product, web)) = place else {
                continue;
            };
            if ca.is_some() && web.scheme() == "http" {
                self.warn(&key.child("ca"), "has no effect, since `url` is not https");
            }
            if let (Some(name), Some(ca), Some(via)) = (name, optional(ca), optional(via)) {
                sites.all.push(Arc::new(Site {
                    name,
                    product,
                    web,
                    ca: ca.map(|(path, _)| path),
                    via,
                }));
            }
        }
        sites
    }

    /// The host that an App names. One that is wrong was noted where it stands.
    pub(super) fn site(&mut self, key: &Key, name: &str, sites: &Sites) -> Option<Arc<Site>> {
        if !sites.named.iter().any(|known| known == name) {
            let found = shown(name);
            let named = sites.named.iter().map(String::as_str);
            let nearest = did_you_mean(name, named).unwrap_or_default();
            self.wrong(
                key,
                format!("there is no `[[github]]` named {found}{nearest}"),
            );
        }
        let mut all = sites.all.iter();
        all.find(|site| site.name.as_str() == name).cloned()
    }

    /// What callers ask is streamed through a proxy by `CONNECT`, in TLS that ends at GitHub; the
    /// way to the proxy itself is plain.
    pub(super) fn judge_proxies(
        &mut self,
        layers: &Layers,
        brokered: bool,
        published: &[Published],
        apps: &[Settings],
    ) {
        let routes = published.iter().filter_map(|found| found.route.as_ref());
        let named: Vec<&Name> = routes.filter_map(|route| route.app.as_ref()).collect();
        for (key, site) in layers.list("github", |file| &file.github) {
            let used = |app: &&Settings| {
                let here = site.name.as_deref() == Some(app.site.name.as_str());
                here && (brokered || named.contains(&&app.name))
            };
            let proxy = apps.iter().find(used).and_then(|app| app.site.via.as_ref());
            if proxy.is_some_and(|proxy| proxy.scheme() != "http") {
                let text = "is https, and callers use Apps there: what they ask passes a proxy that is \
                            spoken to in plain http only; expected `http://HOST:PORT`";
                self.wrong(&key.child("via"), text);
            }
        }
    }

    fn site_url(&mut self, key: &Key, text: &str) -> Option<(Product, Url)> {
        let url = match super::url::service(text) {
            Ok(url) => url,
            Err(why) => {
                self.wrong(key, why);
                return None;
            }
        };
        let wrong = |expected: &str| format!("found {}, expected {expected}", shown(text));
        if url.path() != "/" {
            self.wrong(
                key,
                wrong("the host alone: where its API is follows from it"),
            );
            return None;
        }
        let host = url.host_str().unwrap_or_default();
        let enterprise = host.strip_suffix(".ghe.com");
        let product = match enterprise {
            _ if host == "github.com" => Product::Cloud,
            _ if host == "ghe.com" || host.ends_with(".github.com") => {
                self.wrong(key, wrong("`https://github.com` or `https://SUB.ghe.com`"));
                return None;
            }
            Some(sub) if sub.contains('.') => {
                self.wrong(key, wrong("the host of its pages, `https://SUB.ghe.com`"));
                return None;
            }
            Some(_) => Product::Cloud,
            None => Product::Server,
        };
        if url.scheme() == "http" {
            if product == Product::Cloud {
                self.wrong(key, wrong("https"));
                return None;
            }
            self.warn(
                key,
                "is http: what Apps sign in with, and their tokens, cross the network in clear",
            );
        }
        Some((product, url))
    }

    fn proxy(&mut self, key: &Key, text: &str) -> Option<Url> {
        let expected = "a proxy such as `http://proxy.corp.internal:3128`";
        match super::url::service(text) {
            Ok(url) if url.path() == "/" => Some(url),
            Ok(_) => {
                self.wrong(key, format!("found {}, expected {expected}", shown(text)));
                None
            }
            Err(why) => {
                self.wrong(key, why);
                None
            }
        }
    }
}
