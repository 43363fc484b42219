//! A GitHub App made by the command line, a browser and GitHub; installed, given another key,
//! removed.

use crate::harness::{Gate, Site, eventually};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::{Arc, Mutex};

/// A key as GitHub hands it out, and the half that it keeps.
struct Key {
    pem: String,
    public: Vec<u8>,
}

fn key() -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let text = BASE64_STANDARD.encode(der.as_ref());
    Key {
        pem: format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"),
        public: pair.public_key().as_ref().to_vec(),
    }
}

/// What a GitHub of one App has.
#[derive(Default)]
struct Server {
    pem: String,
    keys: Vec<Vec<u8>>,
    code: Option<String>,
    there: bool,
    installed: bool,
    asked: Vec<String>,
}

#[derive(Clone)]
struct Github {
    address: SocketAddr,
    server: Arc<Mutex<Server>>,
}

impl Github {
    async fn open() -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let github = Self {
            address: socket.local_addr().unwrap(),
            server: Arc::default(),
        };
        let own = github.clone();
        let app = axum::Router::new().fallback(move |head: axum::http::request::Parts| {
            let (status, body) = own.answer(&head);
            async move { (status, axum::Json(body)) }
        });
        tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
        github
    }

    fn change(&self, change: impl FnOnce(&mut Server)) {
        change(&mut self.server.lock().unwrap());
    }

    fn asked(&self, line: &str) -> usize {
        let server = self.server.lock().unwrap();
        server.asked.iter().filter(|asked| **asked == line).count()
    }

    fn answer(&self, head: &axum::http::request::Parts) -> (StatusCode, Value) {
        let mut server = self.server.lock().unwrap();
        let path = head.uri.path().strip_prefix("/api/v3").unwrap_or_default();
        server.asked.push(format!("{} {path}", head.method));
        let none = (StatusCode::NOT_FOUND, json!({"message": "Not Found"}));
        if let Some(code) = path
            .strip_prefix("/app-manifests/")
            .and_then(|rest| rest.strip_suffix("/conversions"))
        {
            if server.code.as_deref() != Some(code) {
                return none;
            }
            server.code = None;
            server.there = true;
            let made = json!({
                "id": 12, "slug": "jira-sync", "name": "Jira Sync", "html_url": "https://x",
                "client_id": "Iv1.a", "client_secret": "canary-client", "pem": server.pem,
                "webhook_secret": "canary-webhook",
            });
            return (StatusCode::CREATED, made);
        }
        if head
            .headers
            .get("authorization")
            .and_then(|it| it.to_str().ok())
            == Some("Bearer ghs_look")
        {
            let list =
                json!({"total_count": 1, "repositories": [{"id": 1, "full_name": "acme/web"}]});
            return match (head.method.as_str(), path) {
                ("GET", "/installation/repositories") => (StatusCode::OK, list),
                ("DELETE", "/installation/token") => (StatusCode::NO_CONTENT, Value::Null),
                _ => none,
            };
        }
        if !server.there {
            return none;
        }
        if !server.keys.iter().any(|key| signed(head, key)) {
            return (
                StatusCode::UNAUTHORIZED,
                json!({"message": "Bad credentials"}),
            );
        }
        let installation = json!({
            "id": 77, "app_id": 12, "app_slug": "jira-sync", "account": {"login": "acme"},
            "repository_selection": "selected", "permissions": {"contents": "read"},
        });
        let token = json!({
            "token": "ghs_look", "expires_at": "2099-01-01T00:00:00Z",
            "permissions": {"metadata": "read"}, "repository_selection": "all",
        });
        match (&head.method, path) {
            (&Method::GET, "/app") => (
                StatusCode::OK,
                json!({
                    "id": 12, "slug": "jira-sync", "name": "Jira Sync",
                    "owner": {"login": "acme", "type": "Organization"},
                    "permissions": {"contents": "read"}, "events": ["push"],
                }),
            ),
            (&Method::GET, "/app/installations") if server.installed => {
                (StatusCode::OK, json!([installation]))
            }
            (&Method::GET, "/app/installations") => (StatusCode::OK, json!([])),
            (&Method::GET, "/orgs/acme/installation") if server.installed => {
                (StatusCode::OK, installation)
            }
            (&Method::POST, "/app/installations/77/access_tokens") => (StatusCode::CREATED, token),
            (&Method::DELETE, "/app/installations/77") => {
                server.installed = false;
                (StatusCode::NO_CONTENT, Value::Null)
            }
            _ => none,
        }
    }
}

fn signed(head: &axum::http::request::Parts, key: &[u8]) -> bool {
    let jwt = head
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let Some((message, signature)) = jwt
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|jwt| jwt.rsplit_once('.'))
    else {
        return false;
    };
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    public.verify(message.as_bytes(), &signature).is_ok()
}

fn configure(site: &Site, github: &Github) {
    let at = github.address;
    site.configure(&format!(
        "[[github]]\nname = \"ghes\"\nurl = \"http://{at}\"\n"
    ));
    std::fs::create_dir_all(site.path("conf.d")).unwrap();
    // One that stays when the gateway starts again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let admin = format!("[admin]\naddress = \"127.0.0.1:{port}\"\n");
    std::fs::write(site.path("conf.d/admin.toml"), admin).unwrap();
}

fn app(site: &Site, arguments: &[&str]) -> Output {
    let socket = site.path("admin.sock");
    let mut all = vec!["app"];
    all.extend(arguments);
    all.extend(["--socket", socket.to_str().unwrap()]);
    site.hubgate(&all)
}

fn text(output: &Output) -> String {
    let said = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

const CREATE: [&str; 12] = [
    "create",
    "--github",
    "ghes",
    "--name",
    "sync",
    "--title",
    "Jira Sync",
    "--org",
    "acme",
    "--permissions",
    "contents=read",
    "--no-wait",
];

/// The page that a person is to open.
fn page_of(output: &Output) -> String {
    let said = text(output);
    let line = said.lines().find(|line| line.trim().starts_with("http://"));
    line.unwrap_or_else(|| panic!("{said}")).trim().to_owned()
}

fn browser() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// What a browser does: reads the form, posts it, is sent back with a code. The answer's status
/// and page.
async fn made_by_a_person(github: &Github, page: &str, code: &str) -> (u16, String) {
    let client = browser();
    let form = client.get(page).send().await.unwrap();
    assert_eq!(form.status(), 200);
    let form = form.text().await.unwrap();
    let between = |from: &str, to: &str| {
        let (_, rest) = form.split_once(from).unwrap();
        rest.split_once(to)
            .unwrap()
            .0
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    };
    let action = between("action=\"", "\"");
    let expected = format!(
        "http://{}/organizations/acme/settings/apps/new?state=",
        github.address
    );
    let state = action
        .strip_prefix(&expected)
        .unwrap_or_else(|| panic!("{action}"));
    let manifest: Value = serde_json::from_str(&between("value=\"", "\">")).unwrap();
    assert_eq!(manifest["default_permissions"], json!({"contents": "read"}));
    github.change(|server| server.code = Some(code.to_owned()));
    let back = manifest["redirect_url"].as_str().unwrap();
    let back = client
        .get(format!("{back}?code={code}&state={state}"))
        .send()
        .await
        .unwrap();
    (back.status().as_u16(), back.text().await.unwrap())
}

fn shown(site: &Site) -> Value {
    let output = app(site, &["show", "sync", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
}

async fn start(site: &Site) -> Gate {
    site.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_made_interrupted_taken_up_installed_rekeyed_and_removed() {
    let (site, github) = (Site::new(), Github::open().await);
    let (first, second) = (key(), key());
    github.change(|server| {
        server.pem.clone_from(&first.pem);
        server.keys = vec![first.public.clone()];
    });
    configure(&site, &github);
    let mut gate = start(&site).await;

    // Begun, cut off, and taken up where it was.
    let page = page_of(&app(&site, &CREATE));
    gate.kill();
    let state = page.rsplit('/').next().unwrap().to_owned();
    let gate = start(&site).await;
    assert_eq!(shown(&site)["state"], "waiting");
    assert_eq!(page_of(&app(&site, &CREATE)), page);
    let (status, body) = made_by_a_person(&github, &page, "c0de").await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("/github-apps/jira-sync/installations/new"),
        "{body}"
    );
    // Neither the address nor the code works twice.
    let spent = browser().get(&page).send().await.unwrap();
    assert_eq!(spent.status(), 404);

    // What is kept is nobody else's to read.
    let kept = std::fs::read_dir(site.path("state/apps")).unwrap();
    let mut files = 0;
    for entry in kept {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let plain = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            !plain.contains("canary") && !plain.contains("PRIVATE"),
            "{path:?}"
        );
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{path:?}");
        files += 1;
    }
    assert_eq!(files, 2, "the App and the key that seals it");

    let found = shown(&site);
    assert_eq!(
        (&found["state"], &found["id"]),
        (&json!("created"), &json!(12))
    );
    github.change(|server| server.installed = true);
    eventually(|| (shown(&site)["state"] == "installed").then_some(())).await;
    let found = shown(&site);
    assert_eq!(
        found["installations"][0]["repositories"],
        json!(["acme/web"])
    );

    // A key that GitHub does not have is not taken; one that it has is, and the old one is named.
    std::fs::write(site.path("new.pem"), &second.pem).unwrap();
    let new = site.path("new.pem");
    let rotate = ["rotate-key", "sync", new.to_str().unwrap()];
    let refused = app(&site, &rotate);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("GitHub does not take the key SHA256:"),
        "{}",
        text(&refused)
    );
    github.change(|server| server.keys.push(second.public.clone()));
    let taken = app(&site, &rotate);
    assert!(
        text(&taken).contains("now delete the old one, SHA256:"),
        "{}",
        text(&taken)
    );
    github.change(|server| server.keys = vec![second.public.clone()]);
    drop(gate);
    let _gate = start(&site).await;
    assert_eq!(shown(&site)["keys"][0]["active"], true);

    let asked = app(&site, &["remove", "sync"]);
    assert!(text(&asked).contains("say --yes"), "{}", text(&asked));
    let removed = app(&site, &["remove", "sync", "--yes"]);
    assert!(
        text(&removed).contains("sync is uninstalled at acme"),
        "{}",
        text(&removed)
    );
    let delete = format!(
        "http://{}/organizations/acme/settings/apps/jira-sync",
        github.address
    );
    assert!(text(&removed).contains(&delete), "{}", text(&removed));
    assert_eq!(github.asked("DELETE /app/installations/77"), 1);
    assert!(text(&app(&site, &["list"])).starts_with("No App"));
    assert!(!site.path("state/apps/sync.app").exists());
    let said = site.log() + &format!("{:?}", site.audit());
    for secret in ["canary", "PRIVATE KEY", &state, "ghs_look"] {
        assert!(!said.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stuck_state_has_a_name_and_a_way_out() {
    let (site, github) = (Site::new(), Github::open().await);
    let good = key();
    github.change(|server| server.keys = vec![good.public.clone()]);
    configure(&site, &github);
    let _gate = start(&site).await;
    let state = |found: &Value| found["state"].as_str().unwrap().to_owned();

    // GitHub sends something else than a key: it is lost, until it is removed.
    let page = page_of(&app(&site, &CREATE));
    github.change(|server| "no key".clone_into(&mut server.pem));
    let (status, body) = made_by_a_person(&github, &page, "one").await;
    assert!(status == 400 && body.contains("its key is lost"), "{body}");
    let found = shown(&site);
    assert_eq!(state(&found), "lost");
    assert!(
        found["advice"]
            .as_str()
            .unwrap()
            .contains("hubgate app remove sync")
    );
    let refused = app(&site, &CREATE);
    assert_eq!(
        refused.status.code(),
        Some(0),
        "it is shown, not made again"
    );
    assert!(app(&site, &["remove", "sync", "--yes"]).status.success());

    // A code that was used.
    let page = page_of(&app(&site, &CREATE));
    let base = page.rsplit_once('/').unwrap();
    let used = format!("{}/callback?code=used&state={}", base.0, base.1);
    let spent = browser().get(used).send().await;
    assert!(spent.unwrap().text().await.unwrap().contains("works once"));
    assert!(text(&app(&site, &["list"])).starts_with("No App"));

    // The keys are deleted at GitHub, then the App itself.
    github.change(|server| server.pem.clone_from(&good.pem));
    let page = page_of(&app(&site, &CREATE));
    assert_eq!(made_by_a_person(&github, &page, "two").await.0, 200);
    let until = async |wanted: &str| {
        eventually(|| Some(shown(&site)).filter(|found| state(found) == wanted)).await
    };
    until("created").await;
    github.change(|server| server.keys.clear());
    let found = until("key_refused").await;
    assert!(found["advice"].as_str().unwrap().contains("rotate-key"));
    github.change(|server| server.there = false);
    let found = until("gone").await;
    assert!(
        found["advice"]
            .as_str()
            .unwrap()
            .contains("hubgate app remove")
    );
    assert!(app(&site, &["remove", "sync", "--yes"]).status.success());
    assert_eq!(github.asked("DELETE /app/installations/77"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_can_be_in_a_process_of_their_own_and_the_gateway_never_has_them() {
    let (site, github) = (Site::new(), Github::open().await);
    let own = key();
    github.change(|server| {
        server.keys = vec![own.public.clone()];
        server.there = true;
    });
    let (file, socket) = (site.path("own.pem"), site.path("signer.sock"));
    std::fs::write(&file, &own.pem).unwrap();
    crate::harness::private(&file);
    let signer = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hubgate"));
        command.args(["signer", "--socket"]).arg(&socket).arg(&file);
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut holder = signer();
    // Its first line names the key.
    let mut line = String::new();
    let mut said = std::io::BufReader::new(holder.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let from = line.find("SHA256:").unwrap();
    let print: String = line[from..]
        .chars()
        .take_while(|letter| *letter != '"')
        .collect();
    configure(&site, &github);
    let at = github.address;
    std::fs::write(
        site.path("conf.d/signer.toml"),
        format!(
            "[gateway]\nsigner = {socket:?}\n[[app]]\nname = \"sync\"\ngithub = \"ghes\"\n\
             id = 12\nkeys = [\"{print}\"]\n"
        ),
    )
    .unwrap();
    let _gate = start(&site).await;
    let until = async |wanted: &str| {
        eventually(|| Some(shown(&site)).filter(|found| found["state"] == wanted)).await
    };
    let found = until("created").await;
    assert_eq!(found["keys"][0]["fingerprint"], print, "{at}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let found = until("away").await;
    let advice = found["advice"].as_str().unwrap();
    assert!(advice.contains("signer.sock"), "{advice}");
    // One that was killed leaves its socket; the next takes its place.
    let mut holder = signer();
    until("created").await;
    let twice = signer().wait_with_output().unwrap();
    assert!(
        text(&twice).contains("is a signer running already?"),
        "{}",
        text(&twice)
    );
    let id = holder.id().to_string();
    let ended = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(ended.unwrap().success());
    assert!(holder.wait().unwrap().success());
    assert!(!socket.exists());
}
