//! Tests of the trail, on real files.

use super::*;
use crate::types::{Name, RequestId, Timestamp};
use std::path::Path;
use tokio::sync::mpsc;

fn settings(path: &Path) -> Settings {
    Settings {
        file: Some(path.to_owned()),
    }
}

fn control(outcome: &str) -> Record {
    Record::Control(Control {
        time: Timestamp::from_millis(0),
        action: "reload",
        by: "signal",
        outcome: outcome.to_owned(),
    })
}

fn request(path: &str) -> Record {
    Record::Request(Request {
        time: Timestamp::from_millis(1_700_000_000_123),
        request_id: RequestId::fresh(),
        listener: "public".parse::<Name>().unwrap(),
        client: Some(crate::types::ClientAddr::new("192.0.2.7".parse().unwrap())),
        source: None,
        host: Some("hooks.example.com".to_owned()),
        method: "POST".to_owned(),
        path: path.to_owned(),
        route: None,
        decision: Decision::Deny,
        reason: "signature_mismatch",
        status: 401,
        event: None,
        action: None,
        repository: None,
        guid: None,
        secret: None,
        delivery: None,
        operation: None,
        rule: None,
        caller: None,
        app: None,
        token: None,
        bytes: 12,
        sent: 0,
        took_us: 345,
    })
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn records_are_lines_in_the_order_they_came() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    std::fs::write(&path, "{\"earlier\":true}\n").unwrap();
    let audit = Audit::start(&settings(&path)).unwrap();
    for number in 0..1000 {
        audit.record(control(&number.to_string())).await;
    }
    audit.record_now(request("/jira"));
    audit.flush().await;
    let lines = lines(&path);
    assert_eq!(lines.len(), 1002);
    assert_eq!(lines[0]["earlier"], true);
    assert_eq!(lines[500]["outcome"], "499");
    assert_eq!(lines[500]["kind"], "control");
    assert_eq!(lines[1001]["kind"], "request");
    assert_eq!(lines[1001]["client"], "192.0.2.7");
    assert_eq!(lines[1001]["time"], "2023-11-14T22:13:20.123Z");
    let fresh = dir.path().join("fresh.jsonl");
    audit.reopen(&settings(&fresh)).unwrap();
    audit.record(control("other")).await;
    audit.close().await;
    let mode = std::fs::metadata(&fresh).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[tokio::test]
async fn what_an_outsider_wrote_can_neither_break_a_line_nor_steer_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::start(&settings(&path)).unwrap();
    let nasty = "/a\n{\"kind\":\"forged\"}\r\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\"\\é🦀";
    audit.record(request(nasty)).await;
    audit.close().await;
    let written = std::fs::read(&path).unwrap();
    let (end, line) = written.split_last().unwrap();
    assert_eq!(*end, b'\n');
    assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)));
    assert_eq!(lines(&path)[0]["path"], nasty);
}

#[tokio::test]
async fn a_rotated_file_is_left_alone_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("a"), dir.path().join("a.1"));
    let audit = Audit::start(&settings(&path)).unwrap();
    audit.record(control("one")).await;
    audit.flush().await;
    std::fs::rename(&path, &old).unwrap();
    audit.record(control("two")).await;
    audit.flush().await;
    audit.reopen(&settings(&path)).unwrap();
    audit.record(control("three")).await;
    audit.close().await;
    assert_eq!(lines(&old).len(), 2);
    assert_eq!(lines(&path)[0]["outcome"], "three");
}

#[tokio::test]
async fn a_trail_without_a_file_drops_what_it_is_told() {
    for audit in [
        Audit::default(),
        Audit::start(&Settings::default()).unwrap(),
    ] {
        audit.record(control("x")).await;
        audit.record_now(control("x"));
        audit.flush().await;
        assert_eq!(audit.condition(), Ok(()));
        audit.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_does_not_hold_up_the_gate() {
    let audit = Audit::start(&settings(Path::new("/dev/full"))).unwrap();
    audit.record(control("x")).await;
    while audit.condition().is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(audit.condition().unwrap_err().contains("No space left"));
    let long = "x".repeat(100_000);
    let filling = async {
        for _ in 0..100 {
            audit.record(control(&long)).await;
        }
    };
    tokio::time::timeout(LONGEST_WAIT, filling).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    audit.reopen(&settings(&path)).unwrap();
    audit.flush().await;
    assert_eq!(audit.condition(), Ok(()));
    assert!(lines(&path).len() > 30, "what was queued is written");
    assert_eq!(lines(&path)[0]["outcome"], "x");
    audit.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_costs_a_bounded_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from(0o600)).unwrap();
    let reader = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let audit = Audit::start(&settings(&path)).unwrap();
    let long = "x".repeat(1_000_000);
    let began = Instant::now();
    for _ in 0..12 {
        audit.record(control(&long)).await;
    }
    assert!(began.elapsed() >= LONGEST_WAIT);
    assert!(began.elapsed() <= LONGEST_WAIT * 12);
    drop(reader);
}

#[tokio::test]
async fn one_who_waits_goes_on_when_the_writer_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let audit = Audit::start(&settings(&path)).unwrap();
    let long = "x".repeat(1_000_000);
    let (done, mut finished) = mpsc::channel(1);
    let writer = audit.clone();
    let tasks = crate::telemetry::Tasks::new();
    tasks.spawn("recording", async move {
        for _ in 0..30 {
            writer.record(control(&long)).await;
        }
        done.send(()).await.unwrap();
    });
    finished.recv().await.unwrap();
    audit.close().await;
    assert_eq!(lines(&path).len(), 30);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = Audit::start(&settings(dir.path())).unwrap_err();
    assert!(wrong.to_string().contains("cannot open audit file"));
    let missing = dir.path().join("none/audit.jsonl");
    let wrong = Audit::start(&settings(&missing)).unwrap_err();
    assert!(wrong.to_string().contains("none/audit.jsonl"), "{wrong}");
}
