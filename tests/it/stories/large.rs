//! Large files: pushed by one, pulled by another.

use crate::inside::Ghes;
use crate::outside::client::{Client, run};
use crate::stories::git::{history, noise};

/// A file of this size is pushed as a large one.
const SIZE: usize = 40_000_000;

/// Commits a large file in a clone of `acme/assets`, and pushes it.
pub async fn pushes(client: &Client, ghes: &Ghes) {
    history(ghes, "acme/assets", 1);
    let url = client.url("/acme/assets.git");
    run(client.git(&["clone", "-q", &url, "assets"]))
        .await
        .good();
    run(client.git(&["-C", "assets", "lfs", "install", "--local"]))
        .await
        .good();
    run(client.git(&["-C", "assets", "lfs", "track", "*.bin"]))
        .await
        .good();
    std::fs::write(client.path("assets/film.bin"), noise(SIZE, 3)).unwrap();
    run(client.git(&["-C", "assets", "add", "."])).await.good();
    run(client.git(&["-C", "assets", "commit", "-q", "-m", "Add a film"]))
        .await
        .good();
    run(client.git(&["-C", "assets", "push", "-q", "origin", "HEAD:main"]))
        .await
        .good();
}

/// Clones that without it, then pulls it.
pub async fn pulls(client: &Client) {
    let url = client.url("/acme/assets.git");
    let mut clone = client.git(&["clone", "-q", &url, "again"]);
    clone.env("GIT_LFS_SKIP_SMUDGE", "1");
    run(clone).await.good();
    run(client.git(&["-C", "again", "lfs", "install", "--local"]))
        .await
        .good();
    let file = client.path("again/film.bin");
    assert!(
        std::fs::metadata(&file).unwrap().len() < 1000,
        "it is there already"
    );
    run(client.git(&["-C", "again", "lfs", "pull"]))
        .await
        .good();
    assert!(
        std::fs::read(&file).unwrap() == noise(SIZE, 3),
        "not what was pushed"
    );
}
