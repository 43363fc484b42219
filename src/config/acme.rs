//! `[[certificate]].acme`.

use super::file;
use super::key::Key;
use super::mistake::shown;
use super::translation::{Translation, optional};
use crate::edge::Listener;
use crate::edge::acme::Way;
use crate::edge::certificate::{Authority, Binding, Certificate, Origin};
use crate::types::{Host, SecretSource};
use std::path::Path;
use url::Url;

/// Words for directories that many use.
const KNOWN: [(&str, &str); 2] = [
    (
        "letsencrypt",
        "https://acme-v02.api.letsencrypt.org/directory",
    ),
    (
        "letsencrypt-staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    ),
];
/// Longer ones than any authority gives.
const LONGEST_KID: usize = 512;
/// The most names that authorities put in one certificate.
const MOST_HOSTS: usize = 100;

impl Translation<'_> {
    /// The authority that issues a certificate.
    pub(super) fn authority(
        &mut self,
        key: &Key,
        acme: &file::Acme,
        state: &Path,
    ) -> Option<Authority> {
        let at = key.child("directory");
        let expected = "`\"letsencrypt\"`, `\"letsencrypt-staging\"` or an https address";
        let directory = self
            .required(&at, acme.directory.as_ref(), expected)
            .and_then(|text| self.directory(&at, text, expected));
        let at = key.child("contact");
        let expected = "an e-mail address such as `net@example.com`";
        let contact = self
            .required(&at, acme.contact.as_ref(), expected)
            .and_then(|text| self.contact(&at, text, expected));
        let at = key.child("ca");
        let roots = acme.ca.as_ref().map(|path| {
            let found = self.certificates(&at, path);
            found.map(|(_, certificates)| certificates)
        });
        let at = key.child("eab");
        let binding = acme.eab.as_ref().map(|eab| self.binding(&at, eab));
        Some(Authority {
            directory: directory?,
            contact: contact?,
            roots: optional(roots)?,
            binding: optional(binding)?,
            place: state.join("acme"),
        })
    }

    fn directory(&mut self, key: &Key, text: &str, expected: &str) -> Option<Url> {
        let known = KNOWN.iter().find(|(word, _)| *word == text);
        let url: Option<Url> = known.map_or(text, |(_, url)| url).parse().ok();
        let fit = |url: &Url| {
            url.scheme() == "https"
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
        };
        let url = url.filter(fit);
        if url.is_none() {
            // What is no address may hold a password all the same.
            let found = if text.contains('@') {
                "found an address that is not fit".to_owned()
            } else {
                format!("found {}", shown(text))
            };
            self.wrong(key, format!("{found}, expected {expected}"));
        }
        url
    }

    fn contact(&mut self, key: &Key, text: &str, expected: &str) -> Option<String> {
        let fit = |text: &str| {
            let (name, host) = text.split_once('@')?;
            let plain =
                |byte: u8| byte.is_ascii_alphanumeric() || b".!#$&'*+-/=^_`{|}~".contains(&byte);
            let host: Host = host.parse().ok()?;
            (!name.is_empty() && name.bytes().all(plain) && host.as_str().contains('.'))
                .then_some(())
        };
        if fit(text).is_none() {
            self.wrong(key, format!("found {}, expected {expected}", shown(text)));
            return None;
        }
        Some(text.to_owned())
    }

    fn binding(&mut self, key: &Key, eab: &file::Eab) -> Option<Binding> {
        let at = key.child("kid");
        let expected = "the key's name, as the authority gave it";
        let kid = self.required(&at, eab.kid.as_ref(), expected);
        let fit = |kid: &&String| {
            (1..=LONGEST_KID).contains(&kid.len())
                && kid.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if kid.is_some_and(|kid| !fit(&kid)) {
            self.wrong(
                &at,
                format!("is empty, too long or not plain text, expected {expected}"),
            );
        }
        let at = key.child("key");
        let secret = self
            .required(&at, eab.key.as_ref(), "a secret such as `file:eab-key`")
            .and_then(|text| self.secret(&at, text))?;
        if let Err(why) = Binding::decoded(&secret.value) {
            self.wrong(&at, why);
        }
        Some(Binding {
            kid: kid.filter(fit)?.clone(),
            // So that another key in the same file is another one.
            key: SecretSource::Held(secret.value),
        })
    }

    /// Whether an authority can be shown that the hosts of its certificates lead here.
    pub(super) fn judge_acme(
        &mut self,
        certificates: &[(Key, Certificate)],
        listeners: &[(Key, Listener)],
    ) {
        let ways = Way::of(listeners.iter().map(|(_, listener)| listener));
        for (key, certificate) in certificates {
            let Origin::Acme(_) = &certificate.origin else {
                continue;
            };
            if ways.is_empty() {
                let text = "no listener can answer the authority; expected one with `only = \
                            \"redirect\"` that its port 80 leads to, or one with TLS for port 443";
                self.wrong(&key.child("acme"), text);
            }
            let hosts = key.child("hosts");
            if certificate.hosts.len() > MOST_HOSTS {
                let text = "names more than 100 hosts, which authorities do not put in one \
                            certificate; expected several `[[certificate]]`";
                self.wrong(&hosts, text);
            }
            for (index, host) in certificate.hosts.iter().enumerate() {
                let at = hosts.item(index);
                if host.wildcard {
                    let text = format!(
                        "`{host}` cannot be proved by a listener, only in DNS, which hubgate does \
                         not write; name each host, or use `chain` and `key`"
                    );
                    self.wrong(&at, text);
                } else if host.name.as_str().parse::<std::net::IpAddr>().is_ok() {
                    let text = format!("`{host}` is an address; expected a host name");
                    self.wrong(&at, text);
                }
            }
        }
    }
}
