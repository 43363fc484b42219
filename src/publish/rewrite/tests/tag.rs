//! Entity tags.

use super::super::tag::{Strangers, mark, unmark};

const OURS: &str = "0123456789ab";

#[test]
fn a_mark_comes_off_as_it_went_on() {
    for tag in [
        "\"abc\"",
        "W/\"abc\"",
        "\"\"",
        "W/\"a.hgs0123456789ab\"",
        "\"a.hg\"",
    ] {
        let marked = mark(tag, OURS).unwrap();
        assert!(marked.starts_with("W/\""), "{marked}");
        let told = unmark(&marked, OURS, Strangers::Go);
        assert_eq!(told.list, tag);
        assert_eq!(told.marked, [tag]);
        assert!(!told.cut);
    }
    assert_eq!(mark("\"abc\"", OURS).unwrap(), "W/\"abc.hgs0123456789ab\"");
    assert_eq!(
        mark("W/\"abc\"", OURS).unwrap(),
        "W/\"abc.hgw0123456789ab\""
    );
    for wrong in [
        "abc",
        "",
        "\"a",
        "\"a\"b",
        "w/\"a\"",
        "\"a b\"",
        "\"a\", \"b\"",
    ] {
        assert_eq!(mark(wrong, OURS), None, "{wrong}");
    }
}

#[test]
fn a_list_keeps_the_tags_that_the_service_may_judge() {
    let all = "W/\"a.hgs0123456789ab\", \"b\",W/\"c.hgwffffffffffff\" , W/\"d.hgw0123456789ab\"";
    let rows = [
        (all, Strangers::Go, "\"a\", W/\"d\"", true),
        (all, Strangers::Plain, "\"a\", \"b\", W/\"d\"", true),
        (
            all,
            Strangers::Stay,
            "\"a\", \"b\", W/\"c.hgwffffffffffff\", W/\"d\"",
            false,
        ),
        // A client that takes `W/` off, as some proxies do.
        ("\"a.hgs0123456789ab\"", Strangers::Go, "\"a\"", false),
        ("\"a,b\", \"c\"", Strangers::Plain, "\"a,b\", \"c\"", false),
        ("*", Strangers::Go, "*", false),
        (" , ", Strangers::Go, "", false),
        ("\"b\"", Strangers::Go, "", true),
        ("W/\"c.hgwffffffffffff\"", Strangers::Plain, "", true),
        ("abc", Strangers::Go, "", true),
        ("abc", Strangers::Plain, "abc", false),
        (
            "\"b\", abc, \"d\"",
            Strangers::Stay,
            "\"b\", abc, \"d\"",
            false,
        ),
        ("\"b", Strangers::Go, "", true),
        // A mark that is none: too short, no digits, of a proxy that compressed.
        (
            "\"a.hgs0123\", \"a.hgxffffffffffff\"",
            Strangers::Plain,
            "\"a.hgs0123\", \"a.hgxffffffffffff\"",
            false,
        ),
        ("W/\"a.hgs0123456789ab-gzip\"", Strangers::Go, "", true),
    ];
    for (list, strangers, expected, cut) in rows {
        let told = unmark(list, OURS, strangers);
        assert_eq!(told.list, expected, "{list} {strangers:?}");
        assert_eq!(told.cut, cut, "{list} {strangers:?}");
    }
}
