//! A full disk: what was answered 202 is kept and delivered, what was answered 503 is not.
//!
//! The disk is a small one in memory, which only root can mount.

use crate::harness::{Site, Tool, eventually, guid, skipped, vacant};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, mebibytes: u64) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mebibytes}m"),
                "hubgate-test",
            ])
            .arg(at)
            .output()
            .is_ok_and(|out| out.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn body(id: &str) -> Vec<u8> {
    let filler = "x".repeat(60_000);
    format!(r#"{{"id":"{id}","filler":"{filler}"}}"#).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_accepted_is_lost_and_nothing_else_is_accepted() {
    let site = Site::new();
    let Some(_disk) = Disk::mount(&site.path("state"), 24) else {
        return skipped("a small disk in memory, which only root can mount");
    };
    let address = vacant().await;
    site.configure_hook("", address, "");
    let (mut accepted, mut refused) = (HashSet::new(), Vec::new());

    let mut gate = site.start().await;
    let client = gate.client();
    while refused.len() < 3 {
        let body = body(&guid());
        let answer = gate.push(&client, &guid(), &body).send().await.unwrap();
        match answer.status().as_u16() {
            202 => drop(accepted.insert(body)),
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                let said: serde_json::Value = answer.json().await.unwrap();
                assert_eq!(said["error"]["code"], "spool_full", "{said}");
                let id = said["error"]["request_id"].as_str().unwrap();
                assert_eq!(site.audited(id).await["reason"], "spool_full");
                refused.push(body);
            }
            other => panic!("{other} after {}", accepted.len()),
        }
        assert!(accepted.len() < 1_000, "the disk does not fill");
    }
    assert!(accepted.len() > 50, "only {} were accepted", accepted.len());
    // While it is full it says so to whoever asks.
    let ready = site.status().unwrap()["ready"].clone();
    assert_eq!(ready, false);
    gate.kill();

    let socket = tokio::net::TcpListener::bind(address).await.unwrap();
    let tool = Tool::on(socket, |nth| if nth % 2 == 0 { 500 } else { 200 });
    let _next = site.start().await;
    eventually(|| {
        let arrived: HashSet<Vec<u8>> = tool.all().into_iter().map(|got| got.body).collect();
        accepted.is_subset(&arrived).then_some(())
    })
    .await;
    assert!(tool.all().iter().all(|got| !refused.contains(&got.body)));
}
