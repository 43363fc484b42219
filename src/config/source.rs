//! `[[source]]`, lists of networks, and `from`.

use super::file::{self, OneOrMany};
use super::key::Key;
use super::layers::Layers;
use super::mistake::{did_you_mean, shown};
use super::translation::{Taken, Translation, hours, seconds};
use crate::edge::source::{From, Meta, Origin, Source};
use crate::types::Name;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a person writes to let everybody in.
const ANYWHERE: &str = "anywhere";

/// The lists of `https://api.github.com/meta` that hold networks. Others may come: a name that is
/// not here is a warning.
const GITHUB_SECTIONS: [&str; 13] = [
    "actions",
    "actions_macos",
    "api",
    "codespaces",
    "copilot",
    "dependabot",
    "git",
    "github_enterprise_importer",
    "hooks",
    "importer",
    "packages",
    "pages",
    "web",
];

/// The sources, and what is known of them while routes are read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Those that are right.
    pub(super) all: Vec<Source>,
    /// Every name that is given, even to one that is wrong otherwise, and where.
    named: Vec<(String, Key)>,
    /// Names that a route asked for.
    used: BTreeSet<String>,
}

impl Translation<'_> {
    /// `[[source]]`.
    pub(super) fn source_list(&mut self, layers: &Layers) -> Sources {
        let mut names = Taken::default();
        let mut sources = Sources::default();
        for (key, source) in layers.list("source", |file| &file.source) {
            if let Some(name) = &source.name {
                sources.named.push((name.clone(), key.child("name")));
            }
            let name = self.name(&key, source.name.as_ref(), &mut names);
            if name.as_ref().is_some_and(|name| name.as_str() == ANYWHERE) {
                let text = "`anywhere` is not a name: it means everybody in `from`";
                self.wrong(&key.child("name"), text);
            }
            let origin = self.source_origin(&key, source);
            if let (Some(name), Some(origin)) = (name, origin) {
                sources.all.push(Source { name, origin });
            }
        }
        sources
    }

    fn source_origin(&mut self, key: &Key, source: &file::Source) -> Option<Origin> {
        match (&source.networks, &source.meta) {
            (Some(networks), None) => {
                let instead = "`from = \"anywhere\"` where everybody may come";
                let networks = self.networks(&key.child("networks"), networks, instead);
                Some(Origin::Networks(networks))
            }
            (None, Some(meta)) => self.meta(&key.child("meta"), meta).map(Origin::Meta),
            (Some(_), Some(_)) => {
                self.wrong(key, "has both `networks` and `meta`; expected one of them");
                None
            }
            (None, None) => {
                self.mistakes
                    .note_lack(key, "names no addresses; expected `networks` or `meta`");
                None
            }
        }
    }

    fn meta(&mut self, key: &Key, meta: &file::Meta) -> Option<Meta> {
        let at = key.child("url");
        let url = self
            .required(
                &at,
                meta.url.as_ref(),
                "an address such as `https://api.github.com/meta`",
            )
            .and_then(|url| match super::url::document(url) {
                Ok(url) => Some(url),
                Err(why) => {
                    self.wrong(&at, why);
                    None
                }
            });
        let at = key.child("sections");
        let expected = "a list such as `[\"hooks\"]`";
        let sections = self.required(&at, meta.sections.as_ref(), expected);
        if sections.is_some_and(Vec::is_empty) {
            self.wrong(&at, format!("is empty, expected {expected}"));
        }
        let is_githubs = url
            .as_ref()
            .is_some_and(|url| url.host_str() == Some("api.github.com"));
        for (index, section) in sections.into_iter().flatten().enumerate() {
            let at = at.item(index);
            if section.trim().is_empty() {
                self.wrong(&at, "is empty, expected the name of a list such as `hooks`");
            } else if is_githubs && !GITHUB_SECTIONS.contains(&section.as_str()) {
                let nearest = did_you_mean(section, GITHUB_SECTIONS).unwrap_or_default();
                let found = shown(section);
                self.warn(
                    &at,
                    format!("{found} is not a list that GitHub is known to publish{nearest}"),
                );
            }
        }
        let refresh = self.duration(
            (key.child("refresh"), meta.refresh.as_ref()),
            hours(1),
            seconds(60)..=hours(7 * 24),
        );
        Some(Meta {
            url: url?,
            sections: sections?.clone(),
            refresh,
        })
    }

    /// A list of networks that stops somewhere; `instead` is what a person should write who wants
    /// all.
    pub(super) fn networks(&mut self, key: &Key, list: &[String], instead: &str) -> Vec<IpNet> {
        if list.is_empty() {
            self.wrong(key, "is empty, expected networks such as `203.0.113.0/24`");
        }
        let mut networks = Vec::new();
        for (index, text) in list.iter().enumerate() {
            match network(text) {
                Ok(network) if network.prefix_len() == 0 => {
                    let found = shown(text);
                    self.wrong(
                        &key.item(index),
                        format!("{found} is everybody; expected {instead}"),
                    );
                }
                Ok(network) => networks.push(network),
                Err(why) => self.wrong(&key.item(index), why),
            }
        }
        if IpNet::aggregate(&networks)
            .iter()
            .any(|network| network.prefix_len() == 0)
        {
            self.wrong(key, format!("together are everybody; expected {instead}"));
        }
        networks
    }

    /// `from`. Absent or empty admits nobody, which cannot be meant.
    pub(super) fn from(
        &mut self,
        key: &Key,
        from: Option<&OneOrMany>,
        sources: &mut Sources,
    ) -> Option<From> {
        let expected = "a list of source names such as `[\"github-hooks\"]`, or `\"anywhere\"`";
        let names = match self.required(key, from, expected)? {
            OneOrMany::One(word) if word == ANYWHERE => return Some(From::Anywhere),
            OneOrMany::One(word) => {
                let found = shown(word);
                self.wrong(key, format!("found {found}, expected {expected}"));
                return None;
            }
            OneOrMany::Many(names) => names,
        };
        match names.as_slice() {
            [] => {
                self.wrong(
                    key,
                    format!("is empty, which admits nobody; expected {expected}"),
                );
                None
            }
            [word] if word == ANYWHERE => Some(From::Anywhere),
            names => {
                let known: Vec<Option<Name>> = names
                    .iter()
                    .enumerate()
                    .map(|(index, name)| self.known_source(&key.item(index), name, sources))
                    .collect();
                known.into_iter().collect::<Option<_>>().map(From::Sources)
            }
        }
    }

    fn known_source(&mut self, key: &Key, name: &str, sources: &mut Sources) -> Option<Name> {
        if name == ANYWHERE {
            self.wrong(
                key,
                "`anywhere` stands alone: the other names say nothing beside it",
            );
            return None;
        }
        let named = sources.named.iter().map(|(name, _)| name.as_str());
        if !named.clone().any(|known| known == name) {
            let found = shown(name);
            let nearest = did_you_mean(name, named.chain([ANYWHERE])).unwrap_or_default();
            self.wrong(
                key,
                format!("there is no `[[source]]` named {found}{nearest}"),
            );
            return None;
        }
        sources.used.insert(name.to_owned());
        // One that is not well formed was noted where it is named.
        name.parse().ok()
    }

    /// Warns of sources that no route asks for.
    pub(super) fn judge_unused(&mut self, sources: &Sources) {
        for (name, key) in &sources.named {
            if !sources.used.contains(name) {
                self.warn(key, format!("no `from` names the source {}", shown(name)));
            }
        }
    }
}

/// A network, or a single address. One with bits beyond its prefix is two things at once.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => {
                return Err(format!(
                    "found {}, expected a network such as `203.0.113.0/24` or `2001:db8::/32`",
                    shown(text)
                ));
            }
        },
    };
    if network.addr() != network.network() {
        return Err(format!(
            "`{network}` has bits set beyond its prefix; expected `{}` or `{}`",
            network.trunc(),
            network.addr()
        ));
    }
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        // Such an address is always compared as its IPv4 address, so this would match nothing.
        let prefix = v6.prefix_len().saturating_sub(96);
        return Err(format!(
            "`{network}` is an IPv4 network; expected `{v4}/{prefix}`"
        ));
    }
    Ok(network)
}
