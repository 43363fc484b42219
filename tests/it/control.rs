//! Starting, reloading, stopping, and what is said about mistakes.

use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_a_good_file_and_leaves_a_bad_one() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let push = || async {
        gate.push(&client, &guid(), b"{}")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(push().await, 202);
    let good = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
    let socket = site.path("admin.sock");
    let reload = || site.hubgate(&["reload", "--socket", socket.to_str().unwrap()]);

    std::fs::write(
        site.path("hubgate.toml"),
        good.replace("from = [\"here\"]", "from = [\"her\"]"),
    )
    .unwrap();
    let refused = reload();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("webhook[0].from") && said.contains("`here`"),
        "{said}"
    );
    assert_eq!(push().await, 202);

    std::fs::write(
        site.path("hubgate.toml"),
        good.replace(SECRET, "quite another secret"),
    )
    .unwrap();
    let taken = reload();
    assert_eq!(
        taken.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&taken.stderr)
    );
    assert_eq!(push().await, 401);

    std::fs::write(site.path("hubgate.toml"), &good).unwrap();
    gate.signal("-HUP");
    eventually(|| {
        site.audit()
            .into_iter()
            .find(|r| r["action"] == "reload" && r["by"] == "signal")
    })
    .await;
    assert_eq!(push().await, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_delivery_finish_and_exits_0() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let mut gate = site.start().await;
    assert_eq!(
        gate.push(&gate.client(), &guid(), b"{}")
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    gate.signal("-TERM");
    assert_eq!(gate.ended().await.code(), Some(0), "{}", site.log());
    assert!(tool.count() <= 1);
    // What was accepted is delivered by the next process if this one could not.
    let _next = site.start().await;
    tool.one().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_says_all_mistakes_and_exits_1() {
    let site = Site::new();
    site.configure(&format!(
        "[[webhook]]\nurl = \"https://{HOST}/a\"\nform = [\"here\"]\n"
    ));
    let file = site.path("hubgate.toml");
    let out = site.hubgate(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    for part in [
        "webhook[0].form",
        "did you mean `from`",
        "webhook[0].secrets",
        "webhook[0].to",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_delivers_and_exits_0() {
    let out = Site::new().hubgate(&["demo", "--once"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(
        out.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(said.contains("byte for byte the same"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_files_may_be_open_as_the_system_allows_and_too_few_are_told() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let limits = "ulimit -S -n 300 && ulimit -H -n 1000";
    let gate = site.start_after(&[], limits).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gate.process())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words: Vec<&str> = files.unwrap().split_whitespace().skip(3).collect();
    assert_eq!(words[..2], ["1000", "1000"]);
    let log = site.log();
    for part in [
        "open files",
        "the system lets a process have 1000 files open",
        "LimitNOFILE=",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let answer = gate.push(&gate.client(), &guid(), b"{}").send().await;
    assert_eq!(answer.unwrap().status(), 202);
    tool.one().await;
}
