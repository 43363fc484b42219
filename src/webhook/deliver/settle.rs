//! How the end of an attempt gets into the spool, also where the spool or the courier failed
//! meanwhile.

use super::courier::{Courier, Office};
use super::round::{AFTER_FAULT, Round};
use super::schedule;
use crate::spool::{Fate, Outlook, Settlement, SpoolError};
use crate::types::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest pause between two tries to have settlements taken.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

impl Courier {
    /// Has what ended settled where the spool did not take it at first. While it does not, says
    /// when to ask again; until then nothing is claimed, since that has to be written as well.
    pub(super) async fn settle_before(
        &self,
        office: &Office,
        round: &mut Round,
    ) -> Option<Timestamp> {
        let now = office.clock.now();
        if let Some((_, until)) = round.settling
            && now < until
        {
            return Some(until);
        }
        if self.settle_all(office).await {
            round.settling = None;
            return None;
        }
        let pause = round.settling.map_or(AFTER_FAULT, |(pause, _)| pause * 2);
        let pause = pause.min(LONGEST_PAUSE);
        let until = now.after(pause);
        round.settling = Some((pause, until));
        Some(until)
    }

    /// Settles what ended and is not settled yet; false where the spool may take it later.
    pub(super) async fn settle_all(&self, office: &Office) -> bool {
        for end in self.hands.ends() {
            if !self.settle(office, end).await {
                return false;
            }
        }
        true
    }

    /// Settles one; false where the spool may take it later. Until then nobody else gets it.
    pub(super) async fn settle(&self, office: &Office, end: Settlement) -> bool {
        let id = end.id;
        let settled = office.spool.settle(end.clone()).await;
        match self.hear(&self.complaints.settle, settled) {
            Err(Outlook::Passing) => {
                self.hands.keep(end);
                false
            }
            Ok(()) | Err(Outlook::Lasting) => {
                self.hands.let_go(id);
                true
            }
        }
    }

    /// What was in hand when the courier failed counts as tried, and is tried again like anything
    /// else that failed: it may be what the courier fails on.
    pub(super) fn give_back(&self, office: &Office) {
        let target = &self.setup.load().target;
        let now = office.clock.now();
        for (id, held) in self.hands.open() {
            let next = schedule::next(
                target.attempts,
                target.attempts.lasting,
                held.attempt,
                held.failing_since.unwrap_or(now),
                now,
                Duration::ZERO,
                &*office.entropy,
            );
            self.hands.keep(Settlement {
                id,
                target: self.name.clone(),
                at: now,
                took: Duration::ZERO,
                status: None,
                error: "its courier failed while it was being sent; see the log".to_owned(),
                fate: next.map_or(Fate::Dead, |at| Fate::Retry { at, counts: true }),
            });
        }
    }

    /// Tells the log what the spool complains of, unless that was the last it told.
    pub(super) fn hear<T>(
        &self,
        told: &Mutex<Option<Arc<str>>>,
        answer: Result<T, SpoolError>,
    ) -> Result<T, Outlook> {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Ok(_) if told.take().is_some() => {
                tracing::info!(target_name = %self.name, "the spool does as it is asked again");
            }
            Err(fault) if told.as_ref() != Some(&fault.why) => {
                tracing::error!(target_name = %self.name, "{fault}");
                *told = Some(fault.why.clone());
            }
            Ok(_) | Err(_) => {}
        }
        answer.map_err(|fault| fault.outlook)
    }
}
