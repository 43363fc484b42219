//! Sees to one certificate: has it issued, renewed in time, and tried again where that fails. What
//! is served stays until something better was checked.

use super::order::{self, Failure};
use super::{Parts, listed, schedule};
use crate::edge::certificate::{Authority, HostPattern, Life};
use crate::types::{Secret, Timestamp};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How long at most until the clock is looked at again: a machine may sleep, or be set right.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// One certificate of an authority.
#[derive(Debug)]
pub struct Keeper {
    parts: Arc<Parts>,
    authority: Arc<Authority>,
    hosts: Vec<HostPattern>,
    standing: Mutex<Standing>,
    /// Whether somebody waits for the outcome of a try, be it one that has begun.
    asked: AtomicBool,
    woken: Notify,
    /// How many tries have ended.
    ended: watch::Sender<u64>,
    over: CancellationToken,
}

/// How it stands with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When it is asked for next.
    pub next: Timestamp,
    /// How many tries failed since the last that did not.
    pub failures: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

impl Keeper {
    pub(super) fn new(
        parts: Arc<Parts>,
        authority: Arc<Authority>,
        hosts: Vec<HostPattern>,
    ) -> Self {
        let now = parts.clock.now();
        let next = match parts.store.life(&authority, &hosts) {
            Some(life) if life.not_after > now => {
                schedule::renewal(&life, now, parts.entropy.unit())
            }
            Some(_) | None => now,
        };
        Self {
            parts,
            authority,
            hosts,
            standing: Mutex::new(Standing {
                next,
                failures: 0,
                last_error: None,
            }),
            asked: AtomicBool::new(false),
            woken: Notify::new(),
            ended: watch::Sender::new(0),
            over: CancellationToken::new(),
        }
    }

    /// The hosts of its certificate.
    #[must_use]
    pub fn hosts(&self) -> &[HostPattern] {
        &self.hosts
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let standing = self.standing.lock();
        standing.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_for(&self, authority: &Authority, hosts: &[HostPattern]) -> bool {
        self.hosts == hosts && self.authority.is_same(authority)
    }

    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Has it issued or renewed whenever it is time, until `stop`, or until it is not wanted any
    /// more.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            loop {
                let left = self.standing().next.since(self.parts.clock.now());
                if !left.is_zero() {
                    tokio::select! {
                        () = tokio::time::sleep(left.min(LOOK_EVERY)) => continue,
                        () = self.woken.notified() => {}
                    }
                    if !self.asked.load(Ordering::Acquire) {
                        continue;
                    }
                }
                self.attempt().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.over.cancelled() => {}
            () = work => {}
        }
    }

    /// Has it issued now, whenever it was due, and waits for the outcome, but not for ever.
    ///
    /// # Errors
    /// Why it was not, or that it is still under way.
    pub async fn renew(&self, patience: Duration) -> Result<(), String> {
        let mut ended = self.ended.subscribe();
        self.asked.store(true, Ordering::Release);
        self.woken.notify_one();
        tokio::select! {
            changed = tokio::time::timeout(patience, ended.changed()) => match changed {
                Ok(_) => match self.standing().last_error {
                    None => Ok(()),
                    Some(why) => Err(why),
                },
                Err(_) => Err(format!(
                    "the authority has not finished within {} s; it goes on, and `hubgate cert` \
                     shows what it comes to",
                    patience.as_secs()
                )),
            },
            () = self.over.cancelled() => Err("it is not in the configuration any more".to_owned()),
        }
    }

    async fn attempt(&self) {
        let hosts = listed(&self.hosts);
        let issued = match order::issue(&self.parts, &self.authority, &self.hosts).await {
            Ok(bytes) => self.install(bytes).await.map_err(Failure::other),
            Err(failure) => Err(failure),
        };
        let outcome = if issued.is_ok() { "issued" } else { "failed" };
        metrics::counter!(
            "hubgate_certificate_orders_total", "hosts" => hosts.clone(), "outcome" => outcome
        )
        .increment(1);
        let (now, chance) = (self.parts.clock.now(), self.parts.entropy.unit());
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match issued {
            Ok(life) => {
                *standing = Standing {
                    next: schedule::renewal(&life, now, chance),
                    failures: 0,
                    last_error: None,
                };
                tracing::info!(hosts, not_after = %life.not_after, next = %standing.next, "a certificate was issued and is served");
            }
            Err(failure) => {
                standing.failures = standing.failures.saturating_add(1);
                let asked = failure.retry_after();
                standing.next = schedule::retry(standing.failures, asked, now, chance);
                standing.last_error = Some(failure.to_string());
                tracing::error!(hosts, next = %standing.next, "no certificate was issued, what is served stays: {failure}");
            }
        }
        drop(standing);
        self.asked.store(false, Ordering::Release);
        self.ended.send_modify(|ended| *ended += 1);
    }

    async fn install(&self, bytes: Secret) -> Result<Life, String> {
        let parts = Arc::clone(&self.parts);
        let (authority, hosts) = (Arc::clone(&self.authority), self.hosts.clone());
        let install = move || parts.store.install(&authority, &hosts, &bytes);
        let done = tokio::task::spawn_blocking(install).await;
        done.map_err(|fault| format!("keeping it broke off: {fault}"))?
    }
}
