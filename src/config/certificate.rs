//! `[[certificate]]`.

use super::file;
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::translation::{Taken, Translation};
use crate::edge::certificate::{Certificate, HostPattern, Origin};
use std::path::Path;
use std::sync::Arc;

/// The certificates, and every name that one is meant for, even where it could not be read.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// Those that are right.
    pub(super) all: Vec<(Key, Certificate)>,
    /// The names of all.
    pub(super) hosts: Vec<HostPattern>,
}

impl Translation<'_> {
    /// `[[certificate]]`.
    pub(super) fn certificate_list(&mut self, layers: &Layers, state: &Path) -> Certificates {
        let mut taken = Taken::default();
        let mut found = Certificates::default();
        for (key, certificate) in layers.list("certificate", |file| &file.certificate) {
            let hosts = self.certificate_hosts(&key, certificate, &mut taken);
            found.hosts.extend(hosts.iter().cloned());
            if let Some(origin) = self.certificate_origin(&key, certificate, state) {
                found.all.push((key, Certificate { hosts, origin }));
            }
        }
        found
    }

    fn certificate_hosts(
        &mut self,
        key: &Key,
        certificate: &file::Certificate,
        taken: &mut Taken,
    ) -> Vec<HostPattern> {
        let key = key.child("hosts");
        let expected = "a list of host names such as `[\"hooks.example.com\"]`";
        let Some(hosts) = self.required(&key, certificate.hosts.as_ref(), expected) else {
            return Vec::new();
        };
        if hosts.is_empty() {
            self.wrong(&key, format!("is empty, expected {expected}"));
        }
        let mut patterns = Vec::new();
        for (index, text) in hosts.iter().enumerate() {
            let key = key.item(index);
            let (wildcard, name) = match text.strip_prefix("*.") {
                Some(name) => (true, name),
                None => (false, text.as_str()),
            };
            let is_address = name.parse::<std::net::IpAddr>().is_ok();
            match name.parse() {
                Ok(name) if !(wildcard && is_address) => {
                    let pattern = HostPattern { wildcard, name };
                    let word = format!("{}{}", if wildcard { "*." } else { "" }, pattern.name);
                    taken.take(self, &key, &word);
                    patterns.push(pattern);
                }
                _ => {
                    let found = shown(text);
                    self.wrong(
                        &key,
                        format!("found {found}, expected a host name, or `*.` and a host name"),
                    );
                }
            }
        }
        patterns
    }

    fn certificate_origin(
        &mut self,
        key: &Key,
        certificate: &file::Certificate,
        state: &Path,
    ) -> Option<Origin> {
        let self_signed = certificate.self_signed == Some(true);
        if self_signed || certificate.acme.is_some() {
            let other = if self_signed {
                "self_signed = true"
            } else {
                "acme"
            };
            let given = [
                ("chain", certificate.chain.is_some()),
                ("key", certificate.key.is_some()),
                ("acme", self_signed && certificate.acme.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, given)| *given) {
                let text = format!("has no use with `{other}`; expected one or the other");
                self.wrong(&key.child(name), text);
            }
        }
        if self_signed {
            return Some(Origin::SelfSigned);
        }
        if let Some(acme) = &certificate.acme {
            let authority = self.authority(&key.child("acme"), acme, state)?;
            return Some(Origin::Acme(Arc::new(authority)));
        }
        if certificate.chain.is_none() && certificate.key.is_none() {
            let text = "says nothing of where it comes from; expected `chain` and `key`, `acme`, \
                        or `self_signed = true`";
            self.mistakes.note_lack(key, text);
            return None;
        }
        let at = key.child("chain");
        let chain = self
            .required(&at, certificate.chain.as_ref(), "the path of a PEM file")
            .and_then(|path| self.certificates(&at, path));
        let at = key.child("key");
        let secret = self
            .required(
                &at,
                certificate.key.as_ref(),
                "a secret such as `file:hooks.key`",
            )
            .and_then(|text| self.secret(&at, text));
        if let Some(secret) = &secret {
            let chain = chain
                .as_ref()
                .map(|(_, certificates)| certificates.as_slice());
            self.is_key_of(&at, secret, chain);
        }
        Some(Origin::Files {
            chain: chain?.0,
            key: secret?.source,
        })
    }
}
