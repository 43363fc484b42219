//! `[[webhook.to]]`.

use super::file::{self, Order};
use super::key::Key;
use super::mistake::shown;
use super::source::network;
use super::translation::{Taken, Translation, hours, optional, seconds};
use crate::spool;
use crate::types::SecretSource;
use crate::webhook::Mode;
use crate::webhook::deliver::{Attempts, Reach, Target};
use http::{HeaderName, HeaderValue, Uri};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// The shortest duration that is one.
const SHORTEST: Duration = Duration::from_millis(1);

/// Headers that say what a delivery is or how it is carried: ours to write.
const OWN_HEADERS: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-request-id",
];
const OWN_PREFIXES: [&str; 4] = ["x-github-", "x-hub-signature", "x-hubgate-", "x-forwarded-"];

impl Translation<'_> {
    /// The targets of one webhook; None where one is wrong.
    pub(super) fn targets(
        &mut self,
        key: &Key,
        to: Option<&Vec<file::Target>>,
        mode: Mode,
        taken: &mut Taken,
    ) -> Option<Vec<Target>> {
        let expected = "at least one `[[webhook.to]]` with `name` and `url`";
        let to = self.required(key, to, expected)?;
        if to.is_empty() {
            self.wrong(key, format!("is empty, expected {expected}"));
        }
        if mode == Mode::Through && to.len() > 1 {
            let text = "`mode = \"through\"` answers what its one target answers, and there are";
            self.wrong(key, format!("{text} {}; expected one", to.len()));
        }
        let mut targets = Vec::new();
        for (index, target) in to.iter().enumerate() {
            let key = key.item(index);
            if mode == Mode::Through {
                self.warn_of_stored_only(&key, target);
            }
            targets.push(self.target(&key, target, taken));
        }
        targets.into_iter().collect()
    }

    fn target(&mut self, key: &Key, target: &file::Target, taken: &mut Taken) -> Option<Target> {
        let name = self.name(key, target.name.as_ref(), taken);
        let url = self.target_url(&key.child("url"), target.url.as_ref());
        let timeout = self.duration(
            (key.child("timeout"), target.timeout.as_ref()),
            seconds(30),
            SHORTEST..=seconds(600),
        );
        let attempts = self.attempts(&key.child("attempts"), target.attempts.as_ref());
        let concurrency = (key.child("concurrency"), target.concurrency.as_ref());
        let concurrency = self.number(concurrency, 8, 1..=1024);
        let order = match target.order {
            None | Some(Order::None) => spool::Order::None,
            Some(Order::Repository) => spool::Order::Repository,
        };
        let headers = self.headers(&key.child("headers"), target.headers.as_ref());
        let allow = self.allow(&key.child("allow"), target.allow.as_ref(), url.as_ref());
        let resign = target.resign.as_ref();
        let resign = resign.map(|text| self.long_secret(&key.child("resign"), text));
        let ca = target.ca.as_ref();
        let ca = ca.map(|path| self.certificates(&key.child("ca"), path));
        let (url, uri) = url?;
        if ca.is_some() && url.scheme() == "http" {
            self.warn(&key.child("ca"), "has no effect, since `url` is not https");
        }
        Some(Target {
            name: name?,
            url: uri,
            timeout,
            attempts,
            concurrency,
            order,
            headers: headers?,
            allow: allow?,
            resign: optional(resign)?,
            ca: optional(ca)?.map(|(path, _)| path),
        })
    }

    fn warn_of_stored_only(&mut self, key: &Key, target: &file::Target) {
        for (name, given) in [
            ("attempts", target.attempts.is_some()),
            ("order", target.order.is_some()),
        ] {
            if given {
                let text = "has no effect with `mode = \"through\"`, which tries once";
                self.warn(&key.child(name), text);
            }
        }
    }

    fn target_url(&mut self, key: &Key, url: Option<&String>) -> Option<(Url, Uri)> {
        let expected = "an address such as `http://jira.corp.internal:8080/hook`";
        match super::url::target(self.required(key, url, expected)?) {
            Ok(url) => Some(url),
            Err(why) => {
                self.wrong(key, why);
                None
            }
        }
    }

    fn attempts(&mut self, key: &Key, attempts: Option<&file::Attempts>) -> Attempts {
        let said = attempts.cloned().unwrap_or_default();
        let lasting = self.duration(
            (key.child("for"), said.lasting.as_ref()),
            hours(72),
            SHORTEST..=hours(30 * 24),
        );
        let most = self.duration(
            (key.child("most"), said.most.as_ref()),
            hours(1),
            SHORTEST..=hours(24),
        );
        let first = self.duration(
            (key.child("first"), said.first.as_ref()),
            seconds(1).min(most),
            SHORTEST..=hours(24),
        );
        if first > most {
            let most = said.most.as_deref().unwrap_or("1h");
            let text = format!("is longer than `most`, which is {}", shown(most));
            self.wrong(&key.child("first"), text);
        }
        Attempts {
            lasting,
            first,
            most,
        }
    }

    fn headers(
        &mut self,
        key: &Key,
        headers: Option<&BTreeMap<String, String>>,
    ) -> Option<Vec<(HeaderName, SecretSource)>> {
        let mut taken = Taken::default();
        let read: Vec<_> = headers
            .into_iter()
            .flatten()
            .map(|(name, value)| self.header(&key.child(name), name, value, &mut taken))
            .collect();
        read.into_iter().collect()
    }

    fn header(
        &mut self,
        key: &Key,
        name: &str,
        value: &str,
        taken: &mut Taken,
    ) -> Option<(HeaderName, SecretSource)> {
        let Ok(header) = name.parse::<HeaderName>() else {
            self.wrong(
                key,
                "is not the name of a header, expected one such as `Authorization`",
            );
            return None;
        };
        let own = OWN_HEADERS.contains(&header.as_str())
            || OWN_PREFIXES
                .iter()
                .any(|prefix| header.as_str().starts_with(prefix));
        if own {
            self.wrong(
                key,
                "is a header that the gateway writes itself; expected another",
            );
        }
        // Names of headers are the same in any case; keys of a table are not.
        taken.take(self, key, header.as_str());
        let found = self.secret(key, value)?;
        if HeaderValue::from_bytes(found.value.expose()).is_err() {
            self.wrong(
                key,
                "the secret cannot be the value of a header: it has a control character",
            );
        }
        Some((header, found.source))
    }

    fn allow(
        &mut self,
        key: &Key,
        allow: Option<&Vec<String>>,
        url: Option<&(Url, Uri)>,
    ) -> Option<Vec<Reach>> {
        let Some(allow) = allow else {
            return Some(Vec::new());
        };
        if allow.is_empty() {
            let text =
                "is empty, which admits no address; expected some such as `10.2.0.0/16:8080`";
            self.wrong(key, text);
        }
        let read: Vec<_> = allow
            .iter()
            .enumerate()
            .map(|(index, text)| match reach(text) {
                Ok(reach) => Some(reach),
                Err(why) => {
                    self.wrong(&key.item(index), why);
                    None
                }
            })
            .collect();
        let read: Vec<Reach> = read.into_iter().collect::<Option<_>>()?;
        let literal = url.and_then(|(url, _)| super::url::literal(url));
        let port = url.and_then(|(url, _)| url.port_or_known_default());
        if let Some(address) = literal
            && !read.iter().any(|reach| {
                reach.network.contains(&address) && reach.port.is_none_or(|only| port == Some(only))
            })
        {
            self.wrong(key, "does not allow the address and port in `url` itself");
        }
        Some(read)
    }
}

/// `10.2.0.0/16:8080`, `10.2.0.7`, `2001:db8::/32`, `[2001:db8::/32]:443`.
fn reach(text: &str) -> Result<Reach, String> {
    let (within, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((within, "")) => (within, None),
        Some((within, port)) => (within, Some(port.strip_prefix(':').unwrap_or(port))),
        // Without brackets, two colons or more are an IPv6 network's own.
        None => match text.rsplit_once(':') {
            Some((within, port)) if !within.contains(':') => (within, Some(port)),
            _ => (text, None),
        },
    };
    let plain = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let port = match port.map(|port| port.parse::<u16>().ok().filter(|n| plain(port) && *n > 0)) {
        Some(None) => {
            return Err(format!(
                "{} has no port from 1 to 65535 after the `:`; expected one, such as `10.2.0.0/16:8080`",
                shown(text)
            ));
        }
        Some(port) => port,
        None => None,
    };
    Ok(Reach {
        network: network(within)?,
        port,
    })
}
