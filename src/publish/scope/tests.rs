//! Tests of the repository limits.

mod queries;

use super::*;
use crate::types::RepositoryPattern as Pattern;
use async_trait::async_trait;
use http::request;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

pub(super) fn limit(patterns: &[&str]) -> Limit {
    let patterns = patterns.iter().map(|text| text.parse::<Pattern>().unwrap());
    Limit::new(patterns.collect())
}

fn name(text: &str) -> Repository {
    text.parse().unwrap()
}

/// A directory that knows `acme/web` as 1 and `other/secret` as 2.
pub(super) fn directory() -> Directory {
    let directory = Directory::default();
    directory.learn(br#"{"id":1,"full_name":"acme/web"}"#);
    directory.learn(br#"{"id":2,"full_name":"other/secret","x":[]}"#);
    directory
}

/// The operations of GHES 3.19, from its MIT-licensed description: method, path, id.
fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("tests/ghes-3.19-operations.tsv")
        .lines()
        .map(|line| {
            let mut parts = line.split('\t');
            let mut next = || parts.next().unwrap();
            (next(), next(), next())
        })
}

fn judged(limit: &Limit, operation: Option<&str>, targets: &[Target]) -> Verdict {
    let request = Request {
        operation,
        targets,
        crossings: Crossings::default(),
    };
    limit.judge(&request, &directory())
}

fn repository(text: &str) -> Target {
    Target::Repository(name(text), Renames::Redirected)
}

#[test]
fn a_pattern_selects_repositories_without_regard_to_case() {
    let rows = [
        ("acme/*", "acme/web", true),
        ("acme/*", "ACME/Web", true),
        ("acme/*", "acme2/web", false),
        ("acme/*", "acme/web.git", true),
        ("acme/*", "acme/..", false),
        ("acme/*", "acme/.", false),
        ("acme/*", "acme/.git", false),
        ("Acme/Web", "acme/web", true),
        ("acme/web", "acme/web.git", true),
        ("acme/web", "acme/web.GIT", false),
        ("acme/web", "acme/web.git.git", false),
        ("acme/web", "acme/web2", false),
        ("acme/web", "acme/we", false),
        ("acme/web-*", "acme/web-1", true),
        ("acme/web-*", "acme/web-", true),
        ("acme/web-*", "acme/web", false),
        ("acme/*-web", "acme/a-web-web", true),
        ("acme/*-web", "acme/a-web-x", false),
        ("acme/a*b*c", "acme/a-b-b-c", true),
        ("acme/a*b*c", "acme/a-c-b", false),
        ("acme-*/web", "acme-x/web", true),
        ("acme-*/web", "acme/web", false),
        ("*/web", "anyone/web", true),
        ("*/web", "anyone/api", false),
    ];
    for (pattern, text, expected) in rows {
        let found = limit(&[pattern]).patterns.admits(&name(text));
        assert_eq!(found, expected, "{pattern} {text}");
    }
    assert!(!limit(&[]).patterns.admits(&name("acme/web")));
    assert!(
        limit(&["a/b", "acme/web"])
            .patterns
            .admits(&name("acme/web"))
    );
}

#[test]
fn an_owner_is_covered_by_a_pattern_that_admits_all_of_it() {
    let rows = [
        (&["acme/*"][..], "ACME", true, true),
        (&["acme-*/*"], "acme-x", true, true),
        (&["acme/web-*"], "acme", false, true),
        (&["acme/a*", "acme/b*"], "acme", false, true),
        (&["*/web"], "acme", false, true),
        (&["acme/*"], "other", false, false),
        (&[], "acme", false, false),
    ];
    for (patterns, owner, covered, touched) in rows {
        let limit = limit(patterns);
        assert_eq!(limit.patterns.covers_owner(owner), covered, "{patterns:?}");
        assert_eq!(limit.patterns.touches_owner(owner), touched, "{patterns:?}");
    }
}

#[test]
fn a_wrong_pattern_is_told_what_would_be_right() {
    let rows = [
        ("", "such as `acme/web-*`"),
        ("*", "such as `acme/web-*`"),
        ("acme", "such as `acme/web-*`"),
        ("acme/", "such as `acme/web-*`"),
        ("/web", "such as `acme/web-*`"),
        ("acme/web/x", "such as `acme/web-*`"),
        ("acme/we b", "such as `acme/web-*`"),
        ("acme/wéb", "such as `acme/web-*`"),
        ("https://github.com/acme/web", "such as `acme/web-*`"),
        ("acme/w?b", "such as `acme/web-*`"),
        ("acme/{a,b}", "such as `acme/web-*`"),
        ("acme/**", "one `*`"),
        ("*/*", "leave `repositories` out"),
        ("acme/web.git", "without `.git`"),
        ("acme/..", "a repository's name"),
    ];
    for (text, right) in rows {
        let error = text.parse::<Pattern>().unwrap_err();
        assert_eq!(error.found, text);
        assert!(error.expected.contains(right), "{text}: {error}");
    }
    assert_eq!(
        "Acme/Web-*".parse::<Pattern>().unwrap().to_string(),
        "acme/web-*"
    );
}

/// Whether text fits a pattern, by trying everything.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
        Some((byte, rest)) => text.first() == Some(byte) && fits(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn a_pattern_fits_what_trying_everything_fits(
        pattern in "[ab*]{1,8}",
        text in "[ab]{1,8}",
    ) {
        prop_assume!(!pattern.contains("**"));
        let limit = limit(&[&format!("acme/{pattern}")]);
        let found = limit.patterns.admits(&name(&format!("acme/{text}")));
        prop_assert_eq!(found, fits(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn no_text_makes_a_pattern_panic(text in any::<String>()) {
        if let Ok(pattern) = text.parse::<Pattern>() {
            let shown = pattern.to_string();
            prop_assert_eq!(shown.parse::<Pattern>().unwrap(), pattern);
        }
    }
}

#[test]
fn every_listed_operation_exists() {
    let known: BTreeSet<&str> = operations().map(|(_, _, id)| id).collect();
    assert_eq!(known.len(), 1039);
    let mut listed = BTreeSet::new();
    for id in operation::listed() {
        assert!(known.contains(id), "{id}");
        assert!(listed.insert(id), "{id} is listed twice");
    }
}

/// What a path names, its owner being `owner` and its repository `owner/repo`.
fn targets(path: &str, owner: &str) -> Vec<Target> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let mut targets = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match *part {
            "{owner}" | "{template_owner}" => targets.push(repository(&format!("{owner}/web"))),
            "{repository_id}" => targets.push(Target::RepositoryId(match owner {
                "acme" => 1,
                _ => 2,
            })),
            "{org}" => targets.push(Target::Owner(owner.into())),
            "{username}" if at == 1 && parts[0] == "users" => {
                targets.push(Target::Owner(owner.into()));
            }
            _ => {}
        }
    }
    targets
}

#[test]
fn no_operation_reaches_what_is_outside_unless_it_shows_nothing_of_it() {
    let limit = limit(&["acme/*"]);
    let mut passed = BTreeSet::new();
    for (_, path, id) in operations() {
        match judged(&limit, Some(id), &targets(path, "other")) {
            Verdict::Inside => assert!(passed.insert(id)),
            Verdict::Outside(_) => {}
            verdict @ (Verdict::Body(_) | Verdict::Unknown(_)) => panic!("{id}: {verdict:?}"),
        }
    }
    let about: Vec<_> = passed
        .iter()
        .filter(|id| {
            let (_, path, _) = operations().find(|(_, _, other)| other == *id).unwrap();
            !targets(path, "other").is_empty()
        })
        .copied()
        .collect();
    // Everything that names somebody else's owner and passes all the same.
    assert_eq!(
        about,
        [
            "orgs/get-membership-for-authenticated-user",
            "orgs/list-for-user",
            "users/get-by-username",
            "users/list-public-keys-for-user",
        ]
    );
    // Nothing of what lists repositories, issues, events or code everywhere.
    for id in [
        "repos/list-public",
        "repos/list-for-authenticated-user",
        "repos/create-for-authenticated-user",
        "apps/list-repos-accessible-to-installation",
        "apps/list-installation-repos-for-authenticated-user",
        "search/code",
        "search/repos",
        "search/issues-and-pull-requests",
        "issues/list",
        "issues/list-for-authenticated-user",
        "activity/list-public-events",
        "activity/list-notifications-for-authenticated-user",
        "activity/get-feeds",
        "gists/list",
        "teams/list-repos-legacy",
        "teams/list-for-authenticated-user",
        "migrations/start-for-authenticated-user",
        "apps/list-webhook-deliveries",
        "markdown/render",
    ] {
        assert!(operations().any(|(_, _, known)| known == id), "{id}");
        assert!(!passed.contains(id), "{id}");
    }
}

#[test]
fn what_is_inside_works_but_for_what_reaches_elsewhere() {
    let limit = limit(&["acme/*"]);
    let mut refused = BTreeSet::new();
    let mut bodies = BTreeSet::new();
    for (_, path, id) in operations() {
        let targets = targets(path, "acme");
        match judged(&limit, Some(id), &targets) {
            Verdict::Outside(Refusal::Crossing) => assert!(refused.insert(id)),
            Verdict::Body(_) => assert!(bodies.insert(id)),
            Verdict::Inside => {}
            Verdict::Outside(Refusal::Unbound) => assert!(targets.is_empty(), "{id}"),
            verdict @ (Verdict::Outside(_) | Verdict::Unknown(_)) => panic!("{id}: {verdict:?}"),
        }
    }
    let expected = [
        "activity/list-events-for-authenticated-user",
        "activity/list-org-events-for-authenticated-user",
        "activity/list-public-events-for-repo-network",
        "activity/list-public-events-for-user",
        "activity/list-received-events-for-user",
        "activity/list-received-public-events-for-user",
        "activity/list-repos-starred-by-user",
        "activity/list-repos-watched-by-user",
        // Without what they compare.
        "dependency-graph/diff-range",
        "issues/add-blocked-by-dependency",
        "pulls/update-branch",
        "repos/compare-commits",
        "repos/compare-commits-with-basehead",
        "repos/create-fork",
        "repos/create-using-template",
        "repos/list-forks",
        "repos/merge-upstream",
        "repos/transfer",
        "users/get-context-for-user",
    ];
    assert_eq!(refused, expected.into_iter().collect());
    assert_eq!(
        bodies,
        ["pulls/create", "repos/update"].into_iter().collect()
    );
}

#[test]
fn targets_are_all_inside_or_the_request_is_not() {
    let wide = limit(&["acme/*"]);
    let narrow = limit(&["acme/web-*"]);
    let acme = || Target::Owner("ACME".into());
    let rows = [
        (
            &wide,
            Some("repos/list-for-org"),
            vec![acme()],
            Verdict::Inside,
        ),
        (
            &narrow,
            Some("repos/list-for-org"),
            vec![acme()],
            Verdict::Outside(Refusal::Outside),
        ),
        (&narrow, Some("orgs/get"), vec![acme()], Verdict::Inside),
        (
            &narrow,
            Some("orgs/get"),
            vec![Target::Owner("x".into())],
            Verdict::Outside(Refusal::Outside),
        ),
        // An owner without a known operation may list anything.
        (
            &wide,
            None,
            vec![acme()],
            Verdict::Outside(Refusal::Unbound),
        ),
        (&wide, None, vec![], Verdict::Outside(Refusal::Unbound)),
        (
            &wide,
            Some("not/known"),
            vec![],
            Verdict::Outside(Refusal::Unbound),
        ),
        (&wide, Some("rate-limit/get"), vec![], Verdict::Inside),
        (&wide, None, vec![repository("acme/web")], Verdict::Inside),
        (
            &wide,
            Some("teams/add-or-update-repo-permissions-in-org"),
            vec![acme(), repository("other/web")],
            Verdict::Outside(Refusal::Outside),
        ),
        (
            &wide,
            Some("actions/add-selected-repo-to-org-secret"),
            vec![acme(), Target::RepositoryId(2)],
            Verdict::Outside(Refusal::Outside),
        ),
        // A refusal before a question.
        (
            &wide,
            None,
            vec![Target::RepositoryId(99), repository("other/web")],
            Verdict::Outside(Refusal::Outside),
        ),
        (&wide, None, vec![Target::RepositoryId(1)], Verdict::Inside),
        (
            &wide,
            None,
            vec![Target::RepositoryId(2)],
            Verdict::Outside(Refusal::Outside),
        ),
        (
            &wide,
            None,
            vec![Target::RepositoryId(3)],
            Verdict::Unknown(Question::Repository(3)),
        ),
        (
            &wide,
            Some("repos/list-for-org"),
            vec![Target::OwnerId(7)],
            Verdict::Unknown(Question::Owner(7)),
        ),
    ];
    for (limit, operation, targets, expected) in rows {
        assert_eq!(
            judged(limit, operation, &targets),
            expected,
            "{operation:?} {targets:?}"
        );
    }
}

#[test]
fn a_former_name_is_asked_for_where_the_server_follows_it() {
    let limit = limit(&["acme/*"]);
    let followed = |text| {
        judged(
            &limit,
            None,
            &[Target::Repository(name(text), Renames::Followed)],
        )
    };
    assert_eq!(followed("acme/web"), Verdict::Inside);
    assert_eq!(followed("Acme/Web.git"), Verdict::Inside);
    assert_eq!(followed("other/secret"), Verdict::Outside(Refusal::Outside));
    let asked = Verdict::Unknown(Question::Current(name("acme/old")));
    assert_eq!(followed("acme/old.git"), asked);
}

#[test]
fn a_comparison_stays_inside_on_both_sides() {
    let wide = limit(&["acme/*", "other/one"]);
    let rows = [
        ("main...topic", true),
        ("main..topic", true),
        ("v1.0...v1.1", true),
        ("main", true),
        ("main...acme:topic", true),
        ("ACME:main...acme:topic", true),
        ("main...other:topic", false),
        ("other:main...topic", false),
        ("main..other:topic", false),
        ("main....other:topic", false),
        ("acme:main..other:topic", false),
        ("acme:main...other:topic", false),
        ("acme:main..acme:topic", true),
        ("main...other:one:topic", true),
        ("main...other:secret:topic", false),
        ("main...acme:api:topic", true),
        ("main...acme:..:topic", false),
        ("main...a:b:c:d", false),
        ("main...:topic", false),
    ];
    let judged = |limit: &Limit, basehead, target: &Target| {
        let request = Request {
            operation: Some("repos/compare-commits-with-basehead"),
            targets: std::slice::from_ref(target),
            crossings: Crossings {
                basehead,
                query: None,
            },
        };
        limit.judge(&request, &directory())
    };
    for target in [repository("acme/web"), Target::RepositoryId(1)] {
        for (basehead, inside) in rows {
            let expected = if inside {
                Verdict::Inside
            } else {
                Verdict::Outside(Refusal::Crossing)
            };
            assert_eq!(
                judged(&wide, Some(basehead), &target),
                expected,
                "{basehead}"
            );
        }
        assert_eq!(
            judged(&wide, None, &target),
            Verdict::Outside(Refusal::Crossing)
        );
    }
    // The owner's own name is the repository itself, though the owner has others outside.
    let narrow = limit(&["acme/web"]);
    let found = judged(&narrow, Some("main...acme:topic"), &repository("acme/web"));
    assert_eq!(found, Verdict::Inside);
}

#[test]
fn a_users_list_is_of_what_the_user_owns() {
    let limit = limit(&["acme/*"]);
    let rows = [
        (None, true),
        (Some(""), true),
        (Some("per_page=100&page=2"), true),
        (Some("type=owner"), true),
        (Some("type=all"), false),
        (Some("type=owner&type=member"), false),
        (Some("%74ype=member"), false),
        (Some("type%5B%5D=member"), false),
        (Some("type=Owner"), false),
    ];
    for (query, inside) in rows {
        let request = Request {
            operation: Some("repos/list-for-user"),
            targets: &[Target::Owner("acme".into())],
            crossings: Crossings {
                basehead: None,
                query,
            },
        };
        let found = limit.judge(&request, &directory()) == Verdict::Inside;
        assert_eq!(found, inside, "{query:?}");
    }
}

fn post(uri: &str, kind: &str) -> request::Parts {
    let request = http::Request::post(uri).header("content-type", kind);
    request.body(()).unwrap().into_parts().0
}

/// Judges a body that is sent to `acme/web`.
fn sent(operation: &str, head: &request::Parts, text: &str) -> Result<(), Refusal> {
    let limit = limit(&["acme/web*", "fork/*", "other/one"]);
    match judged(&limit, Some(operation), &[repository("acme/web")]) {
        Verdict::Body(body) => body.judge(&limit, head, text.as_bytes()),
        verdict @ (Verdict::Inside | Verdict::Outside(_) | Verdict::Unknown(_)) => {
            panic!("{verdict:?}")
        }
    }
}

#[test]
fn a_body_chooses_no_repository_outside() {
    let pulls = [
        (r#"{"head":"topic","base":"main"}"#, Ok(())),
        (r#"{"head":"acme:topic"}"#, Ok(())),
        (r#"{"head":"fork:topic"}"#, Ok(())),
        (r#"{"head":"other:topic"}"#, Err(Refusal::Crossing)),
        (
            r#"{"head":"other:topic","head_repo":"one"}"#,
            Err(Refusal::Crossing),
        ),
        (r#"{"head":"fork:topic","head_repo":"x"}"#, Ok(())),
        (r#"{"head":"topic","head_repo":"web2"}"#, Ok(())),
        (
            r#"{"head":"topic","head_repo":"api"}"#,
            Err(Refusal::Crossing),
        ),
        (
            r#"{"head":"acme:topic","head_repo":"api"}"#,
            Err(Refusal::Crossing),
        ),
        (
            r#"{"head":"topic","head_repo":"other/two"}"#,
            Err(Refusal::Crossing),
        ),
        (r#"{"head":"topic","head_repo":"other/one"}"#, Ok(())),
        (r#"{"issue":1}"#, Ok(())),
        (r#"{"head":["other:topic"]}"#, Err(Refusal::Body)),
    ];
    let names = [
        (r#"{"description":"x"}"#, Ok(())),
        (r#"{"name":"web-2"}"#, Ok(())),
        (r#"{"name":null}"#, Ok(())),
        (r#"{"name":"api"}"#, Err(Refusal::Crossing)),
        (r#"{"name":"x y"}"#, Err(Refusal::Crossing)),
        (r#"{"name":1}"#, Err(Refusal::Body)),
    ];
    let head = post("/api/v3/repos/acme/web", "application/json");
    for (text, expected) in pulls {
        assert_eq!(sent("pulls/create", &head, text), expected, "{text}");
    }
    for (text, expected) in names {
        assert_eq!(sent("repos/update", &head, text), expected, "{text}");
    }
}

#[test]
fn a_body_that_the_server_might_read_otherwise_is_refused() {
    let head = post("/", "application/json");
    let long = format!("{{\"head\":\"{}\"}}", "x".repeat(Body::LONGEST));
    for text in [
        r#"{"head":"a","head":"other:b"}"#,
        r#"[{"head":"a"}]"#,
        "head=other:topic",
        "",
        &long,
    ] {
        assert_eq!(sent("pulls/create", &head, text), Err(Refusal::Body));
    }
    for head in [
        post("/", "application/x-www-form-urlencoded"),
        post("/?head=other:topic", "application/json"),
    ] {
        let found = sent("pulls/create", &head, r#"{"head":"topic"}"#);
        assert_eq!(found, Err(Refusal::Body));
    }
}

/// A server with a few repositories, which remembers what it was asked.
#[derive(Default)]
struct Server(Mutex<Vec<String>>);

#[async_trait]
impl Ask for Server {
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Silence> {
        self.0.lock().unwrap().push(path.to_owned());
        let body = match path {
            "/repositories/10" => r#"{"id":10,"full_name":"acme/web"}"#,
            "/repositories/11" => r#"{"id":11,"full_name":"other/secret"}"#,
            "/repositories/12" => r#"{"id":13,"full_name":"acme/web"}"#,
            "/repositories/13" => r#"{"id":13,"full_name":"no name"}"#,
            "/repositories/14" => r#"{"id":14,"id":14,"full_name":"acme/web"}"#,
            "/repositories/15" => "<html>",
            "/user/20" => r#"{"id":20,"login":"acme"}"#,
            "/user/21" => r#"{"id":21,"login":"other"}"#,
            "/user/22" => r#"{"id":23,"login":"acme"}"#,
            "/repos/acme/web" => r#"{"id":10,"full_name":"Acme/Web"}"#,
            // Served under a former name by a careless gate.
            "/repos/acme/moved" => r#"{"id":11,"full_name":"other/moved"}"#,
            "/repositories/500" => return Err(Silence),
            _ => return Ok(None),
        };
        Ok(Some(body.as_bytes().to_vec()))
    }
}

#[tokio::test]
async fn an_id_is_asked_for_once_and_never_guessed() {
    let limit = limit(&["acme/*"]);
    let (server, directory) = (Server::default(), Directory::default());
    let settled = async |target: Target| {
        let judge = |directory: &Directory| {
            let request = Request {
                operation: Some("repos/list-for-org"),
                targets: std::slice::from_ref(&target),
                crossings: Crossings::default(),
            };
            limit.judge(&request, directory)
        };
        settle(&directory, &server, judge)
            .await
            .map(|body| assert_eq!(body, None))
    };
    let followed = |text| Target::Repository(name(text), Renames::Followed);
    let rows = [
        (Target::RepositoryId(10), Ok(())),
        (Target::RepositoryId(11), Err(Refusal::Outside)),
        (Target::RepositoryId(12), Err(Refusal::Outside)),
        (Target::RepositoryId(13), Err(Refusal::Outside)),
        (Target::RepositoryId(14), Err(Refusal::Outside)),
        (Target::RepositoryId(15), Err(Refusal::Outside)),
        (Target::RepositoryId(16), Err(Refusal::Outside)),
        (Target::RepositoryId(500), Err(Refusal::Unresolved)),
        (Target::OwnerId(20), Ok(())),
        (Target::OwnerId(21), Err(Refusal::Outside)),
        (Target::OwnerId(22), Err(Refusal::Outside)),
        (followed("acme/web"), Ok(())),
        (followed("acme/moved"), Err(Refusal::Outside)),
        (followed("acme/gone"), Err(Refusal::Outside)),
    ];
    for (target, expected) in &rows {
        assert_eq!(settled(target.clone()).await, *expected, "{target:?}");
    }
    server.0.lock().unwrap().clear();
    for (target, expected) in rows {
        assert_eq!(settled(target.clone()).await, expected, "{target:?}");
    }
    // What was answered is kept; what was not, or not about what was asked, is asked again: it
    // may be seen with other credentials.
    let again = [
        "/repositories/12",
        "/repositories/13",
        "/repositories/14",
        "/repositories/15",
        "/repositories/16",
        "/repositories/500",
        "/user/22",
        "/repos/acme/moved",
        "/repos/acme/gone",
    ];
    assert_eq!(*server.0.lock().unwrap(), again);
}

#[tokio::test]
async fn a_request_asks_no_more_questions_than_it_may() {
    let server = Server::default();
    // Nothing is kept, so that every judgement asks again.
    let directory = Directory::new(10, Duration::from_nanos(1));
    let judge = |directory: &Directory| {
        directory
            .repository(10)
            .map_or(Verdict::Unknown(Question::Repository(10)), |_| {
                Verdict::Inside
            })
    };
    let found = settle(&directory, &server, judge).await;
    assert_eq!(found, Err(Refusal::Unresolved));
    assert_eq!(server.0.lock().unwrap().len(), MOST_QUESTIONS);
}

#[test]
fn a_directory_learns_only_from_what_says_both_id_and_name_and_has_a_bound() {
    let directory = Directory::new(3, Duration::from_secs(600));
    for body in [
        r#"{"id":1}"#,
        r#"{"full_name":"acme/web"}"#,
        r#"{"id":"1","full_name":"acme/web"}"#,
        r#"{"id":1,"full_name":"acme/web"} {}"#,
        r#"{"id":1,"full_name":"acme/web","full_name":"other/web"}"#,
        r#"[{"id":1,"full_name":"acme/web"}]"#,
        r#"{"repository":{"id":1,"full_name":"acme/web"}}"#,
        "",
    ] {
        directory.learn(body.as_bytes());
        assert_eq!(directory.repository(1), None, "{body}");
    }
    for id in 1..=1000 {
        directory.learn(format!("{{\"id\":{id},\"full_name\":\"acme/r{id}\"}}").as_bytes());
    }
    assert!(directory.kept() <= 3);
    assert_eq!(directory.repository(1000), Some(name("acme/r1000")));
    assert_eq!(directory.repository(1), None);
}

#[test]
fn every_refusal_has_a_code_and_words_of_its_own() {
    let words: BTreeSet<_> = Refusal::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), Refusal::ALL.len());
    let codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(
        codes,
        [
            "outside_repositories",
            "outside_repositories",
            "outside_repositories",
            "graphql_outside_repositories",
            "body_unreadable",
            "repository_unresolved",
        ]
    );
}
