//! git-lfs through the gate.

use super::Published;
use crate::inside::Ghes;
use crate::outside::Client;
use crate::stories::large;
use crate::world::world;

#[test]
fn large_files_are_pushed_and_pulled_under_the_public_name() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        if !ghes.keep_large_files(&world).await {
            return;
        }
        let all = "\"git:read\", \"git:write\", \"lfs:read\", \"lfs:write\"";
        let published = Published::allowing(&world, all).await;
        let client = Client::outside(&world);
        large::pushes(&client, &ghes).await;
        large::pulls(&client).await;
        let all = published.nothing_leaked();
        // What is signed for an object is in nobody's log.
        let batch = all
            .iter()
            .find(|one| one.target.ends_with("/objects/batch"))
            .unwrap();
        let actions = &batch.json()["objects"][0]["actions"];
        let signed = actions["upload"]["header"]["Authorization"]
            .as_str()
            .unwrap()
            .to_owned();
        let said = format!("{}{:?}", published.site.log(), published.site.audit());
        assert!(!said.contains(signed.rsplit(' ').next().unwrap()));
    });
}

#[test]
fn a_profile_that_reads_large_files_does_not_write_them() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        if !ghes.keep_large_files(&world).await {
            return;
        }
        let allow = "\"git:read\", \"git:write\", \"lfs:read\"";
        let published = Published::allowing(&world, allow).await;
        large::pushes(&Client::inside(&world), &ghes).await;
        let client = Client::outside(&world);
        large::pulls(&client).await;
        ghes.forget();
        std::fs::write(client.path("again/more.bin"), b"more").unwrap();
        let git = async |arguments: &[&str]| {
            let all = [&["-C", "again"], arguments].concat();
            crate::outside::run(client.git(&all)).await
        };
        git(&["add", "."]).await.good();
        git(&["commit", "-q", "-m", "Add more"]).await.good();
        assert!(!git(&["push", "-q", "origin", "HEAD:main"]).await.well);
        let stored = ghes
            .seen()
            .into_iter()
            .find(|seen| seen.method == http::Method::PUT);
        assert!(stored.is_none(), "{stored:?}");
        published.nothing_leaked();
    });
}
