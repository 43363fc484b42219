//! Nothing that was answered 202 is lost, and nothing that was refused arrives.

use crate::harness::{Gate, Site, Tool, eventually, guid, sign, vacant};
use rand::{RngExt as _, SeedableRng as _};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: usize = 20;
const CLIENTS: usize = 6;

#[derive(Default)]
struct Ledger {
    accepted: Mutex<HashSet<Vec<u8>>>,
    refused: Mutex<HashSet<Vec<u8>>>,
}

fn body(id: &str) -> Vec<u8> {
    let filler = "x".repeat(4000);
    format!(r#"{{"id":"{id}","repository":{{"full_name":"acme/web"}},"filler":"{filler}"}}"#)
        .into_bytes()
}

/// Sends until the gateway is gone; every fifth is signed with another secret.
fn load(gate: &Gate, ledger: &Arc<Ledger>) -> tokio::task::JoinSet<()> {
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, ledger) = (gate.client(), ledger.clone());
        let url = gate.url("/hook");
        clients.spawn(async move {
            for nth in 0_u64.. {
                let id = guid();
                let body = body(&id);
                let secret = if nth % 5 == 4 {
                    "another secret"
                } else {
                    crate::harness::SECRET
                };
                let answer = client
                    .post(&url)
                    .header("content-type", "application/json")
                    .header("x-github-event", "push")
                    .header("x-github-delivery", &id)
                    .header("x-hub-signature-256", sign(secret, &body))
                    .body(body.clone())
                    .send()
                    .await;
                match answer.map(|answer| answer.status().as_u16()) {
                    Ok(202) => drop(ledger.accepted.lock().unwrap().insert(body)),
                    Ok(401) => drop(ledger.refused.lock().unwrap().insert(body)),
                    Ok(503) => {}
                    Ok(other) => panic!("{other}"),
                    Err(_) => return,
                }
            }
        });
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_twenty_kills_with_a_target_that_fails_half_of_the_time() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    let site = Site::new();
    // The target is down for the whole life of the first process.
    let address = vacant().await;
    site.configure_hook("", address, "");
    let ledger = Arc::new(Ledger::default());
    let mut tool = None;
    for _ in 0..KILLS {
        let mut gate = site.start().await;
        let mut clients = load(&gate, &ledger);
        tokio::time::sleep(Duration::from_millis(chance.random_range(100..700))).await;
        gate.kill();
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        if tool.is_none() {
            let socket = tokio::net::TcpListener::bind(address).await.unwrap();
            let coin = Mutex::new(rand::rngs::StdRng::seed_from_u64(seed));
            let flip = move |_| {
                if coin.lock().unwrap().random() {
                    500
                } else {
                    200
                }
            };
            tool = Some(Tool::on(socket, flip));
        }
    }
    let tool = tool.unwrap();
    let _gate = site.start().await;
    let accepted = ledger.accepted.lock().unwrap().clone();
    assert!(
        accepted.len() > 200,
        "only {} were accepted",
        accepted.len()
    );
    eventually(|| {
        let arrived: HashSet<Vec<u8>> = tool.all().into_iter().map(|got| got.body).collect();
        accepted.is_subset(&arrived).then_some(())
    })
    .await;
    let refused = ledger.refused.lock().unwrap().clone();
    assert!(!refused.is_empty());
    assert!(tool.all().iter().all(|got| !refused.contains(&got.body)));
}
