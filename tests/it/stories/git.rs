//! A team's day with git.

use crate::inside::{Ghes, commits, git};
use crate::outside::client::{Client, run};
use std::path::PathBuf;

/// A repository with some history, and its last commit.
pub fn history(ghes: &Ghes, name: &str, count: usize) -> (PathBuf, String) {
    let place = ghes.repository(name);
    let files = (0..count).map(|nth| (format!("file-{nth}"), format!("text {nth}\n").into_bytes()));
    let last = commits(&place, files);
    (place, last)
}

/// What `HEAD` is in a clone.
pub async fn head(client: &Client, clone: &str) -> String {
    let said = run(client.git(&["-C", clone, "rev-parse", "HEAD"]))
        .await
        .good();
    said.out.trim().to_owned()
}

/// Clones whole, fetches what was added, clones shallow and deepens.
pub async fn reads(client: &Client, ghes: &Ghes) {
    let (place, last) = history(ghes, "acme/web", 50);
    let url = client.url("/acme/web.git");
    let mut clone = client.git(&["clone", "-q", &url, "web"]);
    clone.env("GIT_TRACE_PACKET", "1");
    let said = run(clone).await.good();
    assert!(
        said.complaint.contains("git< version 2"),
        "{}",
        said.complaint
    );
    assert_eq!(head(client, "web").await, last);
    run(client.git(&["-C", "web", "fsck", "--full", "--strict"]))
        .await
        .good();

    let added = commits(&place, [("added".to_owned(), b"later".to_vec())]);
    run(client.git(&["-C", "web", "fetch", "-q", "origin"]))
        .await
        .good();
    let said = run(client.git(&["-C", "web", "rev-parse", "origin/main"]))
        .await
        .good();
    assert_eq!(said.out.trim(), added);

    run(client.git(&["clone", "-q", "--depth", "1", &url, "shallow"]))
        .await
        .good();
    let count = ["-C", "shallow", "rev-list", "--count", "HEAD"];
    assert_eq!(run(client.git(&count)).await.good().out.trim(), "1");
    run(client.git(&["-C", "shallow", "fetch", "-q", "--deepen", "9"]))
        .await
        .good();
    assert_eq!(run(client.git(&count)).await.good().out.trim(), "10");
}

/// Fetches with a history so long that git packs its request.
pub async fn packed_request(client: &Client, ghes: &Ghes) {
    let (place, _) = history(ghes, "acme/long", 400);
    let url = client.url("/acme/long.git");
    run(client.git(&["clone", "-q", &url, "long"])).await.good();
    // What only the client has makes it tell much of what it has.
    for round in 0..60 {
        let name = format!("mine-{round}");
        let commit = ["-C", "long", "commit", "-q", "--allow-empty", "-m", &name];
        run(client.git(&commit)).await.good();
    }
    let added = commits(&place, [("added".to_owned(), b"later".to_vec())]);
    ghes.forget();
    run(client.git(&["-C", "long", "fetch", "-q", "origin"]))
        .await
        .good();
    let said = run(client.git(&["-C", "long", "rev-parse", "origin/main"]))
        .await
        .good();
    assert_eq!(said.out.trim(), added);
    let packed = ghes.seen().into_iter().any(|seen| {
        seen.target.ends_with("/git-upload-pack") && seen.header("content-encoding") == Some("gzip")
    });
    assert!(packed, "no request was packed: {:?}", ghes.seen());
}

/// Pushes a commit, and one so large that git sends it in pieces of unknown length.
pub async fn writes(client: &Client, ghes: &Ghes) {
    pushes(client, ghes, "1m").await;
    let chunked = ghes.seen().into_iter().any(|seen| {
        seen.target.ends_with("/git-receive-pack")
            && seen.header("transfer-encoding") == Some("chunked")
    });
    assert!(chunked, "nothing came in pieces: {:?}", ghes.seen());
}

/// Pushes a small commit and a large one; git sends in pieces what is more than this.
pub async fn pushes(client: &Client, ghes: &Ghes, whole: &str) {
    let (place, _) = history(ghes, "acme/tools", 3);
    let url = client.url("/acme/tools.git");
    run(client.git(&["clone", "-q", &url, "tools"]))
        .await
        .good();
    for (name, size) in [("small", 100), ("large", 5_000_000)] {
        std::fs::write(client.path("tools").join(name), noise(size, 7)).unwrap();
        run(client.git(&["-C", "tools", "add", name])).await.good();
        run(client.git(&["-C", "tools", "commit", "-q", "-m", name]))
            .await
            .good();
        ghes.forget();
        let whole = format!("http.postBuffer={whole}");
        let push = [
            "-C",
            "tools",
            "-c",
            &whole,
            "push",
            "-q",
            "origin",
            "HEAD:main",
        ];
        run(client.git(&push)).await.good();
        assert_eq!(
            git(&place, &["rev-parse", "main"], b""),
            head(client, "tools").await
        );
    }
    git(&place, &["fsck", "--full", "--strict"], b"");
}

/// Bytes that nothing makes smaller, always the same for the same seed.
pub fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut all = Vec::with_capacity(size + 8);
    while all.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.extend(state.to_le_bytes());
    }
    all.truncate(size);
    all
}
