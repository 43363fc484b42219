//! A gate whose clock is turned while it runs, wall and monotonic alike, before an authority that a
//! relay stands in front of.

use super::pebble::{Pebble, Ports};
use super::relay::{Book, Relay};
use super::{Doors, HOSTS, certificate, configure, leaf, shown};
use crate::harness::{Gate, Site, eventually};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::{Duration, Instant};

pub struct Bench {
    pub site: Site,
    pub ports: Ports,
    pub pebble: Pebble,
    pub relay: Relay,
    pub gate: Gate,
    /// How far ahead of the machine's time the gate is.
    turned: SignedDuration,
}

impl Bench {
    /// With more keys for Pebble, and a relay that behaves as it is told from the start on; none
    /// where a tool is missing.
    pub async fn open(more: &str, prepare: impl FnOnce(&mut Book)) -> Option<Self> {
        let (site, ports) = (Site::new(), Ports::vacant().await);
        let pebble = Pebble::start(ports, more).await?;
        let relay = Relay::start(&pebble).await;
        prepare(&mut relay.book());
        let keys = certificate(&HOSTS, &relay.keys());
        configure(&site, ports, Doors::Both, &keys, "127.0.0.0/8");
        let clock = site.path("clock");
        std::fs::write(&clock, "+0").unwrap();
        let gate = site.start_turned(&clock).await?;
        Some(Self {
            site,
            ports,
            pebble,
            relay,
            gate,
            turned: SignedDuration::ZERO,
        })
    }

    /// What time it is for the gate.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.turned
    }

    /// So much time goes by.
    pub fn turn(&mut self, by: SignedDuration) {
        self.turned += by;
        let seconds = self.turned.as_secs();
        // Before the gate knows: what it does at a moment is never written down as earlier.
        self.relay.book().turned = seconds;
        // Written beside it, so that nobody reads half of it.
        let beside = self.site.path("clock.new");
        std::fs::write(&beside, format!("+{seconds}")).unwrap();
        std::fs::rename(beside, self.site.path("clock")).unwrap();
    }

    /// What the gate says of its certificate, once it is so. Each question has it look at its
    /// clock.
    pub async fn once(&self, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(|| shown(&self.site, HOSTS[0]).filter(&fits)).await
    }

    /// The same, once nothing is due any more.
    pub async fn quiet(&self) -> Value {
        self.once(|one| moment(&one["next_attempt"]) > self.now())
            .await
    }

    pub fn shown(&self) -> Value {
        shown(&self.site, HOSTS[0]).unwrap()
    }

    pub async fn leaf(&self) -> Vec<u8> {
        leaf(&self.gate, &self.pebble.root().await, HOSTS[0]).await
    }

    /// What is served once it is another one.
    pub async fn other_leaf(&self, than: &[u8]) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_secs(240);
        loop {
            let leaf = self.leaf().await;
            if leaf != than {
                return leaf;
            }
            let log = self.site.log();
            assert!(Instant::now() < deadline, "it stays the same: {log}");
            // Looking has the gate look at its clock.
            self.shown();
        }
    }

    /// What the log says with these words, line by line.
    pub fn logged(&self, words: &str) -> Vec<Value> {
        let log = self.site.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| {
                line["message"]
                    .as_str()
                    .is_some_and(|it| it.contains(words))
            })
            .collect()
    }
}

pub fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

pub const fn hours(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number)
}
