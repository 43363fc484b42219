//! Over HTTP/2 the same holds as over HTTP/1.1.

use super::{Published, url};
use crate::harness::skipped;
use crate::inside::{Ghes, Seen, TOKEN};
use crate::outside::languages::installed;
use crate::outside::{Client, client::Said, run, search::tells};
use crate::stories::git;
use crate::world::{INTERNAL, SERVER, World, all_of, world};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

async fn published(world: &World, keys: &str, allow: &str) -> (Published, Client) {
    let profile = format!("[[profile]]\nname = \"here\"\nallow = [{allow}]");
    let keys = format!("allow = [\"here\"]\n{keys}");
    let published = Published::listening(world, "h2 = true", &keys, &profile).await;
    (published, Client::at_the_gate(world))
}

async fn curl(client: &Client, arguments: &[&str]) -> Said {
    let mut command = client.command("curl");
    let token = format!("Authorization: Bearer {TOKEN}");
    command
        .args(["-sS", "-i", "--http2", "--path-as-is", "-m", "30"])
        .args(["-H", &token])
        .args(arguments);
    let said = run(command).await;
    assert!(!tells(said.out.as_bytes()), "{}", said.out);
    said
}

fn there() -> bool {
    let there = installed("curl");
    if !there {
        skipped("curl is not installed");
    }
    there
}

#[test]
fn an_answer_is_rewritten_and_a_refusal_is_one() {
    if !there() {
        return;
    }
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        for target in ["/api/v3/user", "/api/graphql"] {
            let answer = http::Response::builder().header("content-type", "application/json");
            let body = format!("{{\"url\":\"https://{INTERNAL}/api/v3/user\"}}");
            ghes.plant(target, answer.body(body.into_bytes()).unwrap());
        }
        let allow = "\"users/get-authenticated\", \"graphql:query\"";
        let (_published, client) = published(&world, "", allow).await;
        let said = curl(&client, &[&url("/api/v3/user")]).await.good();
        assert!(said.out.starts_with("HTTP/2 200"), "{}", said.out);
        assert!(said.out.contains(&url("/api/v3/user")), "{}", said.out);
        let query = r#"{"query":"{ viewer { login } }"}"#;
        let typed = "content-type: application/json";
        let graphql = url("/api/graphql");
        let said = curl(&client, &["-H", typed, "-d", query, &graphql]).await;
        assert!(said.good().out.starts_with("HTTP/2 200"));
        ghes.forget();
        let mutation = r#"{"query":"mutation { a }"}"#;
        for arguments in [
            &["-H", typed, "-d", mutation, &graphql][..],
            &["-X", "DELETE", &url("/api/v3/user")],
            &[&url("/api/v3/user/../../setup")],
            &[&url("/api/v3/user%2f..%2f..%2fsetup")],
            &[&url("/api/v3//user")],
            &["-H", "Host: github.corp.internal", &url("/api/v3/user")],
            &["-H", "Host: ghe.example.com@x", &url("/api/v3/user")],
        ] {
            let said = curl(&client, arguments).await;
            let refused = !said.well || said.out.starts_with("HTTP/2 4");
            assert!(refused, "{arguments:?}: {}", said.out);
        }
        let acted: Vec<_> = ghes
            .seen()
            .into_iter()
            .filter(|seen| seen.whole())
            .collect();
        assert!(acted.is_empty(), "{acted:?}");
    });
}

#[test]
fn a_team_clones_and_pushes() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let allow = "\"git:read\", \"git:write\"";
        let (_published, client) = published(&world, "", allow).await;
        git::history(&ghes, "acme/probe", 1);
        let address = client.url("/acme/probe.git");
        let mut clone = client.git(&["clone", "-q", &address, "probe"]);
        clone.env("GIT_CURL_VERBOSE", "1");
        let said = run(clone).await.good();
        assert!(said.complaint.contains("HTTP/2"), "{}", said.complaint);
        git::reads(&client, &ghes).await;
        // In one piece: where git uploads in pieces over HTTP/2, it may read on after their end (2.47
        // with libcurl 7.88: `git-remote-https` waits for `git send-pack`, which waits for it).
        git::pushes(&client, &ghes, "16m").await;
        ghes.forget();
        let script = r#"head -c 3000000 /dev/zero | curl -sS -i --http2 -m 60 -X POST -T - \
            -u "x-access-token:$TOKEN" -H "$1" "$0""#;
        let mut upload = client.command("sh");
        let typed = "Content-Type: application/x-git-receive-pack-request";
        let address = client.url("/acme/tools.git/git-receive-pack");
        upload.args(["-c", script, &address, typed]);
        let said = run(upload).await;
        assert!(
            said.out.contains("HTTP/2 200"),
            "{} {}",
            said.out,
            said.complaint
        );
        let seen = ghes.seen();
        let chunked = |seen: &Seen| seen.header("transfer-encoding") == Some("chunked");
        assert!(seen.iter().any(chunked), "nothing came in pieces: {seen:?}");
    });
}

/// A stream that ends is a whole answer to a client, so it must not end where the service broke
/// off.
#[test]
fn half_an_answer_is_not_passed_off_as_a_whole_one() {
    if !there() {
        return;
    }
    world(async |world| {
        let listener = tokio::net::TcpListener::bind(SERVER).await.unwrap();
        let acceptor = TlsAcceptor::from(world.corp.server(&all_of(INTERNAL)));
        tokio::spawn(async move {
            let mut count = 0;
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(socket).await else {
                    continue;
                };
                let kind = ["application/json", "text/plain"][count / 2 % 2];
                let stalls = count % 2 == 0;
                count += 1;
                let half = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{{\"a\":\r\n"
                );
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    drop(stream.read(&mut buffer).await);
                    drop(stream.write_all(half.as_bytes()).await);
                    drop(stream.flush().await);
                    if stalls {
                        while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
                    }
                });
            }
        });
        let allow = "\"users/get-authenticated\"";
        let (published, client) = published(&world, "timeout = \"1s\"", allow).await;
        for round in 0..4 {
            let said = curl(&client, &[&url("/api/v3/user")]).await;
            assert!(!said.well, "{round}: {}", said.out);
        }
        let broken = || {
            let all = published.site.audit().into_iter();
            all.filter(|record| record["reason"] == "broken_off")
                .count()
        };
        crate::harness::eventually(|| (broken() == 4).then_some(())).await;
    });
}

/// Who asks first whether a body is wanted hears that it is.
#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_told() {
    if !there() {
        return;
    }
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let path = "/api/v3/repos/acme/web/issues";
        let answer = http::Response::builder().status(201);
        ghes.plant(path, answer.body(Vec::new()).unwrap());
        let (_published, client) = published(&world, "", "\"issues/create\"").await;
        let arguments = [
            "--http1.1",
            "--expect100-timeout",
            "25",
            "-H",
            "Expect: 100-continue",
            "-H",
            "content-type: application/json",
            "-d",
            r#"{"title":"x"}"#,
        ];
        let begun = std::time::Instant::now();
        let said = curl(&client, &[&arguments[..], &[&url(path)]].concat())
            .await
            .good();
        assert!(said.out.contains("HTTP/1.1 201"), "{}", said.out);
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
        assert!(ghes.seen().iter().all(crate::inside::Seen::whole));
    });
}
