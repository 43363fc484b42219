//! The document itself: which of its lists are read, and what is refused in them.
//!
//! A gate is opened by what stands here, so a network that would open it to the world is a
//! mistake, whoever signed the certificate.

use super::{List, Origin};
use crate::types::Timestamp;
use ipnet::IpNet;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Why a document is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON of the right shape.
    #[error("the document is malformed: {0}")]
    Malformed(String),
    /// It lacks a list that was asked for.
    #[error("the document has no list `{0}`")]
    Missing(String),
    /// Nothing is in it.
    #[error("the document names no network")]
    Empty,
    /// It names more than any document should.
    #[error("the document opens the gate too wide: {0}")]
    TooWide(String),
}

/// The networks of the sections asked for, sorted, each once.
///
/// # Errors
/// Where a section is missing, or what it holds is malformed, nothing, or too much.
pub fn read(body: &[u8], sections: &[String]) -> Result<Vec<IpNet>, DocumentError> {
    let mut found = vec![false; sections.len()];
    let mut networks = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    Document {
        sections,
        found: &mut found,
        networks: &mut networks,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end())
    .map_err(|failure| DocumentError::Malformed(failure.to_string()))?;
    if let Some((missing, _)) = sections.iter().zip(&found).find(|(_, found)| !**found) {
        return Err(DocumentError::Missing(missing.clone()));
    }
    networks.sort_unstable();
    networks.dedup();
    if networks.is_empty() {
        return Err(DocumentError::Empty);
    }
    bounded(&networks)?;
    Ok(networks)
}

/// What GitHub's document said when this was built, for the first start of a gateway that has
/// not fetched it yet.
pub(super) fn snapshot(url: &url::Url, sections: &[String]) -> Option<List> {
    if url.as_str() != SNAPSHOT_URL || sections != ["hooks"] {
        return None;
    }
    let mut networks: Vec<IpNet> = SNAPSHOT
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    networks.sort_unstable();
    Some(List {
        networks,
        confirmed: Some(SNAPSHOT_TAKEN),
        origin: Origin::Snapshot,
        etag: None,
    })
}

/// A network as the document and the disk write it: with a prefix length or a bare address.
pub(super) fn network(text: &str) -> Result<IpNet, DocumentError> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        DocumentError::Malformed(format!("`{}` is no network", shown.escape_debug()))
    };
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .ok()
        .ok_or_else(wrong)?
        .trunc();
    let mapped = matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some());
    if mapped {
        return Err(wrong());
    }
    let least = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if network.prefix_len() < least {
        return Err(DocumentError::TooWide(format!(
            "`{network}` is wider than /{least}"
        )));
    }
    Ok(network)
}

/// Many narrow networks must not add up to the world either.
fn bounded(networks: &[IpNet]) -> Result<(), DocumentError> {
    let (mut v4, mut v6) = (0_u128, 0_u128);
    for network in networks {
        match network {
            IpNet::V4(net) => v4 = v4.saturating_add(1 << (32 - u32::from(net.prefix_len()))),
            // Counted in /64s.
            IpNet::V6(net) => {
                v6 = v6.saturating_add(1 << 64_u32.saturating_sub(net.prefix_len().into()));
            }
        }
    }
    if v4 > MOST_V4 || v6 > MOST_V6 {
        return Err(DocumentError::TooWide(
            "its networks add up to more than a sixteenth of the internet".to_owned(),
        ));
    }
    Ok(())
}

struct Document<'a> {
    sections: &'a [String],
    found: &'a mut [bool],
    networks: &'a mut Vec<IpNet>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with lists of networks")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let section = self.sections.iter().position(|section| *section == key);
            let Some(found) = section.and_then(|place| self.found.get_mut(place)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(found, true) {
                return Err(A::Error::custom(format_args!("`{key}` comes twice")));
            }
            map.next_value_seed(Networks(self.networks))?;
        }
        Ok(())
    }
}

struct Networks<'a>(&'a mut Vec<IpNet>);

impl<'de> DeserializeSeed<'de> for Networks<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Networks<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of networks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(text) = list.next_element::<std::borrow::Cow<'de, str>>()? {
            if self.0.len() >= MOST_NETWORKS {
                return Err(A::Error::custom("over 100,000 networks"));
            }
            self.0.push(network(&text).map_err(A::Error::custom)?);
        }
        Ok(())
    }
}

/// GitHub's longest list has some thousands.
const MOST_NETWORKS: usize = 100_000;
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
/// A sixteenth of all addresses; GitHub's longest list is under a hundredth.
const MOST_V4: u128 = 1 << 28;
/// A sixteenth of all global addresses (`2000::/3`), in /64s.
const MOST_V6: u128 = 1 << 57;

const SNAPSHOT_URL: &str = "https://api.github.com/meta";
/// 2026-11-20.
const SNAPSHOT_TAKEN: Timestamp = Timestamp::from_millis(1_795_132_800_000);
const SNAPSHOT: [&str; 6] = [
    "192.30.252.0/22",
    "185.199.108.0/22",
    "140.82.112.0/20",
    "143.55.64.0/20",
    "2a0a:a440::/29",
    "2606:50c0::/32",
];
