//! Every operation and every built-in profile.

use super::*;
use std::fmt::Write as _;

/// A path that asks for the operation.
fn plain(operation: Operation) -> String {
    operation
        .pattern()
        .replace(['{', '}'], "")
        .replace("/account_id", "/7")
}

/// The other paths that ask for it.
fn aliases(plain: &str) -> Vec<String> {
    let mut aliases = Vec::new();
    for (names, ids) in [
        ("/repos/owner/repo", "/repositories/42"),
        ("/orgs/org/teams/team_slug", "/organizations/42/team/7"),
        ("/orgs/org", "/organizations/42"),
        ("/users/username", "/user/42"),
    ] {
        if let Some(rest) = plain.strip_prefix(names) {
            aliases.push(format!("{ids}{rest}"));
        }
    }
    aliases
}

const LETTERS: [(&str, char); 8] = [
    ("flow", 'F'),
    ("heroku", 'H'),
    ("gitkraken-jira", 'K'),
    ("atlassian-jira", 'J'),
    ("analytics-read-only", 'A'),
    ("ci-status", 'C'),
    ("git-read-only", 'G'),
    ("read-only", 'R'),
];

fn policies() -> Vec<(Policy, char)> {
    assert_eq!(BUILTIN.map(|one| one.name), LETTERS.map(|(name, _)| name));
    LETTERS
        .map(|(name, letter)| (built_in(name), letter))
        .into()
}

/// One letter for each profile that lets it through; the one reason of all others.
fn row(policies: &[(Policy, char)], decide: impl Fn(&Policy) -> &'static str) -> String {
    let mut letters = String::new();
    let mut reasons = Vec::new();
    for (policy, letter) in policies {
        match decide(policy) {
            "allowed" => letters.push(*letter),
            reason => {
                letters.push('.');
                reasons.push(reason);
            }
        }
    }
    reasons.dedup();
    reasons.retain(|reason| *reason != "not_in_profile");
    format!("{letters} {}", reasons.join(","))
}

#[test]
fn every_operation_has_its_decision_in_every_built_in_profile() {
    let policies = policies();
    let mut text = String::from(
        "F flow, H heroku, K gitkraken-jira, J atlassian-jira, A analytics-read-only, C ci-status,\n\
         G git-read-only, R read-only; a administration, s secrets\n\n",
    );
    for operation in Operation::all() {
        let method = operation.verb().as_str();
        let plain = plain(operation);
        let spelled = row(&policies, |policy| decide(policy, method, &plain));
        for alias in aliases(&plain) {
            let aliased = row(&policies, |policy| decide(policy, method, &alias));
            assert_eq!(spelled, aliased, "{method} {alias}");
        }
        let own_host = row(&policies, |policy| at(policy, Site::Api, method, &plain));
        assert_eq!(spelled, own_host, "{method} {plain} at the API's own host");
        if method == "GET" {
            let head = row(&policies, |policy| decide(policy, "HEAD", &plain));
            assert_eq!(spelled, head, "HEAD {plain}");
        }
        let admin = if operation.is_admin() { 'a' } else { '.' };
        let secret = if operation.is_secret() { 's' } else { '.' };
        let pattern = operation.pattern();
        let id = operation.id();
        let line = format!("{spelled} {admin}{secret} {method} {pattern} {id}");
        let line: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        writeln!(text, "{}", line.join(" ")).unwrap();
    }
    insta::assert_snapshot!("operations", text);
}

#[test]
fn everything_else_has_its_decision_too() {
    let policies = policies();
    let mut text = String::new();
    for (method, target) in [
        ("GET", "/acme/web.git/info/refs?service=git-upload-pack"),
        ("POST", "/acme/web.git/git-upload-pack"),
        ("GET", "/acme/web.git/info/refs?service=git-receive-pack"),
        ("POST", "/acme/web.git/git-receive-pack"),
        ("GET", "/acme/web.git/info/refs"),
        ("GET", "/acme/web.git/objects/info/packs"),
        ("POST", "/acme/web.git/info/lfs/objects/batch"),
        ("GET", "/acme/web.git/info/lfs/objects/abc"),
        ("PUT", "/acme/web.git/info/lfs/objects/abc"),
        ("GET", "/acme/web.git/info/lfs/locks"),
        ("POST", "/acme/web.git/info/lfs/locks/verify"),
        ("GET", "/storage/lfs/1/objects/abc"),
        ("PUT", "/storage/lfs/1/objects/abc"),
        ("POST", "/gist/abc.git/git-upload-pack"),
        ("POST", "/api/graphql"),
        ("GET", "/api/graphql"),
        ("POST", "/login/oauth/access_token"),
        ("GET", "/login/oauth/access_token"),
        ("POST", "/login/device/code"),
        ("GET", "/login/oauth/authorize"),
        ("POST", "/settings/apps/new"),
        ("GET", "/api/v3/repos/o/r/git/refs/heads/main"),
        ("GET", "/api/v3/repositories/42/git/refs/heads/feature%2Fx"),
        ("GET", "/api/v3/repos/o/r/git/refs/tags/v1"),
        ("PATCH", "/api/v3/repos/o/r/git/refs/heads/main"),
        ("GET", "/codeload/acme/web/legacy.tar.gz/main"),
        ("GET", "/codeload/acme/web/legacy.zip/main"),
        ("GET", "/acme/web/archive/main.tar.gz"),
        ("GET", "/raw/acme/web/main/README.md"),
        ("GET", "/acme/web/releases/download/v1/x.zip"),
        ("POST", "/api/uploads/repos/acme/web/releases/1/assets"),
        ("GET", "/acme/web"),
        ("GET", "/"),
        ("GET", "/status"),
        ("GET", "/api/v3/nothing"),
        ("OPTIONS", "/api/v3/user"),
        ("POST", "/api/v3/user"),
        ("GET", "/setup/settings"),
        ("GET", "/_services/x"),
    ] {
        let wants = Asked::read(method, Site::Main, target, None)
            .ok()
            .and_then(|asked| asked.wants());
        let Some(wanted) = wants else {
            let spelled = row(&policies, |policy| at(policy, Site::Main, method, target));
            writeln!(text, "{} {method} {target}", spelled.trim_end()).unwrap();
            continue;
        };
        for access in [Access::Read, Access::Write] {
            let asked = Asked::read(method, Site::Main, target, None)
                .unwrap()
                .with_access(access);
            let spelled = row(&policies, |policy| {
                policy.decide(&asked, Circumstances::default()).code()
            });
            let access = access.as_str();
            writeln!(
                text,
                "{} {method} {target} {wanted:?} {access}",
                spelled.trim_end()
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!("transports", text);
}

#[test]
fn a_profile_for_reading_reads() {
    for name in [
        "read-only",
        "git-read-only",
        "flow",
        "analytics-read-only",
        "gitkraken-jira",
        "atlassian-jira",
    ] {
        let policy = built_in(name);
        for operation in Operation::all().filter(|operation| operation.access() == Access::Write) {
            if policy.operation(operation).is_some() {
                // An App has to fetch its own tokens.
                let token = "apps/create-installation-access-token";
                assert_eq!(
                    (operation.id(), name != "read-only"),
                    (token, true),
                    "{name}"
                );
            }
        }
        assert_ne!(
            at(
                &policy,
                Site::Main,
                "POST",
                "/acme/web.git/git-receive-pack"
            ),
            "allowed"
        );
    }
    let policy = built_in("read-only");
    let read = Operation::all().filter(|operation| policy.operation(*operation).is_some());
    let read: Vec<_> = read.collect();
    assert!(
        read.iter()
            .all(|one| one.verb() == Verb::Get && !one.is_admin() && !one.is_secret())
    );
    let left_out =
        Operation::all().filter(|one| one.access() == Access::Read && !read.contains(one));
    assert!(
        left_out
            .clone()
            .all(|one| one.is_admin() || one.is_secret())
    );
    assert_eq!(read.len() + left_out.count(), 537);
}
