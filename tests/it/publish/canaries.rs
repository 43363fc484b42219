//! Nothing that a caller or a service means for the other alone stays behind in what the gate
//! writes: logs at the most talkative level, audit, metrics, what its commands say.

use super::{Published, url};
use crate::inside::{Ghes, TOKEN};
use crate::world::world;
use base64::Engine as _;
use http::Response;

const PASSWORD: &str = "canary-password-4e1d9b7a";
const HEADER: &str = "canary-header-90ab51de";
const COOKIE: &str = "canary-cookie-2b6f00c3";
const SESSION: &str = "canary-session-77e4a1c9";
const QUERY: &str = "canary-query-c81f35d0";
const FORM: &str = "canary-form-5a90e7b2";
const CODE: &str = "canary-code-1d3e8f64";
const KEY: &str = "canary-private-key-e06b2c91";
const SIGNED: &str = "canary-signed-3fd27a08";
const TEXT: &str = "canary-text-b9470e1f";

fn spellings(canary: &str) -> Vec<Vec<u8>> {
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = canary.bytes().map(|byte| byte.to_string()).collect();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    // Behind a name and a colon, as `Basic` has it, at each of the places where it may begin.
    let packed = (0..3).map(|at| {
        let whole = engine.encode(format!("{}{canary}", &"xx"[..at]));
        whole.as_bytes()[4..whole.len() - 4].to_vec()
    });
    let mut all = vec![
        canary.as_bytes().to_vec(),
        hex.into_bytes(),
        numbers.join(", ").into_bytes(),
    ];
    all.extend(packed);
    all
}

#[test]
fn what_passes_leaves_no_secret_behind() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let plant = |target: &str, kind: &str, body: &str| {
            let answer = Response::builder()
                .header("content-type", kind)
                .header("set-cookie", format!("user_session={SESSION}"))
                .header("x-oauth-token", SIGNED);
            ghes.plant(target, answer.body(body.as_bytes().to_vec()).unwrap());
        };
        let json = "application/json";
        let private = format!("{{\"pem\":\"{KEY}\",\"url\":\"https://github.corp.internal/x\"}}");
        plant("/api/v3/user", json, &private);
        plant("/login/oauth/access_token", json, &private);
        let conversions = format!("/api/v3/app-manifests/{CODE}/conversions");
        plant(&conversions, json, &private);
        plant("/api/graphql", json, &private);
        let batch = "/acme/web.git/info/lfs/objects/batch";
        let signed = format!(
            "{{\"objects\":[{{\"actions\":{{\"download\":{{\"href\":\"https://github.corp.internal/x?token={SIGNED}\",\
             \"header\":{{\"Authorization\":\"RemoteAuth {SIGNED}\"}}}}}}}}]}}"
        );
        plant(batch, "application/vnd.git-lfs+json", &signed);
        let tarball = "/api/v3/repos/acme/web/tarball/main";
        let place = format!(
            "https://codeload.github.corp.internal/acme/web/legacy.tar.gz/main?token={SIGNED}"
        );
        let redirect = Response::builder().status(302).header("location", place);
        ghes.plant(tarball, redirect.body(Vec::new()).unwrap());
        // An answer that is held back, and one that breaks the rules.
        let place = format!("https://other.corp.internal/?token={SIGNED}");
        let redirect = Response::builder().status(302).header("location", place);
        ghes.plant("/api/v3/meta", redirect.body(Vec::new()).unwrap());

        let keys = format!(
            "allow = \"everything\"\nlearn = true\nrequire_header = {{ name = \"X-Key\", value = \"inline:{HEADER}\" }}"
        );
        let published = Published::open(&world, &keys, "[log]\nlevel = \"trace\"").await;
        let socket = published.site.path("admin.sock");
        let socket = socket.to_str().unwrap();
        let open = |lasting: &str| {
            let arguments = [
                "publish",
                "open-setup",
                "ghe.example.com/",
                "--for",
                lasting,
            ];
            published
                .site
                .hubgate(&[&arguments[..], &["--socket", socket]].concat())
        };
        let asker = published.asker(&world);
        let form = format!("client_id=1&client_secret={FORM}&code={QUERY}");
        let text = format!("{{\"query\":\"{{ viewer {{ login }} }} # {TEXT}\"}}");
        let wrong = format!("{{\"query\":\"mutation {TEXT}");
        let objects = "{\"operation\":\"download\",\"objects\":[]}";
        let typed = "application/x-www-form-urlencoded";
        for (method, target, kind, body) in [
            (
                "GET",
                format!("/api/v3/user?access_token={QUERY}"),
                json,
                "",
            ),
            ("GET", "/api/v3/user".to_owned(), json, ""),
            ("GET", tarball.to_owned(), json, ""),
            ("GET", "/api/v3/meta".to_owned(), json, ""),
            ("GET", format!("/api/v3/x//y?token={QUERY}"), json, ""),
            ("GET", format!("/setup?token={QUERY}"), json, ""),
            (
                "POST",
                "/login/oauth/access_token".to_owned(),
                typed,
                form.as_str(),
            ),
            ("POST", "/api/graphql".to_owned(), json, text.as_str()),
            ("POST", "/api/graphql".to_owned(), json, wrong.as_str()),
            (
                "POST",
                batch.to_owned(),
                "application/vnd.git-lfs+json",
                objects,
            ),
            (
                "POST",
                batch.to_owned(),
                "application/vnd.git-lfs+json",
                wrong.as_str(),
            ),
            ("POST", conversions.clone(), json, ""),
        ] {
            for carried in [true, false] {
                let asked = asker
                    .request(method.parse().unwrap(), url(&target))
                    .basic_auth("x-access-token", Some(PASSWORD))
                    .header("cookie", format!("user_session={COOKIE}"))
                    .header("content-type", kind)
                    .header("x-key", if carried { HEADER } else { COOKIE })
                    .body(body.to_owned());
                let answer = asked.send().await.unwrap();
                drop(answer.bytes().await);
            }
        }
        assert!(open("10m").status.success());
        let asked = asker.post(url(&conversions)).header("x-key", HEADER).send();
        let answer = asked.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains(KEY));
        let asked = asker.get(url("/api/v3/user")).bearer_auth(TOKEN);
        drop(
            asked
                .header("x-key", HEADER)
                .send()
                .await
                .unwrap()
                .bytes()
                .await,
        );
        // The server is gone while it is asked.
        ghes.close();
        let asked = asker.get(url(&format!("/api/v3/user?token={QUERY}")));
        let asked = asked.bearer_auth(TOKEN).header("x-key", HEADER);
        assert_eq!(asked.send().await.unwrap().status(), 502);
        published.audited(|record| record["status"] == 502).await;

        let mut said = vec![
            ("log".to_owned(), published.site.log().into_bytes()),
            (
                "audit".to_owned(),
                std::fs::read(published.site.path("audit.jsonl")).unwrap(),
            ),
        ];
        for arguments in [
            &["status", "--json"][..],
            &["profile", "learned", "ghe.example.com/"],
            &["profile", "learned", "ghe.example.com/", "--json"],
        ] {
            let out = published
                .site
                .hubgate(&[arguments, &["--socket", socket]].concat());
            said.push((format!("{arguments:?}"), [out.stdout, out.stderr].concat()));
        }
        let metrics = std::process::Command::new("curl")
            .args(["-s", "--unix-socket", socket, "http://admin/metrics"])
            .output();
        said.push(("metrics".to_owned(), metrics.unwrap().stdout));
        let mut leaks = Vec::new();
        for (place, bytes) in &said {
            assert!(bytes.len() > 100, "{place} says nothing");
            for canary in [
                TOKEN, PASSWORD, HEADER, COOKIE, SESSION, QUERY, FORM, CODE, KEY, SIGNED, TEXT,
            ] {
                for spelling in spellings(canary) {
                    if let Some(at) = memchr::memmem::find(bytes, &spelling) {
                        let around = &bytes[at.saturating_sub(160)..bytes.len().min(at + 60)];
                        leaks.push(format!("{place}: {}", String::from_utf8_lossy(around)));
                    }
                }
            }
        }
        assert!(
            leaks.is_empty(),
            "{} leaks:\n{}",
            leaks.len(),
            leaks.join("\n")
        );
    });
}
