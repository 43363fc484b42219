//! Tests of the directory, against an oracle that looks through every network.

use super::*;
use crate::types::ClientAddr;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn directory(sources: &[(&str, &[&str])]) -> Directory {
    Directory::new(sources.iter().map(|(source, networks)| {
        let networks = networks.iter().map(|net| net.parse().unwrap()).collect();
        (name(source), networks)
    }))
}

fn client(text: &str) -> ClientAddr {
    ClientAddr::new(text.parse().unwrap())
}

#[test]
fn an_address_is_admitted_by_the_source_with_the_longest_prefix() {
    let directory = directory(&[
        ("wide", &["10.0.0.0/8", "2001:db8::/32"]),
        ("narrow", &["10.1.0.0/16", "2001:db8:1::/48"]),
        ("other", &["192.0.2.0/24"]),
    ]);
    let rule = |names: &[&str]| {
        directory
            .compile(&From::Sources(names.iter().map(|n| name(n)).collect()))
            .unwrap()
    };
    let rows = [
        ("10.1.2.3", &["wide", "narrow"][..], Some("narrow")),
        ("10.1.2.3", &["wide"], Some("wide")),
        ("10.2.2.3", &["wide", "narrow"], Some("wide")),
        ("10.2.2.3", &["narrow"], None),
        ("11.0.0.0", &["wide", "narrow"], None),
        ("9.255.255.255", &["wide", "narrow"], None),
        ("2001:db8:1::1", &["wide", "narrow"], Some("narrow")),
        ("2001:db8:2::1", &["wide", "narrow"], Some("wide")),
        ("::ffff:10.1.2.3", &["narrow"], Some("narrow")),
        ("::1", &["wide"], None),
        ("192.0.2.255", &[], None),
    ];
    for (address, names, expected) in rows {
        let expected = expected.map(name);
        assert_eq!(
            directory.admits(&rule(names), client(address)),
            expected.as_ref().map(Admitted::Source),
            "{address} {names:?}"
        );
    }
}

#[test]
fn anywhere_admits_everybody_and_no_rule_admits_nobody() {
    let directory = directory(&[("a", &["10.0.0.0/8"])]);
    let anywhere = directory.compile(&From::Anywhere).unwrap();
    let a = directory.compile(&From::Sources(vec![name("a")])).unwrap();
    let stranger = client("203.0.113.9");
    assert_eq!(
        directory.admits(&anywhere, stranger),
        Some(Admitted::Anywhere)
    );
    assert_eq!(directory.admits(&directory.union([]), stranger), None);
    assert_eq!(directory.admits(&directory.union([&a]), stranger), None);
    assert_eq!(
        directory.admits(&directory.union([&a, &anywhere]), stranger),
        Some(Admitted::Anywhere)
    );
}

#[test]
fn a_rule_that_names_an_unknown_source_does_not_compile() {
    let failure = directory(&[("a", &[])])
        .compile(&From::Sources(vec![name("a"), name("githug")]))
        .unwrap_err();
    assert_eq!(failure.name, name("githug"));
}

#[test]
fn a_new_list_applies_to_rules_that_are_compiled_already() {
    let before = directory(&[("a", &["10.0.0.0/8"]), ("b", &["10.0.0.0/8"])]);
    let rule = before.compile(&From::Sources(vec![name("b")])).unwrap();
    let after = before
        .with(&name("b"), &["192.0.2.0/24".parse().unwrap()])
        .unwrap();
    assert!(after.admits(&rule, client("192.0.2.1")).is_some());
    assert!(after.admits(&rule, client("10.0.0.1")).is_none());
}

#[test]
fn a_rule_compiled_against_other_sources_admits_nobody() {
    let rule = directory(&[("a", &[])]).compile(&From::Anywhere).unwrap();
    let other = directory(&[("b", &["0.0.0.0/0"])]);
    assert!(other.admits(&rule, client("10.0.0.1")).is_none());
}

/// Few bits vary, so that networks nest, touch, repeat and are asked at their edges.
fn network() -> impl Strategy<Value = IpNet> {
    let v4 = (0u32..64, 24u8..=32)
        .prop_map(|(bits, length)| IpNet::new(Ipv4Addr::from_bits(bits << 3).into(), length));
    let top = (any::<u32>(), 0u8..=8)
        .prop_map(|(bits, length)| IpNet::new(Ipv4Addr::from_bits(bits).into(), length));
    let v6 = (0u128..64, 118u8..=128).prop_map(|(bits, length)| {
        IpNet::new(Ipv6Addr::from_bits(u128::MAX - (bits << 3)).into(), length)
    });
    let mapped = (0u32..64, 120u8..=128).prop_map(|(bits, length)| {
        IpNet::new(
            Ipv4Addr::from_bits(bits << 3).to_ipv6_mapped().into(),
            length,
        )
    });
    prop_oneof![v4, top, v6, mapped].prop_map(|net| net.unwrap().trunc())
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u32..600).prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        (0u128..600).prop_map(|bits| Ipv6Addr::from_bits(u128::MAX - bits).into()),
        (0u32..600).prop_map(|bits| Ipv4Addr::from_bits(bits).to_ipv6_mapped().into()),
    ]
}

/// The longest prefix, over all networks of the sources that the rule names.
fn oracle(sources: &[Vec<IpNet>], named: &[bool], address: IpAddr) -> Option<u8> {
    let mapped = match address.to_canonical() {
        IpAddr::V4(ip) => Some(IpAddr::V6(ip.to_ipv6_mapped())),
        IpAddr::V6(_) => None,
    };
    sources
        .iter()
        .zip(named)
        .filter(|(_, named)| **named)
        .flat_map(|(list, _)| list)
        .filter_map(|net| {
            let direct = net.contains(&address.to_canonical());
            let as_mapped = net.prefix_len() >= 96 && mapped.is_some_and(|ip| net.contains(&ip));
            match net {
                IpNet::V4(_) if direct => Some(net.prefix_len()),
                IpNet::V6(_) if as_mapped => Some(net.prefix_len() - 96),
                IpNet::V6(_) if direct => Some(net.prefix_len()),
                IpNet::V4(_) | IpNet::V6(_) => None,
            }
        })
        .max()
}

proptest! {
    #[test]
    fn the_table_answers_as_looking_through_every_network_would(
        sources in prop::collection::vec(prop::collection::vec(network(), 0..12), 1..5),
        named in prop::collection::vec(any::<bool>(), 5),
        addresses in prop::collection::vec(address(), 32),
    ) {
        let names: Vec<Name> = (0..sources.len()).map(|i| name(&format!("s{i}"))).collect();
        let directory = Directory::new(names.iter().cloned().zip(sources.iter().cloned()));
        let from = names.iter().zip(&named).filter(|(_, on)| **on).map(|(n, _)| n.clone());
        let rule = directory.compile(&From::Sources(from.collect())).unwrap();
        for address in addresses {
            let expected = oracle(&sources, &named, address);
            match directory.admits(&rule, ClientAddr::new(address)) {
                None => prop_assert_eq!(expected, None),
                Some(Admitted::Anywhere) => prop_assert!(false),
                Some(Admitted::Source(by)) => {
                    let at = names.iter().position(|n| n == by).unwrap();
                    let only: Vec<bool> = (0..sources.len()).map(|i| i == at).collect();
                    prop_assert!(named[at]);
                    prop_assert_eq!(oracle(&sources, &only, address), expected);
                }
            }
        }
    }
}
