//! Couriers on a real spool, with time turned by hand.

use super::bench::{Bench, Stumbling, target};
use crate::spool::{Order, Outlook, Spool as _, State};
use crate::webhook::deliver::circuit::Circuit;
use crate::webhook::deliver::{Attempts, SendError};
use std::sync::Arc;
use std::time::Duration;

fn down() -> SendError {
    SendError::Timeout(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_delivery_is_tried_at_doubling_pauses_until_it_arrives() {
    let bench = Bench::new();
    let (_, carrier) = bench.hire(target("jira"), |nth, _| Ok(if nth < 4 { 500 } else { 200 }));
    let id = bench.put("{}", "a/b", &["jira"]).await;
    for (ended, pause) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        bench.until(id, State::Pending, ended).await;
        bench.turn(Duration::from_millis(pause * 1000 - 1));
        bench.until(id, State::Pending, ended).await;
        bench.turn(Duration::from_millis(1));
    }
    bench.until(id, State::Delivered, 5).await;
    let attempts: Vec<u32> = carrier
        .carried
        .lock()
        .unwrap()
        .iter()
        .map(|(_, nth)| *nth)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_as_long_as_it_may_is_parked_and_goes_out_again_when_told() {
    let bench = Bench::new();
    let (_, carrier) = bench.hire(target("jira"), |nth, _| Ok(if nth < 2 { 500 } else { 200 }));
    let id = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(id, State::Pending, 1).await;
    bench.turn(Duration::from_hours(2));
    bench.until(id, State::Dead, 2).await;
    assert_eq!(bench.spool.redeliver(id, None).await.unwrap(), 1);
    bench.until(id, State::Delivered, 3).await;
    assert_eq!(carrier.carried.lock().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_will_not_mend_is_parked_after_an_hour() {
    let bench = Bench::new();
    bench.hire(target("jira"), |_, _| Ok(404));
    let id = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(id, State::Pending, 1).await;
    bench.turn(Duration::from_hours(1));
    bench.until(id, State::Dead, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_answers_404_when_it_comes_back_has_its_hour_too() {
    let bench = Bench::new();
    let mut patient = target("jira");
    patient.attempts.lasting = Duration::from_hours(72);
    let script = |nth| [500, 404, 404, 200][nth];
    bench.hire(patient, move |nth, _| Ok(script(nth)));
    let id = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(id, State::Pending, 1).await;
    bench.turn(Duration::from_hours(3));
    bench.until(id, State::Pending, 2).await;
    bench.turn(Duration::from_mins(59));
    bench.until(id, State::Pending, 3).await;
    bench.turn(Duration::from_mins(1));
    bench.until(id, State::Delivered, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_deliveries_leave_the_other_slots_to_the_rest() {
    let bench = Bench::new();
    bench.hire(target("jira"), |_, _| Ok(200));
    for _ in 0..3 {
        bench.put("hangs", "a/b", &["jira"]).await;
    }
    for _ in 0..3 {
        let id = bench.put("{}", "a/b", &["jira"]).await;
        bench.until(id, State::Delivered, 1).await;
    }
}

/// A courier turns its circuit a moment after the spool shows how an attempt ended.
async fn eventually(right: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !right() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_gets_one_probe_at_a_time_and_no_attempt_is_burnt() {
    let bench = Bench::new();
    let mut one = target("jira");
    one.concurrency = 1;
    one.attempts = Attempts {
        lasting: Duration::from_hours(72),
        first: Duration::from_millis(1),
        most: Duration::from_millis(1),
    };
    let (courier, carrier) = bench.hire(one, |nth, _| if nth < 8 { Err(down()) } else { Ok(200) });
    let id = bench.put("{}", "a/b", &["jira"]).await;
    // A courier turns its circuit a moment after the spool shows how an attempt ended; the clock
    // must not be turned in between.
    let stands = async |circuit: fn(Circuit) -> Option<Duration>, so: Duration| {
        eventually(|| circuit(courier.circuit()) == Some(so)).await;
    };
    let pause = |circuit| match circuit {
        Circuit::Open { pause, .. } => Some(pause),
        Circuit::Closed(_) | Circuit::Probing(_) => None,
    };
    for (ended, failures) in (1..=4).zip(1..) {
        bench.until(id, State::Pending, ended).await;
        eventually(|| courier.circuit() == Circuit::Closed(failures)).await;
        bench.turn(Duration::from_millis(5));
    }
    bench.until(id, State::Pending, 5).await;
    stands(pause, Duration::from_secs(1)).await;
    // Time enough for many attempts, but not for a probe.
    bench.turn(Duration::from_millis(999));
    bench.until(id, State::Pending, 5).await;
    for (ended, wait, next) in [(6, 1, 2), (7, 2_000, 4), (8, 4_000, 8)] {
        bench.turn(Duration::from_millis(wait));
        bench.until(id, State::Pending, ended).await;
        stands(pause, Duration::from_secs(next)).await;
    }
    bench.turn(Duration::from_secs(8));
    bench.until(id, State::Delivered, 9).await;
    eventually(|| courier.circuit().is_closed()).await;
    let attempts: Vec<u32> = carrier
        .carried
        .lock()
        .unwrap()
        .iter()
        .map(|(_, nth)| *nth)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 6, 6, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_repository_a_failing_one_holds_back_its_own_and_no_others() {
    let bench = Bench::new();
    let mut ordered = target("jira");
    ordered.order = Order::Repository;
    let (_, carrier) = bench.hire(ordered, |nth, _| Ok(if nth == 0 { 500 } else { 200 }));
    let first = bench.put("first", "a/web", &["jira"]).await;
    bench.until(first, State::Pending, 1).await;
    let second = bench.put("second", "A/Web", &["jira"]).await;
    let other = bench.put("other", "a/api", &["jira"]).await;
    bench.until(other, State::Delivered, 1).await;
    bench.until(second, State::Pending, 0).await;
    bench.turn(Duration::from_secs(1));
    bench.until(second, State::Delivered, 1).await;
    let bodies: Vec<_> = carrier
        .carried
        .lock()
        .unwrap()
        .iter()
        .map(|(body, _)| body.clone())
        .collect();
    assert_eq!(bodies, ["first", "other", "first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_target_delays_no_other() {
    let bench = Bench::new();
    bench.hire(target("dead"), |_, _| Err(down()));
    let (_, alive) = bench.hire(target("alive"), |_, _| Ok(200));
    for _ in 0..20 {
        let id = bench.put("{}", "a/b", &["alive", "dead"]).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let shown = bench.spool.show(id).await.unwrap().unwrap();
            let there = |s: &&crate::spool::Standing| s.target == "alive";
            if shown.summary.targets.iter().find(there).unwrap().state == State::Delivered {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert_eq!(alive.carried.lock().unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_panics_costs_one_attempt() {
    let bench = Bench::new();
    bench.hire(target("jira"), |nth, _| {
        assert!(nth > 0, "on purpose");
        Ok(200)
    });
    let id = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(id, State::Pending, 1).await;
    bench.turn(Duration::from_secs(1));
    bench.until(id, State::Delivered, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_the_spool_has_no_room_for_is_kept_and_told_once() {
    let bench = Bench::new();
    bench.spool.refuse(Some(Outlook::Passing));
    let (_, carrier) = bench.hire(target("jira"), |_, _| Ok(200));
    let first = bench.put("{}", "a/b", &["jira"]).await;
    // When it ended, and at once again; then after 1 s, 2 s, 4 s, …
    bench.settled(2).await;
    let second = bench.put("{}", "a/b", &["jira"]).await;
    for (asked, pause) in [(3, 1), (4, 2), (5, 4), (6, 8), (7, 16)] {
        bench.turn(Duration::from_millis(pause * 1000 - 1));
        bench.settled(asked - 1).await;
        bench.turn(Duration::from_millis(1));
        bench.settled(asked).await;
    }
    assert_eq!(carrier.carried.lock().unwrap().len(), 1);
    bench.spool.refuse(None);
    bench.turn(Duration::from_secs(32));
    bench.until(first, State::Delivered, 1).await;
    bench.until(second, State::Delivered, 1).await;
    assert_eq!(carrier.carried.lock().unwrap().len(), 2);
    assert_eq!(bench.log.lines("cannot settle a delivery: on purpose"), 1);
    assert_eq!(bench.log.lines("does as it is asked again"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_the_spool_will_never_take_costs_no_slot() {
    let bench = Bench::new();
    let mut one = target("jira");
    one.concurrency = 1;
    bench.spool.refuse(Some(Outlook::Lasting));
    bench.hire(one, |_, _| Ok(200));
    let first = bench.put("{}", "a/b", &["jira"]).await;
    bench.settled(1).await;
    bench.spool.refuse(None);
    let second = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(second, State::Delivered, 1).await;
    bench.until(first, State::Sending, 0).await;
    assert_eq!(bench.spool.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_courier_that_fails_had_in_hand_is_tried_again_by_the_next() {
    let bench = Bench::new();
    let stumbling = Arc::new(Stumbling::default());
    let script = |nth| if nth == 1 { 500 } else { 200 };
    let (_, carrier) = bench.hire_with(target("jira"), stumbling, move |nth, _| Ok(script(nth)));
    // One hangs, so that it is under way when the other makes the courier fail.
    let hanging = bench.put("hangs", "a/b", &["jira"]).await;
    bench.until(hanging, State::Sending, 0).await;
    let failing = bench.put("{}", "a/b", &["jira"]).await;
    bench.until(failing, State::Pending, 1).await;
    bench.until(hanging, State::Pending, 1).await;
    bench.turn(Duration::from_secs(1));
    bench.until(failing, State::Delivered, 2).await;
    bench.until(hanging, State::Sending, 1).await;
    assert_eq!(carrier.carried.lock().unwrap().len(), 4);
    let shown = bench.spool.show(failing).await.unwrap().unwrap();
    let error = shown.attempts[0].error.as_deref().unwrap();
    assert!(error.contains("its courier failed"), "{error}");
}
