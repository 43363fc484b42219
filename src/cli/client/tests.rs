//! Tests of the way to the running gateway.

use super::*;
use crate::admin::answer::{Reloaded, Source, Status};
use crate::admin::fake::Open;
use clap::Parser as _;

/// A command's arguments, as the command line reads them.
#[derive(Debug, clap::Parser)]
struct Line<T: clap::Args> {
    #[command(flatten)]
    arguments: T,
}

/// The arguments of a command that is to talk to this gateway.
pub(in crate::cli) fn arguments<T: clap::Args>(open: &Open, line: &str) -> T {
    let words = line.split_ascii_whitespace();
    let socket = ["--socket", open.socket.to_str().unwrap()];
    Line::parse_from(std::iter::once("hubgate").chain(words).chain(socket)).arguments
}

fn running(arguments: &[&str]) -> Running {
    let line = std::iter::once("hubgate").chain(arguments.iter().copied());
    Line::parse_from(line).arguments
}

/// Runs `look` against the doors of a fake gateway, from outside its runtime.
pub(in crate::cli) fn with_gateway(look: impl FnOnce(&Open, &Client)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let open = runtime.block_on(Open::doors(|dir| crate::admin::Settings {
        socket: dir.join("admin.sock"),
        address: None,
        token: None,
    }));
    let client = Client {
        socket: open.socket.clone(),
    };
    look(&open, &client);
    runtime.block_on(open.tasks.stop());
}

#[test]
fn answers_arrive_as_the_types_that_the_api_serves() {
    with_gateway(|_, client| {
        let status: Status = client.get("status").unwrap();
        assert_eq!(status.uptime_seconds, 90_061);
        let sources: Vec<Source> = client.get("sources").unwrap();
        assert_eq!(sources.len(), 3);
        let reloaded: Reloaded = client.post("reload", None::<&()>).unwrap();
        assert_eq!(reloaded.outcome, "2 routes added");
        let body = client.bytes("deliveries/42/body").unwrap();
        assert_eq!(body, "{\"zen\":\"Keep it simple\"}");
    });
}

#[test]
fn a_large_body_arrives_whole() {
    with_gateway(|open, client| {
        let large: Bytes = (0..=250_u8).cycle().take(25 << 20).collect();
        open.fake.set(|scene| scene.body = large.clone());
        assert!(client.bytes("deliveries/42/body").unwrap() == large);
    });
}

#[test]
fn a_refusal_is_told_in_the_gateways_own_words() {
    with_gateway(|open, client| {
        open.fake
            .set(|scene| scene.reload = Err("webhook[0].url: not a URL".to_owned()));
        let refused = client.post::<Reloaded>("reload", None::<&()>).unwrap_err();
        assert!(refused.to_string().contains("webhook[0].url"), "{refused}");
        let refused = client.get::<Status>("deliveries/7").unwrap_err();
        assert!(refused.to_string().contains("no delivery 7"), "{refused}");
    });
}

#[test]
fn a_gateway_that_does_not_run_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let client = running(&["--socket", socket.to_str().unwrap()])
        .client()
        .unwrap();
    let failure = client.get::<Status>("status").unwrap_err().to_string();
    for part in [
        "not running",
        socket.to_str().unwrap(),
        "systemctl status hubgate",
    ] {
        assert!(failure.contains(part), "{failure}");
    }
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let stale = client.get::<Status>("status").unwrap_err().to_string();
    assert!(stale.contains("not running"), "{stale}");
}

#[test]
fn something_else_on_the_socket_is_no_gateway() {
    use std::io::{Read as _, Write as _};
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let answers = [
        "",
        "\0\u{1}\u{2}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{",
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    ];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 64];
            let _some = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let client = Client { socket };
    for answer in answers {
        assert!(client.get::<Status>("status").is_err(), "{answer:?}");
    }
    server.join().unwrap();
}

#[test]
fn the_socket_is_the_one_that_the_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hubgate.toml");
    let found = || {
        running(&["--config", file.to_str().unwrap()])
            .client()
            .map(|client| client.socket)
    };
    let missing = found().unwrap_err();
    assert!(format!("{missing:#}").contains("--socket"), "{missing:#}");
    // Mistakes elsewhere in the file are not this command's business.
    std::fs::write(&file, "[gateway]\nworkerz = 3\n").unwrap();
    assert_eq!(found().unwrap(), Path::new(SOCKET));
    std::fs::write(&file, "[admin]\nsocket = \"/a\"\n").unwrap();
    assert_eq!(found().unwrap(), Path::new("/a"));
    std::fs::create_dir(dir.path().join("conf.d")).unwrap();
    std::fs::write(
        dir.path().join("conf.d/10.toml"),
        "[admin]\nsocket = \"/b\"\n",
    )
    .unwrap();
    std::fs::write(
        dir.path().join("conf.d/20.toml"),
        "[admin]\ntoken = \"env:X\"\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("conf.d/30.bak"), "not TOML").unwrap();
    assert_eq!(found().unwrap(), Path::new("/b"));
    std::fs::write(&file, "[admin\n").unwrap();
    assert!(found().is_err());
    assert_eq!(
        running(&["--socket", "/c"]).client().unwrap().socket,
        Path::new("/c")
    );
}
