//! GitHub's recordings, through the gate.

use super::Published;
use crate::outside::Client;
use crate::stories::recordings;
use crate::world::world;

#[test]
fn recorded_scenarios_go_through_under_the_public_name() {
    world(async |world| {
        let Some(ghes) = recordings::replayed(&world).await else {
            return;
        };
        let profile = r#"
[[profile]]
name = "here"
base = ["read-only"]
allow = ["repos/update", "repos/upload-release-asset", "repos/update-release-asset",
    "repos/delete-release-asset"]
"#;
        let published = Published::open(&world, "allow = [\"here\"]", profile).await;
        let client = recordings::recorder(Client::outside(&world));
        recordings::paginate_issues(&client, &ghes).await;
        recordings::rename_repository(&client, &ghes).await;
        recordings::get_archive(&client, &ghes).await;
        recordings::release_assets(&client, &ghes).await;
        published.nothing_leaked();
    });
}
