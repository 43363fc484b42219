//! A tool that is no server of GitHub's, such as Jenkins: published by rules of method and path,
//! with no paths that are closed to everyone.

use super::{Published, code, url};
use crate::inside::Ghes;
use crate::world::{INTERNAL, PUBLIC, World, world};
use http::Response;

/// Below `/ci/`, beside a GitHub server at the root.
async fn published(world: &World, keys: &str) -> (Ghes, Published) {
    let ghes = Ghes::open(world).await;
    let sections = format!(
        r#"[[publish]]
url = "https://{PUBLIC}/ci/"
to = "https://{INTERNAL}/"
ca = "{}"
from = ["outside"]
service = "other"
{keys}
[[profile]]
name = "jenkins"
allow = ["GET /", "GET /job/{{+path}}", "GET /user/{{name}}", "POST /job/{{name}}/build"]
deny = ["GET /job/{{+path}}/configure", "GET /job/secret/{{+path}}"]
"#,
        world.path("corp-ca.pem").display()
    );
    let published = Published::open(world, "allow = [\"flow\"]", &sections).await;
    (ghes, published)
}

fn plant(ghes: &Ghes, target: &str) {
    let answer = Response::builder().header("content-type", "text/html");
    ghes.plant(target, answer.body(target.as_bytes().to_vec()).unwrap());
}

#[test]
fn pages_that_a_github_server_never_shows_are_any_pages_of_a_tool() {
    world(async |world| {
        let (ghes, published) = published(&world, "allow = \"everything\"").await;
        let asker = published.asker(&world);
        for target in [
            "/manage/",
            "/manage/configure?tab=1",
            "/admin/",
            "/setup/",
            "/stafftools",
            "/api/v3/admin/users",
            "/login",
            "/acme/web.git/info/refs",
            "/job/a%2Fb/",
            "/job/a/lastBuild/api/json?tree=jobs%5Bname%5D",
        ] {
            plant(&ghes, target);
            let answer = asker.get(url(&format!("/ci{target}"))).send();
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200, "{target}");
            assert_eq!(answer.text().await.unwrap(), target);
            // As it was spelled.
            assert_eq!(ghes.seen().pop().unwrap().target, target);
        }
        // The GitHub server beside it is as closed as ever.
        ghes.forget();
        for path in ["/manage/", "/admin/", "/setup/", "/ci%2F..%2Fsetup"] {
            let answer = asker.get(url(path)).send().await.unwrap();
            assert!([400, 403].contains(&answer.status().as_u16()), "{path}");
            code(answer).await;
        }
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
    });
}

#[test]
fn what_no_rule_of_a_tool_allows_does_not_pass_in_any_spelling() {
    world(async |world| {
        let (ghes, published) = published(&world, "allow = [\"jenkins\"]").await;
        let ask = async |method: &str, target: &str| {
            ghes.forget();
            let head = format!(
                "{method} {target} HTTP/1.1\r\nHost: {PUBLIC}\r\nContent-Length: 0\r\n\
                 X-Original-URL: /manage/\r\nX-Rewrite-URL: /manage/\r\nX-HTTP-Method-Override: PUT\r\n\
                 Connection: close\r\n\r\n"
            );
            let heard = published.raw(&world, head.as_bytes()).await;
            String::from_utf8_lossy(&heard).into_owned()
        };
        for (method, target) in [
            ("GET", "/ci"),
            ("GET", "/ci/"),
            ("GET", "/ci/job/a/"),
            ("GET", "/ci/job/a%2Fb/"),
            ("GET", "/ci/job/a/lastBuild/consoleText"),
            ("GET", "/ci/user/mona"),
            ("POST", "/ci/job/a/build"),
        ] {
            let inner = target.strip_prefix("/ci").unwrap();
            let inner = if inner.is_empty() { "/" } else { inner };
            plant(&ghes, inner);
            let heard = ask(method, target).await;
            assert!(heard.starts_with("HTTP/1.1 200"), "{target}: {heard}");
            let seen = ghes.seen().pop().unwrap();
            assert_eq!(
                (seen.target.as_str(), seen.method.as_str()),
                (inner, method)
            );
            for name in ["x-original-url", "x-rewrite-url", "x-http-method-override"] {
                assert_eq!(seen.header(name), None, "{target}");
            }
        }
        for (method, target) in [
            ("GET", "/ci/manage/"),
            ("GET", "/ci/job"),
            ("GET", "/ci/job/../manage/"),
            ("GET", "/ci/job/%2e%2e/manage/"),
            ("GET", "/ci/job/..%2fmanage/"),
            ("GET", "/ci/job/a%2F..%2F..%2Fmanage/"),
            ("GET", "/ci/job/a%252F..%252Fmanage/"),
            ("GET", "/ci/job/..;/manage/"),
            ("GET", "/ci/job/a;/../../manage/"),
            ("GET", "/ci/job/..\\manage/"),
            ("GET", "/ci/job/..%5Cmanage/"),
            ("GET", "/ci/job//manage/"),
            ("GET", "/ci//manage/"),
            ("GET", "/ci/./manage/"),
            ("GET", "/ci/job/a%00/manage"),
            ("GET", "/ci/JOB/a/"),
            ("GET", "/ci%2Fjob/a"),
            ("GET", "/CI/job/a"),
            ("GET", "/ci/job/a/configure"),
            ("GET", "/ci/job/a%2Fconfigure"),
            ("GET", "/ci/job/a/Configure"),
            ("GET", "/ci/job/a/%63onfigure"),
            ("GET", "/ci/job/a/configure/"),
            ("GET", "/ci/job/a/configure%3Fx"),
            ("GET", "/ci/job/a/configure%23"),
            ("GET", "/ci/job/a/configure.json"),
            ("GET", "/ci/job/secret/x"),
            ("GET", "/ci/job/Secret%2Fx"),
            ("GET", "/ci/user/mona%2Fconfigure"),
            ("GET", "/ci/user/mona%3Fx"),
            ("POST", "/ci/job/a%2Fb/build"),
            ("POST", "/ci/job/a/"),
            ("PUT", "/ci/job/a/"),
            ("PROPFIND", "/ci/job/a/"),
            ("get", "/ci/job/a/"),
        ] {
            let heard = ask(method, target).await;
            let refused = heard.is_empty() || heard.starts_with("HTTP/1.1 4");
            assert!(refused, "{method} {target}: {heard}");
            assert_eq!(ghes.seen().len(), 0, "{method} {target}: {:?}", ghes.seen());
        }
    });
}
