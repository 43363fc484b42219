//! What a service manager is told, and the small commands that it and others call.

use crate::harness::{Site, Tool, eventually};
use std::os::unix::net::UnixDatagram;

/// The service manager's end.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    /// Waits until this is said, and forgets what came before; gives all of the message.
    async fn told(&mut self, what: &str) -> String {
        eventually(|| {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8(buffer[..length].to_vec());
                self.heard.push(text.unwrap());
            }
            let at = self.heard.iter().position(|one| one.contains(what))?;
            self.heard.drain(..=at).next_back()
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_how_it_is() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let path = site.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let environment = ["env", &notify, "WATCHDOG_USEC=300000"];
    let mut gate = site.start_after(&environment, "true").await;
    let mut manager = Manager {
        socket,
        heard: Vec::new(),
    };
    manager.told("FDSTORE=1\nFDNAME=public").await;
    manager
        .told("READY=1\nSTATUS=ready: 1 listeners, 1 routes")
        .await;
    // It says again and again that it is alive.
    for _ in 0..3 {
        manager.told("WATCHDOG=1").await;
    }

    let good = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    site.write(&good.replace("from = [\"here\"]", "from = [\"her\"]"));
    gate.signal("-HUP");
    manager.told("RELOADING=1\nMONOTONIC_USEC=").await;
    let refused = manager.told("READY=1").await;
    assert!(
        refused.contains("STATUS=the last reload was refused"),
        "{refused}"
    );
    assert!(refused.contains("webhook[0].from"), "{refused}");
    site.write(&good);
    gate.signal("-HUP");
    manager.told("STATUS=ready: 1 listeners").await;

    gate.signal("-TERM");
    manager.told("STOPPING=1\nSTATUS=stopping").await;
    gate.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_is_opened_anew_and_nothing_else_is_read() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    // A rotation, in the middle of an edit.
    site.write("half a");
    std::fs::rename(site.path("audit.jsonl"), site.path("audit.jsonl.1")).unwrap();
    gate.signal("-USR1");
    let record = eventually(|| site.audit().into_iter().find(|it| it["action"] == "reopen")).await;
    assert_eq!(record["outcome"], "ok");
    let client = gate.client();
    let answer = gate
        .push(&client, &crate::harness::guid(), b"{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    site.audited(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_an_exit_code() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let socket = site.path("admin.sock");
    let health = || site.hubgate(&["health", "--socket", socket.to_str().unwrap()]);
    let away = health();
    assert_eq!(away.status.code(), Some(1));
    let text = String::from_utf8_lossy(&away.stderr).into_owned();
    assert!(text.contains("not running"), "{text}");
    let gate = site.start().await;
    let well = health();
    assert_eq!(well.status.code(), Some(0));
    assert_eq!(well.stdout, b"ready\n");
    drop(gate);
}

#[test]
fn shells_and_man_are_given_what_they_read() {
    let site = Site::new();
    for (arguments, part) in [
        (["completions", "bash"], "complete -F _hubgate"),
        (["completions", "zsh"], "#compdef hubgate"),
        (["completions", "fish"], "complete -c hubgate"),
        (["man", "hubgate"], ".TH"),
        (["man", "hubgate.toml"], "[[webhook]]"),
    ] {
        let out = site.hubgate(&arguments);
        assert!(out.status.success(), "{arguments:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    // Bash itself takes it.
    let script = site.hubgate(&["completions", "bash"]).stdout;
    std::fs::write(site.path("completion"), script).unwrap();
    let source = format!(
        "source {} && COMP_WORDS=(hubgate del) COMP_CWORD=1 && _hubgate hubgate del hubgate && echo \"${{COMPREPLY[@]}}\"",
        site.path("completion").display()
    );
    let bash = std::process::Command::new("bash")
        .args(["-c", &source])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&bash.stdout).trim(), "deliveries");
}
