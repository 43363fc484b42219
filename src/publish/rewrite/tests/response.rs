//! Heads of answers.

use super::request::{API, Asked, asked};
use super::*;
use http::response::Parts;

fn parts(status: u16, fields: &[&str]) -> Parts {
    let response = http::Response::builder().status(status);
    let mut parts = response.body(()).unwrap().into_parts().0;
    parts.headers = head(fields);
    parts
}

/// What leaves, and whether the body is rewritten.
fn left(pending: &Pending, status: u16, fields: &[&str]) -> Result<(HeaderMap, bool), Leak> {
    let parts = parts(status, fields);
    let response = pending.response(&parts)?;
    let mut head = parts.headers;
    response.edits.apply(&mut head);
    Ok((head, matches!(response.body, Body::Rewrite(_))))
}

fn pending(names: &Arc<Names>, how: &Asked) -> Pending {
    asked(names, how, &[]).pending
}

/// What becomes of one line of an answer.
fn line(names: &Arc<Names>, surface: Surface, field: &str) -> Option<String> {
    let (name, _) = field.split_once(": ").unwrap();
    let pending = pending(names, &Asked { surface, ..API });
    let (head, _) = left(&pending, 200, &[field]).unwrap();
    lines(&head, name).pop()
}

#[test]
fn redirects_lead_to_public_places() {
    let a = appliance();
    let t = tool();
    let rows = [
        (
            &a,
            "https://github.corp.internal/a/b?c#d",
            "https://ghe.example.com/a/b?c#d",
        ),
        (
            &a,
            "https://codeload.github.corp.internal/z",
            "https://codeload.ghe.example.com/z",
        ),
        (
            &a,
            "HTTPS://GITHUB.corp.internal:443",
            "https://ghe.example.com",
        ),
        (
            &a,
            "https://github.corp.internal:0443/x",
            "https://ghe.example.com/x",
        ),
        (&a, "//github.corp.internal/x", "https://ghe.example.com/x"),
        (&a, "https:/x", "https://ghe.example.com/x"),
        (&a, "https:x/y", "https://ghe.example.com/x/y"),
        (
            &a,
            "https://me:pw@github.corp.internal/x?y#z",
            "https://ghe.example.com/x?y#z",
        ),
        (
            &a,
            "\\\\github.corp.internal\\x",
            "https://ghe.example.com/x",
        ),
        (&a, "/api/v3/user", "/api/v3/user"),
        (&a, "?page=2", "?page=2"),
        (&a, "../x", "../x"),
        (&a, "https://ghe.example.com/x", "https://ghe.example.com/x"),
        (
            &a,
            "https://github.corp.internal/login?return_to=https%3A%2F%2Fgithub.corp.internal%2Fx&a=%20",
            "https://ghe.example.com/login?return_to=https%3A%2F%2Fghe.example.com%2Fx&a=%20",
        ),
        (
            &a,
            "/login?return_to=https://github.corp.internal/x",
            "/login?return_to=https%3A%2F%2Fghe.example.com%2Fx",
        ),
        (
            &t,
            "http://ghe.int:8080/base/x",
            "https://gw.example.com/ghes/x",
        ),
        (&t, "/base/x?y", "/ghes/x?y"),
        (&t, "/base", "/ghes"),
        (&t, "/other", "/other"),
        (
            &t,
            "http://ghe.int:8080/other",
            "https://gw.example.com/other",
        ),
        (
            &t,
            "http://u@ghe.int:8080/base/x",
            "https://gw.example.com/ghes/x",
        ),
        (
            &t,
            "https://ghe.int/base?q",
            "https://gw.example.com/ghes?q",
        ),
    ];
    for (names, location, expected) in rows {
        for status in [201, 302, 307] {
            for mode in [Mode::Github, Mode::Host] {
                let pending = pending(names, &Asked { mode, ..API });
                let field = format!("location: {location}");
                let (head, _) = left(&pending, status, &[&field]).unwrap();
                assert_eq!(lines(&head, "location"), [expected], "{location}");
            }
        }
        let field = format!("content-location: {location}");
        assert_eq!(line(names, Surface::Api, &field).unwrap(), expected);
    }
}

#[test]
fn redirects_to_other_places_are_refused() {
    let bad = [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "http:evil.example",
        "http://github.corp.internal/",
        "https://github.corp.internal:8443/setup",
        "https://raw.github.corp.internal/",
        "https://github.corp.internal.evil.example/",
        "https://github.corp.internal@evil.example/",
        "https://ghe.example.com.evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "\t//evil.example/",
        "/x?to=https://raw.github.corp.internal.evil.example/",
        "/x?to=%67ithub.corp.internal",
    ];
    for location in bad {
        let field = format!("location: {location}");
        for mode in [Mode::Github, Mode::Host] {
            let pending = pending(&appliance(), &Asked { mode, ..API });
            let parts = parts(302, &[&field]);
            let leak = pending
                .response(&parts)
                .map(|response| response.edits)
                .unwrap_err();
            assert_eq!(leak.code(), "upstream_redirect_elsewhere", "{location}");
        }
        let none = pending(
            &appliance(),
            &Asked {
                mode: Mode::None,
                ..API
            },
        );
        assert!(none.response(&parts(302, &[&field])).is_ok());
        // A place that is only told of, not gone to.
        let told = line(
            &appliance(),
            Surface::Api,
            &format!("content-location: {location}"),
        );
        assert_eq!(told, None, "{location}");
    }
    // A store that may be sent to.
    let names = names_of(&[
        "http://ghe.int:8080 https://ghe.com",
        "https://s3.com https://s3.com",
    ]);
    assert_eq!(
        line(&names, Surface::Api, "location: https://s3.com/a?X-Sig=%2B").unwrap(),
        "https://s3.com/a?X-Sig=%2B"
    );
}

#[test]
fn pages_link_to_public_pages() {
    let rows = [
        (
            "<https://github.corp.internal/api/v3/repositories/1/pulls?page=2>; rel=\"next\", <https://github.corp.internal/api/v3/repositories/1/pulls?page=9>; rel=\"last\"",
            "<https://ghe.example.com/api/v3/repositories/1/pulls?page=2>; rel=\"next\", <https://ghe.example.com/api/v3/repositories/1/pulls?page=9>; rel=\"last\"",
        ),
        (
            "<https://docs.github.com/x>; rel=\"deprecation\"; title=\"a \\\"<https://x>\\\", b\",</rel>;rel=x",
            "<https://docs.github.com/x>; rel=\"deprecation\"; title=\"a \\\"<https://x>\\\", b\",</rel>;rel=x",
        ),
        (
            "<https://github.corp.internal/x>; anchor=\"https://github.corp.internal/y\"; title=\"at github.corp.internal",
            "<https://ghe.example.com/x>; anchor=\"https://ghe.example.com/y\"; title=\"at ghe.example.com",
        ),
        (
            "<https://github.corp.internal/x",
            "<https://ghe.example.com/x",
        ),
    ];
    for (field, expected) in rows {
        let told = line(&appliance(), Surface::Api, &format!("link: {field}"));
        assert_eq!(told.unwrap(), expected);
    }
    let told = line(
        &tool(),
        Surface::Page,
        "link: </base/a.css>; rel=preload, <http://ghe.int:8080/base/b>, <b>",
    );
    assert_eq!(
        told.unwrap(),
        "</ghes/a.css>; rel=preload, <https://gw.example.com/ghes/b>, <b>"
    );
}

#[test]
fn a_refresh_leads_to_a_public_place() {
    let rows = [
        ("5", Some("5")),
        (
            "5; url=https://github.corp.internal/x",
            Some("5; url=https://ghe.example.com/x"),
        ),
        (
            "0;URL='https://github.corp.internal/x'",
            Some("0;URL='https://ghe.example.com/x'"),
        ),
        (
            "0, url = \"https://github.corp.internal/x\" ",
            Some("0, url = \"https://ghe.example.com/x\" "),
        ),
        (
            "1.5 https://github.corp.internal/x",
            Some("1.5 https://ghe.example.com/x"),
        ),
        ("5; url=/x", Some("5; url=/x")),
        ("5; url=https://evil.example/", None),
        ("0;evil:x", None),
    ];
    for (field, expected) in rows {
        let field = format!("refresh: {field}");
        let parts = parts(200, &[&field]);
        let pending = pending(&appliance(), &API);
        let told = pending.response(&parts).ok().map(|response| {
            let mut head = parts.headers.clone();
            response.edits.apply(&mut head);
            lines(&head, "refresh").join("|")
        });
        assert_eq!(told.as_deref(), expected, "{field}");
    }
    let told = line(&tool(), Surface::Page, "refresh: 3; url=/base/x");
    assert_eq!(told.unwrap(), "3; url=/ghes/x");
}

#[test]
fn cookies_are_for_pages_and_for_the_public_place() {
    let rows = [
        (
            appliance(),
            "a=b; Path=/; Secure; HttpOnly",
            "a=b; Path=/; Secure; HttpOnly",
        ),
        (
            appliance(),
            "a=b;domain=.github.corp.internal; Path=/",
            "a=b; domain=ghe.example.com; Path=/",
        ),
        (
            appliance(),
            "a=b; Domain=ghe.example.com",
            "a=b; Domain=ghe.example.com",
        ),
        (
            appliance(),
            "a=b; Domain=corp.internal; Secure",
            "a=b; Secure",
        ),
        (
            appliance(),
            "a=https://github.corp.internal/; Secure",
            "a=https://ghe.example.com/; Secure",
        ),
        (
            appliance(),
            "domain=github.corp.internal",
            "domain=ghe.example.com",
        ),
        (
            tool(),
            "a=b; Path=/base/x; Secure",
            "a=b; Path=/ghes/x; Secure",
        ),
        (tool(), "a=b; Path=/", "a=b; Path=/ghes"),
        (tool(), "a=b; path", "a=b; path"),
    ];
    for (names, cookie, expected) in rows {
        let field = format!("set-cookie: {cookie}");
        assert_eq!(line(&names, Surface::Page, &field).unwrap(), expected);
        for surface in [Surface::Api, Surface::Git] {
            assert_eq!(line(&names, surface, &field), None);
        }
    }
}

#[test]
fn no_field_carries_an_internal_name() {
    let kept = [
        (
            "access-control-allow-origin: https://github.corp.internal",
            "https://ghe.example.com",
        ),
        (
            "content-security-policy: default-src *.github.corp.internal",
            "default-src *.ghe.example.com",
        ),
        (
            "x-github-enterprise-host: github.corp.internal",
            "ghe.example.com",
        ),
        ("x-github-request-id: ABCD:1234", "ABCD:1234"),
        ("server: GitHub.com", "GitHub.com"),
        (
            "via: 1.1 github.corp.internal (x)",
            "1.1 ghe.example.com (x)",
        ),
        (
            "x-frame-options: allow-from https://github.corp.internal/x",
            "allow-from https://ghe.example.com/x",
        ),
        (
            "www-authenticate: Basic realm=\"github.corp.internal\"",
            "Basic realm=\"ghe.example.com\"",
        ),
    ];
    for (field, expected) in kept {
        assert_eq!(line(&appliance(), Surface::Api, field).unwrap(), expected);
    }
    for field in [
        "alt-svc: h3=\":443\"",
        "x-node: mygithub.corp.internal",
        "x-node: %67ithub.corp.internal",
    ] {
        assert_eq!(line(&appliance(), Surface::Api, field), None, "{field}");
    }
    // Each line by itself.
    let (head, _) = left(
        &pending(&appliance(), &API),
        200,
        &[
            "x-a: 1",
            "x-a: github.corp.internal",
            "x-a: mygithub.corp.internal",
            "x-a: 2",
        ],
    )
    .unwrap();
    assert_eq!(lines(&head, "x-a"), ["1", "ghe.example.com", "2"]);
    let none = pending(
        &appliance(),
        &Asked {
            mode: Mode::None,
            ..API
        },
    );
    let (head, _) = left(&none, 200, &["x-a: github.corp.internal"]).unwrap();
    assert_eq!(lines(&head, "x-a"), ["github.corp.internal"]);
}

#[test]
fn a_field_that_is_no_text_is_swept_as_well() {
    let mut parts = parts(200, &[]);
    let value = http::HeaderValue::from_bytes(b"\xe9 github.corp.internal").unwrap();
    parts.headers.append("x-a", value.clone());
    let response = pending(&appliance(), &API).response(&parts).unwrap();
    response.edits.apply(&mut parts.headers);
    assert_eq!(parts.headers["x-a"].as_bytes(), b"\xe9 ghe.example.com");
    parts.headers.append("location", value);
    assert!(pending(&appliance(), &API).response(&parts).is_err());
}

#[test]
fn bodies_that_are_json_are_rewritten() {
    let json = [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.github+json",
        "application/vnd.github.v3+json; charset=utf-8",
        "application/vnd.github.html+json",
        "application/vnd.git-lfs+json",
        "application/problem+json",
        "application/vnd.npm.install-v1+json",
    ];
    let verbatim = [
        "application/vnd.github.raw",
        "application/vnd.github.raw+json; charset=utf-8",
        "application/vnd.github.v3.raw",
        "application/vnd.github.v3.diff; charset=utf-8",
        "application/vnd.github.patch",
        "application/vnd.github.sha",
        "application/octet-stream",
        "application/x-git-upload-pack-result",
        "application/gzip",
        "application/zip",
        "application/jsonp",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "text/plain",
        "text/html",
        "text/x-diff",
        "",
    ];
    for (kind, rewritten) in json
        .map(|k| (k, true))
        .into_iter()
        .chain(verbatim.map(|k| (k, false)))
    {
        let field = format!("content-type: {kind}");
        let fields = [
            field.as_str(),
            "content-length: 5",
            "etag: \"a\"",
            "digest: x",
            "accept-ranges: bytes",
        ];
        for (mode, surface) in [
            (Mode::Github, Surface::Api),
            (Mode::Github, Surface::Page),
            (Mode::Github, Surface::Git),
            (Mode::Host, Surface::Api),
            (Mode::None, Surface::Api),
        ] {
            let here = rewritten && mode == Mode::Github && surface != Surface::Git;
            let pending = pending(
                &appliance(),
                &Asked {
                    mode,
                    surface,
                    ..API
                },
            );
            let (head, body) = left(&pending, 200, &fields).unwrap();
            assert_eq!(body, here, "{kind} {mode:?} {surface:?}");
            for gone in ["content-length", "digest", "accept-ranges"] {
                assert_eq!(head.contains_key(gone), !here, "{kind} {gone}");
            }
            let tag = lines(&head, "etag").pop().unwrap();
            assert_eq!(tag != "\"a\"", here, "{kind}");
        }
    }
    let (_, body) = left(&pending(&appliance(), &API), 200, &[]).unwrap();
    assert!(!body);
}

#[test]
fn files_pass_as_they_are_whatever_they_hold() {
    let json = "content-type: application/json";
    let file = "content-disposition: Attachment; filename=a.json";
    let rewritten = |status, accept: &[&str], fields: &[&str]| {
        let pending = asked(&appliance(), &API, accept).pending;
        left(&pending, status, fields).unwrap().1
    };
    assert!(!rewritten(200, &[], &[json, file]));
    assert!(!rewritten(
        200,
        &[],
        &[json, file, "content-encoding: gzip"]
    ));
    assert!(rewritten(200, &[], &[json, "content-disposition: inline"]));
    assert!(!rewritten(
        200,
        &["accept: application/octet-stream"],
        &[json]
    ));
    assert!(!rewritten(
        206,
        &["accept: application/octet-stream"],
        &[json]
    ));
    // What went wrong is told in JSON.
    assert!(rewritten(
        404,
        &["accept: application/octet-stream"],
        &[json]
    ));
    assert!(rewritten(
        404,
        &["accept: application/vnd.github.raw"],
        &[json]
    ));
    assert!(rewritten(
        200,
        &["accept: application/octet-stream, application/json"],
        &[json]
    ));
}

#[test]
fn json_that_cannot_be_read_is_refused() {
    let json = "content-type: application/json";
    let pending_get = pending(&appliance(), &API);
    let code = |pending: &Pending, status, fields: &[&str]| {
        left(pending, status, fields)
            .map_err(|leak| leak.code())
            .map(|_| ())
    };
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let coding = format!("content-encoding: {coding}");
        let fields = [json, coding.as_str()];
        for status in [200, 404] {
            assert_eq!(
                code(&pending_get, status, &fields),
                Err("upstream_body_encoded")
            );
        }
        // Nothing is to be read there.
        for status in [204, 304] {
            assert_eq!(code(&pending_get, status, &fields), Ok(()));
        }
        let pending_head = pending(
            &appliance(),
            &Asked {
                line: "HEAD /api/v3/user",
                ..API
            },
        );
        assert_eq!(code(&pending_head, 200, &fields), Ok(()));
        let host = pending(
            &appliance(),
            &Asked {
                mode: Mode::Host,
                ..API
            },
        );
        assert_eq!(code(&host, 200, &fields), Ok(()));
        assert_eq!(
            code(&pending_get, 200, &["content-type: text/html", &coding]),
            Ok(())
        );
    }
    assert_eq!(
        code(&pending_get, 200, &[json, "content-encoding: identity"]),
        Ok(())
    );
    assert_eq!(
        code(&pending_get, 206, &[json]),
        Err("upstream_body_partial")
    );
    assert_eq!(
        code(&pending_get, 206, &["content-type: text/plain"]),
        Ok(())
    );
}

#[test]
fn answers_without_a_body_have_the_head_of_one() {
    let fields = [
        "content-type: application/json",
        "etag: \"a\"",
        "content-length: 5",
    ];
    let how = Asked {
        line: "HEAD /api/v3/user",
        ..API
    };
    let (head, body) = left(&pending(&appliance(), &how), 200, &fields).unwrap();
    assert!(!body);
    assert!(!head.contains_key("content-length"));
    assert!(lines(&head, "etag")[0].starts_with("W/\"a.hgs"));
}

#[test]
fn a_tag_goes_round() {
    let names = appliance();
    let json = "content-type: application/json";
    for own in ["\"a\"", "W/\"a\""] {
        let field = format!("etag: {own}");
        let (head, _) = left(&pending(&names, &API), 200, &[json, &field]).unwrap();
        let told = lines(&head, "etag").pop().unwrap();
        assert!(
            told.starts_with("W/") && told.contains(names.version()),
            "{told}"
        );
        let again = asked(&names, &API, &[&format!("if-none-match: {told}")]);
        let mut sent = HeaderMap::new();
        again.edits.apply(&mut sent);
        assert_eq!(lines(&sent, "if-none-match"), [own]);
        // The service says that it is the same, in either form of the tag.
        for field in ["etag: \"a\"", "etag: W/\"a\""] {
            let (head, body) = left(&again.pending, 304, &[field]).unwrap();
            assert!(lines(&head, "etag")[0].contains(names.version()));
            assert!(!body);
        }
        // With other names the tag is nobody's.
        let others = tool();
        let other = asked(&others, &API, &[&format!("if-none-match: {told}")]);
        let mut sent = head;
        sent.insert("if-none-match", told.parse().unwrap());
        other.edits.apply(&mut sent);
        assert!(!sent.contains_key("if-none-match"));
    }
    // A body that is not rewritten keeps its tag, also when it is the same.
    let raw = asked(
        &names,
        &API,
        &["accept: application/vnd.github.raw", "if-none-match: \"a\""],
    );
    let (head, _) = left(&raw.pending, 304, &["etag: \"a\""]).unwrap();
    assert_eq!(lines(&head, "etag"), ["\"a\""]);
    // What is no tag cannot be bound to anything.
    let (head, _) = left(&pending(&names, &API), 200, &[json, "etag: abc"]).unwrap();
    assert!(!head.contains_key("etag"));
}

#[test]
fn what_is_for_one_connection_ends_here_too() {
    let fields = [
        "connection: close, x-mine",
        "keep-alive: timeout=5",
        "proxy-authenticate: Basic",
        "trailer: x",
        "upgrade: websocket",
        "x-mine: 1",
        "transfer-encoding: chunked",
    ];
    let (head, _) = left(&pending(&appliance(), &API), 200, &fields).unwrap();
    let names: Vec<&str> = head.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["transfer-encoding"]);
    let how = Asked {
        upgrade: true,
        ..API
    };
    let socket = asked(&appliance(), &how, &["upgrade: websocket"]).pending;
    let (head, _) = left(&socket, 101, &fields).unwrap();
    assert_eq!(lines(&head, "connection"), ["upgrade"]);
    assert_eq!(lines(&head, "upgrade"), ["websocket"]);
    let (head, _) = left(&socket, 200, &fields).unwrap();
    assert!(!head.contains_key("upgrade"));
    // Nobody asked, or nobody may.
    for pending in [&how, &API].map(|how| pending(&appliance(), how)) {
        let switched = left(&pending, 101, &fields);
        assert!(matches!(switched, Err(Leak::Switched)));
    }
}

#[test]
fn a_whole_answer_says_nothing_of_the_inside() {
    let pending = pending(&appliance(), &API);
    let parts = parts(200, &["content-type: application/vnd.git-lfs+json"]);
    let Body::Rewrite(mut scanner) = pending.response(&parts).unwrap().body else {
        panic!("the body is not rewritten");
    };
    let batch = r#"{"objects":[{"oid":"a","actions":{"download":{"href":"https://github.corp.internal/lfs/a","header":{"Authorization":"RemoteAuth x"}},"verify":{"href":"https:\/\/codeload.github.corp.internal\/v"}}}]}"#;
    let out = scanner.push(batch.into());
    assert_eq!(
        out,
        r#"{"objects":[{"oid":"a","actions":{"download":{"href":"https://ghe.example.com/lfs/a","header":{"Authorization":"RemoteAuth x"}},"verify":{"href":"https://codeload.ghe.example.com\/v"}}}]}"#
    );
}

#[test]
fn a_page_that_says_what_went_wrong_is_for_browsers_only() {
    let names = appliance();
    let page = ["content-type: text/html; charset=utf-8"];
    for (surface, status, held) in [
        (Surface::Api, 503, true),
        (Surface::Git, 502, true),
        (Surface::Api, 404, true),
        (Surface::Api, 200, false),
        (Surface::Api, 304, false),
        (Surface::Page, 503, false),
    ] {
        let left = left(&pending(&names, &Asked { surface, ..API }), status, &page);
        assert_eq!(left.is_err(), held, "{surface:?} {status}");
    }
    let left = left(&pending(&names, &API), 503, &["content-type: text/plain"]);
    assert!(left.is_ok());
}
