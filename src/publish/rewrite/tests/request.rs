//! Heads of requests.

use super::*;
use crate::types::ClientAddr;
use http::request::Parts;

/// What is asked, how, and of whom.
pub(super) struct Asked {
    pub(super) mode: Mode,
    pub(super) surface: Surface,
    pub(super) upgrade: bool,
    pub(super) line: &'static str,
}

pub(super) const API: Asked = Asked {
    mode: Mode::Github,
    surface: Surface::Api,
    upgrade: false,
    line: "GET /api/v3/user",
};

pub(super) fn parts(line: &str, fields: &[&str]) -> Parts {
    let (method, uri) = line.split_once(' ').unwrap();
    let request = http::Request::builder().method(method).uri(uri);
    let mut parts = request.body(()).unwrap().into_parts().0;
    parts.headers = head(fields);
    parts
}

pub(super) fn asked(names: &Arc<Names>, asked: &Asked, fields: &[&str]) -> Request {
    let pair = &names.pairs()[0];
    let authority = pair.public.origin().authority();
    let arrival = Arrival {
        client: ClientAddr::new("192.0.2.7".parse().unwrap()),
        scheme: Scheme::Https,
        authority: &authority,
        pair,
        surface: asked.surface,
        upgrade: asked.upgrade,
    };
    request(names, asked.mode, &arrival, &parts(asked.line, fields))
}

/// The head that the service is sent.
fn sent(names: &Arc<Names>, how: &Asked, fields: &[&str]) -> HeaderMap {
    let mut head = head(fields);
    asked(names, how, fields).edits.apply(&mut head);
    head
}

#[test]
fn the_service_hears_its_own_name() {
    let head = sent(
        &appliance(),
        &API,
        &[
            "host: ghe.example.com",
            "origin: https://ghe.example.com",
            "referer: https://ghe.example.com/a/b?c",
        ],
    );
    assert_eq!(lines(&head, "host"), ["github.corp.internal"]);
    assert_eq!(lines(&head, "origin"), ["https://github.corp.internal"]);
    assert_eq!(
        lines(&head, "referer"),
        ["https://github.corp.internal/a/b?c"]
    );
    let foreign = [
        "origin: https://evil.example",
        "referer: https://ghe.example.com.evil.example/",
    ];
    let head = sent(&appliance(), &API, &foreign);
    assert_eq!(lines(&head, "origin"), ["https://evil.example"]);
    assert_eq!(
        lines(&head, "referer"),
        ["https://ghe.example.com.evil.example/"]
    );
    let head = sent(
        &tool(),
        &API,
        &[
            "origin: https://gw.example.com",
            "referer: https://gw.example.com/ghes",
        ],
    );
    assert_eq!(lines(&head, "host"), ["ghe.int:8080"]);
    assert_eq!(lines(&head, "origin"), ["http://ghe.int:8080"]);
    assert_eq!(lines(&head, "referer"), ["http://ghe.int:8080/base"]);
}

#[test]
fn where_nothing_is_rewritten_only_what_is_a_proxys_changes() {
    let fields = [
        "host: ghe.example.com",
        "origin: https://ghe.example.com",
        "accept-encoding: gzip",
        "range: bytes=0-9",
        "if-none-match: \"a\"",
        "cookie: a=b",
        "x-forwarded-for: 203.0.113.1",
        "te: trailers",
    ];
    let none = Asked {
        mode: Mode::None,
        surface: Surface::Page,
        ..API
    };
    let head = sent(&appliance(), &none, &fields);
    assert_eq!(lines(&head, "host"), ["github.corp.internal"]);
    assert_eq!(lines(&head, "x-forwarded-for"), ["192.0.2.7"]);
    assert!(!head.contains_key("te"));
    for field in [
        "origin",
        "accept-encoding",
        "range",
        "if-none-match",
        "cookie",
    ] {
        assert!(head.contains_key(field), "{field}");
    }
    let host = Asked {
        mode: Mode::Host,
        ..none
    };
    let head = sent(&appliance(), &host, &fields);
    assert_eq!(lines(&head, "origin"), ["https://github.corp.internal"]);
    assert_eq!(lines(&head, "accept-encoding"), ["gzip"]);
    assert_eq!(lines(&head, "if-none-match"), ["\"a\""]);
}

#[test]
fn who_asks_is_written_afresh() {
    let head = sent(
        &appliance(),
        &API,
        &[
            "forwarded: for=203.0.113.1",
            "x-forwarded-for: 203.0.113.1, 203.0.113.2",
            "x-forwarded-for: 203.0.113.3",
            "x-forwarded-proto: http",
            "x-forwarded-host: evil.example",
            "x-forwarded-port: 80",
            "x-forwarded-anything: x",
            "x_forwarded_for: 203.0.113.1",
            "x-real-ip: 203.0.113.1",
            "x-client-ip: 203.0.113.1",
            "true-client-ip: 203.0.113.1",
            "cf-connecting-ip: 203.0.113.1",
            "x-original-url: /setup",
            "x-rewrite-url: /setup",
            "x-http-method-override: DELETE",
            "proxy: http://evil.example",
            "x-github-api-version: 2022-11-28",
            "authorization: token x",
            "git-protocol: version=2",
            "expect: 100-continue",
            "content-encoding: gzip",
            "transfer-encoding: chunked",
        ],
    );
    let left: Vec<&str> = head.keys().map(http::HeaderName::as_str).collect();
    let mut left = left;
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "accept-encoding",
            "authorization",
            "content-encoding",
            "expect",
            "git-protocol",
            "host",
            "transfer-encoding",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-github-api-version",
        ]
    );
    assert_eq!(lines(&head, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(lines(&head, "x-forwarded-proto"), ["https"]);
    assert_eq!(lines(&head, "x-forwarded-host"), ["ghe.example.com"]);
}

#[test]
fn what_is_for_one_connection_ends_here() {
    let fields = [
        "connection: keep-alive, X-Mine , host,, upgrade, content-length, Transfer-Encoding",
        "connection: x-forwarded-for, te",
        "keep-alive: timeout=5",
        "proxy-authorization: Basic x",
        "proxy-connection: close",
        "te: trailers",
        "trailer: x-sum",
        "upgrade: websocket",
        "http2-settings: x",
        "x-mine: 1",
        "x-yours: 1",
        "content-length: 3",
        "host: ghe.example.com",
    ];
    let head = sent(&appliance(), &API, &fields);
    for gone in [
        "connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "x-mine",
    ] {
        assert!(!head.contains_key(gone), "{gone}");
    }
    for kept in ["x-yours", "content-length", "host", "x-forwarded-for"] {
        assert!(head.contains_key(kept), "{kept}");
    }
    let socket = Asked {
        upgrade: true,
        ..API
    };
    let head = sent(&appliance(), &socket, &fields);
    assert_eq!(lines(&head, "connection"), ["upgrade"]);
    assert_eq!(lines(&head, "upgrade"), ["websocket"]);
    assert!(!head.contains_key("x-mine"));
    let head = sent(&appliance(), &socket, &["connection: close"]);
    assert!(!head.contains_key("connection"));
}

#[test]
fn sessions_are_for_pages_only() {
    for (surface, left) in [
        (Surface::Api, false),
        (Surface::Git, false),
        (Surface::Page, true),
    ] {
        for mode in [Mode::Github, Mode::Host, Mode::None] {
            let head = sent(
                &appliance(),
                &Asked {
                    mode,
                    surface,
                    ..API
                },
                &["cookie: a=b", "cookie: c=d"],
            );
            assert_eq!(head.contains_key("cookie"), left, "{surface:?} {mode:?}");
        }
    }
}

#[test]
fn what_may_be_rewritten_is_asked_for_plainly_and_whole() {
    // Surface, Accept, whether identity is asked for, whether the range stays.
    let rows = [
        (Surface::Api, None, true, false),
        (Surface::Api, Some("*/*"), true, false),
        (
            Surface::Api,
            Some("application/vnd.github+json"),
            true,
            false,
        ),
        (
            Surface::Api,
            Some("application/vnd.github.v3+json"),
            true,
            false,
        ),
        (Surface::Api, Some("application/vnd.github.v3"), true, false),
        (
            Surface::Api,
            Some("application/vnd.git-lfs+json; charset=utf-8"),
            true,
            false,
        ),
        (
            Surface::Api,
            Some("text/html, application/JSON;q=0.1"),
            true,
            false,
        ),
        (
            Surface::Api,
            Some("application/vnd.github.raw+json"),
            true,
            true,
        ),
        (
            Surface::Api,
            Some("application/vnd.github.v3.diff"),
            true,
            true,
        ),
        (Surface::Api, Some("application/octet-stream"), true, true),
        (Surface::Git, Some("application/json"), false, true),
        (Surface::Git, None, false, true),
        (Surface::Page, Some("text/html,*/*;q=0.8"), true, true),
        (Surface::Page, Some("application/json"), true, false),
    ];
    for (surface, accept, identity, range) in rows {
        let accept = accept.map(|accept| format!("accept: {accept}"));
        let mut fields = vec![
            "accept-encoding: gzip",
            "range: bytes=5-",
            "if-range: \"x\"",
        ];
        fields.extend(accept.as_deref());
        let head = sent(&appliance(), &Asked { surface, ..API }, &fields);
        let plain = lines(&head, "accept-encoding") == ["identity"];
        assert_eq!(plain, identity, "{surface:?} {accept:?}");
        assert_eq!(head.contains_key("range"), range, "{surface:?} {accept:?}");
        assert_eq!(
            head.contains_key("if-range"),
            range,
            "{surface:?} {accept:?}"
        );
    }
}

#[test]
fn conditions_are_about_what_the_service_has() {
    let names = appliance();
    let version = names.version();
    let own = format!("W/\"a.hgs{version}\"");
    let old = "W/\"a.hgs000000000000\"";
    let raw = "accept: application/vnd.github.raw";
    let since = "if-modified-since: Sat, 01 Jan 2022 00:00:00 GMT";
    let told = |fields: &[&str]| {
        let head = sent(&names, &API, fields);
        (
            lines(&head, "if-none-match").join("|"),
            head.contains_key("if-modified-since"),
        )
    };
    let field = |value: &str| format!("if-none-match: {value}");
    assert_eq!(told(&[&field(&own), since]), ("\"a\"".to_owned(), true));
    assert_eq!(told(&[&field(old), since]), (String::new(), false));
    assert_eq!(told(&[&field("\"a\""), since]), (String::new(), false));
    assert_eq!(told(&[&field(&format!("{old}, {own}"))]).0, "\"a\"");
    assert_eq!(told(&[&field(old), &field(&own)]).0, "\"a\"");
    assert_eq!(told(&[&field("*")]).0, "*");
    assert_eq!(told(&[since]), (String::new(), true));
    // A file as it is has the service's own tags.
    assert_eq!(told(&[raw, &field("\"a\"")]).0, "\"a\"");
    assert_eq!(told(&[raw, &field(old)]).0, "");
    // A condition for a change is never lifted.
    let change = format!("if-match: {own}, {old}, \"b\"");
    let head = sent(&names, &API, &[&change]);
    assert_eq!(lines(&head, "if-match"), [format!("\"a\", {old}, \"b\"")]);
    let head = sent(&names, &API, &[&format!("if-match: {old}")]);
    assert_eq!(lines(&head, "if-match"), [old]);
}

#[test]
fn the_path_is_the_one_below_the_internal_base() {
    let rows = [
        (tool(), "GET /ghes/api?x=%2F", Some("/base/api?x=%2F")),
        (tool(), "GET /ghes", Some("/base")),
        (tool(), "GET /ghes?x", Some("/base?x")),
        (tool(), "GET /ghesx", None),
        (appliance(), "GET /a//b/../c", None),
        (
            names_of(&["http://t.int/ https://gw.com/t"]),
            "GET /t",
            Some("/"),
        ),
        (
            names_of(&["http://t.int/ https://gw.com/t"]),
            "GET /t?x",
            Some("/?x"),
        ),
        (
            names_of(&["http://t.int/ https://gw.com/t"]),
            "GET /t/x",
            Some("/x"),
        ),
        (
            names_of(&["http://t.int/t https://gw.com/"]),
            "GET /x",
            Some("/t/x"),
        ),
        (
            names_of(&["http://t.int/t https://gw.com/"]),
            "GET /",
            Some("/t/"),
        ),
    ];
    for (names, line, expected) in rows {
        for mode in [Mode::Github, Mode::None] {
            let target = asked(&names, &Asked { mode, line, ..API }, &[]).target;
            assert_eq!(target.as_ref().map(|t| t.as_str()), expected, "{line}");
        }
    }
}

#[test]
fn the_place_to_come_back_to_is_the_services_own() {
    let target = |mode, line| {
        let target = asked(&appliance(), &Asked { mode, line, ..API }, &[]).target;
        target.map(|t| t.to_string())
    };
    let rows = [
        (
            "GET /login?a=%7E&redirect_uri=https%3A%2F%2Fghe.example.com%2Fx%3Fy&b=1+2",
            Some("/login?a=%7E&redirect_uri=https%3A%2F%2Fgithub.corp.internal%2Fx%3Fy&b=1+2"),
        ),
        (
            "GET /login?redirect_uri=https://ghe.example.com/x",
            Some("/login?redirect_uri=https%3A%2F%2Fgithub.corp.internal%2Fx"),
        ),
        (
            "GET /login?redirect_uri=https%3A%2F%2Fflow.example.net%2F",
            None,
        ),
        ("GET /login?other=https%3A%2F%2Fghe.example.com%2F", None),
        ("GET /login?redirect_uri", None),
        ("GET /login", None),
    ];
    for (line, expected) in rows {
        assert_eq!(target(Mode::Github, line).as_deref(), expected);
        assert_eq!(target(Mode::Host, line).as_deref(), expected);
        assert_eq!(target(Mode::None, line), None);
    }
}
