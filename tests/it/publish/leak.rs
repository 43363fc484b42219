//! What a server may say of the inside, planted in each place that an answer has.

use super::{Published, code, url};
use crate::harness::eventually;
use crate::inside::{Ghes, TOKEN};
use crate::outside::Exchange;
use crate::world::{World, world};
use http::Response;
use reqwest::Method;
use std::sync::atomic::{AtomicUsize, Ordering};

const PATH: &str = "/api/v3/repos/acme/web";
const READS: &str = "allow = [\"read-only\"]";

struct Planted {
    count: AtomicUsize,
    ghes: Ghes,
    published: Published,
    asker: reqwest::Client,
}

impl Planted {
    async fn open(world: &World) -> Self {
        let ghes = Ghes::open(world).await;
        let published = Published::open(world, READS, "").await;
        let asker = published.asker(world);
        Self {
            count: AtomicUsize::new(0),
            ghes,
            published,
            asker,
        }
    }

    /// What comes out where the server answers this.
    async fn passed(&self, path: &str, answer: Response<&str>) -> (reqwest::Response, Exchange) {
        let target = format!("{path}?nth={}", self.count.fetch_add(1, Ordering::SeqCst));
        self.ghes
            .plant(&target, answer.map(|body| body.as_bytes().to_vec()));
        let asked = self.asker.get(url(&target)).bearer_auth(TOKEN);
        let answer = asked.send().await.unwrap();
        let seen = eventually(|| {
            let mut all = self.published.wire.exchanges().into_iter();
            all.find(|one| one.target == target && one.whole)
        });
        (answer, seen.await)
    }
}

fn json(body: &str) -> Response<&str> {
    let answer = Response::builder().header("content-type", "application/json; charset=utf-8");
    answer.body(body).unwrap()
}

#[test]
fn each_way_of_writing_a_url_is_put_into_the_public_name() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        let bodies = [
            r#"{"url":"https://github.corp.internal/api/v3/repos/acme/web"}"#,
            r#"{"url":"https:\/\/github.corp.internal\/api\/v3\/repos\/acme\/web"}"#,
            r#"{"url":"\u0068ttps:\u002f\u002fgithub\u002ecorp.internal\u002Fapi/v3/repos/acme/web"}"#,
            r#"{"url":"https://GitHub.Corp.Internal/api/v3/repos/acme/web"}"#,
            r#"{"url":"https://github.corp.internal:443/api/v3/repos/acme/web"}"#,
            "\n[ { \"url\" : \"https://github.corp.internal/api/v3/repos/acme/web\" } ]",
        ];
        for body in bodies {
            let (_, seen) = planted.passed(PATH, json(body)).await;
            assert_eq!(seen.status, 200);
            let said = seen.json();
            let said = said.get(0).unwrap_or(&said);
            assert_eq!(said["url"], url(PATH), "{body}");
        }
        for (said, right) in [
            ("https://github.corp.internal", "https://ghe.example.com"),
            (
                "https://github.corp.internal?a=1",
                "https://ghe.example.com?a=1",
            ),
            (
                "https://codeload.github.corp.internal/a",
                "https://codeload.ghe.example.com/a",
            ),
            (
                "git@github.corp.internal:acme/web.git",
                "git@ghe.example.com:acme/web.git",
            ),
            (
                "https://github.corp.internal.example.org/a",
                "https://github.corp.internal.example.org/a",
            ),
        ] {
            let (_, seen) = planted
                .passed(PATH, json(&format!("{{\"url\":\"{said}\"}}")))
                .await;
            assert_eq!(seen.json()["url"], right);
        }
    });
}

/// What people wrote is theirs.
#[test]
fn text_within_other_text_and_raw_content_stay_as_they_are() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        let body =
            r#"{"body":"see https://github.corp.internal/acme/web/pull/1 \u2014 ok","n": 1.50 }"#;
        let (_, seen) = planted.passed(PATH, json(body)).await;
        assert_eq!(String::from_utf8_lossy(&seen.body), body);
        for (path, kind) in [
            (
                "/api/v3/repos/acme/web/contents/a",
                "application/vnd.github.raw; charset=utf-8",
            ),
            (
                "/api/v3/repos/acme/web/contents/a",
                "application/vnd.github.raw+json; charset=utf-8",
            ),
            (
                "/api/v3/repos/acme/web/commits/a",
                "application/vnd.github.diff; charset=utf-8",
            ),
            (
                "/api/v3/repos/acme/web/commits/a",
                "application/vnd.github.patch; charset=utf-8",
            ),
        ] {
            let text = r#"{"url":"https://github.corp.internal/acme"}"#;
            let answer = Response::builder()
                .header("content-type", kind)
                .header("etag", "\"1\"");
            let (_, seen) = planted.passed(path, answer.body(text).unwrap()).await;
            assert_eq!(String::from_utf8_lossy(&seen.body), text, "{kind}");
            assert_eq!(seen.headers.one("etag"), Some("\"1\""), "{kind}");
        }
    });
}

#[test]
fn each_header_that_leads_on_leads_to_the_public_name() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        let there = "https://github.corp.internal/api/v3/repositories/1?page=2";
        let here = url("/api/v3/repositories/1?page=2");
        for (status, name, said, right) in [
            (301, "location", there.to_owned(), here.clone()),
            (
                302,
                "location",
                "https://codeload.github.corp.internal/a/b".to_owned(),
                "https://codeload.ghe.example.com/a/b".to_owned(),
            ),
            (
                307,
                "location",
                "//github.corp.internal/api/v3/repositories/1".to_owned(),
                url("/api/v3/repositories/1"),
            ),
            (
                302,
                "location",
                "/api/v3/repositories/1".to_owned(),
                "/api/v3/repositories/1".to_owned(),
            ),
            (200, "content-location", there.to_owned(), here.clone()),
            (
                200,
                "refresh",
                format!("5; url={there}"),
                format!("5; url={here}"),
            ),
            (
                200,
                "link",
                format!("<{there}>; rel=\"next\", <{there}>; rel=\"last\""),
                format!("<{here}>; rel=\"next\", <{here}>; rel=\"last\""),
            ),
        ] {
            let answer = Response::builder()
                .status(status)
                .header(name, &said)
                .body("")
                .unwrap();
            let (_, seen) = planted.passed(PATH, answer).await;
            assert_eq!(
                (seen.status, seen.headers.one(name)),
                (status, Some(&*right)),
                "{said}"
            );
        }
        planted.published.nothing_leaked();
    });
}

#[test]
fn a_redirect_out_of_the_map_is_refused_and_told_to_the_operator() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        for place in [
            "https://jira.corp.internal/browse/X-1",
            "http://169.254.169.254/latest/meta-data",
            "https://github.corp.internal:8443/setup",
            "https://github.corp.internal@evil.example/",
        ] {
            let answer = Response::builder()
                .status(302)
                .header("location", place)
                .body("")
                .unwrap();
            let (answer, seen) = planted.passed(PATH, answer).await;
            assert_eq!(seen.status, 502, "{place}");
            assert!(seen.headers.one("location").is_none());
            let code = code(answer).await;
            planted
                .published
                .audited(|record| record["status"] == 502 && record["reason"] == *code)
                .await;
        }
        planted.published.nothing_leaked();
    });
}

#[test]
fn neither_cookies_nor_pages_of_the_inside_come_out() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        let answer = Response::builder()
            .header("content-type", "application/json")
            .header(
                "set-cookie",
                "user_session=abc; domain=github.corp.internal",
            )
            .header("set-cookie", "logged_in=yes; domain=.corp.internal")
            .header("strict-transport-security", "max-age=31536000")
            .header(
                "content-security-policy",
                "default-src 'none'; connect-src github.corp.internal",
            )
            .header("x-served-by", "github.corp.internal")
            .header("via", "1.1 github.corp.internal")
            .body("{}");
        let (_, seen) = planted.passed(PATH, answer.unwrap()).await;
        assert_eq!(seen.headers.one("set-cookie"), None);
        // A page that a server shows when it is ill.
        let page = "<html><a href=\"https://github.corp.internal/status\">github.corp.internal</a>";
        let answer = Response::builder()
            .status(503)
            .header("content-type", "text/html");
        let (answer, seen) = planted.passed(PATH, answer.body(page).unwrap()).await;
        assert_eq!(seen.status, 502);
        assert_eq!(code(answer).await, "answer_held_back");
        planted.published.nothing_leaked();
    });
}

#[test]
fn what_a_caller_says_of_the_public_name_is_said_inside_of_the_internal_one() {
    world(async |world| {
        let planted = Planted::open(&world).await;
        planted
            .ghes
            .plant(PATH, json("{}").map(|body| body.as_bytes().to_vec()));
        let answer = planted
            .asker
            .request(Method::GET, url(PATH))
            .bearer_auth(TOKEN)
            .header("origin", "https://ghe.example.com")
            .header("referer", "https://ghe.example.com/acme/web")
            .header("cookie", "user_session=abc")
            .header("x-forwarded-for", "10.9.9.9")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("forwarded", "for=10.9.9.9;host=evil.example")
            .header("connection", "keep-alive, x-hop")
            .header("x-hop", "1")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let seen = planted.ghes.seen().pop().unwrap();
        assert_eq!(seen.header("host"), Some("github.corp.internal"));
        assert_eq!(seen.header("origin"), Some("https://github.corp.internal"));
        assert_eq!(
            seen.header("referer"),
            Some("https://github.corp.internal/acme/web")
        );
        assert_eq!(seen.header("x-forwarded-host"), Some("ghe.example.com"));
        assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
        assert!(
            seen.header("x-forwarded-for")
                .is_some_and(|who| who.starts_with("198.51.100.") && !who.contains(',')),
            "{seen:?}"
        );
        for name in ["cookie", "x-hop", "forwarded"] {
            assert_eq!(seen.header(name), None, "{name}");
        }
        assert_eq!(
            seen.header("authorization"),
            Some(&*format!("Bearer {TOKEN}"))
        );
    });
}
