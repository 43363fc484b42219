//! The authority is away for a day, just when a certificate is to be renewed.

use super::turned::{Bench, hours, moment};
use super::{HOSTS, leaf, metrics};
use jiff::SignedDuration;

/// Of the first certificate, in seconds: ten days.
const LIFE: i64 = 10 * 24 * 3600;
/// The authority is asked after 0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 871 and 1231 minutes at the
/// earliest, which is 12 times in a day.
const MOST_TRIES: u64 = 12;
/// Pauses are up to a quarter longer, and time is turned by half an hour at once: after 0, 30, 60,
/// 90, 120, 150, 210, 300, 480, 810 and 1260 minutes at the latest.
const LEAST_TRIES: u64 = 11;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_served_while_the_authority_is_away_for_a_day() {
    let life = format!(",\"certificateValidityPeriod\":{LIFE}");
    let Some(mut bench) = Bench::open(&life, |_| ()).await else {
        return;
    };
    let one = bench.once(|one| one["stands_in"] == false).await;
    assert_eq!(one["next_attempt_reason"], "life");
    let two_thirds = SignedDuration::from_secs(LIFE * 2 / 3);
    let until = moment(&one["not_after"]);
    let began = until - SignedDuration::from_secs(LIFE);
    let due = moment(&one["next_attempt"]).duration_since(began);
    // Pebble's certificates end a second early.
    assert!(due >= two_thirds - SignedDuration::from_secs(2), "{one}");
    assert!(due <= SignedDuration::from_secs(LIFE * 7 / 10), "{one}");
    let root = bench.pebble.root().await;
    let first = leaf(&bench.gate, &root, HOSTS[0]).await;

    let ordered = bench.relay.book().orders.len();
    bench.pebble.stop();
    bench.turn(SignedDuration::from_secs(LIFE * 7 / 10));
    let one = bench.once(|one| one["failures"] == 1).await;
    assert_eq!(one["next_attempt_reason"], "retry");
    for half_hours in 0..48 {
        let before = bench.quiet().await;
        let served = leaf(&bench.gate, &root, HOSTS[0]).await;
        assert_eq!(served, first, "after {half_hours} half hours");
        assert_eq!(before["not_after"], one["not_after"]);
        assert_eq!(before["stands_in"], false);
        let why = before["last_error"].as_str().unwrap();
        assert!(why.contains("cannot reach"), "{before}");
        bench.turn(SignedDuration::from_mins(30));
    }
    let one = bench.quiet().await;
    let failures = one["failures"].as_u64().unwrap();
    assert!((LEAST_TRIES..=MOST_TRIES).contains(&failures), "{one}");
    let measured = metrics(&bench.site).await;
    let outcomes = |outcome: &str, times| {
        let hosts = HOSTS.join(", ");
        format!(
            "hubgate_certificate_orders_total{{hosts=\"{hosts}\",outcome=\"{outcome}\"}} {times}\n"
        )
    };
    assert!(
        measured.contains(&outcomes("failed", failures)),
        "{measured}"
    );
    assert!(measured.contains(&outcomes("issued", 1)), "{measured}");
    assert_eq!(bench.relay.book().orders.len(), ordered);
    let tries = bench.logged("no certificate was issued");
    assert_eq!(tries.len() as u64, failures);
    for pair in tries.windows(2) {
        assert!(
            moment(&pair[1]["timestamp"]) >= moment(&pair[0]["next"]),
            "{pair:?}"
        );
    }
    let socket = bench.site.path("admin.sock");
    let said = bench
        .site
        .hubgate(&["cert", "--socket", socket.to_str().unwrap()]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains(&format!("failed {failures} times")), "{said}");

    // It comes back, and nobody does anything about it.
    bench.pebble.more = format!(",\"certificateValidityPeriod\":{}", LIFE * 9);
    bench.pebble.again().await;
    bench.turn(hours(8));
    let one = bench.once(|one| one["issued_reason"] == "retry").await;
    assert_eq!(
        (&one["failures"], &one["last_error"]),
        (&0.into(), &().into())
    );
    assert_eq!(one["next_attempt_reason"], "life");
    assert!(moment(&one["not_after"]) > until, "{one}");
    bench.other_leaf(&first).await;
}
