//! GitHub behind an outbound proxy: what the gate asks itself, and what callers ask through it.

use super::{API, Broker, Caller, WIDE};
use crate::inside::commits;
use crate::outside::{Client, run};
use crate::simulator::{Kept, Opening, Shape};
use crate::world::{PUBLIC, SERVER, all_of, world};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A name that the proxy alone can resolve.
const HIDDEN: &str = "git.hidden.internal";

/// A proxy that leads to the server inside whatever it is asked for, and tells what that was.
async fn proxy() -> (SocketAddr, Arc<Mutex<BTreeMap<String, usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(BTreeMap::new()));
    let told = asked.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let to = line
                    .strip_prefix("CONNECT ")
                    .and_then(|rest| rest.split(' ').next());
                let to = to.unwrap_or_else(|| panic!("{line}")).to_owned();
                *told.lock().unwrap().entry(to).or_default() += 1;
                while line.trim() != "" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                }
                let mut server = TcpStream::connect(SERVER).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                drop(copy_bidirectional(&mut stream, &mut server).await);
            });
        }
    });
    (at, asked)
}

#[test]
fn callers_reach_a_github_that_only_the_proxy_can() {
    world(async |world| {
        let (at, asked) = proxy().await;
        let caller = Caller::make();
        let names = all_of(HIDDEN);
        let opening = Opening {
            web: Some(format!("https://{HIDDEN}")),
            tls: crate::simulator::Tls::By(world.corp.server(&names)),
            names,
            ..Opening::within(&world, Shape::Ghes)
        };
        let keys = format!("via = \"http://{at}/\"");
        let sections = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::at(&world, opening, &keys, ("", &sections)).await else {
            return;
        };
        let get = async |path: &str| {
            let answer = broker
                .get(&world, &caller.key, &format!("{API}{path}"))
                .await;
            let status = answer.status().as_u16();
            (status, answer.bytes().await.unwrap())
        };
        assert_eq!(get("/repos/acme/web-1").await.0, 200);
        // Which repository an id is, is asked by the proxy too.
        let id = broker.ids["acme/web-2"];
        assert_eq!(get(&format!("/repositories/{id}/issues")).await.0, 200);
        commits(
            &broker.github.git_place("acme/web-1"),
            [("a".to_owned(), b"a".to_vec())],
        );
        let client = Client::outside(&world).with_token(&caller.key);
        let from = format!("https://{PUBLIC}/github/sync/acme/web-1.git");
        run(client.git(&["clone", "-q", &from, "work"]))
            .await
            .good();
        broker.github.mood(|mood| mood.kept = Kept::Apart).await;
        let (status, archive) = get("/repos/acme/web-1/tarball/main").await;
        assert_eq!(status, 200);
        assert!(archive.starts_with(&[0x1f, 0x8b]));
        let asked = asked.lock().unwrap().clone();
        let to: Vec<&str> = asked.keys().map(String::as_str).collect();
        assert_eq!(
            to,
            [
                "codeload.git.hidden.internal:443",
                "git.hidden.internal:443"
            ]
        );
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}
