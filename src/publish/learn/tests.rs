//! Tests of learning.

use super::*;
use crate::publish::asked::Site;
use crate::publish::profile::{Circumstances, Declared, Profiles};

fn asked(method: &str, target: &str) -> Asked {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Asked::read(method, Site::Main, path, query).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

#[test]
fn what_passed_is_counted_with_its_first_and_last_time() {
    let learned = Learned::new();
    for (second, (method, target)) in [
        ("GET", "/api/v3/repos/acme/web/pulls"),
        ("GET", "/api/v3/repositories/42/pulls?page=2"),
        ("POST", "/acme/web.git/git-upload-pack"),
        ("GET", "/api/v3/repos/acme/web/odd/17"),
        ("GET", "/api/v3/repos/acme/api/odd/18"),
        ("POST", "/login/oauth/access_token"),
        ("GET", "/acme/web/blob/main/README.md"),
        ("GET", "/search"),
        ("GET", "/"),
    ]
    .into_iter()
    .enumerate()
    {
        learned.note(&asked(method, target), at(i64::try_from(second).unwrap()));
    }
    let query = asked("POST", "/api/graphql");
    learned.note(&query, at(20));
    learned.note(&query.with_access(Access::Read), at(21));
    let entries: Vec<_> = learned
        .entries()
        .into_iter()
        .map(|entry| {
            (
                entry.rule,
                entry.count,
                entry.first.as_millis() / 1000,
                entry.last.as_millis() / 1000,
            )
        })
        .collect();
    let expected = [
        ("pulls/list", 2, 0, 1),
        ("git:read", 1, 2, 2),
        ("graphql:query", 1, 21, 21),
        ("GET /repos/{owner}/{repo}/odd/{id}", 2, 3, 4),
        ("GET /{owner}/{repo}/blob/main/{value}", 1, 6, 6),
        ("POST /login/oauth/access_token", 1, 5, 5),
    ];
    let expected = expected.map(|(rule, count, first, last)| (rule.to_owned(), count, first, last));
    assert_eq!(entries, expected);
    // GraphQL whose body was not read, and two pages that no rule can name.
    assert_eq!(learned.left_out(), 3);
}

#[test]
fn what_was_learned_is_a_profile_that_lets_it_through_again() {
    let learned = Learned::new();
    let requests = [
        ("GET", "/api/v3/repos/acme/web/pulls"),
        ("POST", "/api/v3/repos/acme/web/pulls"),
        ("GET", "/api/v3/repos/acme/web/hooks"),
        ("GET", "/api/v3/orgs/acme/audit-log"),
        ("GET", "/api/v3/orgs/acme/odd/a/b/c/d/e"),
        (
            "GET",
            "/api/v3/repos/acme/web/odd/0123456789abcdef0123456789abcdef01234567",
        ),
        ("GET", "/api/v3/users/octocat/odd/Some%20Thing"),
        ("GET", "/api/v3/strange"),
        ("GET", "/api/v3/organizations/5/odd"),
        ("POST", "/acme/web.git/git-receive-pack"),
        ("POST", "/login/oauth/access_token"),
        ("GET", "/codeload/acme/web/zip/main"),
        ("GET", "/storage/user/1/files/x"),
        ("GET", "/acme/web/blob/feature/x/deep/down.rs"),
        ("GET", "/acme"),
        ("GET", "/%7Bowner%7D/x\"y/%22"),
    ];
    for (method, target) in requests {
        learned.note(&asked(method, target), at(0));
    }
    let text = render(
        &"learned".parse().unwrap(),
        &learned.entries(),
        learned.left_out(),
    );
    insta::assert_snapshot!(text);
    let value: toml::Table = toml::from_str(&text).unwrap();
    let allow = value["profile"][0]["allow"].as_array().unwrap();
    let allow = allow
        .iter()
        .map(|rule| rule.as_str().unwrap().to_owned())
        .collect();
    let declared = Declared {
        name: "learned".parse().unwrap(),
        base: Vec::new(),
        allow,
        deny: Vec::new(),
    };
    let policy = Profiles::check(&[declared])
        .unwrap()
        .policy(["learned"])
        .unwrap();
    for (method, target) in requests {
        let decision = policy.decide(&asked(method, target), Circumstances::default());
        assert!(
            decision.is_allowed(),
            "{method} {target}: {decision:?}\n{text}"
        );
    }
}

#[test]
fn the_record_stays_bounded_whoever_makes_up_paths() {
    let learned = Learned::new();
    for n in 0..20_000_u32 {
        let word: String = n
            .to_string()
            .bytes()
            .map(|digit| char::from(digit - b'0' + b'g'))
            .collect();
        learned.note(&asked("GET", &format!("/api/v3/{word}")), at(1));
    }
    let entries = learned.entries();
    assert!(
        entries.len() <= OTHERS && entries.len() > OTHERS / 2,
        "{}",
        entries.len()
    );
    let noted: u64 = entries.iter().map(|entry| entry.count).sum();
    assert_eq!(noted + learned.left_out(), 20_000);
    // Operations have a place of their own.
    learned.note(&asked("GET", "/api/v3/meta"), at(2));
    assert_eq!(
        learned.entries().first().map(|entry| entry.rule.as_str()),
        Some("meta/get")
    );
}

#[test]
fn threads_note_without_losing_any() {
    let learned = Learned::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let learned = &learned;
            scope.spawn(move || {
                for n in 0..500_i64 {
                    learned.note(&asked("GET", "/api/v3/meta"), at(thread * 1000 + n));
                    learned.note(
                        &asked(
                            "GET",
                            &format!(
                                "/api/v3/odd/{}",
                                ["a", "b"][usize::try_from(n % 2).unwrap()]
                            ),
                        ),
                        at(n),
                    );
                }
            });
        }
    });
    let entries: Vec<_> = learned
        .entries()
        .into_iter()
        .map(|entry| (entry.rule, entry.count))
        .collect();
    let expected = [
        ("meta/get", 2000),
        ("GET /api/v3/odd/a", 1000),
        ("GET /api/v3/odd/b", 1000),
    ];
    assert_eq!(
        entries,
        expected.map(|(rule, count)| (rule.to_owned(), count))
    );
    assert_eq!(
        learned
            .entries()
            .first()
            .map(|entry| (entry.first, entry.last)),
        Some((at(0), at(3499)))
    );
}
