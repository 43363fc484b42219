//! Rules: how they are read, what they are about, and how profiles build on each other.

use super::*;

#[test]
fn what_is_no_rule_is_told_with_the_nearest_that_is() {
    let rows = [
        (
            "pulls/lst",
            "`pulls/lst` is no operation of GHES 3.19; did you mean `pulls/list`?",
        ),
        (
            "repos/get-contents",
            "`repos/get-contents` is no operation of GHES 3.19; did you mean `repos/get-content`?",
        ),
        (
            "pull/*",
            "`pull` is no tag of GHES 3.19's operations; did you mean `pulls/*`?",
        ),
        (
            "isues:read",
            "`isues` is no tag of GHES 3.19's operations; did you mean `issues:read`?",
        ),
        (
            "gti:read",
            "`gti` is no tag of GHES 3.19's operations; did you mean `git:read`?",
        ),
        ("pulls", "did you mean `pulls/*`?"),
        ("graphql:querry", "did you mean `graphql:query`?"),
        ("evrything", "did you mean `everything`?"),
        (
            "zzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "is no rule; expected an operation such as `pulls/list`",
        ),
        ("", "is no rule"),
        ("*", "is no rule"),
        ("*:write", "is no tag"),
        (
            "/repos/{owner}/{repo}/pulls",
            "expected a method and a path",
        ),
        (
            "GTE /meta",
            "`GTE` is no method; expected a method and a path, such as `GET /repos/{owner}/{repo}/topics`; did you mean `GET`?",
        ),
        ("get /meta", "did you mean `GET`?"),
        ("GET meta", "expected a path that begins with `/`"),
        (
            "GET /repos/*",
            "`*` is no wildcard in a path: `{name}` stands for one segment, `{+name}` for one or more",
        ),
        ("GET /repos//x", "`` is no segment of a path"),
        ("GET /repos/../x", "`..` is no segment of a path"),
        ("GET /repos/{}", "`{}` is no parameter"),
        ("GET /repos/{owner", "`{owner` is no segment of a path"),
        ("GET /a%2Fb", "`a%2Fb` is no segment of a path"),
        ("GET /a?b", "`a?b` is no segment of a path"),
        (
            "meta:write",
            "no operation of the tag `meta` is meant by `meta:write`",
        ),
    ];
    for (text, expected) in rows {
        let mistakes = Profiles::check(&[declared("mine", &[], &[text], &[])]).unwrap_err();
        let [
            Mistake {
                profile: 0,
                place: Place::Allow(0),
                text: said,
            },
        ] = mistakes.as_slice()
        else {
            panic!("{text}: {mistakes:?}");
        };
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn all_that_is_wrong_with_profiles_is_told_at_once() {
    let mistakes = Profiles::check(&[
        declared("flow", &[], &["pulls/list"], &[]),
        declared(
            "mine",
            &["flwo", "flow"],
            &["pulls/list", "pulls/lst", "heroku"],
            &["everything"],
        ),
        declared("mine", &[], &[], &[]),
        declared("a", &["b"], &[], &[]),
        declared("b", &["flow", "c"], &[], &[]),
        declared("c", &["a"], &[], &[]),
        declared("d", &["a"], &[], &[]),
        declared("e", &["e"], &[], &[]),
    ])
    .unwrap_err();
    let said: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("{} {:?}: {}", mistake.profile, mistake.place, mistake.text))
        .collect();
    let rows = [
        "0 Name: `flow` is the name of another profile",
        "1 Base(0): there is no profile `flwo`; did you mean `flow`?",
        "1 Allow(1): `pulls/lst` is no operation of GHES 3.19; did you mean `pulls/list`?",
        "1 Allow(2): `heroku` is no rule; expected an operation such as `pulls/list`, a tag such as \
         `pulls/*` or `pulls:read`, `METHOD /path`, or a word such as `git:read`; a profile is named in `base`",
        "1 Deny(0): `everything` in `deny` would let nothing through",
        "2 Name: `mine` is the name of another profile",
        "3 Base(0): is based on itself: a → b → c → a",
        "4 Base(1): is based on itself: b → c → a → b",
        "5 Base(0): is based on itself: c → a → b → c",
        "7 Base(0): is based on itself: e → e",
    ];
    assert_eq!(said, rows);
    let unknown = Profiles::built_in().policy(["flow", "heruko"]).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no profile `heruko`; did you mean `heroku`?"
    );
}

#[test]
fn the_built_in_profiles_are_right_as_they_stand() {
    let names: Vec<String> = Profiles::built_in()
        .names()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, BUILTIN.map(|one| one.name));
    for built_in in BUILTIN {
        // Under another name it goes the way of the configuration's own.
        let text = built_in
            .text
            .replace(&format!("\"{}\"", built_in.name), "\"copy\"");
        let value: toml::Table = toml::from_str(&text).unwrap();
        let profile = &value["profile"][0];
        let list = |key: &str| -> Vec<String> {
            let list = profile.get(key).and_then(toml::Value::as_array);
            list.into_iter()
                .flatten()
                .map(|rule| rule.as_str().unwrap().to_owned())
                .collect()
        };
        let copy = Declared {
            name: "copy".parse().unwrap(),
            base: list("base"),
            allow: list("allow"),
            deny: list("deny"),
        };
        assert!(!copy.allow.is_empty());
        let rules: std::collections::BTreeSet<_> = copy.allow.iter().collect();
        assert_eq!(
            rules.len(),
            copy.allow.len(),
            "{}: a rule stands there twice",
            built_in.name
        );
        Profiles::check(&[copy]).unwrap();
        assert!(
            built_in.text.starts_with("# "),
            "{} says where it comes from",
            built_in.name
        );
    }
}

#[test]
fn a_denial_beats_what_any_profile_allows() {
    let profiles = Profiles::check(&[
        declared("base", &[], &["pulls/*"], &["pulls/merge"]),
        declared(
            "more",
            &["base"],
            &["pulls/merge", "issues:read", "git:read"],
            &["issues/get"],
        ),
        declared(
            "other",
            &[],
            &["issues/get", "pulls/merge", "git:write"],
            &["git:read"],
        ),
    ])
    .unwrap();
    let policy = profiles.policy(["more", "other"]).unwrap();
    let rows = [
        ("GET", "/repos/o/r/pulls", "allowed"),
        ("PUT", "/repos/o/r/pulls/1/merge", "denied_by_profile"),
        ("GET", "/repos/o/r/issues", "allowed"),
        ("GET", "/repos/o/r/issues/1", "denied_by_profile"),
        ("POST", "/repos/o/r/issues", "not_in_profile"),
        (
            "GET",
            "ROOT/o/r.git/info/refs?service=git-upload-pack",
            "denied_by_profile",
        ),
        (
            "GET",
            "ROOT/o/r.git/info/refs?service=git-receive-pack",
            "allowed",
        ),
    ];
    for (method, target, expected) in rows {
        assert_eq!(
            decide(&policy, method, target),
            expected,
            "{method} {target}"
        );
    }
    // Where a rule stands is where it is written, not where it was taken over.
    let asked = Asked::read("GET", Site::Main, "/api/v3/repos/o/r/pulls", None).unwrap();
    let decision = policy.decide(&asked, Circumstances::default());
    assert_eq!(
        decision.rule().unwrap().to_string(),
        "`pulls/*` of profile `base`"
    );
    let asked = Asked::read("PUT", Site::Main, "/api/v3/repos/o/r/pulls/1/merge", None).unwrap();
    let decision = policy.decide(&asked, Circumstances::default());
    assert_eq!(
        decision.rule().unwrap().to_string(),
        "`pulls/merge` of profile `base`"
    );
}

const PATHS: &[(&str, &str, &str, &str)] = &[
    (
        "GET /repos/{owner}/{repo}/topics",
        "GET",
        "/repos/o/r/topics",
        "allowed",
    ),
    (
        "GET /api/v3/repos/{owner}/{repo}/topics",
        "GET",
        "/repos/o/r/topics",
        "allowed",
    ),
    (
        "GET /api/v3/repos/{o}/{r}/topics",
        "HEAD",
        "/repositories/42/topics",
        "allowed",
    ),
    (
        "GET /repositories/{id}/topics",
        "GET",
        "/repos/o/r/topics",
        "allowed",
    ),
    (
        "GET /organizations/{id}/repos",
        "GET",
        "/orgs/acme/repos",
        "allowed",
    ),
    (
        "GET /organizations/{id}/custom_roles",
        "GET",
        "/organizations/5/custom_roles",
        "allowed",
    ),
    (
        "GET /repos/{owner}/{repo}/topics",
        "PUT",
        "/repos/o/r/topics",
        "not_in_profile",
    ),
    (
        "GET /repos/{owner}/{repo}/topics",
        "GET",
        "/repos/o/r/tags",
        "not_in_profile",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{id}",
        "GET",
        "/repos/o/r/odd/7",
        "allowed",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{id}",
        "GET",
        "/repositories/42/odd/7",
        "allowed",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{id}",
        "GET",
        "/repos/o/r/odd",
        "unknown_operation",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{id}",
        "GET",
        "/repos/o/r/odd/7/8",
        "unknown_operation",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{id}",
        "GET",
        "/repos/o/r/odd/7%2F8",
        "path_refused",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{+rest}",
        "GET",
        "/repos/o/r/odd/7/8",
        "allowed",
    ),
    (
        "GET /repos/{owner}/{repo}/odd/{+rest}",
        "GET",
        "/repos/o/r/odd/7%2F8",
        "allowed",
    ),
    (
        "GET /repos/acme/{repo}/topics",
        "GET",
        "/repos/acme/r/topics",
        "allowed",
    ),
    (
        "GET /repos/acme/{repo}/topics",
        "GET",
        "/repos/ACME/r/topics",
        "allowed",
    ),
    (
        "GET /repos/acme/{repo}/topics",
        "GET",
        "/repos/other/r/topics",
        "not_in_profile",
    ),
    // Which repository that is, nobody said.
    (
        "GET /repos/acme/{repo}/topics",
        "GET",
        "/repositories/42/topics",
        "not_in_profile",
    ),
    (
        "GET /repos/acme/web/tarball/{+ref}",
        "GET",
        "/repos/acme/web/tarball/main",
        "allowed",
    ),
    (
        "GET /repos/acme/web/tarball/{+ref}",
        "GET",
        "ROOT/codeload/acme/web/legacy.tar.gz/main",
        "allowed",
    ),
    (
        "GET /repos/acme/web/tarball/{+ref}",
        "GET",
        "ROOT/codeload/acme/api/legacy.tar.gz/main",
        "not_in_profile",
    ),
    (
        "GET /repos/acme/web/contents/{file}",
        "GET",
        "ROOT/raw/acme/web/main/app.json",
        "allowed",
    ),
    // A file `app.json`, or one in a directory or of a branch that is not said.
    (
        "GET /repos/acme/web/contents/{file}",
        "GET",
        "ROOT/raw/acme/web/main/x/app.json",
        "not_in_profile",
    ),
    (
        "GET /repos/acme/web/contents/docs/{file}",
        "GET",
        "ROOT/raw/acme/web/feature/docs/secret",
        "not_in_profile",
    ),
    ("GET /orgs/acme/odd", "GET", "/orgs/Acme/odd", "allowed"),
    (
        "GET /orgs/{org}/teams/{team}/odd",
        "GET",
        "/organizations/5/team/6/odd",
        "allowed",
    ),
    (
        "GET /orgs/{org}/teams/core/odd",
        "GET",
        "/organizations/5/team/6/odd",
        "unknown_operation",
    ),
    ("GET /users/{user}/odd", "GET", "/user/7/odd", "allowed"),
    ("GET /", "GET", "/", "allowed"),
    ("GET /", "GET", "", "allowed"),
    (
        "POST /login/oauth/access_token",
        "POST",
        "ROOT/login/oauth/access_token",
        "allowed",
    ),
    (
        "POST /login/oauth/access_token",
        "GET",
        "ROOT/login/oauth/access_token",
        "not_in_profile",
    ),
    (
        "POST /login/oauth/access_token",
        "POST",
        "/login/oauth/access_token",
        "unknown_operation",
    ),
    (
        "GET /codeload/{+rest}",
        "GET",
        "ROOT/codeload/o/r/zip/main",
        "allowed",
    ),
    ("GET /status", "GET", "ROOT/status", "allowed"),
    (
        "GET /repos/{o}/{r}/compare/{base}...{head}",
        "GET",
        "/repos/o/r/compare/a...b",
        "allowed",
    ),
];

#[test]
fn a_rule_for_a_path_is_about_just_that_path() {
    for (rule, method, target, expected) in PATHS.iter().copied() {
        let policy = policy(&[rule], &[]);
        assert_eq!(
            decide(&policy, method, target),
            expected,
            "{rule}: {method} {target}"
        );
    }
    let on_its_own_host = policy(&["GET /npm/{+rest}"], &[]);
    assert_eq!(
        at(&on_its_own_host, Site::Part("npm"), "GET", "/@acme%2Fweb"),
        "allowed"
    );
    assert_eq!(
        at(&on_its_own_host, Site::Part("maven"), "GET", "/x"),
        "not_in_profile"
    );
}

#[test]
fn a_denied_path_is_denied_in_all_its_forms() {
    let deny = [
        "POST /api/v3/repos/{owner}/{repo}/hooks",
        "GET /repos/acme/secret/{+rest}",
        "GET /repos/acme/secret",
        "GET /repos/{owner}/{repo}/contents/private/{+path}",
        "GET /acme/{+page}",
    ];
    let policy = policy(&["everything"], &deny);
    for (method, target) in [
        ("POST", "/repos/o/r/hooks"),
        ("POST", "/repositories/42/hooks"),
        ("POST", "/repos/o/r/Hooks"),
        ("GET", "/repos/acme/secret"),
        ("GET", "/repos/Acme/SECRET/pulls"),
        ("GET", "/repos/acme/secret/odd%2Fx"),
        ("GET", "/repos/acme/secre%74/labels/a%2Fb"),
        // It may be the one.
        ("GET", "/repositories/42/pulls"),
        ("GET", "/repositories/42"),
        ("GET", "/repos/o/r/contents/private/key"),
        ("GET", "/repos/o/r/contents/private%2Fkey"),
        ("GET", "ROOT/raw/o/r/main/private/key"),
        ("GET", "ROOT/raw/o/r/feature/x/private/key"),
        ("GET", "ROOT/raw/o/r/main/private%2Fkey"),
        ("GET", "ROOT/raw/o/r/main/x/Private%2Fkey"),
        ("GET", "ROOT/codeload/acme/secret/zip/main"),
        ("GET", "ROOT/acme/web/blob"),
        ("GET", "ROOT/ACME/web/blob"),
    ] {
        assert_eq!(
            decide(&policy, method, target),
            "denied_by_profile",
            "{method} {target}"
        );
    }
    for (method, target) in [
        ("GET", "/repos/o/r/hooks"),
        ("GET", "/repos/acme/web"),
        ("GET", "/repos/o/r/contents/public/key"),
        ("GET", "ROOT/raw/o/r/main/public/key"),
        ("GET", "ROOT/other/web"),
    ] {
        assert_eq!(
            decide(&policy, method, target),
            "allowed",
            "{method} {target}"
        );
    }
}

#[test]
fn words_are_about_transports_and_tags_about_operations() {
    let git = policy(&["git:read"], &[]);
    assert_eq!(
        decide(&git, "GET", "/repos/o/r/git/ref/heads/main"),
        "not_in_profile"
    );
    assert_eq!(
        decide(&git, "POST", "ROOT/o/r.git/git-upload-pack"),
        "allowed"
    );
    let tag = policy(&["git/*"], &[]);
    assert_eq!(
        decide(&tag, "GET", "/repos/o/r/git/ref/heads/main"),
        "allowed"
    );
    assert_eq!(
        decide(&tag, "POST", "ROOT/o/r.git/git-upload-pack"),
        "not_in_profile"
    );
    let write = policy(&["issues:write"], &[]);
    assert_eq!(decide(&write, "POST", "/repos/o/r/issues"), "allowed");
    assert_eq!(decide(&write, "GET", "/repos/o/r/issues"), "not_in_profile");
    // Twins are one operation to whoever asks.
    for id in [
        "repos/compare-commits",
        "repos/compare-commits-with-basehead",
    ] {
        assert_eq!(
            decide(&policy(&[id], &[]), "GET", "/repos/o/r/compare/a...b"),
            "allowed"
        );
        let denied = policy(&["everything"], &[id]);
        assert_eq!(
            decide(&denied, "GET", "/repos/o/r/compare/a...b"),
            "denied_by_profile"
        );
    }
}

#[test]
fn what_a_body_says_is_waited_for() {
    let decide = |policy: &Policy, path: &str, access: Option<Access>| {
        let asked = Asked::read("POST", Site::Main, path, None).unwrap();
        let asked = match access {
            Some(access) => asked.with_access(access),
            None => asked,
        };
        policy.decide(&asked, Circumstances::default()).code()
    };
    for (path, word, other) in [
        ("/api/graphql", "graphql:query", "graphql:mutation"),
        ("/o/r.git/info/lfs/objects/batch", "lfs:read", "lfs:write"),
    ] {
        let reads = policy(&[word], &[]);
        assert_eq!(decide(&reads, path, Some(Access::Read)), "allowed");
        assert_eq!(decide(&reads, path, Some(Access::Write)), "not_in_profile");
        assert_eq!(decide(&reads, path, None), "not_in_profile");
        let both = policy(&[word, other], &[]);
        assert_eq!(decide(&both, path, None), "allowed");
        let but = policy(&["everything"], &[other]);
        assert_eq!(decide(&but, path, Some(Access::Read)), "allowed");
        assert_eq!(decide(&but, path, Some(Access::Write)), "denied_by_profile");
        assert_eq!(decide(&but, path, None), "denied_by_profile");
    }
}

#[test]
fn an_apps_key_passes_in_a_setup_window_and_at_no_other_time() {
    let asked = |raw| Asked::read("POST", Site::Main, raw, None).unwrap();
    let conversion = asked("/api/v3/app-manifests/abc/conversions");
    let closed = Circumstances { setup_open: false };
    let open = Circumstances { setup_open: true };
    for policy in [
        policy(&["everything"], &[]),
        policy(&["apps/*"], &[]),
        built_in("heroku"),
        Policy::everything(),
    ] {
        assert_eq!(policy.decide(&conversion, closed).code(), "setup_closed");
        assert_eq!(policy.decide(&conversion, open).code(), "allowed");
    }
    let denied = policy(&["apps/*"], &["apps/create-from-manifest"]);
    assert_eq!(denied.decide(&conversion, open).code(), "denied_by_profile");
    // The window opens one door only.
    let other = asked("/api/v3/admin/users");
    assert_eq!(
        Policy::everything().decide(&other, open).code(),
        "never_exposed"
    );
    let other = asked("/api/v3/app-manifests/abc/conversions/more");
    assert_ne!(built_in("flow").decide(&other, open).code(), "allowed");
    let delete = Asked::read(
        "DELETE",
        Site::Main,
        "/api/v3/app-manifests/abc/conversions",
        None,
    )
    .unwrap();
    assert_ne!(built_in("flow").decide(&delete, open).code(), "allowed");
}

#[test]
fn everything_is_all_that_is_not_closed_to_everyone() {
    for policy in [Policy::everything(), policy(&["everything"], &[])] {
        for (method, target, expected) in [
            ("DELETE", "/repos/o/r", "allowed"),
            ("GET", "/nothing/at/all", "allowed"),
            ("GET", "ROOT/acme/web", "allowed"),
            ("PROPFIND", "ROOT/acme", "allowed"),
            ("POST", "ROOT/o/r.git/git-receive-pack", "allowed"),
            ("POST", "ROOT/api/graphql", "allowed"),
            ("GET", "/nothing%2Fat/all", "path_refused"),
            ("GET", "/admin/hooks", "never_exposed"),
            ("GET", "ROOT/setup", "never_exposed"),
            ("GET", "/scim/v2/enterprises/e/Users", "never_exposed"),
            ("GET", "ROOT/o/r.git/info/refs", "protocol_refused"),
        ] {
            assert_eq!(
                decide(&policy, method, target),
                expected,
                "{method} {target}"
            );
        }
    }
    let asked = Asked::read("GET", Site::Main, "/api/v3/meta", None).unwrap();
    let decided = |policy: &Policy| {
        let decision = policy.decide(&asked, Circumstances::default());
        let rule = decision.rule().unwrap();
        let profile = rule.profile().map(ToString::to_string);
        (rule.text().to_owned(), profile, rule.to_string())
    };
    let (text, profile, said) = decided(&Policy::everything());
    assert_eq!((text.as_str(), profile), ("everything", None));
    assert_eq!(said, "`everything` of the route");
    let (text, profile, said) = decided(&policy(&["everything"], &[]));
    assert_eq!(
        (text.as_str(), profile.as_deref()),
        ("everything", Some("test"))
    );
    assert_eq!(said, "`everything` of profile `test`");
    let nothing = policy(&[], &[]);
    assert_eq!(decide(&nothing, "GET", "/meta"), "not_in_profile");
    assert_eq!(decide(&nothing, "OPTIONS", "/meta"), "unknown_operation");
}

#[test]
fn reasons_have_stable_names_of_their_own() {
    let codes: std::collections::BTreeSet<_> =
        Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    assert!(codes.iter().all(|code| {
        code.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }));
}

#[test]
fn a_decision_is_explained() {
    let profiles = Profiles::check(&[declared(
        "flow-plus",
        &["flow"],
        &["pulls/*", "graphql:query", "GET /repos/{owner}/{repo}/odd"],
        &["POST /api/v3/repos/{owner}/{repo}/hooks", "pulls/merge"],
    )])
    .unwrap();
    let policy = profiles.policy(["flow-plus"]).unwrap();
    let mut text = String::new();
    for (method, target) in [
        ("GET", "/repos/acme/web/pulls?state=open"),
        ("GET", "/api/v3/repositories/42/pulls"),
        ("PUT", "/repos/acme/web/pulls/1/merge"),
        ("POST", "/repos/acme/web/hooks"),
        ("GET", "/repos/acme/web/hooks"),
        ("GET", "/repos/acme/web/odd"),
        ("GET", "/"),
        ("GET", "/acme/web.git/info/refs?service=git-receive-pack"),
        ("POST", "/api/graphql"),
        ("GET", "/api/v3/admin/hooks"),
        ("GET", "/api/v3/../admin"),
        ("POST", "/app-manifests/x/conversions"),
    ] {
        for line in explain(
            &policy,
            Site::Main,
            method,
            target,
            Circumstances::default(),
        ) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
    }
    insta::assert_snapshot!("explained", text);
}

#[test]
fn a_profile_is_shown_with_its_words_and_its_operations() {
    let profiles = Profiles::check(&[declared(
        "mine",
        &["git-read-only"],
        &["pulls:read", "enterprise-admin/*"],
        &["pulls/get"],
    )])
    .unwrap();
    let shown = show(&profiles.policy(["mine"]).unwrap());
    let words: Vec<_> = shown
        .iter()
        .filter_map(|passed| match passed {
            Passed::Word(text, profile) => Some(format!("+{text} {profile}")),
            Passed::Denied(text, profile) => Some(format!("-{text} {profile}")),
            Passed::Operation(..) => None,
        })
        .collect();
    assert_eq!(
        words,
        [
            "+git:read git-read-only",
            "+lfs:read git-read-only",
            "-pulls/get mine",
            "-git:write git-read-only",
            "-lfs:write git-read-only"
        ]
    );
    let has = |id: &str| {
        shown
            .iter()
            .any(|passed| matches!(passed, Passed::Operation(operation, _) if operation.id() == id))
    };
    assert!(has("pulls/list") && !has("pulls/get") && !has("pulls/create"));
    assert!(has("enterprise-admin/get-audit-log") && !has("enterprise-admin/list-global-webhooks"));
}
