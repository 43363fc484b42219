//! The contract of `put`: what is kept, and what counts as the same delivery. No engine is named.

use super::{Case, Open, WINDOW, name};
use crate::spool::{Fate, Order, Put, Query};
use crate::types::RouteKey;
use std::sync::Arc;
use std::time::Duration;

pub(in crate::spool) async fn keeps_a_delivery_byte_for_byte_and_hands_it_to_each_target_once(
    open: Open,
) {
    let case = Case::new(open);
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let mut sent = case.intake("a-1", &body);
    sent.action = Some("opened".parse().unwrap());
    sent.repository = Some("Acme/Web".parse().unwrap());
    sent.targets = Arc::from([name("jira"), name("siem")]);
    let id = case.stored(sent.clone()).await;
    for target in ["jira", "siem"] {
        let got = case.claim(target, Order::None).await;
        assert_eq!(got.len(), 1);
        let got = &got[0];
        assert_eq!((got.id, got.attempt), (id, 1));
        assert_eq!((&got.route, got.request), (&sent.route, sent.request));
        assert_eq!((got.received, got.client), (sent.received, sent.client));
        assert_eq!((&got.guid, &got.event), (&sent.guid, &sent.event));
        assert_eq!(
            (&got.action, &got.repository),
            (&sent.action, &sent.repository)
        );
        assert_eq!((&got.headers, &got.body), (&sent.headers, &sent.body));
        assert_eq!(got.failing_since, None);
        assert!(case.claim(target, Order::None).await.is_empty());
    }
    assert!(case.claim("unheard-of", Order::None).await.is_empty());
}

pub(in crate::spool) async fn takes_bodies_of_25_mib_and_of_nothing(open: Open) {
    let mut case = Case::new(open);
    let large = vec![0x5a; 25 << 20];
    case.stored(case.intake("large", &large)).await;
    case.stored(case.intake("empty", b"")).await;
    case.restart().await;
    let got = case.claim("jira", Order::None).await;
    assert_eq!(got[0].body, large);
    assert_eq!(got[1].body, b""[..]);
}

pub(in crate::spool) async fn what_comes_again_within_the_window_is_a_duplicate(open: Open) {
    let case = Case::new(open);
    let first = case.intake("g", b"one");
    let id = case.stored(first.clone()).await;
    case.clock.turn(WINDOW - Duration::from_millis(1));
    let again = case.intake("g", b"one");
    assert_eq!(case.spool.put(again).await, Ok(Put::Duplicate(id)));
    for change in 0..3 {
        let mut other = case.intake("g", b"one");
        match change {
            0 => other.route = RouteKey::recorded("hooks.example.com/other"),
            1 => other.hook = "999".into(),
            _ => other.guid = "h".parse().unwrap(),
        }
        assert!(matches!(case.spool.put(other).await, Ok(Put::Stored(_))));
    }
    assert_eq!(case.spool.room().deliveries, 4);
}

pub(in crate::spool) async fn what_comes_again_later_is_a_redelivery_and_stored_again(open: Open) {
    let mut case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    case.restart().await;
    case.clock.turn(WINDOW);
    let Ok(Put::Redelivered { id: next, earlier }) = case.spool.put(case.intake("g", b"one")).await
    else {
        panic!()
    };
    assert_eq!(earlier, id);
    case.clock.turn(Duration::from_secs(1));
    // Counted from the newest of them.
    assert_eq!(
        case.spool.put(case.intake("g", b"one")).await,
        Ok(Put::Duplicate(next))
    );
    let page = case.spool.find(Query::default(), None, 10).await.unwrap();
    assert_eq!(page.deliveries[0].earlier, Some(id.number()));
    assert_eq!(case.claimed(Order::None).await, [id, next]);
}

pub(in crate::spool) async fn the_same_guid_with_another_body_is_a_conflict(open: Open) {
    let case = Case::new(open);
    let id = case.stored(case.intake("g", b"one")).await;
    let Ok(Put::Conflicting { id: other, earlier }) =
        case.spool.put(case.intake("g", b"two")).await
    else {
        panic!()
    };
    assert_eq!(earlier, id);
    assert_ne!(other, id);
    // Each body is a duplicate of its own kind only.
    assert_eq!(
        case.spool.put(case.intake("g", b"one")).await,
        Ok(Put::Duplicate(id))
    );
    assert_eq!(
        case.spool.put(case.intake("g", b"two")).await,
        Ok(Put::Duplicate(other))
    );
}

pub(in crate::spool) async fn of_two_that_come_at_once_one_is_stored(open: Open) {
    let case = Case::new(open);
    for round in 0..20 {
        let put = || case.spool.put(case.intake(&format!("g-{round}"), b"one"));
        let (one, other) = tokio::join!(put(), put());
        let kinds = [one.unwrap(), other.unwrap()];
        let stored = kinds.iter().find_map(|put| match put {
            Put::Stored(id) => Some(*id),
            Put::Redelivered { .. } | Put::Conflicting { .. } | Put::Duplicate(_) => None,
        });
        assert!(kinds.contains(&Put::Duplicate(stored.unwrap())));
    }
}

pub(in crate::spool) async fn a_duplicate_is_given_again_to_a_target_that_gave_up(open: Open) {
    let case = Case::new(open);
    let mut first = case.intake("g", b"one");
    first.targets = Arc::from([name("jira"), name("siem")]);
    let id = case.stored(first.clone()).await;
    for (target, fate) in [("jira", Fate::Dead), ("siem", Fate::Delivered)] {
        case.claim(target, Order::None).await;
        case.settle(id, target, fate).await;
    }
    assert_eq!(case.spool.put(first).await, Ok(Put::Duplicate(id)));
    case.spool.arrival(&name("jira")).await;
    let again = case.claim("jira", Order::None).await;
    assert_eq!(
        (again[0].id, again[0].attempt, again[0].failing_since),
        (id, 1, None)
    );
    assert!(case.claim("siem", Order::None).await.is_empty());
}
