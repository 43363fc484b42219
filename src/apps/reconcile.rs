//! What GitHub says of an App, asked again and again: which keys it takes, what the App is, where
//! it is installed. Webhooks tell sooner, but they can be lost.

use super::app::App;
use super::memory::{Condition, Standing};
use super::refusal::Trouble;
use super::{Apps, Known, metric};
use crate::github::{Fault, Installation, Registration};
use crate::telemetry::Tasks;
use crate::types::{Entropy, InstallationId, Owner};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Apps {
    /// Has every App reconciled until the process stops, or until these Apps are dropped for
    /// others.
    pub fn watch(&self, tasks: &Tasks, entropy: &Arc<dyn Entropy>) {
        for app in self.iter() {
            let (app, entropy) = (Arc::downgrade(app), Arc::clone(entropy));
            let stop = tasks.stopping();
            tasks.supervise("app-reconcile", move || {
                let (app, entropy, stop) = (app.clone(), Arc::clone(&entropy), stop.clone());
                async move {
                    let mut failures = 0;
                    let mut pause = Duration::ZERO;
                    loop {
                        let Some(memory) = app.upgrade().map(|app| Arc::clone(&app.memory)) else {
                            return;
                        };
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = tokio::time::sleep(pause) => {}
                            () = woken(&memory, pause) => {}
                        }
                        let Some(app) = app.upgrade() else {
                            // The news may have been for the one that came after.
                            memory.stale.notify_one();
                            return;
                        };
                        let outcome = tokio::select! {
                            () = stop.cancelled() => return,
                            outcome = app.reconcile() => outcome,
                        };
                        failures = if outcome.is_ok() { 0 } else { failures + 1 };
                        pause = next_pause(&outcome, failures, entropy.as_ref());
                    }
                }
            });
        }
    }
}

/// Waits until somebody says that something changed, and a moment more, so that a flood of such
/// news is one question.
async fn woken(memory: &super::memory::Memory, pause: Duration) {
    memory.stale.notified().await;
    tokio::time::sleep(SETTLE.min(pause)).await;
}

impl App {
    /// Asks GitHub about keys, App and installations, and takes over what it says.
    ///
    /// # Errors
    /// Where it does not say; what is known stays as it is then.
    pub async fn reconcile(&self) -> Result<Known, Trouble> {
        match self.look().await {
            Ok((registration, installations)) => {
                self.take_over(registration, installations);
                metric::measure(self);
                Ok(self.known())
            }
            Err(trouble) => {
                let condition = match &trouble {
                    Trouble::Github(Fault::Unauthorized { .. }) => Condition::KeyRefused,
                    Trouble::Github(Fault::NotFound) => Condition::Gone,
                    Trouble::Github(_) | Trouble::Signer(_) => Condition::Away(trouble.to_string()),
                };
                let before =
                    std::mem::replace(&mut self.memory.facts().condition, condition.clone());
                if before != condition {
                    tracing::warn!(app = %self.name, "{}", in_words(&condition));
                }
                metric::measure(self);
                Err(trouble)
            }
        }
    }

    async fn look(&self) -> Result<(Registration, Vec<Installation>), Trouble> {
        let registration = self.probe().await?;
        if registration.id != self.id {
            return Err(Fault::Unreadable("it answers for another App").into());
        }
        let installations = self.as_app(|jwt| async move { self.client.installations(&jwt).await });
        Ok((registration, installations.await?))
    }

    /// Tries every key on `GET /app`. The newest that works is the one in use from now on.
    async fn probe(&self) -> Result<Registration, Trouble> {
        if let Some(retry_after) = self.memory.limited(self.clock.now()) {
            let told = true;
            return Err(Fault::Limited { retry_after, told }.into());
        }
        let call = |jwt| async move { self.client.registration(&jwt).await };
        let mut found = None;
        let mut trouble = Trouble::Github(Fault::Unauthorized { date: None });
        for key in &self.keys {
            match self.with_key(*key, &call).await {
                Ok(registration) if found.is_none() => {
                    let before = self.memory.facts().active.replace(*key);
                    if let Some(before) = before.filter(|before| before != key) {
                        tracing::info!(
                            app = %self.name, key = %key, old = %before,
                            "GitHub takes the newer key, which is used from now on; delete the old \
                             one in the App's settings"
                        );
                    }
                    found = Some(registration);
                }
                Ok(_) => {}
                Err(why @ Trouble::Github(Fault::Unauthorized { .. })) => {
                    if found.is_none() {
                        trouble = why;
                    }
                }
                Err(why) if found.is_none() => return Err(why),
                Err(_) => {}
            }
        }
        found.ok_or(trouble)
    }

    fn take_over(&self, registration: Registration, installations: Vec<Installation>) {
        let now = self.clock.now();
        {
            let mut facts = self.memory.facts();
            if let Some(before) = &facts.registration
                && before.slug != registration.slug
            {
                let (old, new) = (&before.slug, &registration.slug);
                tracing::info!(app = %self.name, old, new, "the App was renamed");
            }
            facts.registration = Some(Arc::new(registration));
            facts.condition = Condition::Well;
            facts.reconciled = Some(now);
        }
        let before = self.memory.standings();
        self.memory.settle();
        let mut present: BTreeMap<InstallationId, Owner> = BTreeMap::new();
        for installation in installations {
            if installation.app != self.id {
                continue;
            }
            present.insert(installation.id, installation.owner.clone());
            let owner = installation.owner.clone();
            let standing = Standing::of(installation);
            let state = word(&standing);
            if self.memory.set(&owner, standing, now) {
                tracing::info!(app = %self.name, %owner, "the App's installation is {state}");
            }
        }
        for (owner, standing) in before {
            let (Standing::Installed(old) | Standing::Suspended(old)) = standing else {
                continue;
            };
            match present.get(&old.id) {
                Some(new) if *new == owner => {}
                Some(new) => {
                    tracing::info!(app = %self.name, old = %owner, %new, "an account was renamed");
                    self.memory.forget(&owner);
                }
                // Another installation at the same account has taken its place already.
                None if present.values().any(|other| *other == owner) => {}
                None => {
                    self.memory.set(&owner, Standing::Removed(old), now);
                    tracing::warn!(app = %self.name, %owner, "the App was uninstalled");
                }
            }
        }
    }
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Installed(_) => "active",
        Standing::Suspended(_) => "suspended",
        Standing::Removed(_) => "removed",
        Standing::Absent => "absent",
    }
}

fn in_words(condition: &Condition) -> String {
    match condition {
        Condition::Unasked | Condition::Well => "the App is well".to_owned(),
        Condition::KeyRefused => "GitHub takes none of the App's keys: make a new one in the \
             App's settings and name it in `keys`"
            .to_owned(),
        Condition::Gone => {
            "GitHub has no such App: it was deleted, or `id` is another one's".to_owned()
        }
        Condition::Away(why) => format!("GitHub could not be asked about the App: {why}"),
    }
}

/// The interval less up to a tenth, so that many gateways do not ask together; after `failures` in
/// a row sooner, and then less and less so; never before GitHub wants to be asked.
fn next_pause(outcome: &Result<Known, Trouble>, failures: u32, entropy: &dyn Entropy) -> Duration {
    let whole = match failures.checked_sub(1) {
        None => EVERY,
        Some(doublings) => FIRST_RETRY
            .saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX))
            .min(EVERY),
    };
    let least = match outcome {
        Err(Trouble::Github(Fault::Limited { retry_after, .. })) => *retry_after,
        Ok(_) | Err(_) => Duration::ZERO,
    };
    whole
        .mul_f64(0.1f64.mul_add(-entropy.unit(), 1.0))
        .max(least)
}

const EVERY: Duration = Duration::from_secs(300);
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// GitHub tells of one change in several deliveries.
const SETTLE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
