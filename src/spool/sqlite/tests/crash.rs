//! What was acknowledged is there after the process was killed, whenever that was; and after a
//! write failed, nothing more is acknowledged.

use super::settings;
use crate::spool::contract::{intake, name};
use crate::spool::sqlite::Engine;
use crate::spool::{Claim, Condition, Fate, Order, PutError, Query, Settlement, Spool};
use crate::types::{Clock as _, SystemClock};
use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: usize = 24;

/// The body that belongs to a GUID: of a length and with a content that follow from it.
fn body(guid: &str) -> Vec<u8> {
    let seed = crc32fast::hash(guid.as_bytes());
    let length = match seed % 8 {
        0 => 300_000,
        1..4 => 20_000,
        _ => 1_000,
    } + seed % 1_000;
    (0..length)
        .map(|at| seed.wrapping_mul(at + 1).to_be_bytes()[1])
        .collect()
}

fn open(directory: &Path) -> Engine {
    let settings = crate::spool::Settings {
        max_size: crate::types::ByteSize::new(8 << 30),
        ..settings(directory)
    };
    Engine::open(&settings, Arc::new(SystemClock)).unwrap()
}

/// Without this file where it runs, a child does nothing: somebody runs all ignored tests.
const PARENT: &str = "a-parent-waits";

fn child(test: &str, directory: &Path) -> Command {
    std::fs::write(directory.join(PARENT), "").unwrap();
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f ${LIMIT:-unlimited}; exec \"$0\" \"$@\"",
        ])
        .arg(program)
        .args(["--ignored", "--exact", "--nocapture"])
        .arg(format!("spool::sqlite::tests::crash::{test}"))
        .current_dir(directory)
        .stdout(Stdio::piped());
    command
}

#[test]
fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for _ in 0..ROUNDS {
        let mut process = child("acknowledges_until_it_is_killed", directory.path())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let last = rand::random_range(1..400);
        let mut seen = 0;
        while seen < last {
            let line = lines.next().unwrap().unwrap();
            if let Some(guid) = line.strip_prefix("kept ") {
                acknowledged.insert(guid.to_owned());
                seen += 1;
            }
        }
        process.kill().unwrap();
        // What it said before it died counts; a line that was cut off does not.
        for line in lines.map_while(Result::ok) {
            if let Some(guid) = line.strip_prefix("kept ").filter(|guid| guid.len() == 36) {
                acknowledged.insert(guid.to_owned());
            }
        }
        process.wait().unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let spool = open(directory.path());
        let (mut before, mut kept) = (None, HashSet::new());
        loop {
            let page = spool.find(Query::default(), before, 500).await.unwrap();
            for found in &page.deliveries {
                let id = crate::types::DeliveryId::new(found.id);
                let detail = spool.show(id).await.unwrap().unwrap();
                assert_eq!(detail.body, body(&found.guid), "{}", found.guid);
                assert_eq!(found.targets.len(), 1);
                assert!(kept.insert(found.guid.clone()));
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert!(acknowledged.len() > ROUNDS);
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert!(!directory.path().join("spool/suspect").exists());
    });
}

#[test]
#[ignore = "a child process of the test above"]
fn acknowledges_until_it_is_killed() {
    if !Path::new(PARENT).exists() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let spool = open(Path::new("."));
        let putter = async || {
            while spool.condition() == Condition::Ready {
                let guid = uuid::Uuid::new_v4().to_string();
                let now = SystemClock.now();
                spool.put(intake(&guid, &body(&guid), now)).await.unwrap();
                let line = format!("kept {guid}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        };
        let courier = async {
            while spool.condition() == Condition::Ready {
                let claim = Claim {
                    target: name("jira"),
                    limit: 8,
                    now: SystemClock.now(),
                    order: Order::None,
                };
                for got in spool.claim(claim).await.unwrap() {
                    assert_eq!(got.body, body(got.guid.as_str()));
                    let fate = if got.id.number() % 2 == 0 {
                        Fate::Delivered
                    } else {
                        let at = SystemClock.now().after(Duration::from_secs(60));
                        Fate::Retry { at, counts: true }
                    };
                    let end = Settlement {
                        id: got.id,
                        target: name("jira"),
                        at: SystemClock.now(),
                        took: Duration::ZERO,
                        status: None,
                        error: String::new(),
                        fate,
                    };
                    spool.settle(end).await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(putter(), putter(), putter(), putter(), putter(), courier)
    });
}

#[test]
fn after_a_failed_write_nothing_more_is_acknowledged_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let output = child("writes_until_it_fails", directory.path())
        .env("LIMIT", "4096")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let kept: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("kept "))
        .collect();
    assert!(!kept.is_empty());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let spool = open(directory.path());
        assert_eq!(spool.condition(), Condition::Ready);
        for (at, guid) in kept.into_iter().enumerate() {
            let id = crate::types::DeliveryId::new(i64::try_from(at).unwrap() + 1);
            let detail = spool.show(id).await.unwrap().unwrap();
            assert_eq!(detail.summary.guid, guid);
            assert_eq!(detail.body, body(guid));
        }
    });
}

#[test]
#[ignore = "a child process of the test above, which bounds how large a file may grow"]
fn writes_until_it_fails() {
    if !Path::new(PARENT).exists() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let spool = open(Path::new("."));
        let failure = loop {
            let guid = uuid::Uuid::new_v4().to_string();
            let put = spool.put(intake(&guid, &body(&guid), SystemClock.now()));
            match put.await {
                Ok(_) => {
                    let line = format!("kept {guid}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
                Err(failure) => break failure,
            }
        };
        assert!(matches!(failure, PutError::Broken(_)), "{failure}");
        assert!(matches!(spool.condition(), Condition::Broken(_)));
        let small = spool.put(intake("small", b"{}", SystemClock.now())).await;
        assert!(matches!(small, Err(PutError::Broken(_))));
        let claim = Claim {
            target: name("jira"),
            limit: 1,
            now: SystemClock.now(),
            order: Order::None,
        };
        assert!(spool.claim(claim).await.is_err());
        spool.close().await;
    });
}
