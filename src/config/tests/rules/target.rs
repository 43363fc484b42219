//! What is a mistake, a warning or right of a target.

use super::{FROM, TO};
use crate::config::tests::{config, each_is_a_mistake, each_is_right, with};

const TARGETS: &[(&str, &str)] = &[
    (
        "timeout = \"0s\"",
        "timeout: found `0s`, expected a duration from 1ms to 10m",
    ),
    (
        "timeout = \"11m\"",
        "timeout: found `11m`, expected a duration from 1ms to 10m",
    ),
    (
        "concurrency = 0",
        "concurrency: found `0`, expected a number from 1 to 1024",
    ),
    (
        "concurrency = 1025",
        "concurrency: found `1025`, expected a number from 1 to 1024",
    ),
    (
        "concurrency = -1",
        "concurrency: found `-1`, expected a number from 1 to 1024",
    ),
    (
        "attempts.for = \"0s\"",
        "attempts.for: found `0s`, expected a duration from 1ms to 30d",
    ),
    (
        "attempts.first = \"2h\"",
        "attempts.first: is longer than `most`, which is `1h`",
    ),
    (
        "attempts.most = \"2d\"",
        "attempts.most: found `2d`, expected a duration from 1ms to 1d",
    ),
    (
        "allow = []",
        "allow: is empty, which admits no address; expected some such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"10.2.0.0/16:0\"]",
        "allow[0]: `10.2.0.0/16:0` has no port from 1 to 65535 after the `:`; expected one, such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"10.2.0.0/16:+8\"]",
        "allow[0]: `10.2.0.0/16:+8` has no port from 1 to 65535 after the `:`; expected one, such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"jira:80\"]",
        "allow[0]: found `jira`, expected a network such as `203.0.113.0/24` or `2001:db8::/32`",
    ),
    (
        "ca = \"none.pem\"",
        "ca: `DIR/none.pem` cannot be read: No such file or directory (os error 2); expected a PEM file with certificates",
    ),
    (
        "headers.Host = \"inline:x\"",
        "headers.Host: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.X-GitHub-Event = \"inline:x\"",
        "headers.X-GitHub-Event: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.X-Hub-Signature-256 = \"inline:x\"",
        "headers.X-Hub-Signature-256: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.Content-Length = \"inline:x\"",
        "headers.Content-Length: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.\"a b\" = \"inline:x\"",
        "headers.\"a b\": is not the name of a header, expected one such as `Authorization`",
    ),
    (
        "headers.A = \"inline:x\"\nheaders.a = \"inline:y\"",
        "headers.a: `a` is taken by `webhook[0].to[0].headers.A`",
    ),
    (
        "headers.A = \"inline:x\\ny\"",
        "headers.A: the secret cannot be the value of a header: it has a control character",
    ),
];

#[test]
fn targets_have_their_rules() {
    let rows: Vec<_> = TARGETS
        .iter()
        .map(|(to, expected)| {
            (
                format!("{TO}\n{to}"),
                format!("webhook[0].to[0].{expected}"),
            )
        })
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(to, expected)| (TO, to.as_str(), expected.as_str()))
        .collect();
    each_is_a_mistake(&rows);
    each_is_a_mistake(&[
        (
            TO,
            "",
            "webhook[0].to[0].url: missing; expected an address such as `http://jira.corp.internal:8080/hook`",
        ),
        (
            TO,
            "url = \"https://user:pass@jira.corp.example/hook\"",
            "webhook[0].to[0].url: `…@jira.corp.example/hook` has a user name or password; expected none",
        ),
        (
            TO,
            "url = \"https://jira.corp.example/hook#x\"",
            "webhook[0].to[0].url: `https://jira.corp.example/hook` has a fragment; expected host, path and query",
        ),
        (
            TO,
            "url = \"https://jira.corp.example:0/\"",
            "webhook[0].to[0].url: `https://jira.corp.example:0/` has no usable host and port; expected an address such as `http://jira.corp.internal:8080/hook`",
        ),
        (
            TO,
            "url = \"http://10.2.0.7:8080/\"\nallow = [\"10.2.0.0/16:80\"]",
            "webhook[0].to[0].allow: does not allow the address and port in `url` itself",
        ),
    ]);
    each_is_right(&[
        (
            TO,
            "url = \"http://10.2.0.7:8080/\"\nallow = [\"10.2.0.0/16:8080\"]",
            "",
        ),
        (
            TO,
            "url = \"http://[2001:db8::1]/\"\nallow = [\"[2001:db8::/32]:80\"]",
            "",
        ),
        (
            TO,
            "url = \"http://jira.example/\"\nattempts.most = \"100ms\"",
            "",
        ),
    ]);
    let through = "from = [\"office\"]\nmode = \"through\"";
    let text = with(FROM, through).replacen(TO, &format!("{TO}\norder = \"none\""), 1);
    assert_eq!(
        config(&text).warnings,
        [
            "configuration:20: webhook[0].to[0].order: has no effect with `mode = \"through\"`, which tries once"
        ]
    );
}
