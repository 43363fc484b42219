//! The contract of what people do and see: search, send again, forget, fullness. No engine is
//! named.

use super::{Case, Open, name};
use crate::spool::{Condition, Fate, Order, Put, PutError, Query, State};
use crate::types::{Clock as _, DeliveryId};
use std::sync::Arc;
use std::time::Duration;

pub(in crate::spool) async fn deliveries_are_found_by_what_is_known_of_them(open: Open) {
    let case = Case::new(open);
    let mut ids = Vec::new();
    for number in 0..25 {
        let mut one = case.intake(&format!("guid-{number}"), b"{}");
        one.repository = Some(format!("acme/r{}", number % 5).parse().unwrap());
        one.action = (number % 2 == 0).then(|| "opened".parse().unwrap());
        ids.push(case.stored(one).await);
        case.clock.turn(Duration::from_secs(1));
    }
    let claimed = case.claimed(Order::None).await;
    case.settle(claimed[3], "jira", Fate::Dead).await;
    case.settle(claimed[4], "jira", Fate::Delivered).await;
    let at = |n: usize| case.clock.now().before(Duration::from_secs(25 - n as u64));
    let text = |text: &str| Some(text.to_owned());
    let (early, late) = (at(18), at(20));
    type Narrow<'a> = &'a dyn Fn(&mut Query);
    let rows: [(Narrow<'_>, usize); 12] = [
        (&|_| {}, 25),
        (&|q| q.route = text("hooks.example.com/jira"), 25),
        (&|q| q.route = text("hooks.example.com/x"), 0),
        (
            &|q| (q.event, q.action) = (text("push"), text("opened")),
            13,
        ),
        (&|q| q.repository = text("ACME/R3"), 5),
        (&|q| q.state = Some(State::Dead), 1),
        (
            &|q| (q.state, q.target) = (Some(State::Delivered), text("jira")),
            1,
        ),
        (
            &|q| (q.state, q.target) = (Some(State::Sending), text("siem")),
            0,
        ),
        (&|q| (q.target, q.text) = (text("jira"), text("GUID-1")), 11),
        (&|q| q.since = Some(late), 5),
        (&|q| (q.since, q.until) = (Some(early), Some(late)), 2),
        (&|q| q.text = text("100%"), 0),
    ];
    for (narrow, expected) in rows {
        let mut query = Query::default();
        narrow(&mut query);
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let page = case.spool.find(query.clone(), before, 4).await.unwrap();
            found.extend(page.deliveries.iter().map(|found| found.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), expected, "{query:?}");
        assert!(found.is_sorted_by(|a, b| a > b), "{query:?}");
    }
}

pub(in crate::spool) async fn a_delivery_is_shown_with_its_attempts_of_which_fifty_are_kept(
    open: Open,
) {
    let case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    for _ in 0..60 {
        case.clock.turn(Duration::from_secs(1));
        case.claim("jira", Order::None).await;
        case.settle(id, "jira", case.retry(Duration::ZERO)).await;
    }
    let detail = case.spool.show(id).await.unwrap().unwrap();
    assert_eq!(detail.attempts.len(), 50);
    assert!(detail.attempts.is_sorted_by_key(|attempt| attempt.at));
    assert_eq!(detail.attempts[49].at, case.clock.now());
    assert_eq!(detail.attempts[49].status, Some(500));
    assert_eq!(detail.body, b"one"[..]);
    assert_eq!(detail.client, "192.0.2.7");
    assert_eq!(detail.headers[0].0, "x-github-event");
    assert_eq!(detail.summary.targets[0].attempts, 60);
    assert!(
        case.spool
            .show(DeliveryId::new(99))
            .await
            .unwrap()
            .is_none()
    );
}

pub(in crate::spool) async fn a_person_sends_again_to_one_target_or_to_all(open: Open) {
    let case = Case::new(open);
    let mut one = case.intake("g", b"one");
    one.targets = Arc::from([name("jira"), name("siem"), name("wiki")]);
    let id = case.stored(one).await;
    for (target, fate) in [("jira", Fate::Delivered), ("siem", Fate::Dead)] {
        case.claim(target, Order::None).await;
        case.settle(id, target, fate).await;
    }
    assert_eq!(case.spool.redeliver(id, Some("jira")).await.unwrap(), 1);
    assert_eq!(case.spool.redeliver(id, Some("nobody")).await.unwrap(), 0);
    assert_eq!(case.claim("jira", Order::None).await.len(), 1);
    // The one that is being sent is left alone.
    assert_eq!(case.spool.redeliver(id, None).await.unwrap(), 2);
    assert_eq!(case.claim("siem", Order::None).await[0].attempt, 1);
    assert_eq!(
        case.spool
            .redeliver(DeliveryId::new(99), None)
            .await
            .unwrap(),
        0
    );
}

pub(in crate::spool) async fn a_person_sends_again_all_that_a_query_selects(open: Open) {
    let case = Case::new(open);
    for number in 0..600 {
        let mut one = case.intake(&format!("g-{number}"), b"one");
        one.targets = Arc::from([name("jira"), name("siem")]);
        one.repository = Some(format!("acme/r{}", number % 2).parse().unwrap());
        case.stored(one).await;
    }
    for fate in [Fate::Dead, Fate::Delivered] {
        for target in ["jira", "siem"] {
            for got in case.claim(target, Order::None).await {
                case.settle(got.id, target, fate).await;
            }
        }
    }
    let again = |query| case.spool.redeliver_found(query);
    let of = |repository: &str| Query {
        repository: Some(repository.to_owned()),
        ..Query::default()
    };
    let to = |query, target: &str| Query {
        target: Some(target.to_owned()),
        ..query
    };
    let in_state = |query, state| Query {
        state: Some(state),
        ..query
    };
    assert_eq!(again(to(of("acme/r0"), "jira")).await.unwrap(), 50);
    assert_eq!(again(of("acme/r0")).await.unwrap(), 50);
    assert_eq!(
        again(in_state(of("acme/r1"), State::Delivered))
            .await
            .unwrap(),
        100
    );
    assert_eq!(again(to(Query::default(), "siem")).await.unwrap(), 50);
    assert_eq!(again(Query::default()).await.unwrap(), 50);
    assert_eq!(again(Query::default()).await.unwrap(), 0);
    assert_eq!(
        again(in_state(Query::default(), State::Pending))
            .await
            .unwrap(),
        1100
    );
}

pub(in crate::spool) async fn depths_say_what_waits_at_each_target(open: Open) {
    let mut case = Case::new(open);
    let begin = case.clock.now();
    for number in 0..4 {
        let mut one = case.intake(&format!("g-{number}"), b"one");
        one.targets = Arc::from([name("jira"), name("siem")]);
        case.stored(one).await;
        case.clock.turn(Duration::from_secs(1));
    }
    let got = case.claim("jira", Order::None).await;
    case.settle(got[0].id, "jira", Fate::Delivered).await;
    case.settle(got[1].id, "jira", Fate::Dead).await;
    let failed = case.clock.now();
    for restarted in [false, true] {
        let depths = case.spool.depths().await.unwrap();
        let jira = &depths
            .iter()
            .find(|(target, _)| target == "jira")
            .unwrap()
            .1;
        assert_eq!((jira.pending, jira.dead), (2, 1));
        assert_eq!(jira.oldest, Some(begin.after(Duration::from_secs(2))));
        let error = if restarted {
            "the gateway ended while this was being sent"
        } else {
            "answered 500"
        };
        assert_eq!(jira.last_error, Some((failed, error.to_owned())));
        let siem = &depths
            .iter()
            .find(|(target, _)| target == "siem")
            .unwrap()
            .1;
        assert_eq!((siem.pending, siem.dead, siem.oldest), (4, 0, Some(begin)));
        assert_eq!(siem.last_error, None);
        if !restarted {
            case.restart().await;
        }
    }
    case.spool.redeliver(got[0].id, None).await.unwrap();
    let depths = case.spool.depths().await.unwrap();
    assert_eq!(depths[0].1.oldest, Some(begin));
    assert_eq!(depths[0].1.pending, 3);
}

pub(in crate::spool) async fn what_everybody_has_is_forgotten_and_makes_room(open: Open) {
    let mut case = Case::new(open);
    let body = vec![7; 100_000];
    for number in 0..100 {
        case.stored(case.intake(&format!("g-{number}"), &body))
            .await;
    }
    let full = case.spool.room();
    assert_eq!(full.deliveries, 100);
    assert!(full.used > 10_000_000, "{full:?}");
    let got = case.claim("jira", Order::None).await;
    for (number, got) in got.iter().enumerate() {
        let fate = match number {
            0 => Fate::Dead,
            1 => case.retry(Duration::from_secs(9)),
            _ => Fate::Delivered,
        };
        case.settle(got.id, "jira", fate).await;
    }
    assert_eq!(case.spool.forget(case.clock.now()).await.unwrap(), 0);
    case.clock.turn(Duration::from_secs(1));
    assert_eq!(case.spool.forget(case.clock.now()).await.unwrap(), 98);
    let left = case.spool.room();
    assert_eq!(left.deliveries, 2);
    assert!(left.used < 1_000_000, "{left:?}");
    let files = std::fs::read_dir(case.directory.path()).unwrap();
    let bytes: u64 = files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes < 2_000_000, "{bytes}");
    assert!(case.spool.show(got[5].id).await.unwrap().is_none());
    // A number is never given out twice.
    case.restart().await;
    let next = case.stored(case.intake("next", b"one")).await;
    assert!(next > got[99].id);
}

pub(in crate::spool) async fn a_full_spool_refuses_and_takes_again_when_something_was_forgotten(
    open: Open,
) {
    let case = Case::new(open);
    let body = vec![7; 1 << 20];
    let limit = case.spool.room().limit;
    let mut ids = Vec::new();
    let refused = loop {
        match case
            .spool
            .put(case.intake(&format!("g-{}", ids.len()), &body))
            .await
        {
            Ok(Put::Stored(id)) => ids.push(id),
            other => break other,
        }
    };
    assert!(matches!(refused, Err(PutError::Full(_))), "{refused:?}");
    assert!(matches!(case.spool.condition(), Condition::Full(_)));
    let used = case.spool.room().used;
    assert!(used <= limit && used > limit / 2, "{used} of {limit}");
    for got in case.claim("jira", Order::None).await {
        assert_eq!(got.body, body);
        case.settle(got.id, "jira", Fate::Delivered).await;
    }
    case.clock.turn(Duration::from_secs(1));
    let count = case.spool.forget(case.clock.now()).await.unwrap();
    assert_eq!(count, ids.len() as u64);
    assert_eq!(case.spool.condition(), Condition::Ready);
    case.stored(case.intake("again", &body)).await;
}

pub(in crate::spool) async fn a_closed_spool_takes_nothing_and_has_written_all(open: Open) {
    let mut case = Case::new(open);
    case.stored(case.intake("g", b"one")).await;
    case.spool.close().await;
    case.spool.close().await;
    let late = case.spool.put(case.intake("h", b"two")).await;
    assert!(matches!(late, Err(PutError::Broken(_))), "{late:?}");
    let claim = case.spool.next_due(&name("jira"), Order::None).await;
    assert!(claim.is_err());
    case.restart().await;
    assert_eq!(case.claimed(Order::None).await.len(), 1);
}
