//! `[gateway]`, `[log]`, `[audit]` and the file itself.

use super::targets::Held;
use super::{Group, Running, rows, see};
use crate::harness::{Gate, Site, Tool, eventually, guid};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

rows! {
    Process:
    "audit.file" => audit_file,
    "gateway.drain" => drain,
    "insecure_inline_secrets" => insecure_inline_secrets,
    "log.format" => log_format,
    "log.level" => log_level,
}

/// A gateway with a source that nobody uses, of which each reload warns.
pub struct Process {
    running: Running,
}

impl Group for Process {
    fn running(&self) -> &Running {
        &self.running
    }
}

const SECTIONS: &str =
    "[[source]]\nname = \"unused\"\nnetworks = [\"192.0.2.0/24\"]\n[log]\n# log\n";

impl Process {
    async fn open(tool: SocketAddr) -> Self {
        let site = Site::new();
        site.configure_hook("", tool, "");
        let file = site.path("hubgate.toml");
        let text = std::fs::read_to_string(file).unwrap();
        site.write(&format!("{text}{SECTIONS}"));
        let running = Running::start(site).await;
        Self { running }
    }

    /// The id of a request that is answered as it should be.
    async fn request(&self) -> String {
        let gate = &self.running.gate;
        let pushed = gate.push(&gate.client(), &guid(), b"{}").send().await;
        let answer = pushed.unwrap();
        assert_eq!(answer.status(), 202);
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The lines of the log that warn of what nobody uses.
    fn warnings(&self) -> Vec<String> {
        let log = self.running.site.log();
        let lines = log.lines().map(str::to_owned);
        lines.filter(|line| line.contains("source[1]")).collect()
    }
}

async fn audit_file(process: &Process) {
    let has = |file: &str, id: &str| {
        let text = std::fs::read_to_string(process.running.site.path(file));
        text.unwrap_or_default().contains(id)
    };
    let first = process.request().await;
    eventually(|| has("audit.jsonl", &first).then_some(())).await;
    process.running.change(&[("audit.jsonl", "other.jsonl")]);
    let second = process.request().await;
    eventually(|| has("other.jsonl", &second).then_some(())).await;
    assert!(!has("other.jsonl", &first) && !has("audit.jsonl", &second));
}

async fn insecure_inline_secrets(process: &Process) {
    let without = [(
        "insecure_inline_secrets = true",
        "insecure_inline_secrets = false",
    )];
    let out = process.running.reload(&process.running.with(&without));
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("webhook[0].secrets[0]"), "{said}");
    process.request().await;
}

async fn log_format(process: &Process) {
    let last = || {
        let line = process.warnings().pop().unwrap();
        serde_json::from_str::<Value>(&line).is_ok()
    };
    assert!(last());
    process.running.change(&[("# log", "format = \"text\"")]);
    assert!(!last());
    process.running.reset();
    assert!(last());
}

async fn log_level(process: &Process) {
    process.running.reset();
    let before = process.warnings().len();
    process.running.change(&[("# log", "level = \"error\"")]);
    process.running.change(&[("# log", "level = \"error\"")]);
    assert_eq!(process.warnings().len(), before);
    process.running.reset();
    assert_eq!(process.warnings().len(), before + 1);
}

/// A request is under way when the gateway is told to stop; whether it is answered, where what it
/// waits for comes a little later.
async fn is_answered(mut gate: Gate, held: &Held, site: &Site) -> bool {
    let push = gate.push(&gate.client(), &guid(), b"{}").send();
    let push = tokio::spawn(push);
    held.holds(1).await;
    gate.signal("-TERM");
    let begun = || site.log().contains("stopping: running requests");
    eventually(|| begun().then_some(())).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    held.may.add_permits(1);
    let answer = push.await.unwrap();
    assert!(gate.ended().await.success(), "{}", site.log());
    answer.is_ok_and(|answer| answer.status() == 200)
}

async fn drain(_: &Process) {
    for (reloaded, answered) in [(false, false), (true, true)] {
        let (site, held) = (Site::new(), Held::open().await);
        site.configure_hook("mode = \"through\"", held.address, "");
        let text = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
        site.write(&text.replace("drain = \"5s\"", "drain = \"1ms\""));
        let running = Running::start(site).await;
        if reloaded {
            running.change(&[("drain = \"1ms\"", "drain = \"1h\"")]);
        }
        let Running { site, gate, .. } = running;
        let outcome = is_answered(gate, &held, &site).await;
        assert_eq!(outcome, answered, "{}", site.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_process_is_told_takes_effect() {
    let tool = Tool::open().await;
    see(&Process::open(tool.address).await, ROWS).await;
}
