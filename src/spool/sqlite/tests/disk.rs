//! A disk without room: deliveries are refused, what is there is safe and goes on, and it heals
//! by itself.

use super::settings;
use crate::spool::contract::{intake, name};
use crate::spool::sqlite::{Engine, Queue, Shared, census, directory, ledger, schema, writer};
use crate::spool::{Claim, Condition, Fate, Order, PutError, Settlement, Spool};
use crate::types::{ByteSize, Clock as _, DeliveryId, SystemClock};
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A small disk of its own, gone when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None`, with the reason printed, where this process may not mount.
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(directory));
        }
        let reason = b"skipped: a small tmpfs can be mounted by root only\n";
        std::io::stderr().write_all(reason).unwrap();
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status()
            .unwrap();
    }
}

fn claim(limit: usize) -> Claim {
    Claim {
        target: name("jira"),
        limit,
        now: SystemClock.now(),
        order: Order::None,
    }
}

fn delivered(id: DeliveryId) -> Settlement {
    Settlement {
        id,
        target: name("jira"),
        at: SystemClock.now(),
        took: Duration::ZERO,
        status: Some(200),
        error: String::new(),
        fate: Fate::Delivered,
    }
}

async fn put(spool: &dyn Spool, number: usize) -> Result<(), PutError> {
    let body = vec![u8::try_from(number % 251).unwrap(); 100_000];
    let put = spool.put(intake(&format!("g-{number}"), &body, SystemClock.now()));
    put.await.map(drop)
}

/// Puts until there is room again.
async fn put_until_taken(spool: &dyn Spool, number: usize) {
    let taken = async {
        while put(spool, number).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, taken).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_deliveries_and_heals_when_there_is_room() {
    let Some(disk) = Tmpfs::mount("48m") else {
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 20 << 20]).unwrap();
    let large = crate::spool::Settings {
        max_size: ByteSize::new(8 << 30),
        ..settings(disk.0.path())
    };
    let spool = Engine::open(&large, Arc::new(SystemClock)).unwrap();
    let mut stored = 0;
    let refused = loop {
        match put(&spool, stored).await {
            Ok(()) => stored += 1,
            Err(refused) => break refused,
        }
    };
    let PutError::Full(why) = &refused else {
        panic!("{refused}");
    };
    assert!(why.contains("make room on it"), "{why}");
    assert!(matches!(spool.condition(), Condition::Full(_)));
    assert!(stored > 20, "{stored}");
    // What is there goes on.
    let first = spool.claim(claim(1)).await.unwrap();
    spool.settle(delivered(first[0].id)).await.unwrap();
    // The whole disk is taken by somebody else; still nothing breaks.
    let mut rest = std::fs::File::create(disk.0.path().join("rest")).unwrap();
    while rest.write(&[1; 4096]).is_ok_and(|count| count > 0) {}
    for _ in 0..3 {
        match spool.claim(claim(1)).await {
            Ok(got) => spool.settle(delivered(got[0].id)).await.unwrap(),
            Err(error) => assert!(error.why.contains("full"), "{error}"),
        }
        assert!(matches!(spool.condition(), Condition::Full(_)));
    }
    std::fs::remove_file(disk.0.path().join("rest")).unwrap();
    std::fs::remove_file(ballast).unwrap();
    put_until_taken(&spool, stored).await;
    assert_eq!(spool.condition(), Condition::Ready);
    let spool = {
        spool.close().await;
        Engine::open(&large, Arc::new(SystemClock)).unwrap()
    };
    assert_eq!(spool.room().deliveries, stored as u64 + 1);
    for id in 1..=stored {
        let shown = spool
            .show(DeliveryId::new(i64::try_from(id).unwrap()))
            .await
            .unwrap();
        let expected = u8::try_from((id - 1) % 251).unwrap();
        assert!(shown.unwrap().body.iter().all(|byte| *byte == expected));
    }
    spool.close().await;
}

/// An engine's parts around a connection that may use so many pages only: SQLite then says that
/// the disk is full in the middle of a transaction, however much room there is.
#[tokio::test]
async fn a_transaction_that_finds_no_room_leaves_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let directory = directory::Directory::open(&home.path().join("spool")).unwrap();
    let db = schema::open(&directory.database()).unwrap();
    db.pragma_update(None, "max_page_count", 100).unwrap();
    let targets = ledger::Targets::read(&db).unwrap();
    let census = census::census(&db, &targets).unwrap();
    let clock = Arc::new(SystemClock);
    let shared = Arc::new(Shared::new(directory, 1 << 30, clock, census));
    let queue = Arc::new(Queue::default());
    let writer = writer::Writer::new(db, shared.clone(), queue.clone(), targets, 0);
    let thread = std::thread::spawn(move || writer.run());
    let body = vec![7; 100_000];
    let mut stored = 0;
    let refused = loop {
        let answer = queue.put(intake(&format!("g-{stored}"), &body, SystemClock.now()));
        match answer.unwrap().await.unwrap() {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, PutError::Full(_)), "{refused}");
    assert!(matches!(*shared.condition(), Condition::Full(_)));
    assert_eq!(shared.deliveries(), stored);
    let (reply, answer) = tokio::sync::oneshot::channel();
    queue.push(crate::spool::sqlite::Job::Claim(claim(100), reply));
    assert_eq!(answer.await.unwrap().unwrap().len() as u64, stored);
    queue.close();
    thread.join().unwrap();
    let db = rusqlite::Connection::open(home.path().join("spool/spool.db")).unwrap();
    let kept: u64 = db
        .query_row("select count(*) from delivery", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, stored);
}
