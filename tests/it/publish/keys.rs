//! What each key of `[[publish]]` does.

use super::{Published, code, url};
use crate::inside::{Ghes, TOKEN};
use crate::world::{INTERNAL, SERVER, World, all_of, world};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

const PATH: &str = "/api/v3/user";

fn json(body: &str) -> Response<Vec<u8>> {
    let answer = Response::builder().header("content-type", "application/json");
    answer.body(body.as_bytes().to_vec()).unwrap()
}

async fn planted(world: &World, keys: &str, sections: &str) -> (Ghes, Published, reqwest::Client) {
    let ghes = Ghes::open(world).await;
    ghes.plant(
        PATH,
        json("{\"url\":\"https://github.corp.internal/api/v3/user\"}"),
    );
    let published = Published::open(world, keys, sections).await;
    let asker = published.asker(world);
    (ghes, published, asker)
}

#[test]
fn a_required_header_is_asked_for_and_goes_no_further() {
    world(async |world| {
        let keys = "allow = [\"read-only\"]\nrequire_header = { name = \"X-Accept-Me\", value = \"inline:open sesame\" }";
        let (ghes, published, asker) = planted(&world, keys, "").await;
        let asked = || asker.get(url(PATH)).bearer_auth(TOKEN);
        for wrong in [
            asked(),
            asked().header("x-accept-me", "sesame"),
            asked()
                .header("x-accept-me", "open sesame ")
                .header("x-accept-me", "open sesame"),
            asked().header("x-accept-me", ""),
        ] {
            let answer = wrong.send().await.unwrap();
            assert_eq!(answer.status(), 403);
            assert_eq!(code(answer).await, "header_required");
        }
        assert_eq!(ghes.seen().len(), 0);
        let answer = asked()
            .header("x-accept-me", "open sesame")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(ghes.seen().pop().unwrap().header("x-accept-me"), None);
        published.nothing_leaked();
    });
}

#[test]
fn pages_for_employees_are_sent_to_where_employees_are() {
    world(async |world| {
        let keys = "allow = [\"read-only\"]\nbrowser = \"redirect\"";
        let (ghes, _published, asker) = planted(&world, keys, "").await;
        let query = "/login/oauth/authorize?client_id=1&redirect_uri=https%3A%2F%2Fflow.example%2F";
        for (page, posted, status) in [
            (query, false, StatusCode::FOUND),
            (
                "/github-apps/jira/installations/new",
                false,
                StatusCode::FOUND,
            ),
            (
                "/organizations/acme/settings/apps/new?state=1",
                true,
                StatusCode::TEMPORARY_REDIRECT,
            ),
            ("/settings/apps/new", true, StatusCode::TEMPORARY_REDIRECT),
        ] {
            let asked = if posted {
                asker.post(url(page))
            } else {
                asker.get(url(page))
            };
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), status, "{page}");
            assert_eq!(
                answer.headers()["location"],
                format!("https://{INTERNAL}{page}")
            );
        }
        // What the vendor's own servers ask for is no page.
        for path in [
            "/api/v3/app-manifests/abc/conversions",
            "/login/oauth/access_token",
            "/setup",
        ] {
            let answer = asker.post(url(path)).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{path}");
        }
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
    });
}

/// `POST /app-manifests/{code}/conversions` gives an App's private key to who asks first.
#[test]
fn the_window_for_setting_up_an_app_opens_by_hand_and_closes_by_itself() {
    world(async |world| {
        let path = "/api/v3/app-manifests/abc/conversions";
        let (ghes, published, asker) = planted(&world, "allow = \"everything\"", "").await;
        ghes.plant(path, json("{\"pem\":\"key\"}"));
        let ask = async || {
            let answer = asker.post(url(path)).send().await.unwrap();
            answer.status().as_u16()
        };
        assert_eq!(ask().await, 403);
        let socket = published.site.path("admin.sock");
        let socket = socket.to_str().unwrap();
        let route = "ghe.example.com/";
        let open = |lasting: &str| {
            let arguments = ["publish", "open-setup", route, "--for", lasting];
            let said = published
                .site
                .hubgate(&[&arguments[..], &["--socket", socket]].concat());
            let complaint = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{complaint}");
        };
        // Long enough for a machine that is busy.
        open("10m");
        assert_eq!(ask().await, 200);
        open("2s");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while ask().await != 403 {
            assert!(std::time::Instant::now() < deadline, "it does not close");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn learning_lets_pass_what_is_not_closed_to_all_and_says_what_a_profile_would_need() {
    world(async |world| {
        let (ghes, published, asker) = planted(&world, "allow = []\nlearn = true", "").await;
        ghes.plant("/api/v3/repos/acme/web/pulls", json("[]"));
        ghes.plant("/setup", json("{}"));
        for (path, status) in [
            (PATH, 200),
            (PATH, 200),
            ("/api/v3/repos/acme/web/pulls", 200),
            ("/setup", 403),
        ] {
            let answer = asker
                .get(url(path))
                .bearer_auth(TOKEN)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
        let socket = published.site.path("admin.sock");
        let ask = [
            "profile",
            "learned",
            "ghe.example.com/",
            "--socket",
            socket.to_str().unwrap(),
        ];
        let said = published.site.hubgate(&ask);
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
        let text = String::from_utf8(said.stdout).unwrap();
        let profile: toml::Value = toml::from_str(&text).unwrap();
        let allow = profile["profile"][0]["allow"].as_array().unwrap();
        let allow: Vec<&str> = allow.iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(allow, ["pulls/list", "users/get-authenticated"], "{text}");
        published.nothing_leaked();
    });
}

#[test]
fn other_services_are_published_with_their_headers_rewritten_or_with_nothing() {
    world(async |world| {
        let other = |path: &str, rewrite: &str| {
            format!(
                "[[publish]]\nurl = \"https://ghe.example.com/{path}/\"\nto = \"https://{INTERNAL}/{path}/\"\n\
                 ca = \"{}\"\nfrom = [\"outside\"]\nallow = \"everything\"\nservice = \"other\"\nrewrite = \"{rewrite}\"\n",
                world.path("corp-ca.pem").display()
            )
        };
        let sections = format!("{}{}", other("wiki", "host"), other("tool", "none"));
        let (ghes, _published, asker) = planted(&world, "allow = [\"flow\"]", &sections).await;
        let there = "https://github.corp.internal/wiki/next";
        for (path, location) in [
            ("/wiki/page", "https://ghe.example.com/wiki/next"),
            ("/tool/page", there),
        ] {
            let text = format!("{{\"url\":\"{there}\"}}");
            let mut answer = json(&text);
            answer
                .headers_mut()
                .insert("content-location", there.parse().unwrap());
            answer
                .headers_mut()
                .insert("set-cookie", "a=b".parse().unwrap());
            ghes.plant(path, answer);
            let answer = asker
                .get(url(path))
                .header("cookie", "c=d")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.headers()["content-location"], location, "{path}");
            // A tool with sessions keeps them.
            assert_eq!(answer.headers()["set-cookie"], "a=b");
            assert_eq!(ghes.seen().pop().unwrap().header("cookie"), Some("c=d"));
            assert_eq!(answer.text().await.unwrap(), text, "{path}");
        }
    });
}

#[test]
fn websockets_pass_where_the_route_says_so_and_nowhere_else() {
    world(async |world| {
        let listener = tokio::net::TcpListener::bind(SERVER).await.unwrap();
        let acceptor = TlsAcceptor::from(world.corp.server(&all_of(INTERNAL)));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let mut stream = acceptor.accept(socket).await.unwrap();
                let mut buffer = [0; 4096];
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                let asked = String::from_utf8_lossy(&buffer[..length]).to_lowercase();
                if asked.contains("upgrade: websocket") {
                    let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello";
                    drop(stream.write_all(answer).await);
                    // It stays until the client goes, as one that is spoken to does.
                    drop(stream.read(&mut buffer).await);
                } else {
                    drop(
                        stream
                            .write_all(
                                b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n",
                            )
                            .await,
                    );
                }
            }
        });
        let section = |path: &str, more: &str| {
            format!(
                "[[publish]]\nurl = \"https://ghe.example.com/{path}/\"\nto = \"https://{INTERNAL}/\"\n\
                 ca = \"{}\"\nfrom = [\"outside\"]\nallow = \"everything\"\nservice = \"other\"\n{more}\n",
                world.path("corp-ca.pem").display()
            )
        };
        let sections = section("live", "websocket = true") + &section("still", "");
        let published = Published::open(&world, "allow = [\"flow\"]", &sections).await;
        let ask = async |path: &str| {
            let asked = format!(
                "GET /{path}/ HTTP/1.1\r\nHost: ghe.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            String::from_utf8(published.raw(&world, asked.as_bytes()).await).unwrap()
        };
        // Where the service answers before pingora (0.9.1) has sent on that the request has no body,
        // it may take that end for the tunnel's and close it: it chooses between the two at random.
        // So it is asked again, as a client does that is cut off.
        let mut live = String::new();
        for _ in 0..3 {
            live = ask("live").await;
            assert!(live.starts_with("HTTP/1.1 101"), "{live}");
            if live.ends_with("hello") {
                break;
            }
        }
        assert!(live.ends_with("hello"), "{live}");
        let still = ask("still").await;
        assert!(!still.starts_with("HTTP/1.1 101"), "{still}");
    });
}

#[test]
fn a_kept_connection_is_not_used_once_its_authority_is_not_trusted_any_more() {
    world(async |world| {
        let (ghes, published, asker) = planted(&world, "allow = [\"read-only\"]", "").await;
        let ask = async || {
            let answer = asker
                .get(url(PATH))
                .bearer_auth(TOKEN)
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            drop(answer.bytes().await);
            status
        };
        assert_eq!(ask().await, 200);
        let file = published.site.path("hubgate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let socket = published.site.path("admin.sock");
        let reload = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let said = published
                .site
                .hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
            assert!(said.status.success(), "{said:?}");
        };
        reload(&text.replace("corp-ca.pem", "public-ca.pem"));
        ghes.forget();
        assert_eq!(ask().await, 502);
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
        reload(&text);
        assert_eq!(ask().await, 200);
    });
}

/// For vendors that are told both names.
#[test]
fn rewriting_can_be_turned_off_for_a_github_server_too() {
    world(async |world| {
        let keys = "allow = [\"read-only\"]\nrewrite = \"none\"";
        let (ghes, _published, asker) = planted(&world, keys, "").await;
        let answer = asker.get(url(PATH)).bearer_auth(TOKEN).send().await;
        let text = answer.unwrap().text().await.unwrap();
        assert!(text.contains(INTERNAL), "{text}");
        // Who is asked is still called as it calls itself.
        assert_eq!(ghes.seen().pop().unwrap().header("host"), Some(INTERNAL));
    });
}
