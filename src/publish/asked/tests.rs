//! Tests of what a request asks for.

use super::*;

fn read(method: &str, raw: &str) -> Result<Asked, Refusal> {
    at(Site::Main, method, raw)
}

fn at(site: Site<'_>, method: &str, raw: &str) -> Result<Asked, Refusal> {
    match raw.split_once('?') {
        Some((path, query)) => Asked::read(method, site, path, Some(query)),
        None => Asked::read(method, site, raw, None),
    }
}

fn repository(asked: &Asked) -> String {
    match asked.subject() {
        Subject::Repository { owner, name } => format!("{owner}/{name}"),
        other @ (Subject::RepositoryId(_)
        | Subject::Organization(_)
        | Subject::OrganizationId(_)
        | Subject::Account(_)
        | Subject::AccountId(_)
        | Subject::Gist(_)
        | Subject::Unsaid) => format!("{other:?}"),
    }
}

const GIT: &[(&str, &str, &str, &str)] = &[
    (
        "GET",
        "/acme/web.git/info/refs?service=git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "GET",
        "/acme/web/info/refs?service=git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "GET",
        "/acme/web.git/info/refs/?service=git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "HEAD",
        "/acme/web.git/info/refs?service=git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-receive-pack",
        "git:write",
        "acme/web",
    ),
    (
        "POST",
        "/acme/web.git/git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "POST",
        "/acme/web/git-receive-pack",
        "git:write",
        "acme/web",
    ),
    (
        "POST",
        "/acme/%77eb.git/git-receive-pack",
        "git:write",
        "acme/web",
    ),
    (
        "POST",
        "/acme/web.git/git%2Dreceive%2Dpack",
        "git:write",
        "acme/web",
    ),
    (
        "POST",
        "/acme/web.wiki.git/git-upload-pack",
        "git:read",
        "acme/web",
    ),
    (
        "GET",
        "/acme/web.wiki/info/refs?service=git-receive-pack",
        "git:write",
        "acme/web",
    ),
    (
        "POST",
        "/Acme/Web.js.git/git-upload-pack",
        "git:read",
        "Acme/Web.js",
    ),
    (
        "POST",
        "/gist/abc123.git/git-upload-pack",
        "git:read",
        "Gist(\"abc123\")",
    ),
    (
        "POST",
        "/gist/octocat/abc123.git/git-receive-pack",
        "git:write",
        "Gist(\"abc123\")",
    ),
    (
        "GET",
        "/gist/abc123/info/refs?service=git-upload-pack",
        "git:read",
        "Gist(\"abc123\")",
    ),
];

#[test]
fn git_is_told_apart_by_what_it_asks_for() {
    for (method, raw, name, subject) in GIT.iter().copied() {
        let asked = read(method, raw).unwrap();
        assert_eq!(
            (asked.name(), repository(&asked).as_str()),
            (name, subject),
            "{method} {raw}"
        );
    }
    let asked = at(Site::Part("gist"), "POST", "/abc123.git/git-upload-pack").unwrap();
    assert_eq!(
        (asked.name(), repository(&asked).as_str()),
        ("git:read", "Gist(\"abc123\")")
    );
}

const NO_GIT: &[(&str, &str, Refusal)] = &[
    ("GET", "/acme/web.git/info/refs", Refusal::GitService),
    ("GET", "/acme/web.git/info/refs?", Refusal::GitService),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-upload-archive",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-upload-pack&service=git-receive-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-receive-pack&service=git-upload-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-upload-pack&x=1",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git-upload-pack;service=git-receive-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service=git%2Dreceive-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?%73ervice=git-receive-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?service[]=git-receive-pack",
        Refusal::GitService,
    ),
    (
        "GET",
        "/acme/web.git/info/refs?Service=git-upload-pack",
        Refusal::GitService,
    ),
    (
        "POST",
        "/acme/web.git/info/refs?service=git-upload-pack",
        Refusal::GitProtocol,
    ),
    (
        "OPTIONS",
        "/acme/web.git/info/refs?service=git-upload-pack",
        Refusal::GitProtocol,
    ),
    ("GET", "/acme/web.git/git-upload-pack", Refusal::GitProtocol),
    (
        "PUT",
        "/acme/web.git/git-receive-pack",
        Refusal::GitProtocol,
    ),
    (
        "POST",
        "/acme/web.git/git-upload-archive",
        Refusal::GitProtocol,
    ),
    ("GET", "/acme/web.git/HEAD", Refusal::GitProtocol),
    (
        "GET",
        "/acme/web.git/objects/info/packs",
        Refusal::GitProtocol,
    ),
    ("GET", "/acme/web.git/objects/ab/cdef", Refusal::GitProtocol),
    (
        "POST",
        "/ac%20me/web.git/git-upload-pack",
        Refusal::GitRepository,
    ),
    ("POST", "/acme/.git/git-upload-pack", Refusal::GitRepository),
    (
        "POST",
        "/acme/we~b.git/git-upload-pack",
        Refusal::GitRepository,
    ),
    ("POST", "/acme/web.git/Git-Receive-Pack", Refusal::Ambiguous),
    (
        "GET",
        "/acme/web.git/INFO/refs?service=git-upload-pack",
        Refusal::Ambiguous,
    ),
    (
        "POST",
        "/acme%2Fweb.git/git-receive-pack",
        Refusal::Ambiguous,
    ),
    (
        "POST",
        "/acme/web.git%2Fgit-receive-pack",
        Refusal::Ambiguous,
    ),
    (
        "POST",
        "/acme/web.git/git-receive-pack%3Fx",
        Refusal::Ambiguous,
    ),
    (
        "POST",
        "/acme/web.git/git-receive-pack;x",
        Refusal::Path(Fault::Semicolon),
    ),
    (
        "POST",
        "/acme/x/../web.git/git-receive-pack",
        Refusal::Path(Fault::Dots),
    ),
    (
        "POST",
        "/acme//web.git/git-receive-pack",
        Refusal::Path(Fault::Empty),
    ),
    (
        "GET",
        "/Gist/abc/info/refs?service=git-upload-pack",
        Refusal::Ambiguous,
    ),
];

#[test]
fn git_that_is_not_smart_http_is_refused() {
    for (method, raw, expected) in NO_GIT.iter().copied() {
        assert_eq!(
            read(method, raw).map(|asked| asked.what()),
            Err(expected),
            "{method} {raw}"
        );
    }
    // A directory of that name in a page of the repository is no git.
    assert_eq!(
        read("GET", "/acme/web/objects/x").unwrap().what(),
        What::Other
    );
}

#[test]
fn lfs_reads_and_writes_are_told_apart() {
    let rows = [
        ("POST", "/acme/web.git/info/lfs/objects/batch", "lfs"),
        ("POST", "/acme/web/info/lfs/objects/batch", "lfs"),
        ("GET", "/acme/web.git/info/lfs/objects/abc", "lfs:read"),
        (
            "GET",
            "/acme/web.git/info/lfs/objects/storage/abc?jwt=x",
            "lfs:read",
        ),
        (
            "PUT",
            "/acme/web.git/info/lfs/objects/storage/abc",
            "lfs:write",
        ),
        (
            "POST",
            "/acme/web.git/info/lfs/objects/storage/verify",
            "lfs:write",
        ),
        ("PUT", "/acme/web.git/info/lfs/objects/abc", "lfs:write"),
        (
            "POST",
            "/acme/web.git/info/lfs/objects/abc/verify",
            "lfs:write",
        ),
        ("POST", "/acme/web.git/info/lfs/verify", "lfs:write"),
        ("POST", "/acme/web.git/info/lfs/objects", "lfs:write"),
        ("GET", "/acme/web.git/info/lfs/locks", "lfs:read"),
        ("POST", "/acme/web.git/info/lfs/locks", "lfs:write"),
        ("POST", "/acme/web.git/info/lfs/locks/verify", "lfs:write"),
        ("POST", "/acme/web.git/info/lfs/locks/7/unlock", "lfs:write"),
    ];
    for (method, raw, name) in rows {
        let asked = read(method, raw).unwrap();
        assert_eq!(
            (asked.name(), repository(&asked).as_str()),
            (name, "acme/web"),
            "{method} {raw}"
        );
    }
    for (method, raw) in [
        ("GET", "/acme/web.git/info/lfs/objects/batch"),
        ("DELETE", "/acme/web.git/info/lfs/objects/abc"),
        ("POST", "/acme/web.git/info/lfs/objects/storage/abc"),
        ("GET", "/acme/web.git/info/lfs/objects/a/b/c"),
        ("GET", "/acme/web.git/info/lfs/anything"),
        ("GET", "/acme/web.git/info/lfs"),
        ("POST", "/acme/web.git/info/lfs/locks/7/8/unlock"),
        ("OPTIONS", "/acme/web.git/info/lfs/locks"),
    ] {
        let refused = read(method, raw).map(|asked| asked.what());
        assert_eq!(refused, Err(Refusal::Lfs), "{method} {raw}");
    }
    assert_eq!(
        read("GET", "/storage/lfs/1/objects/abc").unwrap().name(),
        "lfs:read"
    );
    assert_eq!(
        read("PUT", "/storage/lfs/1/objects/abc").unwrap().name(),
        "lfs:write"
    );
    let asked = at(Site::Part("media"), "GET", "/lfs/1/objects/abc").unwrap();
    assert_eq!(asked.name(), "lfs:read");
}

#[test]
fn a_batch_says_in_its_body_whether_it_reads() {
    let asked = read("POST", "/acme/web.git/info/lfs/objects/batch").unwrap();
    assert_eq!(asked.wants(), Some(Wanted::LfsBatch));
    let rows: [(&str, Option<Access>); 9] = [
        (
            r#"{"operation":"download","objects":[]}"#,
            Some(Access::Read),
        ),
        (
            r#"{"objects":[{"oid":"a","size":1}],"operation":"upl\u006fad"}"#,
            Some(Access::Write),
        ),
        (r#"{"operation":"download","operation":"upload"}"#, None),
        (r#"{"operation":"Download"}"#, None),
        (r#"{"operation":"verify"}"#, None),
        (r#"{"operation":["download"]}"#, None),
        (r#"{"objects":[]}"#, None),
        (r#"{"operation":"download"} {"operation":"upload"}"#, None),
        ("", None),
    ];
    for (body, expected) in rows {
        assert_eq!(batch(body.as_bytes()).ok(), expected, "{body}");
    }
    let asked = asked.with_access(Access::Write);
    assert_eq!(
        (asked.what(), asked.wants()),
        (What::Lfs(Some(Access::Write)), None)
    );
    // What was never in doubt stays as it was read.
    let push = read("POST", "/acme/web.git/git-receive-pack").unwrap();
    assert_eq!(
        push.with_access(Access::Read).what(),
        What::Git(Access::Write)
    );
}

const ROOTS: &[(Site<'_>, &str, &str, &str)] = &[
    (
        Site::Main,
        "GET",
        "/api/v3/repos/acme/web/pulls",
        "pulls/list",
    ),
    (
        Site::Main,
        "HEAD",
        "/api/v3/repos/acme/web/pulls",
        "pulls/list",
    ),
    (Site::Main, "GET", "/api/v3", "meta/root"),
    (Site::Main, "GET", "/api/v3/", "meta/root"),
    (Site::Api, "GET", "/", "meta/root"),
    (Site::Api, "GET", "/repos/acme/web/pulls", "pulls/list"),
    (Site::Main, "POST", "/api/graphql", "graphql"),
    (Site::Main, "POST", "/api/v3/graphql", "graphql"),
    (Site::Api, "POST", "/graphql", "graphql"),
    (
        Site::Main,
        "POST",
        "/api/uploads/repos/acme/web/releases/1/assets?name=x",
        "repos/upload-release-asset",
    ),
    (
        Site::Part("uploads"),
        "POST",
        "/repos/acme/web/releases/1/assets?name=x",
        "repos/upload-release-asset",
    ),
    (
        Site::Main,
        "GET",
        "/api/uploads/repos/acme/web/pulls",
        "other",
    ),
    (
        Site::Main,
        "POST",
        "/api/uploads/repos/acme/web/issues",
        "other",
    ),
    (
        Site::Main,
        "GET",
        "/api/v3/repos/acme/web/nothing",
        "unknown",
    ),
    (Site::Main, "OPTIONS", "/api/v3/user", "unknown"),
    (Site::Main, "GET", "/repos/acme/web/pulls", "other"),
    (Site::Main, "GET", "/api/v4/user", "other"),
    (Site::Main, "GET", "/api", "other"),
];

#[test]
fn the_api_is_found_at_each_of_its_roots() {
    for (site, method, raw, name) in ROOTS.iter().copied() {
        assert_eq!(
            at(site, method, raw).unwrap().name(),
            name,
            "{site:?} {method} {raw}"
        );
    }
    for (site, method, raw, expected) in [
        (Site::Main, "GET", "/API/v3/user", Refusal::Ambiguous),
        (Site::Main, "GET", "/api/V3/user", Refusal::Ambiguous),
        (Site::Main, "GET", "/api%2Fv3/user", Refusal::Ambiguous),
        (Site::Main, "POST", "/api/GraphQL", Refusal::Ambiguous),
        (Site::Api, "POST", "/GraphQL", Refusal::Ambiguous),
        (Site::Main, "POST", "/api/graphql.json", Refusal::Ambiguous),
        (
            Site::Main,
            "POST",
            "/login/oauth/access_token.json",
            Refusal::Ambiguous,
        ),
        (
            Site::Main,
            "POST",
            "/acme/web.git/git-receive-pack.json",
            Refusal::Ambiguous,
        ),
        (
            Site::Main,
            "GET",
            "/api/graphql?query={viewer{login}}",
            Refusal::GraphqlMethod,
        ),
        (
            Site::Main,
            "POST",
            "/api/Uploads/repos/acme/web/releases/1/assets",
            Refusal::Ambiguous,
        ),
    ] {
        let refused = at(site, method, raw).map(|asked| asked.what());
        assert_eq!(refused, Err(expected), "{site:?} {method} {raw}");
    }
}

#[test]
fn where_a_redirect_leads_is_the_operation_that_led_there() {
    let tar = "repos/download-tarball-archive";
    let zip = "repos/download-zipball-archive";
    let file = "repos/get-content";
    let asset = "repos/get-release-asset";
    let rows = [
        (
            Site::Main,
            "/codeload/acme/web/legacy.tar.gz/refs/heads/main?token=x",
            tar,
            "acme/web",
        ),
        (
            Site::Part("codeload"),
            "/acme/web/legacy.zip/feature%2Fx",
            zip,
            "acme/web",
        ),
        (
            Site::Part("codeload"),
            "/acme/web/tar.gz/v1",
            tar,
            "acme/web",
        ),
        (
            Site::Main,
            "/acme/web/archive/refs/tags/v1.zip",
            zip,
            "acme/web",
        ),
        (Site::Main, "/acme/web/archive/v1.tar.gz", tar, "acme/web"),
        (Site::Main, "/acme/web/tarball/main", tar, "acme/web"),
        (Site::Main, "/acme/web/zipball/main", zip, "acme/web"),
        (
            Site::Main,
            "/raw/acme/web/main/src/a.rs?token=x",
            file,
            "acme/web",
        ),
        (
            Site::Part("raw"),
            "/acme/web/main/README.md",
            file,
            "acme/web",
        ),
        (
            Site::Part("media"),
            "/acme/web/main/big.bin",
            file,
            "acme/web",
        ),
        (Site::Main, "/acme/web/raw/main/README.md", file, "acme/web"),
        (
            Site::Main,
            "/acme/web/releases/download/v1/web.tar.gz",
            asset,
            "acme/web",
        ),
        (
            Site::Part("media"),
            "/releases/1/files/2?token=x",
            asset,
            "Unsaid",
        ),
        (Site::Main, "/storage/releases/1/files/2", asset, "Unsaid"),
    ];
    for (site, raw, id, subject) in rows {
        let asked = at(site, "GET", raw).unwrap();
        assert_eq!(
            (asked.name(), repository(&asked).as_str()),
            (id, subject),
            "{site:?} {raw}"
        );
        let posted = at(site, "POST", raw).unwrap();
        assert_eq!(posted.what(), What::Other, "{site:?} POST {raw}");
    }
    for raw in [
        "/codeload/acme/web/exe/main",
        "/acme/web/archive/main",
        "/acme/web/blob/main/README.md",
        "/storage/user/1/files/x",
        "/settings/x/raw/a/b",
    ] {
        assert_eq!(read("GET", raw).unwrap().what(), What::Other, "{raw}");
    }
    assert_eq!(
        at(Site::Part("codeload"), "GET", "/ac%2Fme/web/zip/x").map(|asked| asked.what()),
        Err(Refusal::GitRepository)
    );
}

#[test]
fn tokens_and_pages_are_known() {
    let rows = [
        ("/login/oauth/access_token", "oauth"),
        ("/login/device/code", "oauth"),
        ("/login/oauth/authorize?client_id=x", "page"),
        ("/login", "page"),
        ("/login/device", "page"),
        ("/session", "page"),
        ("/settings/apps/new", "page"),
        ("/settings/installations/3", "page"),
        ("/organizations/acme/settings/apps/new?state=x", "page"),
        ("/organizations/acme/settings/installations/3", "page"),
        ("/github-apps/jira/installations/new", "page"),
        ("/apps/jira", "page"),
        ("/settings/keys", "other"),
        ("/organizations/acme/settings/profile", "other"),
        ("/acme/web", "other"),
        ("/acme", "other"),
        ("/", "other"),
    ];
    for (raw, name) in rows {
        let asked = read("GET", raw).unwrap();
        assert_eq!(
            (asked.name(), asked.is_page()),
            (name, name == "page"),
            "{raw}"
        );
    }
    // A name outside is no reason to open the console.
    assert!(!read("GET", "/setup/apps").unwrap().is_page());
}

#[test]
fn a_package_registry_may_have_scopes_in_its_paths() {
    let asked = at(Site::Part("npm"), "GET", "/@acme%2Fweb").unwrap();
    assert_eq!(
        (asked.what(), asked.path().text()),
        (What::Other, "npm/@acme/web")
    );
}

#[test]
fn a_site_is_known_by_its_host() {
    let main = "github.corp.internal";
    let rows = [
        ("github.corp.internal", Site::Main),
        ("GitHub.corp.internal", Site::Main),
        ("api.github.corp.internal", Site::Api),
        ("codeload.github.corp.internal", Site::Part("codeload")),
        ("elsewhere.corp.internal", Site::Part("elsewhere")),
    ];
    for (host, expected) in rows {
        assert_eq!(Site::of(main, host), expected, "{host}");
    }
}

#[test]
fn an_archive_is_one_however_its_path_is_spelled() {
    let read = |path| Asked::read("GET", Site::Main, path, None);
    let tarball = Operation::named("repos/download-tarball-archive");
    for path in [
        "/codeload/acme/web/legacy.tar.gz/main",
        "/codeload/acme/web/Legacy.Tar.GZ/main",
        "/acme/web/archive/main.TAR.gz",
    ] {
        assert_eq!(read(path).unwrap().operation(), tarball, "{path}");
    }
    let joined = read("/codeload/acme%2fweb/legacy.tar.gz/feature/x");
    assert_eq!(joined.unwrap_err(), Refusal::Ambiguous);
}
