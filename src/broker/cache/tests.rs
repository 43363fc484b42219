//! Tests of the answers that are held: what is served fits whom it is served to.

use super::*;
use http::HeaderName;
use proptest::prelude::*;
use std::collections::HashMap;

fn head(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), value.parse().unwrap())
    };
    lines.iter().map(line).collect()
}

fn answer(tag: &str) -> HeaderMap {
    head(&[
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "2"),
        ("etag", tag),
        ("vary", "Accept, Authorization, X-Own"),
        ("x-ratelimit-remaining", "10"),
        ("set-cookie", "a=b"),
    ])
}

fn held(request: &HeaderMap, tag: &str) -> Held {
    let draft = Draft::of(request, &answer(tag), 1000).unwrap();
    draft.take(b"{}", 1000).unwrap().finish().unwrap()
}

#[test]
fn what_is_confirmed_is_what_was_held_with_what_is_said_anew() {
    let held = held(&HeaderMap::new(), "W/\"a\"");
    let said = head(&[
        ("etag", "\"a\""),
        ("x-ratelimit-remaining", "9"),
        ("date", "Fri, 15 Jan 2027 08:05:00 GMT"),
        ("content-length", "0"),
        ("connection", "close"),
    ]);
    let head = held.confirmed(&said).unwrap();
    assert_eq!(head["x-ratelimit-remaining"], "9");
    assert_eq!(head["date"], "Fri, 15 Jan 2027 08:05:00 GMT");
    assert_eq!(head["content-length"], "2");
    assert_eq!(head["content-type"], "application/json; charset=utf-8");
    assert_eq!(head["etag"], "W/\"a\"");
    assert!(!head.contains_key("connection") && !head.contains_key("set-cookie"));
    let other = self::head(&[("etag", "\"b\"")]);
    assert!(held.confirmed(&other).is_none());
}

#[test]
fn only_whole_documents_with_a_tag_are_held() {
    let fits = |change: &[(&'static str, Option<&str>)]| {
        let mut head = answer("\"a\"");
        for (name, value) in change {
            let name = HeaderName::from_static(name);
            match value {
                Some(value) => drop(head.insert(name, value.parse().unwrap())),
                None => drop(head.remove(name)),
            }
        }
        Draft::of(&HeaderMap::new(), &head, 1000).is_some()
    };
    assert!(fits(&[]));
    assert!(fits(&[(
        "content-type",
        Some("application/vnd.github+json")
    )]));
    assert!(fits(&[
        ("content-length", None),
        ("transfer-encoding", Some("chunked"))
    ]));
    for change in [
        ("etag", None),
        ("content-type", None),
        ("content-type", Some("text/html")),
        ("content-type", Some("application/octet-stream")),
        ("content-length", None),
        ("content-length", Some("1001")),
        ("cache-control", Some("private, no-store")),
        ("vary", Some("*")),
        ("content-disposition", Some("attachment")),
    ] {
        assert!(!fits(&[change]), "{change:?}");
    }
    let draft = || Draft::of(&HeaderMap::new(), &answer("\"a\""), 1000).unwrap();
    // Half a document, or more than one.
    assert!(draft().take(b"{", 1000).unwrap().finish().is_none());
    assert!(draft().take(b"{}}", 1000).unwrap().finish().is_none());
    assert!(draft().take(&[b' '; 1001], 1000).is_none());
}

#[test]
fn memory_is_bounded() {
    let cache = Cache::new(100_000).unwrap();
    assert_eq!(cache.largest(), 12_500);
    assert!(Cache::new(0).is_none());
    let body = vec![b' '; 10_000];
    let mut lengthy = answer("\"a\"");
    lengthy.insert("content-length", body.len().into());
    for number in 0..1000 {
        let draft = Draft::of(&HeaderMap::new(), &lengthy, cache.largest()).unwrap();
        let held = draft
            .take(&body, cache.largest())
            .unwrap()
            .finish()
            .unwrap();
        let target = format!("/repos/acme/web-{number}");
        let key = Key::of("token", "https://github.com", &target, &HeaderMap::new());
        cache.keep(key, held);
    }
    assert!(cache.weight() <= 100_000, "{}", cache.weight());
    assert!(cache.weight() > 0);
}

/// What a request consists of, for whom there is something of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    token: u8,
    server: u8,
    target: u8,
    accept: Option<u8>,
    version: Option<u8>,
    own: Option<u8>,
    /// What no answer hangs on.
    agent: u8,
}

impl Asked {
    fn request(&self) -> HeaderMap {
        let mut request = HeaderMap::new();
        let lines = [
            ("accept", self.accept),
            ("x-github-api-version", self.version),
            ("x-own", self.own),
            ("user-agent", Some(self.agent)),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                request.insert(name, u16::from(value).into());
            }
        }
        request
    }

    fn key(&self) -> Key {
        let text = |number: u8| number.to_string();
        let (token, server) = (text(self.token), text(self.server));
        Key::of(&token, &server, &text(self.target), &self.request())
    }

    /// What an answer belongs to: everything but what it does not hang on.
    fn identity(&self) -> Self {
        Self {
            agent: 0,
            ..self.clone()
        }
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let few = || 0..3_u8;
    let maybe = || proptest::option::of(0..2_u8);
    (few(), 0..2_u8, few(), maybe(), maybe(), maybe(), few()).prop_map(
        |(token, server, target, accept, version, own, agent)| Asked {
            token,
            server,
            target,
            accept,
            version,
            own,
            agent,
        },
    )
}

proptest! {
    #[test]
    fn nobody_is_served_what_was_had_otherwise(
        steps in proptest::collection::vec((asked(), any::<bool>()), 1..200)
    ) {
        let cache = Cache::new(1 << 20).unwrap();
        let mut last: HashMap<Asked, String> = HashMap::new();
        for (number, (asked, keeps)) in steps.iter().enumerate() {
            let request = asked.request();
            let found = cache.find(&asked.key(), &request);
            let found = found.map(|held| held.tag().to_str().unwrap().to_owned());
            // The last that was had with the very same, and never another's.
            prop_assert_eq!(found.as_ref(), last.get(&asked.identity()));
            if *keeps {
                let tag = format!("\"{number}\"");
                cache.keep(asked.key(), held(&request, &tag));
                // Answers that hang on a header of the server's own take each other's place.
                let same = |one: &Asked| Asked { own: None, ..one.identity() };
                last.retain(|one, _| same(one) != same(asked));
                last.insert(asked.identity(), tag);
            }
        }
    }
}
