//! What systemd is told where it runs the gateway (`sd_notify(3)`): that it is ready, how it is,
//! that it is alive, and its listening sockets, to be kept while the process is exchanged.
//! Elsewhere nothing happens.

use super::World;
use crate::edge::{Door, Kept};
use crate::spool::Condition;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;

/// How much of a mistake the status line shows.
const SHOWN: usize = 200;

/// Has the sockets of these doors kept, in place of those that were kept before.
pub(super) fn keep(doors: &[Door], before: &Kept) {
    for name in before.names() {
        tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
    }
    for door in doors {
        let name = door.listener().name.as_str();
        let states = [NotifyState::FdStore, NotifyState::FdName(name)];
        if let Err(fault) = sd_notify::notify_with_fds(&states, &[door.socket()]) {
            tracing::warn!("systemd does not keep the socket of `{name}`: {fault}");
        }
    }
}

/// It takes traffic.
pub(super) fn ready(how: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(how)]);
}

/// It reads its configuration again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(fault) => tracing::debug!("the system's clock cannot be read: {fault}"),
    }
}

/// The configuration was wrong; what ran goes on.
pub(super) fn refused(mistakes: &str) {
    let mut lines = mistakes.lines().filter(|line| !line.trim().is_empty());
    let first: String = lines
        .next()
        .unwrap_or_default()
        .chars()
        .take(SHOWN)
        .collect();
    let more = match lines.count() {
        0 => String::new(),
        more => format!(" (and {more} more lines in the journal)"),
    };
    ready(&format!(
        "the last reload was refused, what ran goes on: {first}{more}"
    ));
}

/// It takes nothing more and ends.
pub(super) fn stopping(drain: Duration) {
    let how = format!("stopping: running requests have {} s", drain.as_secs());
    tell(&[NotifyState::Stopping, NotifyState::Status(&how)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {fault}");
    }
}

impl World {
    /// Says again and again that it is alive, where systemd waits for that. While the spool is
    /// broken it does not: a restart is the best that can happen then.
    pub(super) fn stay_watched(self: &Arc<Self>) {
        let Some(limit) = sd_notify::watchdog_enabled() else {
            return;
        };
        let (world, stop) = (self.clone(), self.tasks.stopping());
        self.tasks.supervise("watchdog", move || {
            let (world, stop) = (world.clone(), stop.clone());
            async move {
                let mut tick = tokio::time::interval(limit / 3);
                while stop.run_until_cancelled(tick.tick()).await.is_some() {
                    if !matches!(world.spool.condition(), Condition::Broken(_)) {
                        tell(&[NotifyState::Watchdog]);
                    }
                }
            }
        });
    }
}
