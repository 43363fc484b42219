//! The contract as tests: whatever implements `Spool` passes every one of them. An engine hands
//! in how it is opened on a directory; `contract_tests!` makes the list its own.

pub(in crate::spool) mod intake;
pub(in crate::spool) mod watching;
pub(in crate::spool) mod work;

use super::{Claim, Claimed, Fate, Header, Intake, Order, Put, Settlement, Spool, State};
use crate::types::{ClientAddr, Clock, DeliveryId, Name, RequestId, RouteKey, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How an engine is opened on a directory.
pub(in crate::spool) type Open = fn(&Path, Arc<dyn Clock>) -> Arc<dyn Spool>;

/// A clock that is turned by hand.
#[derive(Debug)]
pub(in crate::spool) struct Turned(AtomicI64);

impl Turned {
    pub(in crate::spool) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_700_000_000_000)))
    }

    pub(in crate::spool) fn turn(&self, span: Duration) {
        let span = i64::try_from(span.as_millis()).unwrap();
        self.0.fetch_add(span, Ordering::Relaxed);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A spool under test.
pub(in crate::spool) struct Case {
    open: Open,
    pub(in crate::spool) directory: tempfile::TempDir,
    pub(in crate::spool) clock: Arc<Turned>,
    pub(in crate::spool) spool: Arc<dyn Spool>,
}

pub(in crate::spool) const WINDOW: Duration = Duration::from_secs(10);

pub(in crate::spool) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(in crate::spool) fn intake(guid: &str, body: &[u8], received: Timestamp) -> Intake {
    Intake {
        route: RouteKey::recorded("hooks.example.com/jira"),
        request: RequestId::fresh(),
        received,
        client: ClientAddr::new("192.0.2.7".parse().unwrap()),
        hook: "4123".into(),
        guid: guid.parse().unwrap(),
        event: "push".parse().unwrap(),
        action: None,
        repository: None,
        headers: Arc::from([Header {
            name: "x-github-event".into(),
            value: (*b"push\xff").into(),
        }]),
        body: body.to_vec().into(),
        targets: Arc::from([name("jira")]),
        window: WINDOW,
    }
}

impl Case {
    pub(in crate::spool) fn new(open: Open) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Turned::new();
        let spool = open(directory.path(), clock.clone());
        Self {
            open,
            directory,
            clock,
            spool,
        }
    }

    pub(in crate::spool) async fn restart(&mut self) {
        self.spool.close().await;
        self.spool = (self.open)(self.directory.path(), self.clock.clone());
    }

    pub(in crate::spool) fn intake(&self, guid: &str, body: &[u8]) -> Intake {
        intake(guid, body, self.clock.now())
    }

    pub(in crate::spool) async fn stored(&self, intake: Intake) -> DeliveryId {
        let put = self.spool.put(intake).await.unwrap();
        let Put::Stored(id) = put else {
            panic!("{put:?}");
        };
        id
    }

    /// Stores one of a repository, for `jira`.
    pub(in crate::spool) async fn of(&self, guid: &str, repository: &str) -> DeliveryId {
        let mut intake = self.intake(guid, b"{}");
        intake.repository = Some(repository.parse().unwrap());
        self.stored(intake).await
    }

    pub(in crate::spool) async fn claim(&self, target: &str, order: Order) -> Vec<Claimed> {
        let claim = Claim {
            target: name(target),
            limit: 100,
            now: self.clock.now(),
            order,
        };
        self.spool.claim(claim).await.unwrap()
    }

    pub(in crate::spool) async fn claimed(&self, order: Order) -> Vec<DeliveryId> {
        let claimed = self.claim("jira", order).await;
        claimed.into_iter().map(|claimed| claimed.id).collect()
    }

    pub(in crate::spool) async fn settle(&self, id: DeliveryId, target: &str, fate: Fate) {
        let failed = fate != Fate::Delivered;
        let end = Settlement {
            id,
            target: name(target),
            at: self.clock.now(),
            took: Duration::from_millis(7),
            status: Some(if failed { 500 } else { 200 }),
            error: if failed { "answered 500" } else { "" }.into(),
            fate,
        };
        self.spool.settle(end).await.unwrap();
    }

    pub(in crate::spool) fn retry(&self, after: Duration) -> Fate {
        Fate::Retry {
            at: self.clock.now().after(after),
            counts: true,
        }
    }

    pub(in crate::spool) async fn state(&self, id: DeliveryId, target: &str) -> State {
        let detail = self.spool.show(id).await.unwrap().unwrap();
        let mut standings = detail.summary.targets.iter();
        standings.find(|s| s.target == target).unwrap().state
    }
}

/// Makes a test of each of the contract's, for one engine.
macro_rules! contract_tests {
    ($open:expr) => {
        contract_tests! { @ $open;
            intake: keeps_a_delivery_byte_for_byte_and_hands_it_to_each_target_once, takes_bodies_of_25_mib_and_of_nothing, what_comes_again_within_the_window_is_a_duplicate, what_comes_again_later_is_a_redelivery_and_stored_again, the_same_guid_with_another_body_is_a_conflict, of_two_that_come_at_once_one_is_stored, a_duplicate_is_given_again_to_a_target_that_gave_up;
            work: attempts_are_counted_and_retries_wait_until_they_are_due, what_was_being_sent_is_sent_again_after_a_restart_and_parked_in_the_end, an_attempt_that_ends_clears_the_count_of_interruptions, a_repository_is_served_one_at_a_time_and_in_order, a_claim_that_nobody_waited_for_is_put_back, one_sent_again_takes_its_place_in_its_repository, the_order_may_change_between_claims, a_courier_is_woken_also_for_what_came_before_it_listened;
            watching: deliveries_are_found_by_what_is_known_of_them, a_delivery_is_shown_with_its_attempts_of_which_fifty_are_kept, a_person_sends_again_to_one_target_or_to_all, a_person_sends_again_all_that_a_query_selects, depths_say_what_waits_at_each_target, what_everybody_has_is_forgotten_and_makes_room, a_full_spool_refuses_and_takes_again_when_something_was_forgotten, a_closed_spool_takes_nothing_and_has_written_all;
        }
    };
    (@ $open:expr; $($room:ident: $($test:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::spool::contract::$room::$test($open).await;
            }
        )+)+
    };
}
pub(in crate::spool) use contract_tests;
