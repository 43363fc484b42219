//! However a path is spelled, and however leniently it is served: what is let through is what the
//! plain spelling of what is served would be.

use super::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A server that may decode once more, decode before it looks for slashes, merge slashes, resolve
/// dots, not care for case, take `\` for `/`, drop `;…`, end the path at `?` or `#`, and take `.json`
/// for a format.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
struct Server {
    twice: bool,
    decode_first: bool,
    merge: bool,
    dots: bool,
    fold: bool,
    backslash: bool,
    parameters: bool,
    ends: bool,
    format: bool,
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A segment as a strict client would send it.
fn encode(segment: &str) -> String {
    let mut encoded = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@[]".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl Server {
    /// The path that it serves, spelled plainly.
    fn serves(self, raw: &str) -> String {
        let mut text = raw.to_owned();
        // An absolute form, or whatever else comes before the first slash.
        if let Some(at) = text.find("://") {
            let rest = text.split_off(at + 3);
            let rest = rest.find('/').and_then(|at| rest.get(at..));
            text = rest.unwrap_or_default().to_owned();
        }
        let unescape = |text: &str| {
            if self.twice {
                decode(&decode(text))
            } else {
                decode(text)
            }
        };
        if self.decode_first {
            text = unescape(&text);
        }
        if self.ends && self.decode_first {
            text = text.split(['?', '#']).next().unwrap().to_owned();
        }
        if self.backslash {
            text = text.replace('\\', "/");
        }
        let mut segments: Vec<String> = Vec::new();
        let mut end = false;
        for segment in text.split('/').skip(1) {
            let mut segment = if self.decode_first {
                segment.to_owned()
            } else {
                unescape(segment)
            };
            if self.ends
                && let Some(at) = segment.find(['?', '#'])
            {
                segment.truncate(at);
                end = true;
            }
            if self.parameters {
                segment.truncate(segment.find(';').unwrap_or(segment.len()));
            }
            match segment.as_str() {
                "" if self.merge => {}
                "." if self.dots => {}
                ".." if self.dots => {
                    segments.pop();
                }
                _ if self.fold => segments.push(segment.to_ascii_lowercase()),
                _ => segments.push(segment),
            }
            if end {
                break;
            }
        }
        // The slash at the end says nothing.
        if segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        if self.format
            && let Some(last) = segments.last_mut()
        {
            last.truncate(last.strip_suffix(".json").unwrap_or(last).len());
        }
        let segments: Vec<String> = segments.iter().map(|segment| encode(segment)).collect();
        format!("/{}", segments.join("/"))
    }
}

fn server() -> impl Strategy<Value = Server> {
    any::<[bool; 9]>().prop_map(
        |[
            twice,
            decode_first,
            merge,
            dots,
            fold,
            backslash,
            parameters,
            ends,
            format,
        ]| Server {
            twice,
            decode_first,
            merge,
            dots,
            fold,
            backslash,
            parameters,
            ends,
            format,
        },
    )
}

/// Paths outside the API that mean something.
const ROOTS: [(&str, &str); 17] = [
    ("GET", "/acme/web.git/info/refs?service=git-upload-pack"),
    ("GET", "/acme/web.git/info/refs?service=git-receive-pack"),
    ("POST", "/acme/web.git/git-receive-pack"),
    ("POST", "/acme/web/git-upload-pack"),
    ("PUT", "/acme/web.git/info/lfs/objects/abc"),
    ("GET", "/acme/web.git/info/lfs/objects/abc"),
    ("POST", "/api/graphql"),
    ("POST", "/login/oauth/access_token"),
    ("GET", "/codeload/acme/web/legacy.tar.gz/feature/x"),
    ("GET", "/raw/acme/web/main/a.rs"),
    ("GET", "/setup/settings"),
    (
        "GET",
        "/admin-team/web.git/info/refs?service=git-upload-pack",
    ),
    ("GET", "/admin/users"),
    ("POST", "/stafftools/users"),
    ("POST", "/api/v3/app-manifests/abc/conversions"),
    ("GET", "/api/v3/repos/acme/web/git/refs/heads/main"),
    ("GET", "/api/v3/repos/acme/web/nothing/at/all"),
];

const VALUES: [&str; 22] = [
    "acme",
    "Web",
    "7",
    "main",
    "feature/x",
    "feature%2Fx",
    "feature%2Fprotection",
    "comments",
    "Comments",
    "secrets",
    "x%2Fsecrets",
    "x%2F..%2Fhooks",
    "a%3Fb",
    "latest%23x",
    "100%25",
    "..",
    "%2e%2e",
    "octocat%3Bx",
    "kind%2Fbug",
    "public-key",
    "Status",
    "a...b",
];

const DECORATIONS: [&str; 22] = [
    "/",
    "//",
    "/..",
    "/../..",
    "/.",
    "/%2e%2e",
    "%2e",
    "%2f",
    "%2F..",
    "%252f",
    "%252e%252e",
    ";x",
    "%3b",
    "\\",
    "%5c..",
    "%00",
    "?x",
    "%3f",
    "%23",
    "/x/..",
    ".json",
    ".JSON",
];

#[derive(Debug, Clone)]
enum Twist {
    /// Something put in.
    Insert(&'static str, Index),
    /// A slash, encoded in one way or another.
    Slash(&'static str, Index),
    /// A character, encoded once or twice.
    Encode(bool, Index),
    /// A letter in the other case.
    Flip(Index),
    /// The absolute form.
    Absolute,
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        (select(&DECORATIONS[..]), any::<Index>()).prop_map(|(text, at)| Twist::Insert(text, at)),
        (
            select(&["%2f", "%2F", "%252F", "//", "\\", "/./"][..]),
            any::<Index>()
        )
            .prop_map(|(text, at)| Twist::Slash(text, at)),
        (any::<bool>(), any::<Index>()).prop_map(|(twice, at)| Twist::Encode(twice, at)),
        any::<Index>().prop_map(Twist::Flip),
        Just(Twist::Absolute),
    ]
}

fn twisted(path: &str, twists: &[Twist]) -> String {
    let mut path = path.to_owned();
    for twist in twists {
        match twist {
            Twist::Insert(text, at) => {
                // Between characters, so that no encoding is torn more often than not.
                let places: Vec<usize> = path
                    .match_indices('/')
                    .map(|(at, _)| at)
                    .chain([path.len()])
                    .collect();
                path.insert_str(*at.get(&places), text);
            }
            Twist::Slash(text, at) => {
                let places: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
                if !places.is_empty() {
                    let at = *at.get(&places);
                    path.replace_range(at..=at, text);
                }
            }
            Twist::Encode(twice, at) => {
                if !path.is_empty() {
                    let at = at.index(path.len());
                    let byte = path.as_bytes()[at];
                    let percent = if *twice { "%25" } else { "%" };
                    path.replace_range(at..=at, &format!("{percent}{byte:02x}"));
                }
            }
            Twist::Flip(at) => {
                if !path.is_empty() {
                    let at = at.index(path.len());
                    let byte = path.as_bytes()[at];
                    let other = if byte.is_ascii_lowercase() {
                        byte.to_ascii_uppercase()
                    } else {
                        byte.to_ascii_lowercase()
                    };
                    path.replace_range(at..=at, &char::from(other).to_string());
                }
            }
            Twist::Absolute => path = format!("https://ghe.example.com{path}"),
        }
    }
    path
}

fn target() -> impl Strategy<Value = (&'static str, String, Option<&'static str>)> {
    let operations: Vec<Operation> = Operation::all().collect();
    let api = (
        select(operations),
        proptest::collection::vec(select(&VALUES[..]), 6),
        0..4_u8,
    );
    let api = api.prop_map(|(operation, values, alias)| {
        let mut values = values.into_iter();
        let words: Vec<&str> = operation
            .pattern()
            .split('/')
            .map(|word| {
                if word.starts_with('{') {
                    values.next().unwrap_or("7")
                } else {
                    word
                }
            })
            .collect();
        let mut path = words.join("/");
        if alias == 0 && operation.pattern().starts_with("/repos/{owner}/{repo}") {
            let rest = words.get(4..).unwrap_or_default().join("/");
            path = format!("/repositories/42/{rest}");
        }
        (operation.verb().as_str(), format!("/api/v3{path}"), None)
    });
    let root = select(&ROOTS[..]).prop_map(|(method, target)| match target.split_once('?') {
        Some((path, query)) => (method, path.to_owned(), Some(query)),
        None => (method, target.to_owned(), None),
    });
    prop_oneof![8 => api, 1 => root]
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let operations: Vec<Operation> = Operation::all().collect();
    let some = proptest::collection::vec(select(operations), 1..40);
    let built_in = select(BUILTIN.map(|one| one.name).to_vec()).prop_map(built_in);
    let allowed = some.clone().prop_map(|some| {
        let ids: Vec<&str> = some.iter().map(|operation| operation.id()).collect();
        policy(&ids, &[])
    });
    let reading =
        Just(()).prop_map(|()| policy(&["repos:read", "issues:read", "git:read", "lfs:read"], &[]));
    let denying = some.prop_map(|some| {
        let ids: Vec<&str> = some.iter().map(|operation| operation.id()).collect();
        let mut deny = vec![
            "git:write",
            "graphql:mutation",
            "lfs:write",
            "repos/*",
            "POST /login/oauth/access_token",
        ];
        deny.extend(ids);
        policy(&["everything"], &deny)
    });
    let paths = Just(()).prop_map(|()| {
        let allow = [
            "GET /repos/{owner}/{repo}/{+rest}",
            "GET /codeload/{+rest}",
            "issues/*",
        ];
        policy(
            &allow,
            &[
                "GET /repos/{owner}/{repo}/hooks/{+rest}",
                "GET /repos/acme/{repo}/issues/comments",
            ],
        )
    });
    prop_oneof![built_in, allowed, reading, denying, paths]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_gets_past_a_profile(
        policy in some_policy(),
        (method, path, query) in target(),
        twists in proptest::collection::vec(twist(), 0..4),
        servers in proptest::collection::vec(server(), 8),
    ) {
        let raw = twisted(&path, &twists);
        let Ok(asked) = Asked::read(method, Site::Main, &raw, query) else {
            return Ok(());
        };
        let decision = policy.decide(&asked, Circumstances::default());
        if !decision.is_allowed() {
            return Ok(());
        }
        for server in servers {
            let plain = server.serves(&raw);
            let served = Asked::read(method, Site::Main, &plain, query);
            let served = served.map_err(|refusal| {
                TestCaseError::fail(format!("{raw} allowed as {}, served as {plain}: {refusal}", asked.name()))
            })?;
            // What the API does not know it does not serve.
            if served.what() != What::Unknown {
                let there = policy.decide(&served, Circumstances::default());
                prop_assert!(
                    there.is_allowed(),
                    "{method} {raw} is {} by {decision:?}; {server:?} serves {plain}, {} {there:?}",
                    asked.name(), served.name(),
                );
            }
        }
    }
}

#[test]
fn what_a_lenient_server_would_serve_instead_is_refused() {
    let only = policy(
        &[
            "repos/get-environment",
            "repos/get-branch",
            "issues/get",
            "issues/get-label",
        ],
        &[],
    );
    for (target, expected) in [
        ("/repos/o/r/environments/prod", "allowed"),
        ("/repos/o/r/environments/prod%2Feu", "allowed"),
        ("/repos/o/r/environments/prod%2Fsecrets", "path_refused"),
        ("/repos/o/r/environments/prod%2Fsecrets%3Fx", "path_refused"),
        ("/repos/o/r/branches/feature%2Fx", "allowed"),
        ("/repos/o/r/branches/feature%2Fprotection", "path_refused"),
        ("/repos/o/r/branches/feature/protection", "not_in_profile"),
        ("/repos/o/r/branches/feature/Protection", "path_refused"),
        ("/repos/o/r/issues/7", "allowed"),
        ("/repos/o/r/issues/7/", "allowed"),
        ("/repos/o/r/issues/Comments", "path_refused"),
        ("/repos/o/r/issues/comments", "not_in_profile"),
        ("/repos/o/r/Issues/7", "unknown_operation"),
        ("/repos/o/r/issues/7%2Fcomments", "path_refused"),
        ("/repos/o/r/issues/7;x", "path_refused"),
        ("/repos/o/r/x/../issues/7", "path_refused"),
        ("/repos/o/r/labels/kind%2Fbug", "allowed"),
        ("/repos/o/r/labels/c%23", "allowed"),
    ] {
        assert_eq!(decide(&only, "GET", target), expected, "{target}");
    }
    let both = policy(
        &["repos/get-environment", "actions/list-environment-secrets"],
        &[],
    );
    assert_eq!(
        decide(&both, "GET", "/repos/o/r/environments/prod%2Fsecrets"),
        "allowed"
    );
    let but = policy(&["everything"], &["repos/list-webhooks", "git:write"]);
    for (method, target) in [
        ("GET", "/repos/o/r/hooks"),
        ("GET", "/repos/o/r/HOOKS"),
        ("GET", "/Repositories/42/hooks"),
        ("GET", "/repos/o/r/hooks/"),
        ("GET", "/repos/o%2Fr/hooks"),
        ("GET", "/repos/o/r%2Fhooks"),
        ("GET", "/repos/o/r/hooks%3Fx"),
        ("GET", "/repos/o/r//hooks"),
        ("GET", "/repos/o/r/hooks%00"),
        ("GET", "/repos/o/r/%68ooks"),
        ("POST", "ROOT/o/r.git/git-receive-pack"),
        ("POST", "ROOT/o/r.git/GIT-receive-pack"),
        ("POST", "ROOT/o%2Fr.git/git-receive-pack"),
        ("GET", "ROOT/o/r.git/info/refs?service=git-receive-pack"),
    ] {
        assert_ne!(decide(&but, method, target), "allowed", "{method} {target}");
    }
    assert_eq!(decide(&but, "GET", "/repos/o/r/anything"), "allowed");
}
