//! What Flow's troubleshooting asks of the server's address, each as Flow would see it: it is
//! reachable on 443, its certificate is for its name, a wrong token is told apart from a broken
//! connection, and what it says of itself is said with the public name.

use super::{Published, code, described, url};
use crate::inside::{EXAMPLE, Ghes, TOKEN};
use crate::outside::{Client, run};
use crate::world::{GATE, PUBLIC, World, world};
use rustls_pki_types::ServerName;
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const FLOW: &str = "allow = [\"flow\"]";

async fn greet(world: &World, name: &'static str) -> io::Result<u16> {
    let socket = TcpStream::connect(GATE).await?;
    assert_eq!(socket.peer_addr()?.port(), 443);
    let connector = TlsConnector::from(world.public.client());
    let stream = connector
        .connect(ServerName::try_from(name).unwrap(), socket)
        .await?;
    Ok(stream.get_ref().0.peer_addr()?.port())
}

#[test]
fn it_is_reachable_on_443_with_a_certificate_for_its_name() {
    world(async |world| {
        let _ghes = Ghes::open(&world).await;
        let _published = Published::open(&world, FLOW, "").await;
        assert_eq!(greet(&world, PUBLIC).await.unwrap(), 443);
        assert_eq!(
            greet(&world, "codeload.ghe.example.com").await.unwrap(),
            443
        );
        // No other name is served, the inside's least of all.
        for name in ["other.example.com", "github.corp.internal"] {
            let refused = greet(&world, name).await.unwrap_err();
            assert!(
                refused.to_string().contains("UnrecognisedName"),
                "{name}: {refused}"
            );
        }
        // Nor is anything there that a GitHub server has at other ports.
        for port in [8443, 8080, 122, 9103] {
            let refused = TcpStream::connect((GATE.ip(), port)).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "{port}");
        }
    });
}

/// How it looks in Python, where Flow's kind of program lives: which error, and what it says.
const PROBE: &str = r#"
import requests
def probe(url, token):
    try:
        answer = requests.get(url, headers={"Authorization": f"token {token}"}, timeout=20)
        error = answer.json().get("error", {}).get("code") if answer.status_code >= 400 else None
        return [answer.status_code, "x-github-request-id" in answer.headers, error]
    except requests.exceptions.RequestException as failed:
        return type(failed).__name__
"#;

async fn probe(client: &Client, path: &str, token: &str) -> Option<serde_json::Value> {
    let call = format!("{PROBE}\nreturn probe(f\"https://{{host}}{path}\", \"{token}\")");
    client.pygithub(&call).await
}

#[test]
fn a_wrong_token_a_closed_operation_and_a_broken_server_are_told_apart() {
    world(async |world| {
        let Some((ghes, published)) = described(&world, FLOW, "").await else {
            return;
        };
        let client = Client::outside(&world);
        let Some(right) = probe(&client, "/api/v3/user", TOKEN).await else {
            return;
        };
        assert_eq!(right, serde_json::json!([200, true, null]));
        // The server's own refusal, marked as GitHub's.
        let wrong = probe(&client, "/api/v3/user", "wrong").await.unwrap();
        assert_eq!(wrong, serde_json::json!([401, true, null]));
        // The gate's own, which names itself.
        let closed = probe(&client, "/api/v3/enterprise/settings/license", TOKEN)
            .await
            .unwrap();
        assert_eq!(
            (&closed[0], &closed[1]),
            (&403.into(), &false.into()),
            "{closed}"
        );
        assert!(closed[2].is_string(), "{closed}");
        // The gate is there, and the server is not.
        ghes.close();
        let broken = probe(&client, "/api/v3/user", TOKEN).await.unwrap();
        assert_eq!(
            (&broken[0], &broken[1]),
            (&502.into(), &false.into()),
            "{broken}"
        );
        assert!(broken[2].is_string() && broken[2] != closed[2], "{broken}");
        published.nothing_leaked();
    });
}

#[test]
fn what_flow_imports_is_under_the_public_name_and_can_be_followed() {
    world(async |world| {
        let Some((ghes, published)) = described(&world, FLOW, "").await else {
            return;
        };
        let client = Client::outside(&world);
        let said = client
            .octokit(
                r#"
                const repositories = await octokit.paginate("GET /user/repos", { per_page: 1 });
                const { data: pulls } = await octokit.request(repositories[0].url + "/pulls");
                const { data: commits } = await octokit.request(pulls[0].commits_url);
                const { data: comments } = await octokit.request(pulls[0].comments_url);
                return { repositories: repositories.length, clone: repositories[0].clone_url,
                  ssh: repositories[0].ssh_url, commits: commits.length, comments: comments.length };"#,
            )
            .await;
        let Some(said) = said else { return };
        assert_eq!(said["repositories"], 3, "{said}");
        assert_eq!(said["clone"], url(&format!("/{}.git", EXAMPLE.1)));
        assert_eq!(said["ssh"], format!("git@{PUBLIC}:{}.git", EXAMPLE.1));
        assert_eq!(
            (&said["commits"], &said["comments"]),
            (&1.into(), &1.into())
        );
        // And then it clones.
        let (_, last) = crate::stories::git::history(&ghes, EXAMPLE.1, 3);
        let clone = said["clone"].as_str().unwrap();
        run(client.git(&["clone", "-q", clone, "imported"]))
            .await
            .good();
        assert_eq!(crate::stories::git::head(&client, "imported").await, last);
        published.nothing_leaked();
    });
}

#[test]
fn a_stranger_gets_no_answer() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let sections = "[[source]]\nname = \"flow\"\nnetworks = [\"203.0.113.0/24\"]";
        let published = Published::open(&world, FLOW, sections).await;
        let text = std::fs::read_to_string(published.site.path("hubgate.toml")).unwrap();
        let narrow = text.replace("from = [\"outside\"]", "from = [\"flow\"]");
        let json = http::Response::builder().header("content-type", "application/json");
        ghes.plant("/api/v3/meta", json.body(b"{}".to_vec()).unwrap());
        let ask = async |asker: &reqwest::Client| {
            let asked = asker.get(url("/api/v3/meta")).bearer_auth(TOKEN);
            asked.send().await
        };
        let early = published.asker_at_the_gate(&world);
        // Read to its end: a connection whose answer was left half read is not used again.
        let first = ask(&early).await.unwrap();
        assert_eq!(first.status(), 200);
        assert_eq!(first.bytes().await.unwrap().as_ref(), b"{}");
        published.site.write(&narrow);
        published.gate.signal("-HUP");
        let told = published
            .audited(|record| record["action"] == "reload")
            .await;
        assert_eq!(told["outcome"], "ok", "{told}");
        ghes.forget();
        // A connection that was there before is told so; a new one is not even greeted.
        let answer = ask(&early).await.unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(code(answer).await, "source_not_allowed");
        let late = published.asker_at_the_gate(&world);
        let refused = ask(&late).await.unwrap_err();
        assert!(refused.is_connect(), "{refused:?}");
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
    });
}

/// The administration of the server is closed, even to who may do everything else.
#[test]
fn what_is_never_exposed_is_refused_by_everything() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let published = Published::open(&world, "allow = \"everything\"", "").await;
        let asker = published.asker(&world);
        for path in [
            "/setup",
            "/setup/settings",
            "/manage/v1/version",
            "/stafftools",
            "/stafftools/users",
            "/admin",
            "/enterprises/corp/settings",
            "/api/v3/admin/users/mona/authorizations",
            "/api/v3/manage/v1/version",
            "/api/v3/setup/api/settings",
            "/api/v3/enterprise/stats/all",
            "/api/v3/scim/v2/Users",
            "/scim/v2/organizations/acme/Users",
            "/api/v3/authorizations",
            "/_services/x",
            "/_private/x",
            "/_private",
            "/devtools",
            "/graphite",
            "/SETUP",
            "/Stafftools",
            "/api/v3/ADMIN/users",
        ] {
            let answer = asker
                .get(url(path))
                .bearer_auth(TOKEN)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 403, "{path}");
            code(answer).await;
        }
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
        published.nothing_leaked();
    });
}
