//! What is a mistake, a warning or right of a webhook.

use super::FROM;
use crate::config::tests::{Place, config, each_is_a_mistake, each_is_right, with};

const ADDRESSES: &[(&str, &str)] = &[
    (
        "ftp://hooks.example.com/",
        "does not begin with `https://` or `http://`; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "hooks.example.com/jira",
        "does not begin with `https://` or `http://`; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https:///jira",
        "is not well formed; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https://hooks.example.com\\jira",
        "is not well formed; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https://hooks.example.com/jira#a",
        "has a query or a fragment; expected only host and path",
    ),
    (
        "https://hooks.example.com/a//b",
        "has `//` in its path; expected one `/`",
    ),
    (
        "https://hooks.example.com/a/../b",
        "has `.` or `..` in its path; expected the path itself",
    ),
    (
        "https://hooks.example.com/./b",
        "has `.` or `..` in its path; expected the path itself",
    ),
    (
        "https://hooks.example.com/%6Aira",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%2Fb",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/%2E%2E",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%00",
        "has a control character in its path; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%c3",
        "has a `%` in its path without two upper-case hexadecimal digits after it; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/jirä",
        "has a character in its path that must be percent-encoded; expected plain letters where they can be",
    ),
];

#[test]
fn a_route_has_one_address_in_one_spelling() {
    let place = Place::new();
    for (url, expected) in ADDRESSES {
        let text = with(
            "https://hooks.example.com/jira",
            &url.escape_debug().to_string(),
        );
        let mistakes = place.read(&text).unwrap_err();
        let said: Vec<String> = mistakes
            .iter()
            .map(|mistake| mistake.text.clone())
            .collect();
        assert_eq!(said.len(), 1, "{url}: {mistakes}");
        assert!(said[0].ends_with(expected), "{url}: {}", said[0]);
    }
    for (url, key) in [
        ("https://hooks.example.com", "hooks.example.com/"),
        ("https://hooks.example.com/", "hooks.example.com/"),
        ("https://HOOKS.example.com/jira/", "hooks.example.com/jira"),
        (
            "https://hooks.example.com:8443/Jira",
            "hooks.example.com/Jira",
        ),
        ("https://hooks.example.com/a%20b", "hooks.example.com/a%20b"),
    ] {
        let config = config(&with("https://hooks.example.com/jira", url));
        assert_eq!(config.webhooks[0].key.as_str(), key);
    }
    let second = "[[webhook]]\nurl = \"http://hooks.example.com:81/jira/\"\nfrom = [\"office\"]\n\
                  secrets = [\"inline:a secret of some length\"]\n\
                  to = [{ name = \"b\", url = \"https://b.example/\" }]\n[[webhook]]\n";
    each_is_a_mistake(&[(
        "[[webhook]]\n",
        second,
        "webhook[1].url: `hooks.example.com/jira` is taken by `webhook[0].url`",
    )]);
}

#[test]
fn webhooks_have_their_rules() {
    let rows = [
        (
            "events = []",
            "webhook[0].events: is empty, which takes nothing; leave it out to take all events",
        ),
        (
            "events = [\"a b\"]",
            "webhook[0].events[0]: found `a b`, expected `event`, `event.action`, `event.*` or `*`, such as `pull_request.opened`",
        ),
        (
            "max_body = \"0\"",
            "webhook[0].max_body: found `0B`, expected a size from 1B to 25MiB",
        ),
        (
            "max_body = \"26MiB\"",
            "webhook[0].max_body: found `26MiB`, expected a size from 1B to 25MiB",
        ),
        (
            "redelivery_window = \"0s\"",
            "webhook[0].redelivery_window: found `0s`, expected a duration from 1ms to 1d",
        ),
        (
            "mode = \"throgh\"",
            "webhook[0].mode: found `throgh`, expected `store` or `through`; did you mean `through`?",
        ),
        (
            "mode = \"through\"\n[[webhook.to]]\nname = \"b\"\nurl = \"https://b.example/\"",
            "webhook[0].to: `mode = \"through\"` answers what its one target answers, and there are 2; expected one",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://b.example/\"",
            "webhook[0].to[1].name: `jira` is taken by `webhook[0].to[0].name`",
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(to, expected)| (FROM, format!("{FROM}\n{to}"), *expected))
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(from, to, expected)| (*from, to.as_str(), *expected))
        .collect();
    // A target before the secrets would take them for its own.
    let place = Place::new();
    for (_, to, expected) in rows {
        let secrets = "secrets = [\"inline:a secret of some length\"]\n";
        let text = with(secrets, "").replacen(FROM, &format!("{secrets}{to}"), 1);
        let mistakes = place.read(&text).unwrap_err();
        let said: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        assert_eq!(said, [expected], "{to}");
    }
    let secrets = "secrets = [\"inline:a secret of some length\"]";
    each_is_a_mistake(&[
        (
            secrets,
            "",
            "webhook[0].secrets: missing; expected the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`",
        ),
        (
            secrets,
            "secrets = []",
            "webhook[0].secrets: is empty, expected the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://jira.corp.example/hook\"",
            "to = []",
            "webhook[0].to: is empty, expected at least one `[[webhook.to]]` with `name` and `url`",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://jira.corp.example/hook\"",
            "",
            "webhook[0].to: missing; expected at least one `[[webhook.to]]` with `name` and `url`",
        ),
    ]);
    each_is_right(&[(
        secrets,
        "secrets = [\"inline:short\"]",
        "configuration:15: webhook[0].secrets[0]: the secret is shorter than 16 bytes and can be guessed",
    )]);
}

#[test]
fn a_filter_must_compile() {
    let place = Place::new();
    let mistakes = place
        .read(&with(FROM, &format!("{FROM}\nfilter = \"\"")))
        .unwrap_err();
    let said = mistakes.to_string();
    assert!(
        said.contains("webhook[0].filter: `` is not a filter: "),
        "{said}"
    );
    let right = config(&with(
        FROM,
        &format!("{FROM}\nfilter = 'event == \"push\"'"),
    ));
    assert!(right.webhooks[0].filter.is_some());
}
