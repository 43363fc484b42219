//! The contract of `claim` and `settle`: attempts, order, restarts. No engine is named.

use super::{Case, Open, name};
use crate::spool::{Fate, Order, State};
use crate::types::Clock as _;
use std::time::Duration;

pub(in crate::spool) async fn attempts_are_counted_and_retries_wait_until_they_are_due(open: Open) {
    let case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    let failed = case.clock.now();
    for attempt in 1..=3 {
        let got = case.claim("jira", Order::None).await;
        assert_eq!(got[0].attempt, attempt);
        assert_eq!(got[0].failing_since, (attempt > 1).then_some(failed));
        let fate = case.retry(Duration::from_secs(60));
        case.settle(id, "jira", fate).await;
        assert!(case.claim("jira", Order::None).await.is_empty());
        let due = case.spool.next_due(&name("jira"), Order::None).await;
        let at = case.clock.now().after(Duration::from_secs(60));
        assert_eq!(due.unwrap(), Some(at));
        case.clock.turn(Duration::from_secs(60));
    }
    case.claim("jira", Order::None).await;
    let probe = Fate::Retry {
        at: case.clock.now(),
        counts: false,
    };
    case.settle(id, "jira", probe).await;
    assert_eq!(case.claim("jira", Order::None).await[0].attempt, 4);
    case.settle(id, "jira", Fate::Delivered).await;
    assert_eq!(case.state(id, "jira").await, State::Delivered);
    let due = case.spool.next_due(&name("jira"), Order::None).await;
    assert_eq!(due.unwrap(), None);
}

pub(in crate::spool) async fn what_was_being_sent_is_sent_again_after_a_restart_and_parked_in_the_end(
    open: Open,
) {
    let mut case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    for attempt in 1..=10 {
        let got = case.claim("jira", Order::None).await;
        assert_eq!((got[0].id, got[0].attempt), (id, attempt));
        case.restart().await;
    }
    assert!(case.claim("jira", Order::None).await.is_empty());
    let detail = case.spool.show(id).await.unwrap().unwrap();
    assert_eq!(detail.summary.targets[0].state, State::Dead);
    let error = detail.summary.targets[0].error.as_deref().unwrap();
    assert!(error.contains("ended 10 times"), "{error}");
    assert_eq!(detail.attempts.len(), 10);
}

pub(in crate::spool) async fn an_attempt_that_ends_clears_the_count_of_interruptions(open: Open) {
    let mut case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    for _ in 0..3 {
        for _ in 0..5 {
            assert_eq!(case.claim("jira", Order::None).await.len(), 1);
            case.restart().await;
        }
        case.claim("jira", Order::None).await;
        case.settle(id, "jira", case.retry(Duration::ZERO)).await;
    }
    assert_eq!(case.state(id, "jira").await, State::Pending);
}

pub(in crate::spool) async fn a_repository_is_served_one_at_a_time_and_in_order(open: Open) {
    let case = Case::new(open);
    let one = case.of("1", "acme/web").await;
    let two = case.of("2", "ACME/Web").await;
    let other = case.of("3", "acme/api").await;
    let free = case.stored(case.intake("4", b"{}")).await;
    let free2 = case.stored(case.intake("5", b"{}")).await;
    let now = case.claimed(Order::Repository).await;
    assert_eq!(now, [one, other, free, free2]);
    let three = case.of("6", "acme/web").await;
    assert!(case.claimed(Order::Repository).await.is_empty());
    let due = case.spool.next_due(&name("jira"), Order::Repository).await;
    assert_eq!(due.unwrap(), None);
    case.settle(one, "jira", Fate::Delivered).await;
    case.spool.arrival(&name("jira")).await;
    assert_eq!(case.claimed(Order::Repository).await, [two]);
    // One that waits holds the later ones back; one that is parked does not.
    let fate = case.retry(Duration::from_secs(5));
    case.settle(two, "jira", fate).await;
    assert!(case.claimed(Order::Repository).await.is_empty());
    case.clock.turn(Duration::from_secs(5));
    assert_eq!(case.claimed(Order::Repository).await, [two]);
    case.settle(two, "jira", Fate::Dead).await;
    assert_eq!(case.claimed(Order::Repository).await, [three]);
}

pub(in crate::spool) async fn one_sent_again_takes_its_place_in_its_repository(open: Open) {
    let mut case = Case::new(open);
    let one = case.of("1", "acme/web").await;
    let two = case.of("2", "acme/web").await;
    let three = case.of("3", "acme/web").await;
    assert_eq!(case.claimed(Order::Repository).await, [one]);
    case.settle(one, "jira", Fate::Delivered).await;
    assert_eq!(case.claimed(Order::Repository).await, [two]);
    assert_eq!(case.spool.redeliver(one, None).await.unwrap(), 1);
    assert!(case.claimed(Order::Repository).await.is_empty());
    case.restart().await;
    assert_eq!(case.claimed(Order::Repository).await, [one]);
    case.settle(one, "jira", Fate::Delivered).await;
    assert_eq!(case.claimed(Order::Repository).await, [two]);
    case.settle(two, "jira", Fate::Delivered).await;
    assert_eq!(case.claimed(Order::Repository).await, [three]);
}

pub(in crate::spool) async fn the_order_may_change_between_claims(open: Open) {
    let case = Case::new(open);
    let one = case.of("1", "acme/web").await;
    assert_eq!(case.claimed(Order::None).await, [one]);
    let two = case.of("2", "acme/web").await;
    let three = case.of("3", "acme/web").await;
    assert!(case.claimed(Order::Repository).await.is_empty());
    case.settle(one, "jira", Fate::Delivered).await;
    assert_eq!(case.claimed(Order::Repository).await, [two]);
    assert_eq!(case.claimed(Order::None).await, [three]);
    case.settle(two, "jira", Fate::Delivered).await;
    case.settle(three, "jira", Fate::Delivered).await;
    let waiting = case.spool.depths().await.unwrap();
    assert_eq!(waiting[0].1.pending, 0);
}

pub(in crate::spool) async fn a_courier_is_woken_also_for_what_came_before_it_listened(open: Open) {
    let case = Case::new(open);
    case.stored(case.intake("g", b"one")).await;
    case.spool.arrival(&name("jira")).await;
    let jira = name("jira");
    let (waited, id) = tokio::join!(
        case.spool.arrival(&jira),
        case.stored(case.intake("h", b"two"))
    );
    let () = waited;
    assert!(case.claimed(Order::None).await.contains(&id));
}

pub(in crate::spool) async fn a_claim_that_nobody_waited_for_is_put_back(open: Open) {
    let case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    for _ in 0..20 {
        // Asked for, and given up before the answer could be there.
        let claim = case.claim("jira", Order::None);
        let gone = tokio::time::timeout(Duration::ZERO, claim).await;
        let got = match gone {
            Ok(got) => got,
            Err(_) => loop {
                let got = case.claim("jira", Order::None).await;
                if !got.is_empty() {
                    break got;
                }
                case.spool.arrival(&name("jira")).await;
            },
        };
        assert_eq!((got[0].id, got[0].attempt), (id, 1));
        case.spool.redeliver(id, None).await.unwrap();
        case.settle(id, "jira", Fate::Delivered).await;
        case.spool.redeliver(id, None).await.unwrap();
    }
}
