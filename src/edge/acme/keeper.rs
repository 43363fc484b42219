//! Sees to one certificate: has it issued, renewed in time, and tried again where that fails. What
//! is served stays until something better was checked. Between orders the authority is asked when
//! it wants it renewed.

use super::failure::Failure;
use super::order;
use super::questions::Questions;
use super::schedule::Window;
use super::window::{self, Told};
use super::{Parts, listed, schedule};
use crate::edge::certificate::{Authority, HostPattern, Life};
use crate::types::{Secret, Timestamp};
use rustls_pki_types::CertificateDer;
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
    /// What time it was when that was decided.
    counted: Timestamp,
    /// Why then.
    pub due: Due,
    /// How many tries failed since the last that did not.
    pub failures: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When the authority wants what is served renewed, where it said so.
    pub window: Option<Window>,
    /// Why the last question for that came to nothing.
    pub window_error: Option<String>,
    /// Why what is served was asked for; unknown where that was before a restart.
    pub issued: Option<Due>,
}

/// Why a certificate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// None was issued yet, or it is over.
    Missing,
    /// Most of its life is over.
    Life,
    /// The authority wants it.
    Authority,
    /// The last try failed.
    Retry,
    /// Somebody asked for it by hand.
    ByHand,
}

impl Due {
    /// Its name in the admin API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Life => "life",
            Self::Authority => "authority",
            Self::Retry => "retry",
            Self::ByHand => "by_hand",
        }
    }
}

impl Keeper {
    pub(super) fn new(
        parts: Arc<Parts>,
        authority: Arc<Authority>,
        hosts: Vec<HostPattern>,
    ) -> Self {
        let now = parts.clock.now();
        let (next, due) = match parts.store.issued(&authority, &hosts) {
            Some((life, _)) if life.not_after > now => {
                let next = schedule::renewal(&life, now, parts.entropy.unit());
                (next, Due::Life)
            }
            Some(_) | None => (now, Due::Missing),
        };
        Self {
            parts,
            authority,
            hosts,
            standing: Mutex::new(Standing {
                next,
                counted: now,
                due,
                failures: 0,
                last_error: None,
                window: None,
                window_error: None,
                issued: None,
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
        let mut questions = Questions::new(self.parts.clock.now());
        let work = async {
            loop {
                self.step(&mut questions).await;
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

    /// Does what is due, or waits for it.
    async fn step(&self, questions: &mut Questions) {
        let now = self.parts.clock.now();
        self.follow(questions, now);
        let standing = self.standing();
        if standing.next <= now || self.asked.load(Ordering::Acquire) {
            return self.attempt(questions).await;
        }
        let mut left = standing.next.since(now);
        // While orders fail, they alone are tried again.
        if standing.failures == 0 {
            if questions.next() <= now {
                tokio::select! {
                    () = self.question(questions) => {}
                    () = self.woken.notified() => {}
                }
                return;
            }
            left = left.min(questions.next().since(now));
        }
        tokio::select! {
            () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            () = self.woken.notified() => {}
        }
    }

    /// Follows a clock that was set back: what was counted from a wrong time is not waited for until
    /// the clock is there again.
    fn follow(&self, questions: &mut Questions, now: Timestamp) {
        questions.follow(now);
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.counted <= now {
            return;
        }
        let (served, chance) = (self.served(), self.parts.entropy.unit());
        let life = served.map(|(life, _)| life);
        let wanted = match (standing.due, life, &standing.window) {
            (Due::Life, Some(life), _) => Some(schedule::renewal(&life, now, chance)),
            (Due::Authority, Some(life), Some(window)) => {
                let moment = schedule::within(window, &life, chance).ok();
                moment.map(|moment| schedule::held(moment, questions.earliest(&life), &life, now))
            }
            (
                Due::Missing | Due::Life | Due::Authority | Due::Retry | Due::ByHand,
                None | Some(_),
                None | Some(_),
            ) => None,
        };
        let sooner = schedule::set_back(standing.next, standing.counted, now);
        standing.next = wanted.unwrap_or(sooner);
        standing.counted = now;
        tracing::info!(hosts = listed(&self.hosts), next = %standing.next, "the clock was set back, and so is when a certificate is asked for");
    }

    async fn attempt(&self, questions: &mut Questions) {
        let hosts = listed(&self.hosts);
        let before = self.served();
        let standing = self.standing();
        let due = if standing.next > self.parts.clock.now() {
            Due::ByHand
        } else {
            standing.due
        };
        tracing::debug!(hosts, due = due.code(), "a certificate is ordered");
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
                    counted: now,
                    due: Due::Life,
                    failures: 0,
                    last_error: None,
                    window: None,
                    window_error: None,
                    issued: Some(due),
                };
                let before = before.map(|(life, _)| life);
                questions.renewed(due == Due::ByHand, before.as_ref(), now);
                tracing::info!(hosts, due = due.code(), not_after = %life.not_after, next = %standing.next, "a certificate was issued and is served");
            }
            Err(failure) => {
                standing.failures = standing.failures.saturating_add(1);
                let asked = failure.retry_after();
                standing.next = schedule::retry(standing.failures, asked, now, chance);
                standing.counted = now;
                standing.due = Due::Retry;
                standing.last_error = Some(failure.to_string());
                tracing::error!(hosts, next = %standing.next, "no certificate was issued, what is served stays: {failure}");
            }
        }
        drop(standing);
        self.asked.store(false, Ordering::Release);
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Asks the authority when it wants what is served renewed, and does as it says.
    async fn question(&self, questions: &mut Questions) {
        let Some((life, leaf)) = self.served() else {
            let now = self.parts.clock.now();
            questions.again(now.after(schedule::QUESTIONS_APART), now);
            return;
        };
        let told = window::ask(&self.authority, &leaf).await;
        let (now, chance) = (self.parts.clock.now(), self.parts.entropy.unit());
        let told = told.and_then(|told| match told {
            Told::Window(window, again) => {
                let moment = schedule::within(&window, &life, chance).map_err(Failure::other)?;
                Ok(Some((window, moment, again)))
            }
            Told::NotOffered => Ok(None),
        });
        let hosts = listed(&self.hosts);
        let outcome = match &told {
            Ok(Some(_)) => "window",
            Ok(None) => "not_offered",
            Err(_) => "failed",
        };
        metrics::counter!(
            "hubgate_certificate_windows_total", "hosts" => hosts.clone(), "outcome" => outcome
        )
        .increment(1);
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.window_error = told.as_ref().err().map(ToString::to_string);
        questions.failures = told
            .as_ref()
            .map_or(questions.failures.saturating_add(1), |_| 0);
        match told {
            Ok(Some((window, moment, again))) => {
                questions.again(schedule::question(again, now), now);
                // While it stays the same, so does the moment.
                if standing.window.as_ref() == Some(&window) {
                    return;
                }
                standing.next = schedule::held(moment, questions.earliest(&life), &life, now);
                standing.counted = now;
                standing.due = Due::Authority;
                let explanation = window.explanation.as_ref().map(ToString::to_string);
                tracing::info!(hosts, start = %window.start, end = %window.end, explanation, next = %standing.next, "the authority says when it wants the certificate renewed");
                standing.window = Some(window);
            }
            Ok(None) => {
                questions.again(now.after(schedule::QUESTIONS_APART), now);
                if standing.window.take().is_some() {
                    standing.next = schedule::renewal(&life, now, chance);
                    standing.counted = now;
                    standing.due = Due::Life;
                }
            }
            Err(failure) => {
                let asked = failure.retry_after();
                let again = schedule::retry(questions.failures, asked, now, chance);
                questions.again(again, now);
                tracing::warn!(hosts, next = %standing.next, %again, "the authority does not say when it wants the certificate renewed, it is renewed when it would be: {failure}");
            }
        }
    }

    fn served(&self) -> Option<(Life, CertificateDer<'static>)> {
        self.parts.store.issued(&self.authority, &self.hosts)
    }

    async fn install(&self, bytes: Secret) -> Result<Life, String> {
        let parts = Arc::clone(&self.parts);
        let (authority, hosts) = (Arc::clone(&self.authority), self.hosts.clone());
        let install = move || parts.store.install(&authority, &hosts, &bytes);
        let done = tokio::task::spawn_blocking(install).await;
        done.map_err(|fault| format!("keeping it broke off: {fault}"))?
    }
}

#[cfg(test)]
mod tests;
