//! The rules of `[[publish]]` and `[[profile]]`.

use super::{Place, RIGHT, config};
use crate::publish::{Browser, Rewrite, Service};

/// A published server beside what is right already.
fn publishing(change: (&str, &str)) -> String {
    const PUBLISH: &str = r#"
[[certificate]]
hosts = ["ghe.example.com", "codeload.ghe.example.com"]
self_signed = true
[[publish]]
url = "https://ghe.example.com/"
to = "https://github.corp.internal/"
from = ["office"]
allow = ["flow"]
"#;
    let (from, to) = change;
    assert!(PUBLISH.contains(from), "{from}");
    format!("{RIGHT}{}", PUBLISH.replacen(from, to, 1))
}

const ALLOW: &str = "allow = [\"flow\"]";
const URL: &str = "url = \"https://ghe.example.com/\"";
const TO: &str = "to = \"https://github.corp.internal/\"";

fn each_is_a_mistake(rows: &[(&str, &str, &str)]) {
    let place = Place::new();
    for (from, to, expected) in rows {
        let Err(mistakes) = place.read(&publishing((from, to))) else {
            panic!("is taken for right: {to}");
        };
        let all: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        assert_eq!(all.join("\n"), *expected, "{to}");
    }
}

#[test]
fn what_is_left_out_of_a_publish_has_its_default() {
    let config = config(&publishing(("", "")));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let route = &config.published[0];
    assert_eq!(route.key.as_str(), "ghe.example.com/");
    assert_eq!(route.places.len(), 1);
    assert_eq!(route.places[0].public.as_str(), "https://ghe.example.com/");
    assert_eq!(
        route.places[0].internal.as_str(),
        "https://github.corp.internal/"
    );
    assert_eq!(route.service, Service::Github);
    assert_eq!(route.rewrite, Rewrite::Github);
    assert_eq!(route.browser, Browser::Judge);
    assert!(!route.learn && !route.websocket);
    assert_eq!(route.timeout, std::time::Duration::from_mins(5));
    assert!(route.ca.is_none() && route.require_header.is_none());
}

#[test]
fn what_is_written_of_a_publish_is_what_comes_out() {
    let config = config(&publishing((
        ALLOW,
        r#"allow = "everything"
service = "other"
learn = true
timeout = "90s"
websocket = true
credentials = "caller"
require_header = { name = "X-Gate-Key", value = "inline:of the vendor and of us" }
hosts = { "codeload.github.corp.internal:8443" = "codeload.ghe.example.com" }"#,
    )));
    let route = &config.published[0];
    assert_eq!(route.service, Service::Other);
    assert_eq!(route.rewrite, Rewrite::Host);
    assert!(route.learn && route.websocket);
    assert_eq!(route.timeout, std::time::Duration::from_secs(90));
    let (name, value) = route.require_header.as_ref().unwrap();
    assert_eq!(name.as_str(), "x-gate-key");
    assert_eq!(value.read().unwrap().expose(), b"of the vendor and of us");
    let second = &route.places[1];
    assert_eq!(second.host.as_str(), "codeload.ghe.example.com");
    assert_eq!(
        second.internal.as_str(),
        "https://codeload.github.corp.internal:8443/"
    );
}

#[test]
fn more_hosts_have_scheme_and_port_of_the_first() {
    let text = publishing((
        TO,
        "to = \"http://github.corp.internal:8000/\"\n\
         hosts = { \"codeload.github.corp.internal\" = \"codeload.ghe.example.com\" }",
    ));
    let config = config(&text);
    let second = &config.published[0].places[1];
    assert_eq!(
        second.internal.as_str(),
        "http://codeload.github.corp.internal:8000/"
    );
    assert_eq!(second.public.as_str(), "https://codeload.ghe.example.com/");
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("credentials cross the inner network in clear"));
}

#[test]
fn a_publish_that_is_wrong_says_where_and_what_would_be_right() {
    each_is_a_mistake(&[
        (
            ALLOW,
            "",
            "publish[0].allow: missing; expected a list of access profiles such as `[\"flow\"]`, or `\"everything\"`",
        ),
        (
            ALLOW,
            "allow = []",
            "publish[0].allow: is empty, which lets nothing through; expected a list of access profiles such as `[\"flow\"]`, or `\"everything\"`",
        ),
        (
            ALLOW,
            "allow = \"flow\"",
            "publish[0].allow: found `flow`, expected a list of access profiles such as `[\"flow\"]`, or `\"everything\"`",
        ),
        (
            ALLOW,
            "allow = [\"flow\"]\ntimeout = \"2h\"",
            "publish[0].timeout: found `2h`, expected a duration from 1s to 1h",
        ),
        (
            URL,
            "url = \"https://hooks.example.com/jira\"",
            "publish[0].url: `hooks.example.com/jira` is taken by `webhook[0].url`",
        ),
        (
            URL,
            "url = \"https://other.example.com/\"",
            "publish[0].url: there is no `[[certificate]]` whose `hosts` name `other.example.com`",
        ),
        (
            TO,
            "to = \"https://github.corp.internal/?x\"",
            "publish[0].to: `https://github.corp.internal/` has a query or a fragment; expected only host and path",
        ),
        (
            ALLOW,
            "allow = [\"flow\"]\nhosts = { \"a/b\" = \"codeload.ghe.example.com\" }",
            "publish[0].hosts.\"a/b\": `a/b` is not a host; expected a host such as `codeload.ghe.example.com`, with a port where it has its own",
        ),
        (
            ALLOW,
            "allow = [\"flow\"]\nhosts = { \"codeload.github.corp.internal\" = \"ghe.example.com\" }",
            "publish[0].hosts.\"codeload.github.corp.internal\": `ghe.example.com/` is taken by `publish[0].url`",
        ),
        (
            ALLOW,
            "allow = [\"flow\"]\nrequire_header = { name = \"Host\", value = \"inline:of the vendor and of us\" }",
            "publish[0].require_header.name: is a header with a meaning of its own; expected one that only the caller knows",
        ),
        (
            ALLOW,
            "allow = \"everything\"\nrewrite = \"github\"\nservice = \"other\"",
            "publish[0].rewrite: found `github`, expected `host` or `none`, since `service` is `\"other\"`",
        ),
        (
            ALLOW,
            "allow = \"everything\"\nservice = \"other\"\nbrowser = \"redirect\"",
            "publish[0].browser: is for a GitHub Enterprise Server, and `service` is `\"other\"`",
        ),
        (
            ALLOW,
            "allow = [\"jenkins\", \"git-read-only\"]\nservice = \"other\"\n\
             [[profile]]\nname = \"jenkins\"\nallow = [\"GET /job/{+path}\"]",
            "publish[0].allow[1]: profile `git-read-only` has the rule `git:read`, which is for a \
             GitHub Enterprise Server; for other services there are rules of method and path, such \
             as `GET /job/{+path}`",
        ),
        (
            ALLOW,
            "allow = [\"jenkinss\"]\nservice = \"other\"\n[[profile]]\nname = \"jenkins\"",
            "publish[0].allow[0]: there is no profile `jenkinss`; did you mean `jenkins`?",
        ),
        (
            TO,
            "to = \"https://github.corp.internal:8443/\"",
            "publish[0].to: port 8443 is the appliance's own console or one of its inner services, \
             which are never exposed; expected where its pages and API are",
        ),
        (
            ALLOW,
            "allow = [\"flow\"]\nhosts = { \"codeload.github.corp.internal:9103\" = \"codeload.ghe.example.com\" }",
            "publish[0].hosts: port 9103 is the appliance's own console or one of its inner services, \
             which are never exposed; expected where its pages and API are",
        ),
    ]);
}
