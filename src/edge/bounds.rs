//! How many connections there may be, in all and from one address, and the wait until all are
//! gone. One `Connections` is shared by all doors.

use super::metric;
use crate::types::ClientAddr;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In all. An idle one takes about 15 KiB and a file descriptor: 20,000 take 300 MB.
    pub total: usize,
    /// From one IPv4 address or IPv6 /64, which one host usually has to itself. Large enough for
    /// a company or a CI service behind one address, and a twentieth of all.
    pub per_address: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            total: 20_000,
            per_address: 1_024,
        }
    }
}

/// The connections there are. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    counts: Arc<Mutex<Counts>>,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Counts {
    bounds: Bounds,
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let connections = Self::default();
        connections.bind(bounds);
        connections
    }

    /// From now on there may be so many; those that there are stay.
    pub fn bind(&self, bounds: Bounds) {
        self.counts().bounds = bounds;
    }

    /// How many there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.counts().total
    }

    /// What a door holds as long as it may bring connections: until then there may be more.
    pub(super) fn expected(&self) -> TaskTrackerToken {
        self.tasks.token()
    }

    /// Resolves when there are none, and no more come: once the doors' shutdown was signalled.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs a connection. It is waited for by [`Connections::drained`].
    pub(super) fn run(&self, connection: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(connection));
    }

    /// A place among all, if there is one.
    pub(super) fn admit(&self) -> Option<Permit> {
        let mut counts = self.counts();
        if counts.total >= counts.bounds.total {
            return None;
        }
        counts.total += 1;
        Some(Permit {
            connections: self.clone(),
            address: None,
        })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    connections: Connections,
    address: Option<IpAddr>,
}

impl Permit {
    /// Counts it for the client's address, once that is known; false where there are too many.
    pub(super) fn count_for(&mut self, client: ClientAddr) -> bool {
        let address = host_of(client);
        let mut counts = self.connections.counts();
        let most = counts.bounds.per_address;
        let count = counts.by_address.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        drop(counts);
        self.address = Some(address);
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        counts.total = counts.total.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(count) = counts.by_address.get_mut(&address)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
        drop(counts);
        if std::thread::panicking() {
            metric::panicked();
        }
    }
}

/// What counts as one host.
pub(super) fn host_of(client: ClientAddr) -> IpAddr {
    const HOST_HALF: u128 = u64::MAX as u128;
    match client.ip() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() & !HOST_HALF).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Connections};

    #[test]
    fn fewer_may_be_taken_from_now_on_and_more_again() {
        let bounds = |total| Bounds {
            total,
            ..Bounds::default()
        };
        let connections = Connections::new(bounds(2));
        let [one, two] = [(); 2].map(|()| connections.admit());
        assert!(one.is_some() && two.is_some() && connections.admit().is_none());
        connections.clone().bind(bounds(1));
        drop(one);
        assert!(connections.admit().is_none());
        connections.bind(bounds(2));
        assert!(connections.admit().is_some());
        drop(two);
    }
}
