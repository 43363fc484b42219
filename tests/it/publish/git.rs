//! git through the gate, as the profile says.

use super::{Published, url};
use crate::inside::{Ghes, TOKEN};
use crate::outside::{Client, run};
use crate::stories::git::{self, history};
use crate::world::world;

#[test]
fn a_team_clones_fetches_and_clones_shallow() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let published = Published::allowing(&world, "\"git:read\"").await;
        let client = Client::outside(&world);
        git::reads(&client, &ghes).await;
        git::packed_request(&client, &ghes).await;
        let all = published.nothing_leaked();
        assert!(all.iter().all(|one| one.whole), "{all:#?}");
        for seen in ghes.seen() {
            assert_eq!(seen.header("host"), Some("github.corp.internal"));
            assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
            assert_eq!(seen.header("x-forwarded-host"), Some("ghe.example.com"));
        }
    });
}

#[test]
fn a_push_ends_before_it_begins_where_the_profile_only_reads() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let published = Published::open(&world, "allow = [\"git-read-only\"]", "").await;
        let client = Client::outside(&world);
        let (place, last) = history(&ghes, "acme/web", 3);
        let address = client.url("/acme/web.git");
        run(client.git(&["clone", "-q", &address, "web"]))
            .await
            .good();
        let commit = ["-C", "web", "commit", "-q", "--allow-empty", "-m", "More"];
        run(client.git(&commit)).await.good();
        ghes.forget();
        let said = run(client.git(&["-C", "web", "push", "origin", "HEAD:main"])).await;
        assert!(!said.well, "{}", said.out);
        assert!(said.complaint.contains("403"), "{}", said.complaint);
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
        assert_eq!(
            crate::inside::git(&place, &["rev-parse", "main"], b""),
            last
        );
        let record = published
            .audited(|record| {
                record["path"] == "/acme/web.git/info/refs" && record["status"] == 403
            })
            .await;
        assert_eq!(record["operation"], "git:write", "{record}");

        // Not by the back door either.
        let asker = published.asker(&world);
        for target in [
            "info/refs?service=git-receive-pack",
            "info/refs?service=git%2Dreceive-pack",
            "info/refs?service=git-upload-pack&service=git-receive-pack",
            "info/refs?service=git-receive-pack&service=git-upload-pack",
            "info/refs",
        ] {
            let asked = asker
                .get(url(&format!("/acme/web.git/{target}")))
                .basic_auth("x", Some(TOKEN));
            let status = asked.send().await.unwrap().status().as_u16();
            assert!([400, 403].contains(&status), "{target}: {status}");
        }
        let posted = asker
            .post(url("/acme/web.git/git-receive-pack"))
            .basic_auth("x", Some(TOKEN));
        let posted = posted.header("content-type", "application/x-git-receive-pack-request");
        assert_eq!(posted.body("0000").send().await.unwrap().status(), 403);
        assert_eq!(ghes.seen().len(), 0, "{:?}", ghes.seen());
        published.nothing_leaked();
    });
}

#[test]
fn a_push_arrives_where_the_profile_writes() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let published = Published::allowing(&world, "\"git:read\", \"git:write\"").await;
        git::writes(&Client::outside(&world), &ghes).await;
        published.nothing_leaked();
    });
}

#[test]
fn only_the_repositories_of_the_route_are_there() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let keys = "allow = [\"git-read-only\"]\nrepositories = [\"acme/*\"]";
        let published = Published::open(&world, keys, "").await;
        let client = Client::outside(&world);
        history(&ghes, "acme/web", 3);
        history(&ghes, "vault/keys", 3);
        // One that was renamed, and whose old name still leads to it.
        history(&ghes, "acme/moved", 3);
        for (asked, id, name) in [("acme/web", 1, "acme/web"), ("acme/moved", 2, "vault/keys")] {
            let json = http::Response::builder().header("content-type", "application/json");
            let body = format!("{{\"id\":{id},\"full_name\":\"{name}\"}}").into_bytes();
            ghes.plant_for_the_known(&format!("/api/v3/repos/{asked}"), json.body(body).unwrap());
        }
        run(client.git(&["clone", "-q", &client.url("/acme/web.git"), "web"]))
            .await
            .good();
        ghes.forget();
        for name in [
            "/vault/keys.git",
            "/acme/moved.git",
            "/vault/keys",
            "/VAULT/keys.git",
            "/acme/../vault/keys.git",
            "/acme%2f..%2fvault/keys.git",
        ] {
            let said = run(client.git(&["clone", "-q", &client.url(name), "keys"])).await;
            assert!(!said.well, "{name}: {}", said.out);
        }
        // The gate may have asked what a name stands for today, and nothing else.
        let git = ghes
            .seen()
            .into_iter()
            .find(|seen| seen.target.contains(".git"));
        assert!(git.is_none(), "{git:?}");
        published.nothing_leaked();
    });
}
