//! From the spool to internal tools: a courier for each target claims what is due, sends it
//! within the target's bounds, and settles how it went.

pub mod answer;
pub mod circuit;
mod courier;
mod dial;
mod dispatch;
pub mod guard;
mod hands;
mod round;
pub mod schedule;
mod sender;
mod settle;

pub use dial::{DialError, Resolve, SystemResolver};
pub use dispatch::{Dispatch, Staff};
pub use sender::{Answer, Body, BuildError, Carry, Parcel, SendError, Sender};

use crate::spool::Order;
use crate::types::{Name, SecretSource};
use http::{HeaderName, Uri};
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// `[[webhook.to]]`, checked.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, unique in the configuration.
    pub name: Name,
    /// Where deliveries are sent by `POST`: `http` or `https`, with a host.
    pub url: Uri,
    /// From dialling to the end of the answer.
    pub timeout: Duration,
    /// How long and how often it is tried.
    pub attempts: Attempts,
    /// How many at once, at least 1.
    pub concurrency: usize,
    /// In which order.
    pub order: Order,
    /// Headers of our own, replacing any of the same name.
    pub headers: Vec<(HeaderName, SecretSource)>,
    /// What the name may resolve to; empty: anything but loopback, link-local and metadata
    /// addresses (loopback where the URL says so).
    pub allow: Vec<Reach>,
    /// Signs anew with this secret instead of passing GitHub's signatures on.
    pub resign: Option<SecretSource>,
    /// The authorities its certificate may come from, in PEM; absent: the system's.
    pub ca: Option<PathBuf>,
}

/// `attempts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Counted from a delivery's first failure; after it, it is parked.
    pub lasting: Duration,
    /// The longest first pause.
    pub first: Duration,
    /// The longest pause.
    pub most: Duration,
}

/// An address a target may be at: `10.2.0.0/16:8080`, `10.2.0.7`, `[2001:db8::/32]:443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The network.
    pub network: IpNet,
    /// The port; absent: any.
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests;
