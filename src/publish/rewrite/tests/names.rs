//! Names, bases, and what is found of them in free text.

use super::*;

#[test]
fn an_origin_knows_its_spellings() {
    let rows: [(&str, &str, &[&str], &str); 5] = [
        (
            "https://GHE.int/",
            "https://ghe.int",
            &["https://ghe.int", "https://ghe.int:443"],
            "ghe.int",
        ),
        (
            "https://ghe.int:443/a/",
            "https://ghe.int/a",
            &["https://ghe.int", "https://ghe.int:443"],
            "ghe.int",
        ),
        (
            "http://ghe.int:8080",
            "http://ghe.int:8080",
            &["http://ghe.int:8080"],
            "ghe.int:8080",
        ),
        (
            "http://ghe.int:443/",
            "http://ghe.int:443",
            &["http://ghe.int:443"],
            "ghe.int:443",
        ),
        (
            "https://[2001:DB8::1]:8443/x",
            "https://[2001:db8::1]:8443/x",
            &["https://[2001:db8::1]:8443"],
            "[2001:db8::1]:8443",
        ),
    ];
    for (text, shown, spellings, authority) in rows {
        let base: Base = text.parse().unwrap();
        assert_eq!(base.to_string(), shown);
        assert_eq!(base.origin().spellings(), spellings);
        assert_eq!(base.origin().authority(), authority);
    }
    for wrong in [
        "ghe.int",
        "ftp://ghe.int/",
        "https://u@ghe.int/",
        "https://ghe.int/?q",
        "https://ghe.int/#f",
        "https://",
    ] {
        assert!(wrong.parse::<Base>().is_err(), "{wrong}");
    }
}

#[test]
fn pairs_that_contradict_each_other_are_refused() {
    let refused = |pairs: &[&str]| try_names(pairs).unwrap_err().to_string();
    assert_eq!(Names::new([]).unwrap_err(), NamesError::Empty);
    let twice = refused(&["https://a.int https://a.com", "https://a.int https://b.com"]);
    assert!(
        twice.contains("`https://a.int` stands in two pairs"),
        "{twice}"
    );
    let twice = refused(&["https://a.int https://a.com", "https://b.int https://a.com"]);
    assert!(
        twice.contains("`https://a.com` stands in two pairs"),
        "{twice}"
    );
    for pairs in [
        ["https://a.int https://b.int", "https://b.int https://c.com"],
        ["https://b.int https://c.com", "https://a.int https://b.int"],
    ] {
        let chained = refused(&pairs);
        assert!(
            chained.contains("`https://b.int` is public in one pair"),
            "{chained}"
        );
    }
    let moved = refused(&["https://a.com/x https://a.com/y"]);
    assert!(
        moved.contains("the same origin but not the same path"),
        "{moved}"
    );
}

#[test]
fn addresses_are_put_into_the_words_of_the_other_side() {
    let rows = [
        (
            appliance(),
            "https://github.corp.internal/a?b#c",
            "https://ghe.example.com/a?b#c",
        ),
        (
            appliance(),
            "https://codeload.github.corp.internal",
            "https://codeload.ghe.example.com",
        ),
        (
            tool(),
            "http://ghe.int:8080/base",
            "https://gw.example.com/ghes",
        ),
        (
            tool(),
            "http://ghe.int:8080/base/x?y",
            "https://gw.example.com/ghes/x?y",
        ),
    ];
    for (names, internal, public) in rows {
        assert_eq!(names.outward(internal).unwrap(), public);
        assert_eq!(names.inward(public).unwrap(), internal);
        assert_eq!(names.outward(public), None);
        assert_eq!(names.inward(internal), None);
    }
    assert_eq!(tool().inward("https://gw.example.com/other"), None);
    assert_eq!(
        tool().inward("https://gw.example.com:443/ghes").unwrap(),
        "http://ghe.int:8080/base"
    );
    assert_eq!(
        appliance().outward("https://raw.github.corp.internal/"),
        None
    );
    let at = |host: &str| {
        appliance()
            .at(&host.parse().unwrap())
            .map(|pair| pair.internal.to_string())
    };
    assert_eq!(
        at("codeload.ghe.example.com").unwrap(),
        "https://codeload.github.corp.internal"
    );
    assert_eq!(at("github.corp.internal"), None);
}

#[test]
fn one_host_may_be_called_the_same_on_both_sides() {
    // Another port inside: the public spelling is not an internal one.
    let names = names_of(&["https://ghe.corp.com:8443 https://ghe.corp.com/x"]);
    assert_eq!(
        names.outward("https://ghe.corp.com:8443/a").unwrap(),
        "https://ghe.corp.com/x/a"
    );
    assert_eq!(names.outward("https://ghe.corp.com/a"), None);
    assert_eq!(names.outward("git@ghe.corp.com:a/b"), None);
    assert_eq!(names.sweep(b"ghe.corp.com"), None);
    assert_eq!(names.sweep(b"https://ghe.corp.com:8443/a"), None);
    // A store that answers may send to: nothing is to be changed in its address.
    let names = names_of(&[
        "https://a.int https://a.com",
        "https://s3.com https://s3.com",
    ]);
    assert_eq!(names.outward("https://s3.com/x"), None);
    assert_eq!(names.sweep(b"https://s3.com/x s3.com"), None);
}

#[test]
fn the_version_changes_with_every_name() {
    let sets = [
        names_of(&["https://a.int https://a.com"]),
        names_of(&["http://a.int https://a.com"]),
        names_of(&["https://a.int https://a.com/x"]),
        names_of(&["https://a.int https://a.com", "https://b.int https://b.com"]),
        names_of(&["https://b.int https://b.com", "https://a.int https://a.com"]),
    ];
    let mut versions: Vec<&str> = sets.iter().map(|names| names.version()).collect();
    assert!(
        versions
            .iter()
            .all(|v| v.len() == 12 && v.bytes().all(|b| b.is_ascii_hexdigit()))
    );
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), sets.len());
    // A client may keep a tag over an update: what a version is made of must stay.
    assert_eq!(sets[0].version(), "7f2837ac79ef");
}

#[test]
fn internal_names_are_found_in_free_text() {
    let rows = [
        ("github.corp.internal", "ghe.example.com"),
        ("GITHUB.corp.INTERNAL.", "ghe.example.com."),
        (
            "default-src 'none'; connect-src https://github.corp.internal/api wss://github.corp.internal *.github.corp.internal;",
            "default-src 'none'; connect-src https://ghe.example.com/api wss://ghe.example.com *.ghe.example.com;",
        ),
        (
            "a=codeload.github.corp.internal, b=raw.github.corp.internal",
            "a=codeload.ghe.example.com, b=raw.ghe.example.com",
        ),
        (
            "to=https%3A%2F%2Fgithub.corp.internal%2Fx",
            "to=https%3A%2F%2Fghe.example.com%2Fx",
        ),
        ("mail@github.corp.internal", "mail@ghe.example.com"),
        (
            "\"https://github.corp.internal:443/x\"",
            "\"https://ghe.example.com/x\"",
        ),
        ("github.corp.internal:122", "ghe.example.com:122"),
    ];
    for (text, expected) in rows {
        let swept = appliance().sweep(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(swept.clone()).unwrap(), expected);
        assert!(!appliance().lingers(&swept));
        assert_eq!(appliance().sweep(&swept), None);
    }
    for same in [
        "ghe.example.com",
        "mygithub.corp.internal",
        "github.corp.internal.example.com",
        "",
    ] {
        assert_eq!(appliance().sweep(same.as_bytes()), None, "{same}");
    }
    let rows = [
        (
            "http://ghe.int:8080 http://ghe.int:8080/base/x",
            "https://gw.example.com https://gw.example.com/ghes/x",
        ),
        ("http://ghe.int:80", "http://gw.example.com:80"),
    ];
    for (text, expected) in rows {
        assert_eq!(tool().sweep(text.as_bytes()).unwrap(), expected.as_bytes());
    }
}

#[test]
fn what_can_still_be_read_lingers() {
    for text in [
        "mygithub.corp.internal",
        "github%2ecorp.internal",
        "%67ithub.corp.internal",
        "%2567ithub%252Ecorp.internal",
        "GitHub.Corp.Internal.example.com",
    ] {
        assert!(appliance().lingers(text.as_bytes()), "{text}");
    }
    for text in [
        "ghe.example.com",
        "100%",
        "%zz",
        "github%20corp",
        "github-corp-internal",
        "github.corp.internals",
        "x/github.corp.internal-y",
    ] {
        assert!(!appliance().lingers(text.as_bytes()), "{text}");
    }
}

#[test]
fn names_that_hold_each_other_are_told_apart() {
    // The public name ends with the internal one.
    let names = names_of(&["https://ghe.corp.com https://public.ghe.corp.com"]);
    assert_eq!(
        names.sweep(b"ghe.corp.com").unwrap(),
        b"public.ghe.corp.com"
    );
    assert_eq!(
        names.sweep(b"x.ghe.corp.com").unwrap(),
        b"x.public.ghe.corp.com"
    );
    assert_eq!(names.sweep(b"public.ghe.corp.com"), None);
    assert!(!names.lingers(b"public.ghe.corp.com"));
    assert!(names.lingers(b"public.ghe.corp.com myghe.corp.com"));
    // The internal name ends with the public one.
    let names = names_of(&["https://ghe.corp.com https://corp.com"]);
    assert_eq!(
        names.sweep(b"ghe.corp.com, corp.com").unwrap(),
        b"corp.com, corp.com"
    );
    assert!(names.lingers(b"myghe.corp.com"));
    // A name without a dot is a word, except where an address stands.
    let names = names_of(&["http://jira:8080 https://jira.example.com"]);
    assert_eq!(
        names
            .sweep(b"jira http://jira:8080/x //jira/ me@jira")
            .unwrap(),
        b"jira https://jira.example.com/x //jira.example.com/ me@jira.example.com"
    );
    // Addresses are names too.
    let names = names_of(&[
        "http://[2001:db8::1]:8080 https://v6.example.com",
        "http://192.0.2.1 https://v4.example.com",
    ]);
    assert_eq!(
        names
            .sweep(b"[2001:DB8::1]:81 192.0.2.1 http://[2001:db8::1]:8080/")
            .unwrap(),
        b"v6.example.com:81 v4.example.com https://v6.example.com/"
    );
}
