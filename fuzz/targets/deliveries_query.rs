//! The query of the admin API's list of deliveries.
//!
//! Holds that it becomes a page within its bounds or a refusal, and that a criterion that is given
//! is never lost on the way.

#![no_main]

use axum::extract::Query;
use http::Uri;
use hubgate::admin::filter::Filter;
use hubgate::types::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_millis(1_795_132_800_000);

fuzz_target!(|input: &[u8]| {
    let Ok(uri) = Uri::try_from([b"/api/v1/deliveries?", input].concat()) else {
        return;
    };
    let Ok(Query(filter)) = Query::<Filter>::try_from_uri(&uri) else {
        return;
    };
    let given = [
        filter.route.is_some(),
        filter.event.is_some(),
        filter.action.is_some(),
        filter.repository.is_some(),
        filter.state.is_some(),
        filter.target.is_some(),
        filter.since.is_some(),
        filter.until.is_some(),
        filter.text.is_some(),
    ];
    let (limit, cursor) = (filter.limit, filter.cursor);
    let kept = |query: &hubgate::spool::Query| {
        [
            query.route.is_some(),
            query.event.is_some(),
            query.action.is_some(),
            query.repository.is_some(),
            query.state.is_some(),
            query.target.is_some(),
            query.since.is_some(),
            query.until.is_some(),
            query.text.is_some(),
        ]
    };
    match filter.clone().page(NOW) {
        Ok((query, start, size)) => {
            assert_eq!(kept(&query), given);
            assert_eq!(size, limit.unwrap_or(50));
            assert!((1..=500).contains(&size));
            assert_eq!(start.map(|id| id.number()), cursor);
            assert!(cursor.is_none_or(|cursor| cursor > 0));
        }
        Err(wrong) => assert!(!wrong.to_string().contains('\n'), "{wrong}"),
    }
    if let Ok(query) = filter.selection(NOW) {
        assert_eq!(kept(&query), given);
        assert!(given.contains(&true) && limit.is_none() && cursor.is_none());
    }
});
