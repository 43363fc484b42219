//! What a keeper remembers of its questions for a window, and of how the authority hurried so far.

use super::schedule;
use crate::edge::certificate::Life;
use crate::types::Timestamp;

/// What a keeper knows while it runs.
#[derive(Debug)]
pub(super) struct Questions {
    /// When the authority is asked for a window next.
    next: Timestamp,
    /// What time it was when that was decided.
    counted: Timestamp,
    /// How many questions failed in a row.
    pub(super) failures: u32,
    /// How many certificates in a row came early.
    early: u32,
    /// When the last one was issued; none where that was before the start, and so is unknown how
    /// many came early.
    issued: Option<Timestamp>,
}

impl Questions {
    /// The first is asked at once.
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            next: now,
            counted: now,
            failures: 0,
            early: 0,
            issued: None,
        }
    }

    pub(super) const fn next(&self) -> Timestamp {
        self.next
    }

    /// Asks again at `next`.
    pub(super) const fn again(&mut self, next: Timestamp, now: Timestamp) {
        self.next = next;
        self.counted = now;
    }

    /// Follows a clock that was set back.
    pub(super) fn follow(&mut self, now: Timestamp) {
        let next = schedule::set_back(self.next, self.counted, now);
        self.again(next, self.counted.min(now));
        self.issued = self.issued.map(|issued| issued.min(now));
    }

    /// A certificate was issued in the place of one with the life `before`. One that somebody asked
    /// for says nothing of the authority.
    pub(super) fn renewed(&mut self, by_hand: bool, before: Option<&Life>, now: Timestamp) {
        if !by_hand {
            let early = before.is_some_and(|life| schedule::is_early(life, now));
            self.early = if early {
                self.early.saturating_add(1)
            } else {
                0
            };
        }
        self.issued = Some(now);
        self.failures = 0;
        self.again(now, now);
    }

    /// Before this nothing is renewed for the authority's sake.
    pub(super) fn earliest(&self, served: &Life) -> Timestamp {
        match self.issued {
            Some(issued) => issued.after(schedule::apart(self.early)),
            None => served.not_before.after(schedule::LONGEST_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn life(from: Timestamp) -> Life {
        Life {
            not_before: from,
            not_after: from.after(DAY * 90),
        }
    }

    #[test]
    fn early_renewals_in_a_row_come_at_growing_distances() {
        let mut now = NOW;
        let mut questions = Questions::new(now);
        questions.failures = 3;
        let mut before = None;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            questions.renewed(false, before.as_ref(), now);
            assert_eq!((questions.next(), questions.failures), (now, 0));
            let served = life(now);
            let earliest = questions.earliest(&served);
            pauses.push(earliest.since(now).as_secs() / 60);
            before = Some(served);
            now = earliest;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
        // What somebody wanted is neither one more nor the end of it.
        questions.renewed(true, before.as_ref(), now);
        assert_eq!(questions.early, 11);
        questions.renewed(true, before.as_ref(), now.after(DAY * 31));
        assert_eq!(questions.early, 11);
        questions.renewed(false, before.as_ref(), now.after(DAY * 31));
        assert_eq!(questions.early, 0);
    }

    #[test]
    fn after_a_start_the_longest_pause_is_kept_after_the_certificate_began() {
        let mut questions = Questions::new(NOW);
        let hours = |number: u64| Duration::from_secs(number * 3600);
        let served = life(NOW.before(hours(1)));
        assert_eq!(questions.earliest(&served), NOW.after(hours(5)));
        let old = life(NOW.before(DAY));
        assert!(questions.earliest(&old) < NOW);
        questions.renewed(false, Some(&old), NOW);
        assert_eq!(questions.earliest(&life(NOW)).since(NOW).as_secs(), 120);
    }

    #[test]
    fn a_clock_that_is_set_back_moves_no_question_away() {
        let ahead = NOW.after(DAY * 200);
        let mut questions = Questions::new(ahead);
        questions.renewed(false, None, ahead);
        questions.again(ahead.after(DAY), ahead);
        questions.follow(NOW);
        assert_eq!(questions.next(), NOW.after(DAY));
        assert_eq!(questions.earliest(&life(NOW)).since(NOW).as_secs(), 60);
        // It is once: the time that goes by then does.
        questions.follow(NOW.after(DAY));
        assert_eq!(questions.next(), NOW.after(DAY));
        // One that was ahead in between only changes nothing.
        questions.again(NOW.after(DAY * 3), NOW.after(DAY));
        questions.follow(ahead);
        questions.follow(NOW.after(DAY * 2));
        assert_eq!(questions.next(), NOW.after(DAY * 3));
    }
}
