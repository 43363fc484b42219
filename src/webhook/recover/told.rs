//! When it is done, and what a person is told of it: what could not be recovered, what soon cannot
//! be, and which hooks GitHub lists nothing of.

use super::hooks::Places;
use super::watermark::Watermark;
use super::{Recovery, Round, Unfinished};
use crate::apps::App;
use crate::spool::{Query, SpoolError};
use crate::telemetry::Tasks;
use crate::types::Timestamp;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl Recovery {
    /// Has it done at once and every few minutes, until the process stops or the App is dropped.
    pub fn watch(self, tasks: &Tasks) {
        let (recovery, stop) = (Arc::new(self), tasks.stopping());
        tasks.supervise("recovery", move || {
            let (recovery, stop) = (Arc::clone(&recovery), stop.clone());
            async move {
                loop {
                    let Some(app) = recovery.app.upgrade() else {
                        return;
                    };
                    let round = tokio::select! {
                        () = stop.cancelled() => return,
                        round = recovery.round(&app) => round,
                    };
                    let pause = recovery.tell(&app, &round);
                    drop(app);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        });
    }

    /// Says what a round came to, and how long the next one waits.
    fn tell(&self, app: &App, round: &Result<Round, Unfinished>) -> Duration {
        let name = app.name();
        let outcome = if round.is_ok() { "ok" } else { "unfinished" };
        metrics::counter!("hubgate_recovery_rounds_total", "app" => name.to_string(), "outcome" => outcome)
            .increment(1);
        let least = match round {
            Ok(round) => {
                let whole = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
                metrics::gauge!("hubgate_recovery_seen", "app" => name.to_string())
                    .set(whole(round.seen));
                if round.failed > 0 {
                    tracing::warn!(
                        app = %name, failed = round.failed,
                        "deliveries that were sent again failed again; they are left to a person"
                    );
                }
                Duration::ZERO
            }
            Err(why) => {
                tracing::warn!(app = %name, "what GitHub could not deliver is not recovered: {why}");
                why.retry_after().unwrap_or_default()
            }
        };
        let jitter = 0.1f64.mul_add(-self.parts.entropy.unit(), 1.0);
        EVERY.mul_f64(jitter).max(least)
    }

    /// Counts once each delivery that failed again.
    pub(super) fn leave(&self, app: &App, guid: &Arc<str>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.insert(Arc::clone(guid)) {
            metrics::counter!("hubgate_recovery_left_total", "app" => app.name().to_string())
                .increment(1);
        }
    }

    /// Tells once of each hook whose deliveries come and of which GitHub lists none.
    pub(super) async fn meet_strangers(
        &self,
        app: &App,
        places: &Places,
    ) -> Result<(), SpoolError> {
        let page = self.parts.spool.find(Query::default(), None, 200).await?;
        let mut told: HashSet<Box<str>> = HashSet::new();
        for one in page.deliveries {
            let known = {
                let strangers = self
                    .strangers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                strangers.contains(&*one.hook)
            };
            if one.hook.is_empty() || known || !told.insert(one.hook.clone().into()) {
                continue;
            }
            let id = crate::types::DeliveryId::new(one.id);
            let Some(detail) = self.parts.spool.show(id).await? else {
                continue;
            };
            let kind = detail.headers.into_iter().find(|(name, _)| name == TARGET);
            let kind = kind.map(|(_, value)| value).unwrap_or_default();
            let ours = match kind.as_str() {
                "integration" => true,
                "organization" | "repository" => places.has(&one.hook),
                _ => false,
            };
            if !ours {
                tracing::warn!(
                    app = %app.name(), hook = one.hook, kind, route = one.route,
                    "what this hook could not deliver is not recovered: GitHub lists it for Apps, \
                     and for organizations' and repositories' hooks whose App may read them; there \
                     is no such list for the hooks of an enterprise or of a whole server"
                );
            }
            let mut strangers = self
                .strangers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            strangers.insert(one.hook.into());
        }
        Ok(())
    }

    /// GitHub forgets what it could not deliver: says so before it does, and when it has.
    pub(super) fn warn(
        &self,
        app: &App,
        mark: &Watermark,
        retention: Duration,
        lost: bool,
        now: Timestamp,
    ) {
        let name = app.name();
        if lost {
            tracing::warn!(
                app = %name,
                "the spool is another one: what GitHub still has is held against it by GUID, \
                 whatever GitHub says became of it"
            );
        }
        let Some(until) = mark.until else { return };
        let age = now.since(until);
        let days = retention.as_secs() / 86_400;
        if age >= retention {
            tracing::error!(
                app = %name, since = %until,
                "GitHub keeps deliveries for {days} days: what it could not deliver before that is \
                 gone"
            );
        } else if age >= retention.mul_f64(ALARM_AT) {
            let left = retention.saturating_sub(age).as_secs() / 3600;
            tracing::error!(
                app = %name, since = %until,
                "what GitHub could not deliver was not looked at since then; GitHub forgets the \
                 first of it in {left} hours"
            );
        }
    }
}

/// How far back GitHub's list was looked through.
pub(super) fn measure_age(app: &App, age: Duration) {
    metrics::gauge!("hubgate_recovery_age_seconds", "app" => app.name().to_string())
        .set(age.as_secs_f64());
}

/// One more was sent again.
pub(super) fn count_again(app: &App) {
    metrics::counter!("hubgate_recovery_sent_again_total", "app" => app.name().to_string())
        .increment(1);
}

const EVERY: Duration = Duration::from_secs(300);
/// So much of GitHub's retention may pass before a person is told.
const ALARM_AT: f64 = 0.6;
pub(super) const TARGET: &str = "x-github-hook-installation-target-type";
