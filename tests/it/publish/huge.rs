//! A repository of 2 GB, cloned and pushed through a gate that holds none of it.

use super::Published;
use crate::harness::Gate;
use crate::inside::{Ghes, TOKEN, git};
use crate::outside::{Client, run};
use crate::stories::git::{head, noise};
use crate::world::{World, world};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const PIECE: usize = 16 << 20;
/// What the gate may take more while gigabytes pass.
const ROOM: u64 = 64 << 20;

/// Puts this many blobs of 128 MB, which nothing makes smaller, on `main`.
fn fill(place: &Path, blobs: usize) {
    for (key, value) in [
        ("core.bigFileThreshold", "1m"),
        ("core.compression", "0"),
        ("pack.compression", "0"),
        ("fastimport.unpackLimit", "1"),
    ] {
        git(place, &["config", key, value], b"");
    }
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(place)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = import.stdin.take().unwrap();
    let piece = noise(PIECE, 11);
    let head = "commit refs/heads/main\ncommitter Mona <mona@example.com> 1700000000 +0000\n";
    for blob in 0..blobs {
        let mark = format!("{blob:08}");
        write!(
            input,
            "blob\nmark :{}\ndata {}\n{mark}",
            blob + 1,
            8 * PIECE + mark.len()
        )
        .unwrap();
        for _ in 0..8 {
            input.write_all(&piece).unwrap();
        }
        input.write_all(b"\n").unwrap();
    }
    write!(input, "{head}data 3\nbig\n").unwrap();
    for blob in 1..=blobs {
        writeln!(input, "M 100644 :{blob} blob-{blob}").unwrap();
    }
    drop(input);
    assert!(import.wait().unwrap().success());
}

/// A line of what the system says of the gate's memory, in bytes.
fn memory(gate: &Gate, line: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", gate.process())).unwrap();
    let found = text
        .lines()
        .find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let found = found.unwrap().trim().trim_end_matches(" kB");
    found.parse::<u64>().unwrap() << 10
}

/// What the gate took at most while this went on, over what it had before.
async fn grown(gate: &Gate, deed: impl Future<Output = ()>) -> u64 {
    let before = memory(gate, "VmRSS");
    // The high-water mark begins anew. Of a process that keeps its memory private only root may
    // ask that; to others it is at least as high.
    let begun = std::fs::write(format!("/proc/{}/clear_refs", gate.process()), "5");
    let denied = |fault: std::io::Error| fault.kind() == std::io::ErrorKind::PermissionDenied;
    assert!(begun.is_ok() || begun.is_err_and(denied));
    deed.await;
    memory(gate, "VmHWM").saturating_sub(before)
}

async fn published(world: &World) -> (Published, Client) {
    let published = Published::allowing(world, "\"git:read\", \"git:write\"").await;
    (published, Client::at_the_gate(world))
}

#[test]
fn two_gigabytes_are_cloned_in_constant_memory() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let place = ghes.repository("acme/huge");
        fill(&place, 16);
        let (published, client) = published(&world).await;
        let url = client.url("/acme/huge.git");
        let took = grown(&published.gate, async {
            let clone = [
                "-c",
                "core.bigFileThreshold=1m",
                "clone",
                "-q",
                "--bare",
                &url,
                "huge",
            ];
            run(client.git(&clone)).await.good();
        });
        let took = took.await;
        assert_eq!(
            head(&client, "huge").await,
            git(&place, &["rev-parse", "main"], b"")
        );
        let size = folder(&client.path("huge/objects/pack"));
        assert!(size > 16 * 8 * PIECE as u64, "only {size} bytes came");
        assert!(took <= ROOM, "the gate took {took} bytes more");
        eprintln!("the gate took {took} bytes more for {size}");
    });
}

#[test]
fn half_a_gigabyte_is_pushed_in_constant_memory() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let place = ghes.repository("acme/huge");
        let (published, client) = published(&world).await;
        run(client.git(&["init", "-q", "--bare", "mine"]))
            .await
            .good();
        fill(&client.path("mine"), 4);
        let url = client.url("/acme/huge.git");
        let took = grown(&published.gate, async {
            run(client.git(&["-C", "mine", "push", "-q", &url, "main"]))
                .await
                .good();
        });
        let took = took.await;
        assert_eq!(
            git(&place, &["rev-parse", "main"], b""),
            head(&client, "mine").await
        );
        assert!(took <= ROOM, "the gate took {took} bytes more");
        eprintln!("the gate took {took} bytes more");
    });
}

/// Who takes what slowly does not make the gate hold it for him.
#[test]
fn a_slow_reader_makes_the_gate_hold_nothing() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let place = ghes.repository("acme/huge");
        fill(&place, 2);
        let (published, _) = published(&world).await;
        let last = git(&place, &["rev-parse", "main"], b"");
        let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let want = [
            line("command=fetch"),
            "0001".to_owned(),
            line(&format!("want {last}\n")),
            line("done\n"),
            "0000".to_owned(),
        ]
        .concat();
        let took = grown(&published.gate, async {
            let asked = published
                .asker_at_the_gate(&world)
                .post(super::url("/acme/huge.git/git-upload-pack"))
                .basic_auth("x", Some(TOKEN))
                .header("git-protocol", "version=2")
                .header("content-type", "application/x-git-upload-pack-request")
                .body(want);
            let mut answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            for _ in 0..50 {
                answer.chunk().await.unwrap().unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        let took = took.await;
        assert!(took <= ROOM, "the gate took {took} bytes more");
    });
}

fn folder(place: &Path) -> u64 {
    let entries = std::fs::read_dir(place).unwrap();
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}
