//! The servers are what they claim to be: every client is content with them under their own name.

use super::Ghes;
use crate::outside::{Client, Wire, run, search::leaks};
use crate::stories::{api, git, large, recordings};
use crate::world::world;

#[test]
fn git_reads_and_writes() {
    world(async |world| {
        let (ghes, client) = (Ghes::open(&world).await, Client::inside(&world));
        git::reads(&client, &ghes).await;
        git::writes(&client, &ghes).await;
        git::packed_request(&client, &ghes).await;
    });
}

#[test]
fn large_files_are_pushed_and_pulled() {
    world(async |world| {
        let (ghes, client) = (Ghes::open(&world).await, Client::inside(&world));
        if ghes.keep_large_files(&world).await {
            large::pushes(&client, &ghes).await;
            large::pulls(&client).await;
        }
    });
}

#[test]
fn clients_of_the_api_read_every_page() {
    world(async |world| {
        let (ghes, client) = (Ghes::open(&world).await, Client::inside(&world));
        if ghes.describe(&world).await {
            api::octokit(&client, &ghes).await;
            api::pygithub(&client, &ghes).await;
            api::gh(&client, &ghes).await;
        }
    });
}

/// What is seen outside is not seen by accident: there the inside has no name, and a wire without a
/// gate tells of it in every answer.
#[test]
fn only_a_gate_keeps_the_inside_to_itself() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        git::history(&ghes, "acme/web", 1);
        let client = Client::outside(&world);
        let url = "https://github.corp.internal/acme/web.git";
        let said = run(client.git(&["ls-remote", url])).await;
        assert!(
            said.complaint.contains("Could not resolve host"),
            "{said:?}"
        );

        let wire = Wire::without_a_gate(&world).await;
        let url = client.url("/acme/web.git");
        let said = run(client.git(&["ls-remote", &url])).await;
        assert!(
            said.complaint.contains("Could not resolve host"),
            "{said:?}"
        );
        let whole = b"{\"url\":\"https://github.corp.internal/a\"}".to_vec();
        let json = http::Response::builder().header("content-type", "application/json");
        ghes.plant("/api/v3/user", json.body(whole).unwrap());
        let asked = [
            "-s",
            "-H",
            "Host: github.corp.internal",
            &client.url("/api/v3/user"),
        ];
        let mut curl = client.command("curl");
        curl.args(asked);
        run(curl).await.good();
        let found: Vec<String> = wire.exchanges().iter().flat_map(leaks).collect();
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("header `location:"), "{found:#?}");
        assert!(found[1].contains("`.url` is"), "{found:#?}");
    });
}

#[test]
fn recordings_are_replayed() {
    world(async |world| {
        let client = recordings::recorder(Client::inside(&world));
        if let Some(ghes) = recordings::replayed(&world).await {
            recordings::paginate_issues(&client, &ghes).await;
            recordings::rename_repository(&client, &ghes).await;
            recordings::get_archive(&client, &ghes).await;
            recordings::release_assets(&client, &ghes).await;
        }
    });
}
