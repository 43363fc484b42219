//! Profiles of services that are no servers of GitHub's: rules of method and path alone.

use super::*;
use crate::publish::learn::{Learned, render};
use crate::types::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

fn tool(allow: &[&str], deny: &[&str]) -> Policy {
    let profiles = Profiles::check(&[declared("test", &[], allow, deny)]).unwrap();
    profiles.tool_policy(["test"]).unwrap()
}

fn asked(policy: &Policy, method: &str, target: &str) -> &'static str {
    at(policy, Site::Tool, method, target)
}

#[test]
fn a_tool_has_no_paths_that_are_closed_to_everyone() {
    let everything = Policy::everything();
    for target in [
        "/manage/",
        "/admin/",
        "/setup/",
        "/setup/settings",
        "/stafftools",
        "/api/v3/admin/users",
        "/app-manifests/abc/conversions",
        "/login",
        "/acme/web.git/info/refs",
        "/graphql",
        "/api/graphql",
        "/job/a%2Fb/",
    ] {
        for method in ["GET", "POST", "DELETE", "PROPFIND"] {
            assert_eq!(asked(&everything, method, target), "allowed", "{target}");
        }
    }
}

#[test]
fn a_rule_is_about_the_path_that_it_names_whatever_github_has_there() {
    let policy = tool(
        &[
            "GET /",
            "GET /user/{name}",
            "GET /repos/{owner}/{repo}",
            "GET /api/v3/meta",
            "POST /graphql",
            "GET /job/{+path}",
        ],
        &["GET /job/{+path}/configure"],
    );
    for (method, target, expected) in [
        ("GET", "/", "allowed"),
        ("HEAD", "/", "allowed"),
        ("GET", "/user/mona", "allowed"),
        ("GET", "/user/mona/", "allowed"),
        ("GET", "/user", "not_in_profile"),
        ("GET", "/repos/a/b", "allowed"),
        ("GET", "/api/v3/repos/a/b", "not_in_profile"),
        ("GET", "/repositories/7", "not_in_profile"),
        ("GET", "/api/v3/meta", "allowed"),
        ("GET", "/meta", "not_in_profile"),
        ("POST", "/graphql", "allowed"),
        ("GET", "/job/a", "allowed"),
        ("GET", "/job/a/b/configure", "denied_by_profile"),
        ("POST", "/job/a", "not_in_profile"),
        ("PROPFIND", "/job/a", "not_in_profile"),
        ("get", "/job/a", "not_in_profile"),
        ("GET", "/manage/", "not_in_profile"),
        ("GET", "/Job/a", "not_in_profile"),
    ] {
        assert_eq!(
            asked(&policy, method, target),
            expected,
            "{method} {target}"
        );
    }
}

#[test]
fn no_spelling_gets_past_a_rule_of_a_tool() {
    let policy = tool(
        &[
            "GET /job/{name}",
            "GET /view/{+path}",
            "GET /log/{+path}/text",
        ],
        &["GET /view/{+path}/delete", "GET /view/secret/{+path}"],
    );
    for (target, expected) in [
        ("/job/a", "allowed"),
        ("/%6aob/%61", "allowed"),
        // One segment is one, also to a server that decodes before it looks for slashes.
        ("/job/a%2Fb", "not_in_profile"),
        ("/job/a%2Fb/", "not_in_profile"),
        ("/job%2Fa", "not_in_profile"),
        ("/job/a%3Fb", "not_in_profile"),
        ("/view/a%2Fb/", "allowed"),
        ("/view/a%2Fdelete", "denied_by_profile"),
        ("/view/a%2FDELETE", "denied_by_profile"),
        ("/view/a/delete%3Fx", "denied_by_profile"),
        ("/view/a%2Fdelete%23", "denied_by_profile"),
        ("/view/a/delete.json", "denied_by_profile"),
        ("/view%2Fa%2Fdelete", "denied_by_profile"),
        ("/VIEW/a/delete", "denied_by_profile"),
        ("/view/Secret/x", "denied_by_profile"),
        ("/view/secret%2Fx", "denied_by_profile"),
        // The end may be where an encoded `?` is.
        ("/log/a/text", "allowed"),
        ("/log/a%2Fdelete%3F/text", "not_in_profile"),
        ("/log/a%23/text", "not_in_profile"),
        ("/job/../manage/", "path_refused"),
        ("/job/%2e%2e/manage", "path_refused"),
        ("/job/a/..%2Fmanage", "path_refused"),
        ("/job//a", "path_refused"),
        ("/job/a;x", "path_refused"),
        ("/job/a%3Bx", "path_refused"),
        ("/job\\a", "path_refused"),
        ("/job/a%5Cb", "path_refused"),
        ("/job/a%252Fb", "path_refused"),
        ("/job/a%00", "path_refused"),
    ] {
        assert_eq!(asked(&policy, "GET", target), expected, "{target}");
    }
}

#[test]
fn what_is_for_a_github_server_alone_is_no_rule_of_a_tool() {
    let unfit = |allow: &[&str], deny: &[&str]| {
        let all = [
            declared("below", &[], allow, deny),
            declared("mine", &["below"], &["GET /x"], &[]),
        ];
        let profiles = Profiles::check(&all).unwrap();
        profiles.tool_policy(["mine"]).unwrap_err()
    };
    for rule in [
        "pulls/list",
        "pulls/*",
        "git:read",
        "graphql:query",
        "*:read",
    ] {
        let why = unfit(&[rule], &[]);
        assert_eq!(why.name(), "mine");
        assert!(why.to_string().contains(&format!("`{rule}`")), "{why}");
    }
    assert!(
        unfit(&[], &["lfs:write"])
            .to_string()
            .contains("`lfs:write`")
    );
    let missing = Profiles::built_in().tool_policy(["jenkins"]).unwrap_err();
    assert_eq!(missing.name(), "jenkins");
}

#[test]
fn what_is_learned_of_a_tool_lets_the_same_through_again() {
    let learned = Learned::new();
    let targets = [
        "/",
        "/users/7",
        "/repos",
        "/job/a%2Fb/",
        "/job/web/lastBuild/api/json",
        "/manage/",
    ];
    for target in targets {
        let read = Asked::read("GET", Site::Tool, target, None).unwrap();
        learned.note(&read, Timestamp::from_millis(0));
    }
    assert_eq!(learned.left_out(), 0);
    let text = render(&"learned".parse().unwrap(), &learned.entries(), 0);
    let profile: toml::Value = toml::from_str(&text).unwrap();
    let allow = profile["profile"][0]["allow"].as_array().unwrap();
    let allow: Vec<&str> = allow.iter().map(|rule| rule.as_str().unwrap()).collect();
    let policy = tool(&allow, &[]);
    for target in targets {
        assert_eq!(asked(&policy, "GET", target), "allowed", "{target}: {text}");
    }
    assert_eq!(asked(&policy, "GET", "/script"), "not_in_profile", "{text}");
}

/// What a server that decodes before it cuts, ends the path at `?`, or does not care for case
/// makes of a path.
fn servings(raw: &str) -> [String; 3] {
    let slashes = raw.replace("%2F", "/").replace("%2f", "/");
    let end = slashes.find(['?', '#']).or_else(|| {
        let lower = slashes.to_ascii_lowercase();
        lower.find("%3f").into_iter().chain(lower.find("%23")).min()
    });
    let cut = slashes.get(..end.unwrap_or(slashes.len())).unwrap();
    [slashes.clone(), cut.to_owned(), raw.to_ascii_lowercase()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// What passes would pass as well in each way that it could be served.
    #[test]
    fn whatever_a_server_makes_of_a_path_is_let_through_too(
        raw in "(/|%2[Ff]){1}((job|view|Delete|delete|secret|a|%61)(/|%2[fF]|%3[fF]|%23|[.]json|;|//|/\\.\\./)?){1,5}",
        deny in select(&["GET /view/{+path}/delete", "GET /job/{name}/secret", "GET /{a}/{b}/delete"][..]),
        allow in select(&["everything", "GET /view/{+path}", "GET /job/{name}/{+path}", "GET /{a}/{b}"][..]),
    ) {
        let policy = tool(&[allow], &[deny]);
        if asked(&policy, "GET", &raw) == "allowed" {
            let lowers = allow == "everything";
            for (index, served) in servings(&raw).iter().enumerate() {
                // Names in other letters are another path to what is allowed, and none to what is
                // denied.
                if index == 2 && !lowers {
                    continue;
                }
                prop_assert_eq!(asked(&policy, "GET", served), "allowed", "{} is served as {}", &raw, served);
            }
        }
    }
}
