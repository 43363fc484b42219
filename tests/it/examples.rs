//! All of GitHub's own examples arrive byte for byte.

use crate::harness::{SECRET, Site, Tool, eventually, guid, sign};
use std::collections::HashMap;
use std::path::Path;

/// The examples of one version of GitHub: event and payload.
fn examples(version: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/webhooks-examples-7.6.1");
    let text = std::fs::read(root.join(version).join("index.json")).ok()?;
    let all: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut found = Vec::new();
    for event in all.as_array().unwrap() {
        for example in event["examples"].as_array().unwrap() {
            let name = event["name"].as_str().unwrap().to_owned();
            found.push((name, serde_json::to_vec(example).unwrap()));
        }
    }
    Some(found)
}

async fn all_arrive(version: &str, least: usize) {
    let Some(all) = examples(version) else {
        assert!(
            std::env::var("CI").is_err(),
            "the examples are not in .cache: run tests/tools/setup"
        );
        eprintln!("skipped: the examples are not in .cache; tests/tools/setup fetches them");
        return;
    };
    assert!(all.len() >= least, "{}", all.len());
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let mut sent = HashMap::new();
    for (event, body) in &all {
        let id = guid();
        let mut request = gate.push(&client, &id, body).build().unwrap();
        request
            .headers_mut()
            .insert("x-github-event", event.parse().unwrap());
        let answer = client.execute(request).await.unwrap();
        assert_eq!(
            answer.status(),
            202,
            "{event}: {}",
            answer.text().await.unwrap()
        );
        sent.insert(id, (event, body));
    }
    eventually(|| (tool.count() >= all.len()).then_some(())).await;
    assert_eq!(tool.count(), all.len());
    for got in tool.all() {
        let (event, body) = sent.remove(&got.headers["x-github-delivery"]).unwrap();
        assert_eq!(&got.body, body);
        assert_eq!(&got.headers["x-github-event"], event);
        assert_eq!(got.headers["x-hub-signature-256"], sign(SECRET, body));
    }
    assert!(sent.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_github_com_arrives_byte_for_byte() {
    all_arrive("api.github.com", 329).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_ghes_arrives_byte_for_byte() {
    all_arrive("ghes-35", 125).await;
}
