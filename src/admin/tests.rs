//! Tests of the API through its real doors.

use super::fake::Open;
use super::*;
use crate::spool::Condition;
use crate::types::Secret;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};

fn socket_only(dir: &Path) -> Settings {
    Settings {
        socket: dir.join("run/admin.sock"),
        address: None,
        token: None,
    }
}

fn with_address(dir: &Path) -> Settings {
    Settings {
        address: Some("127.0.0.1:0".parse().unwrap()),
        ..socket_only(dir)
    }
}

fn with_token(dir: &Path) -> Settings {
    Settings {
        token: Some(SecretSource::Held(Secret::new(b"s3cret".to_vec()))),
        ..with_address(dir)
    }
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> (u16, String) {
        let code = self.json()["error"]["code"].as_str().unwrap().to_owned();
        (self.status, code)
    }
}

async fn exchange<S>(mut stream: S, request: &str) -> Reply
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec())
        .unwrap()
        .to_lowercase();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    }
}

fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

const JSON: &str = "Host: localhost\r\nContent-Type: application/json\r\n";

async fn ask(open: &Open, line: &str, body: &str) -> Reply {
    let stream = UnixStream::connect(&open.socket).await.unwrap();
    exchange(stream, &request(line, JSON, body)).await
}

async fn ask_tcp(open: &Open, line: &str, headers: &str) -> Reply {
    let stream = TcpStream::connect(open.address.unwrap()).await.unwrap();
    exchange(stream, &request(line, headers, "")).await
}

#[tokio::test]
async fn the_gateway_is_seen_at_a_glance() {
    let open = Open::doors(socket_only).await;
    let status = ask(&open, "GET /api/v1/status", "").await;
    assert_eq!(status.status, 200);
    assert!(status.head.contains("cache-control: no-store"));
    let status = status.json();
    assert_eq!(status["uptime_seconds"], 90_061);
    assert_eq!(status["ready"], true);
    assert_eq!(status["spool"]["condition"], "ready");
    assert_eq!(status["warnings"][0], "source list `old` is out of date");
    let targets = ask(&open, "GET /api/v1/targets", "").await.json();
    let names: Vec<_> = targets
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["jira", "jenkins", "forgotten"]);
    assert_eq!(targets[1]["state"], "down");
    assert_eq!(targets[1]["oldest_age_seconds"], 3_700);
    assert_eq!(targets[1]["last_error"], "connection refused");
    assert_eq!(targets[2]["state"], "unconfigured");
    for path in ["routes", "sources", "callers", "certificates"] {
        let answer = ask(&open, &format!("GET /api/v1/{path}"), "").await;
        assert!(!answer.json().as_array().unwrap().is_empty(), "{path}");
    }
    open.tasks.stop().await;
}

#[tokio::test]
async fn deliveries_are_looked_through_by_every_criterion() {
    let open = Open::doors(socket_only).await;
    let line = "GET /api/v1/deliveries?route=a&event=push&action=b&repository=acme%2Fweb&state=dead\
        &target=jira&since=2026-11-20T08:00:00Z&until=1h&text=x&limit=7&cursor=99";
    let page = ask(&open, line, "").await.json();
    assert_eq!(page["deliveries"][0]["id"], 42);
    assert_eq!(page["deliveries"][0]["targets"][1]["state"], "pending");
    assert_eq!(page["next"], 41);
    ask(&open, "GET /api/v1/deliveries?status=pending", "").await;
    let asked = open.fake.scene().asked;
    assert_eq!(
        asked[0],
        "find Query { route: Some(\"a\"), event: Some(\"push\"), action: Some(\"b\"), \
        repository: Some(\"acme/web\"), state: Some(Dead), target: Some(\"jira\"), \
        since: Some(Timestamp(1795161600000)), until: Some(Timestamp(1799996400000)), \
        text: Some(\"x\") } Some(DeliveryId(99)) 7"
    );
    assert!(asked[1].contains("state: Some(Pending)") && asked[1].ends_with("None 50"));
    for wrong in [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=0",
        "cursor=-1",
        "state=lost",
        "since=yesterday",
        "until=",
        "rout=a",
        "state=dead&status=dead",
        "text=",
    ] {
        let refused = ask(&open, &format!("GET /api/v1/deliveries?{wrong}"), "").await;
        assert_eq!(refused.code(), (400, "invalid_parameter".into()), "{wrong}");
    }
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_body() {
    let open = Open::doors(socket_only).await;
    let shown = ask(&open, "GET /api/v1/deliveries/42", "").await.json();
    assert_eq!(shown["body"]["encoding"], "text");
    assert_eq!(shown["body"]["content"], "{\"zen\":\"Keep it simple\"}");
    assert_eq!(shown["headers"][0][0], "x-github-event");
    assert_eq!(shown["attempts"][0]["took_ms"], 12);
    open.fake
        .set(|scene| scene.body = Bytes::from_static(b"\xff\x00\x80"));
    let shown = ask(&open, "GET /api/v1/deliveries/42", "").await.json();
    assert_eq!(
        shown["body"],
        json!({"encoding":"base64","content":"/wCA","truncated":false})
    );
    // The cut goes through a letter of two bytes.
    let long = format!("x{}", "é".repeat(600_000));
    open.fake.set(|scene| scene.body = long.clone().into());
    let shown = ask(&open, "GET /api/v1/deliveries/42", "").await.json();
    assert_eq!(shown["body"]["truncated"], true);
    assert_eq!(shown["body"]["encoding"], "text");
    assert!(long.starts_with(shown["body"]["content"].as_str().unwrap()));
    let whole = ask(&open, "GET /api/v1/deliveries/42/body", "").await;
    assert!(whole.head.contains("content-disposition: attachment"));
    assert_eq!(whole.body, long.as_bytes());
    let missing = ask(&open, "GET /api/v1/deliveries/7", "").await;
    assert_eq!(missing.code(), (404, "no_such_delivery".into()));
    let wrong = ask(&open, "GET /api/v1/deliveries/x", "").await;
    assert_eq!(wrong.code(), (400, "invalid_parameter".into()));
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_delivery_is_sent_again_and_the_trail_says_who_did() {
    let open = Open::doors(socket_only).await;
    let one = "POST /api/v1/deliveries/42/redeliver";
    assert_eq!(ask(&open, one, "").await.json(), json!({"count":2}));
    let jira = ask(&open, one, "{\"target\":\"jira\"}").await;
    assert_eq!(jira.json(), json!({"count":1}));
    let wrong = ask(&open, one, "{\"target\":\"nobody\"}").await;
    assert_eq!(wrong.code(), (404, "no_such_target".into()));
    let busy = ask(&open, one, "{\"target\":\"jenkins\"}").await;
    assert_eq!(busy.code(), (409, "being_sent".into()));
    let missing = ask(&open, "POST /api/v1/deliveries/7/redeliver", "").await;
    assert_eq!(missing.code(), (404, "no_such_delivery".into()));
    let all = "POST /api/v1/deliveries/redeliver";
    let sent = ask(&open, all, "{\"state\":\"dead\",\"route\":\"a\"}").await;
    assert_eq!(sent.json(), json!({"count":17}));
    for wrong in [
        "",
        "{}",
        "{\"limit\":5}",
        "{\"state\":\"dead\",\"cursor\":5}",
        "{\"x\":1}",
        "[",
        "7",
    ] {
        let refused = ask(&open, all, wrong).await;
        assert_eq!(refused.code(), (400, "invalid_parameter".into()), "{wrong}");
    }
    let trail = open.trail().await;
    assert_eq!(trail[0]["action"], "redeliver");
    assert_eq!(trail[0]["by"], "admin_socket");
    assert_eq!(
        trail[0]["outcome"],
        "ok: delivery 42 to all its targets: 2 sent again"
    );
    let last = trail.last().unwrap()["outcome"].as_str().unwrap();
    assert!(
        last.contains("\"state\":\"dead\"") && last.ends_with("17 sent again"),
        "{last}"
    );
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_setup_window_is_opened_and_closed_and_the_trail_says_by_whom() {
    let open = Open::doors(socket_only).await;
    let at = "POST /api/v1/setup/ghe.example.com%2F";
    let opened = ask(&open, at, "{\"seconds\":900}").await.json();
    assert_eq!(opened["route"], "ghe.example.com/");
    assert_eq!(opened["until"], "2027-01-15T08:15:00.000Z");
    let closed = ask(&open, at, "{\"seconds\":0}").await.json();
    assert_eq!(closed["until"], Value::Null);
    for wrong in ["{\"seconds\":86401}", "{\"seconds\":-1}", "{}", ""] {
        let refused = ask(&open, at, wrong).await;
        assert_eq!(refused.code(), (400, "invalid_parameter".into()), "{wrong}");
    }
    let missing = ask(&open, "POST /api/v1/setup/nobody", "{\"seconds\":1}").await;
    assert_eq!(missing.code(), (404, "no_such_route".into()));
    let trail = open.trail().await;
    assert_eq!(trail[0]["action"], "setup_window");
    assert_eq!(trail[0]["by"], "admin_socket");
    assert_eq!(
        trail[0]["outcome"],
        "ghe.example.com/ is open until 2027-01-15T08:15:00.000Z"
    );
    assert_eq!(trail[1]["outcome"], "ghe.example.com/ is closed");
    assert_eq!(trail.len(), 2);
    open.tasks.stop().await;
}

#[tokio::test]
async fn what_was_learned_of_a_route_is_told() {
    let open = Open::doors(socket_only).await;
    let learned = ask(&open, "GET /api/v1/learned/ghe.example.com%2F", "").await;
    let learned = learned.json();
    assert_eq!(learned["requests"][0]["rule"], "pulls/list");
    assert_eq!(learned["profile"], "[[profile]]\n");
    let missing = ask(&open, "GET /api/v1/learned/hooks.example.com%2Fjira", "").await;
    assert_eq!(missing.code(), (404, "no_such_route".into()));
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_reload_says_what_changed_or_why_not() {
    let open = Open::doors(socket_only).await;
    let good = ask(&open, "POST /api/v1/reload", "").await;
    assert_eq!(good.json(), json!({"outcome":"2 routes added"}));
    open.fake
        .set(|scene| scene.reload = Err("webhook[0].url: not a URL".to_owned()));
    let bad = ask(&open, "POST /api/v1/reload", "").await;
    assert_eq!(bad.code(), (422, "reload_refused".into()));
    let message = bad.json()["error"]["message"].to_string();
    assert!(message.contains("webhook[0].url"), "{message}");
    let refreshed = ask(&open, "POST /api/v1/sources/refresh", "").await.json();
    assert_eq!(refreshed[1]["error"], "it answers 500");
    let outcomes: Vec<Value> = open
        .trail()
        .await
        .iter()
        .map(|it| it["outcome"].clone())
        .collect();
    assert_eq!(
        outcomes,
        ["ok", "webhook[0].url: not a URL", "1 of 2 failed"]
    );
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_reload_goes_on_when_the_one_who_asked_has_gone() {
    let open = Open::doors(socket_only).await;
    let slow = Arc::new(tokio::sync::Notify::new());
    open.fake.set(|scene| scene.slow = Some(Arc::clone(&slow)));
    let mut stream = UnixStream::connect(&open.socket).await.unwrap();
    let text = request("POST /api/v1/reload", JSON, "");
    stream.write_all(text.as_bytes()).await.unwrap();
    let heard = async |what: &str| {
        while !open.fake.scene().asked.iter().any(|asked| asked == what) {
            tokio::task::yield_now().await;
        }
    };
    heard("reload begins").await;
    drop(stream);
    ask(&open, "GET /healthz", "").await;
    slow.notify_one();
    heard("reload ends").await;
    open.tasks.stop().await;
}

#[tokio::test]
async fn readiness_tells_why_not() {
    let open = Open::doors(socket_only).await;
    assert_eq!(ask(&open, "GET /readyz", "").await.status, 200);
    open.fake
        .set(|scene| scene.ready = Err(vec!["draining".to_owned()]));
    let draining = ask(&open, "GET /readyz", "").await;
    assert_eq!(draining.status, 503);
    assert_eq!(draining.json()["reasons"], json!(["draining"]));
    open.fake.set(|scene| {
        scene.ready = Ok(());
        scene.condition = Condition::Full("20 GiB are used".into());
    });
    let full = ask(&open, "GET /readyz", "").await;
    assert_eq!(full.status, 503);
    assert_eq!(
        full.json()["reasons"],
        json!(["nothing can be stored: 20 GiB are used"])
    );
    let alive = ask(&open, "GET /healthz", "").await;
    assert_eq!(
        (alive.status, alive.body.as_slice()),
        (200, b"ok\n".as_slice())
    );
    open.fake.set(|scene| scene.broken = true);
    let broken = ask(&open, "GET /api/v1/status", "").await;
    assert_eq!(broken.code(), (503, "spool_unavailable".into()));
    open.tasks.stop().await;
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let open = Open::doors(socket_only).await;
    ask(&open, "GET /healthz", "").await;
    let metrics = ask(&open, "GET /metrics", "").await;
    assert!(
        metrics
            .head
            .contains("content-type: text/plain; version=0.0.4")
    );
    let text = String::from_utf8(metrics.body).unwrap();
    for name in [
        "hubgate_build_info{version=",
        "hubgate_admin_requests_total{door=\"admin_socket\"",
    ] {
        assert!(text.contains(name), "{name}");
    }
    open.tasks.stop().await;
}

#[tokio::test]
async fn without_a_token_only_this_machine_is_answered_and_no_web_page() {
    let open = Open::doors(with_address).await;
    let own = open.address.unwrap();
    for host in [
        "localhost",
        "LOCALHOST:9180",
        "127.0.0.1",
        "[::1]:9180",
        &own.to_string(),
    ] {
        let reply = ask_tcp(&open, "GET /api/v1/routes", &format!("Host: {host}\r\n")).await;
        assert_eq!(reply.status, 200, "{host}");
    }
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: \r\n",
        "",
    ] {
        for path in ["/api/v1/routes", "/healthz", "/metrics"] {
            let reply = ask_tcp(&open, &format!("GET {path}"), headers).await;
            assert_eq!(
                reply.code(),
                (403, "foreign_host".into()),
                "{headers}{path}"
            );
        }
    }
    let disagreeing = ask_tcp(
        &open,
        "GET http://evil.example/metrics",
        "Host: localhost\r\n",
    )
    .await;
    assert_eq!(disagreeing.code(), (403, "foreign_host".into()));
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let headers = format!("Host: localhost\r\nOrigin: {origin}\r\n");
        let reply = ask_tcp(&open, "POST /api/v1/reload", &headers).await;
        assert_eq!(reply.code(), (403, "foreign_origin".into()), "{origin}");
    }
    let same = "Host: localhost:9180\r\nOrigin: http://localhost:9180\r\n";
    assert_eq!(
        ask_tcp(&open, "POST /api/v1/reload", same).await.status,
        200
    );
    assert_eq!(open.trail().await[0]["by"], "admin_api");
    open.tasks.stop().await;
}

#[tokio::test]
async fn with_a_token_everything_but_health_asks_for_it() {
    let open = Open::doors(with_token).await;
    let get = async |path: &str, shown: &str| {
        let headers = format!("Host: admin.corp.internal\r\n{shown}");
        ask_tcp(&open, &format!("GET {path}"), &headers).await
    };
    for (_, path, _) in router::routes() {
        let path = path.replace("{id}", "42");
        if matches!(path.as_str(), "/healthz" | "/readyz") || path.starts_with("/setup/apps/") {
            continue;
        }
        for shown in [
            "",
            "Authorization: Bearer wrong\r\n",
            "Authorization: Basic s3cret\r\n",
            "Authorization: Bearer s3cre\r\n",
            "Authorization: Bearer\r\n",
            "Authorization: s3cret\r\n",
        ] {
            let reply = get(&path, shown).await;
            assert_eq!(reply.code(), (401, "unauthorized".into()), "{path} {shown}");
            assert!(reply.head.contains("www-authenticate: bearer"));
        }
    }
    let right = "Authorization: bearer s3cret\r\n";
    assert_eq!(get("/api/v1/routes", right).await.status, 200);
    assert_eq!(get("/metrics", right).await.status, 200);
    open.fake
        .set(|scene| scene.ready = Err(vec!["the disk of 10.1.2.3 is full".to_owned()]));
    let stranger = get("/readyz", "").await;
    assert_eq!(
        (stranger.status, stranger.json()["reasons"].clone()),
        (503, json!([]))
    );
    assert_eq!(
        get("/readyz", right).await.json()["reasons"][0],
        "the disk of 10.1.2.3 is full"
    );
    let socket = ask(&open, "GET /api/v1/routes", "").await;
    assert_eq!(socket.status, 200, "the socket's mode is its guard");
    open.tasks.stop().await;
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_the_same_shape() {
    let open = Open::doors(socket_only).await;
    let rows = [
        ("GET /", "", (404, "no_such_path")),
        ("GET /api/v1/nothing", "", (404, "no_such_path")),
        ("POST /api/v1/status", "", (405, "method_not_allowed")),
        ("GET /api/v1/reload", "", (405, "method_not_allowed")),
    ];
    for (line, body, (status, code)) in rows {
        assert_eq!(
            ask(&open, line, body).await.code(),
            (status, code.into()),
            "{line}"
        );
    }
    let large = "x".repeat(70_000);
    let reply = ask(&open, "POST /api/v1/deliveries/redeliver", &large).await;
    assert_eq!(reply.code(), (413, "body".into()));
    let form = request(
        "POST /api/v1/deliveries/redeliver",
        "Host: localhost\r\nContent-Type: text/plain\r\n",
        "{\"state\":\"dead\"}",
    );
    let stream = UnixStream::connect(&open.socket).await.unwrap();
    let reply = exchange(stream, &form).await;
    assert_eq!(reply.code(), (415, "content_type".into()));
    open.tasks.stop().await;
}

#[tokio::test]
async fn the_document_describes_what_is_served_and_nothing_else() {
    let document = serde_json::to_value(document()).unwrap();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let served: BTreeSet<String> = router::routes()
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(described, served);

    let open = Open::doors(socket_only).await;
    let over_the_wire = ask(&open, "GET /api/v1/openapi.json", "").await.json();
    assert_eq!(over_the_wire, document);
    // Each path really answers the method that is described, and no other.
    for line in &served {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.replace("{id}", "42");
        assert_ne!(
            ask(&open, &format!("{method} {path}"), "").await.status,
            405,
            "{line}"
        );
        let other = if method == "GET" { "POST" } else { "PUT" };
        let reply = ask(&open, &format!("{other} {path}"), "").await;
        assert_eq!(reply.status, 405, "{other} {path}");
    }
    open.tasks.stop().await;
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_group_and_goes_with_the_process() {
    use std::os::unix::fs::PermissionsExt as _;
    let open = Open::doors(socket_only).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&open.socket), 0o660);
    assert_eq!(mode(open.socket.parent().unwrap()), 0o750);
    let again = super::open(&socket_only(open.dir.path()))
        .await
        .unwrap_err();
    assert!(matches!(again, AdminError::Taken(_)), "{again}");
    open.tasks.stop().await;
    assert!(!open.socket.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_another_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let settings = socket_only(dir.path());
    std::fs::create_dir(settings.socket.parent().unwrap()).unwrap();
    drop(UnixListener::bind(&settings.socket).unwrap());
    assert!(settings.socket.exists());
    drop(open(&settings).await.unwrap());
    assert!(!settings.socket.exists());
    std::fs::write(&settings.socket, "mine").unwrap();
    let refused = open(&settings).await.unwrap_err();
    assert!(matches!(refused, AdminError::NotASocket(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&settings.socket).unwrap(), "mine");
    let long = Settings {
        socket: dir.path().join("x".repeat(120)).join("admin.sock"),
        ..settings
    };
    let refused = open(&long).await.unwrap_err().to_string();
    assert!(refused.contains("cannot listen on"), "{refused}");
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_token() {
    let dir = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9180"] {
        let settings = Settings {
            address: Some(address.parse().unwrap()),
            ..socket_only(dir.path())
        };
        let refused = open(&settings).await.unwrap_err();
        assert!(matches!(refused, AdminError::TokenMissing(_)), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dribbles_is_cut() {
    let open = Open::doors(socket_only).await;
    let mut stream = UnixStream::connect(&open.socket).await.unwrap();
    stream.write_all(b"GET /healthz HTT").await.unwrap();
    let mut rest = Vec::new();
    // Time passes by itself while nothing else can happen.
    let ended = tokio::time::timeout(
        std::time::Duration::from_secs(11),
        stream.read_to_end(&mut rest),
    );
    assert!(ended.await.is_ok());
    open.tasks.stop().await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections() {
    let open = Open::doors(with_address).await;
    let mut idle = TcpStream::connect(open.address.unwrap()).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    open.tasks.stop().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn apps_are_shown_made_given_keys_and_removed() {
    let open = Open::doors(with_address).await;
    let list = ask(&open, "GET /api/v1/apps", "").await.json();
    assert_eq!(list[0]["state"], "installed");
    let one = ask(&open, "GET /api/v1/apps/sync", "").await.json();
    assert_eq!(one["installations"][0]["lacking"]["contents"], "write");
    let many = ask(&open, "GET /api/v1/apps/sync/installations", "").await;
    assert_eq!(many.json()[0]["owner"], "acme");
    let none = ask(&open, "GET /api/v1/apps/other", "").await;
    assert_eq!(none.code(), (404, "no_such_app".into()));
    let body = r#"{"github":"ghes","title":"Sync","permissions":{"contents":"read"}}"#;
    let made = ask(&open, "POST /api/v1/apps/new/create", body)
        .await
        .json();
    assert_eq!(made["open"], "http://127.0.0.1:9180/setup/apps/0123");
    let taken = ask(&open, "POST /api/v1/apps/sync/create", body).await;
    assert_eq!(taken.code(), (422, "app_refused".into()));
    let key = r#"{"pem":"-----BEGIN canary"}"#;
    assert_eq!(
        ask(&open, "POST /api/v1/apps/sync/keys", key).await.status,
        200
    );
    let wrong = ask(&open, "POST /api/v1/apps/sync/keys", r#"{"pm":"canary"}"#).await;
    assert_eq!(wrong.code(), (400, "invalid_parameter".into()));
    assert!(!String::from_utf8(wrong.body).unwrap().contains("canary"));
    let away = ask(&open, "POST /api/v1/apps/other/remove", "").await;
    assert_eq!(away.code(), (502, "github_unavailable".into()));
    let gone = ask(&open, "POST /api/v1/apps/sync/remove", "").await.json();
    assert_eq!(gone["uninstalled"], json!(["acme"]));
    let trail = format!("{:?} {:?}", open.trail().await, open.fake.scene().asked);
    assert!(
        trail.contains("app_rotate_key") && !trail.contains("canary"),
        "{trail}"
    );
    open.tasks.stop().await;
}

#[tokio::test]
async fn the_pages_of_an_app_are_for_whoever_knows_their_address_and_run_no_script() {
    let open = Open::doors(with_token).await;
    let rows = [
        ("GET /setup/apps/0123", 200, "<p>go</p>"),
        ("GET /setup/apps/0124", 404, "create</code> again"),
        (
            "GET /setup/apps/callback?code=c0de&state=0123",
            200,
            "<p>made</p>",
        ),
        (
            "GET /setup/apps/callback?code=c0de&state=0124",
            400,
            "<p>not made</p>",
        ),
        ("GET /setup/apps/callback", 400, "<p>not made</p>"),
    ];
    for (line, status, says) in rows {
        let reply = ask_tcp(&open, line, "Host: admin.corp.internal\r\n").await;
        assert_eq!(reply.status, status, "{line}");
        assert!(
            String::from_utf8(reply.body).unwrap().contains(says),
            "{line}"
        );
        assert!(
            reply
                .head
                .contains("content-security-policy: default-src 'none'")
        );
        assert!(reply.head.contains("referrer-policy: strict-origin"));
        assert!(reply.head.contains("cache-control: no-store"));
    }
    open.tasks.stop().await;
}
