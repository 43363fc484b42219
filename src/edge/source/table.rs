//! Addresses to the sources they are in: nested networks flattened into disjoint ranges, sorted,
//! so that a look-up is one binary search. Knows sources by their number only.

use ipnet::IpNet;
use std::net::IpAddr;

/// Which sources an address is in, for every address.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Table {
    /// The table of these networks, each with the number of the source that lists it.
    pub(super) fn new(networks: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (network, source) in networks {
            match unmapped(network) {
                IpNet::V4(net) => v4.push(Network {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    source,
                }),
                IpNet::V6(net) => v6.push(Network {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    source,
                }),
            }
        }
        Self {
            v4: Ranges::flatten(v4),
            v6: Ranges::flatten(v6),
        }
    }

    /// The sources that `address`, which is not IPv4-mapped, is in; the longest prefix first.
    pub(super) fn sources(&self, address: IpAddr) -> &[u32] {
        match address {
            IpAddr::V4(ip) => self.v4.find(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.find(ip.to_bits()),
        }
    }
}

/// A list may write IPv4 networks in their mapped form; addresses come canonical.
fn unmapped(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    if let IpNet::V6(net) = network
        && let Some(length) = net.prefix_len().checked_sub(MAPPED)
        && let Some(v4) = net.network().to_ipv4_mapped()
        && let Ok(net) = ipnet::Ipv4Net::new(v4, length)
    {
        return net.into();
    }
    network
}

#[derive(Debug, Clone, Copy)]
struct Network<T> {
    first: T,
    last: T,
    source: u32,
}

/// Where the answer changes (`starts`), and the answer from there on (`answers`, an index into
/// `sets`). Starts lie together, so that the search touches few cache lines.
#[derive(Debug, Clone)]
struct Ranges<T> {
    starts: Box<[T]>,
    answers: Box<[u32]>,
    sets: Box<[Box<[u32]>]>,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self {
            starts: Box::default(),
            answers: Box::default(),
            sets: Box::default(),
        }
    }
}

trait Bits: Copy + Ord {
    fn successor(self) -> Option<Self>;
}

impl Bits for u32 {
    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Bits for u128 {
    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl<T: Bits> Ranges<T> {
    /// Prefixes either nest or are apart, so one pass with a stack of the open ones will do.
    fn flatten(mut networks: Vec<Network<T>>) -> Self {
        networks.sort_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
        let mut made = Made::default();
        let mut open: Vec<Network<T>> = Vec::new();
        for network in networks {
            while let Some(inner) = open.pop_if(|top| top.last < network.first) {
                made.close(inner, &open);
            }
            open.push(network);
            made.begin(network.first, &open);
        }
        while let Some(inner) = open.pop() {
            made.close(inner, &open);
        }
        made.into_ranges()
    }

    fn find(&self, address: T) -> &[u32] {
        let after = self.starts.partition_point(|start| *start <= address);
        after
            .checked_sub(1)
            .and_then(|at| self.answers.get(at))
            .and_then(|answer| self.sets.get(usize::try_from(*answer).ok()?))
            .map_or(&[], |set| set)
    }
}

struct Made<T> {
    starts: Vec<T>,
    answers: Vec<u32>,
    sets: Vec<Box<[u32]>>,
    known: std::collections::HashMap<Box<[u32]>, u32>,
}

impl<T> Default for Made<T> {
    fn default() -> Self {
        Self {
            starts: Vec::new(),
            answers: Vec::new(),
            sets: Vec::new(),
            known: std::collections::HashMap::new(),
        }
    }
}

impl<T: Bits> Made<T> {
    fn close(&mut self, ended: Network<T>, open: &[Network<T>]) {
        // Networks that end together leave together: the outermost of them writes the start.
        if open.last().is_some_and(|outer| outer.last == ended.last) {
            return;
        }
        if let Some(next) = ended.last.successor() {
            self.begin(next, open);
        }
    }

    fn begin(&mut self, start: T, open: &[Network<T>]) {
        let mut set: Vec<u32> = Vec::with_capacity(open.len());
        for network in open.iter().rev() {
            if !set.contains(&network.source) {
                set.push(network.source);
            }
        }
        let answer = self.intern(set.into());
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.answers.pop();
        }
        if self.answers.last() != Some(&answer) {
            self.starts.push(start);
            self.answers.push(answer);
        }
    }

    fn intern(&mut self, set: Box<[u32]>) -> u32 {
        if let Some(number) = self.known.get(&set) {
            return *number;
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(set.clone());
        self.known.insert(set, number);
        number
    }

    fn into_ranges(self) -> Ranges<T> {
        Ranges {
            starts: self.starts.into(),
            answers: self.answers.into(),
            sets: self.sets.into(),
        }
    }
}
