//! Tests of the table and of finding an operation.

use super::table::{TABLE, markers};
use super::*;
use crate::publish::path::Path;

fn path(raw: &str) -> Path {
    Path::parse(raw).unwrap()
}

fn found(verb: Verb, raw: &str) -> Option<&'static str> {
    find(verb, &path(raw), 0).map(|found| found.operation.id())
}

/// A path that asks for the operation: its pattern with the names of its parameters as values.
fn plain(pattern: &str) -> String {
    pattern.replace(['{', '}'], "").replace("/account_id", "/7")
}

#[test]
fn every_operation_is_there_once_and_found_by_its_own_path() {
    assert_eq!(Operation::count(), 1039);
    assert_eq!(TABLE.by_id.len(), 1039);
    for operation in Operation::all() {
        let raw = plain(operation.pattern());
        let found = found(operation.verb(), &raw).unwrap();
        let same =
            found == operation.id() || operation.twin().is_some_and(|twin| twin.id() == found);
        assert!(same, "{raw} is {found}, not {operation}");
        assert_eq!(Operation::named(operation.id()), Some(operation));
    }
    let reads = Operation::all().filter(|operation| operation.access() == Access::Read);
    assert_eq!(reads.count(), 537);
}

#[test]
fn every_operation_with_names_is_found_by_ids_too() {
    let mut count = 0;
    for operation in Operation::all() {
        let plain = plain(operation.pattern());
        let mut aliases = Vec::new();
        if let Some(rest) = plain.strip_prefix("/repos/owner/repo") {
            aliases.push(format!("/repositories/42{rest}"));
        }
        if let Some(rest) = plain.strip_prefix("/orgs/org") {
            aliases.push(format!("/organizations/42{rest}"));
        }
        if let Some(rest) = plain.strip_prefix("/orgs/org/teams/team_slug") {
            aliases.push(format!("/organizations/42/team/7{rest}"));
        }
        if let Some(rest) = plain.strip_prefix("/users/username") {
            aliases.push(format!("/user/42{rest}"));
        }
        for alias in aliases {
            count += 1;
            let path = path(&alias);
            let found = find(operation.verb(), &path, 0).unwrap();
            let same = found.operation == operation || Some(found.operation) == operation.twin();
            assert!(same, "{alias} is {:?}", found.operation);
            let names: Vec<&str> = found.parameters().map(|(name, _)| name).collect();
            assert!(
                matches!(
                    names.first(),
                    Some(&("repository_id" | "organization_id" | "user_id" | "account_id"))
                ),
                "{alias} {names:?}"
            );
        }
    }
    assert!(count > 700, "{count}");
}

#[test]
fn an_id_is_a_number() {
    for raw in [
        "/repositories/web/pulls",
        "/organizations/acme/repos",
        "/user/octocat/repos",
        "/user/octocat",
    ] {
        assert_eq!(found(Verb::Get, raw), None, "{raw}");
    }
    assert_eq!(
        found(Verb::Get, "/user/keys"),
        Some("users/list-public-ssh-keys-for-authenticated-user")
    );
    assert_eq!(
        found(Verb::Get, "/user/123/keys"),
        Some("users/list-public-keys-for-user")
    );
    assert_eq!(
        found(Verb::Get, "/organizations/5/custom_roles"),
        Some("orgs/list-custom-roles")
    );
    assert_eq!(found(Verb::Get, "/orgs/acme/custom_roles"), None);
    assert_eq!(
        found(Verb::Get, "/users/123/keys"),
        Some("users/list-public-keys-for-user")
    );
}

#[test]
fn words_come_before_parameters_and_long_values_end_where_words_begin() {
    let rows = [
        ("/", "meta/root"),
        ("/repos/o/r/", "repos/get"),
        (
            "/repos/o/r/issues/comments",
            "issues/list-comments-for-repo",
        ),
        ("/repos/o/r/issues/17", "issues/get"),
        ("/repos/o/r/branches/feature/x", "repos/get-branch"),
        ("/repos/o/r/branches/feature%2Fx", "repos/get-branch"),
        (
            "/repos/o/r/branches/feature/x/protection",
            "repos/get-branch-protection",
        ),
        (
            "/repos/o/r/branches/feature%2Fx/protection",
            "repos/get-branch-protection",
        ),
        (
            "/repos/o/r/branches/protection/protection",
            "repos/get-branch-protection",
        ),
        (
            "/repos/o/r/commits/heads/main/status",
            "repos/get-combined-status-for-ref",
        ),
        (
            "/repos/o/r/commits/abc/pulls",
            "repos/list-pull-requests-associated-with-commit",
        ),
        ("/repos/o/r/commits/feature/x", "repos/get-commit"),
        (
            "/repos/o/r/compare/main...feature/x",
            "repos/compare-commits-with-basehead",
        ),
        ("/repos/o/r/contents", "repos/get-content"),
        ("/repos/o/r/contents/", "repos/get-content"),
        ("/repos/o/r/contents/src/C%23/a%3Fb.rs", "repos/get-content"),
        ("/repos/o/r/git/matching-refs/", "git/list-matching-refs"),
        (
            "/repos/o/r/git/matching-refs/heads%2F",
            "git/list-matching-refs",
        ),
        ("/repos/o/r/git/ref/heads/main", "git/get-ref"),
        ("/repos/o/r/readme", "repos/get-readme"),
        (
            "/repos/o/r/readme/docs/deep",
            "repos/get-readme-in-directory",
        ),
        ("/repos/o/r/tarball", "repos/download-tarball-archive"),
        ("/repos/o/r/zipball/v1/x", "repos/download-zipball-archive"),
        ("/repos/o/r/releases/latest", "repos/get-latest-release"),
        ("/repos/o/r/releases/tags/v1/x", "repos/get-release-by-tag"),
        ("/repos/o/r/labels/kind%2Fbug", "issues/get-label"),
        ("/repos/o/r/environments/prod%2Feu", "repos/get-environment"),
        (
            "/repos/o/r/environments/prod%2Feu/secrets",
            "actions/list-environment-secrets",
        ),
        (
            "/orgs/o/packages/container/app%2Fweb/versions",
            "packages/get-all-package-versions-for-package-owned-by-org",
        ),
        ("/repos/%61cme/r/pulls", "pulls/list"),
    ];
    for (raw, expected) in rows {
        assert_eq!(found(Verb::Get, raw), Some(expected), "{raw}");
    }
    for raw in [
        "/repos/o%2Fr/pulls",
        "/repos/o/r%2Fpulls",
        "/repos/o/r/pulls/1%2Ffiles",
        "/repos/o/r/Pulls",
        "/Repos/o/r/pulls",
        "/repos/o/r/pulls%3Fx",
        "/repos/o/r/issues/1%23",
        "/repos/o/r/labels/a/b",
        "/repos/o",
        "/graphql",
        "/repos/o/r/pulls/1/files/2",
    ] {
        assert_eq!(found(Verb::Get, raw), None, "{raw}");
    }
    assert_eq!(found(Verb::Post, "/repos/o/r/pulls/1"), None);
    assert_eq!(found(Verb::Delete, "/gists/public"), Some("gists/delete"));
}

#[test]
fn a_path_that_a_lenient_server_reads_otherwise_has_those_readings() {
    let readings = |verb, raw: &str| {
        let path = path(raw);
        let found = find(verb, &path, 0).map(|found| found.operation);
        let mut ids: Vec<_> = readings(verb, &path, 0, found)
            .iter()
            .map(|one| one.id())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert!(readings(Verb::Get, "/repos/Acme/Web/pulls").is_empty());
    assert_eq!(readings(Verb::Get, "/repos/o/r/PULLS"), ["pulls/list"]);
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/issues/Comments"),
        ["issues/list-comments-for-repo"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/environments/x%2Fsecrets"),
        ["actions/list-environment-secrets"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/environments/x%2FSecrets"),
        ["actions/list-environment-secrets"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/hooks%3Fx"),
        ["repos/list-webhooks"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos%2Fo%2Fr%2Fhooks%23x"),
        ["repos/list-webhooks"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/issues/comments.json"),
        ["issues/list-comments-for-repo"]
    );
    assert_eq!(
        readings(Verb::Get, "/repos/o/r/issues/Comments.json"),
        ["issues/list-comments-for-repo"]
    );
    assert!(readings(Verb::Get, "/repos/o/web.js").is_empty());
    assert!(readings(Verb::Get, "/repos/o/web.js/contents/hooks.json").is_empty());
    assert!(readings(Verb::Get, "/repos/o/r/labels/kind%2Fbug").is_empty());
    assert!(readings(Verb::Get, "/repos/Acme/r/branches/a/protection").is_empty());
}

#[test]
fn a_path_says_whom_it_is_about() {
    let rows = [
        (
            "/repos/acme/Web/pulls",
            "Repository { owner: \"acme\", name: \"Web\" }",
        ),
        ("/repositories/42/pulls", "RepositoryId(42)"),
        ("/orgs/acme/repos", "Organization(\"acme\")"),
        ("/organizations/5/team/6/members", "OrganizationId(5)"),
        ("/organizations/5/custom_roles", "OrganizationId(5)"),
        (
            "/orgs/acme/teams/a/repos/acme/web",
            "Repository { owner: \"acme\", name: \"web\" }",
        ),
        (
            "/networks/acme/web/events",
            "Repository { owner: \"acme\", name: \"web\" }",
        ),
        (
            "/user/starred/acme/web",
            "Repository { owner: \"acme\", name: \"web\" }",
        ),
        ("/users/octocat/repos", "Account(\"octocat\")"),
        ("/user/7/repos", "AccountId(7)"),
        ("/user/7", "AccountId(7)"),
        ("/gists/abc/comments", "Gist(\"abc\")"),
        ("/user/repos", "Unsaid"),
        ("/search/issues", "Unsaid"),
        ("/enterprises/e/dependabot/alerts", "Unsaid"),
    ];
    for (raw, expected) in rows {
        let path = path(raw);
        let found = find(Verb::Get, &path, 0).unwrap();
        assert_eq!(format!("{:?}", found.subject()), expected, "{raw}");
    }
    let path = Path::parse("/user/installations/1/repositories/42").unwrap();
    let found = find(Verb::Put, &path, 0).unwrap();
    assert_eq!(found.subject(), Subject::RepositoryId(42));
    let path = Path::parse("/repos/template/web/generate").unwrap();
    let found = find(Verb::Post, &path, 0).unwrap();
    assert_eq!(found.parameter("template_owner"), Some("template"));
    assert!(matches!(found.subject(), Subject::Repository { .. }));
}

#[test]
fn every_marker_marks_something_and_every_console_operation_is_marked() {
    for (kind, what) in markers() {
        assert!(matches!(kind, "admin" | "secret"), "{kind}");
        assert!(
            TABLE.rows.iter().any(|row| row.is(what)),
            "{what} marks nothing"
        );
    }
    let admin_get = Operation::all().filter(|operation| {
        let first = operation.pattern().split('/').nth(1).unwrap();
        let closed = matches!(
            first,
            "admin" | "enterprise" | "enterprises" | "manage" | "scim"
        );
        assert!(!closed || operation.is_admin(), "{operation}");
        closed && operation.verb() == Verb::Get
    });
    // What "all GET" would give away.
    assert_eq!(admin_get.count(), 83);
    // Whatever lists hooks, keys, tokens or secrets has been looked at.
    for operation in Operation::all().filter(|operation| operation.access() == Access::Read) {
        let text = format!("{} {}", operation.id(), operation.pattern());
        let telling = [
            "secret",
            "hook",
            "token",
            "credential",
            "variable",
            "registr",
        ];
        let public = operation.id().ends_with("public-key");
        if telling.iter().any(|word| text.contains(word)) && !public {
            let looked_at = operation.is_admin() || operation.is_secret();
            assert!(
                looked_at || operation.id() == "secret-scanning/get-scan-history",
                "{text}"
            );
        }
    }
}
