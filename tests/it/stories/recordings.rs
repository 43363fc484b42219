//! GitHub's recorded scenarios, played by octokit as they were when they were recorded.

use crate::inside::{Ghes, RECORDED_TOKEN};
use crate::outside::Client;
use crate::world::World;
use serde_json::{Value, json};

/// The one whose token is in the recordings.
pub fn recorder(client: Client) -> Client {
    client.with_token(RECORDED_TOKEN)
}

async fn play(client: &Client, ghes: &Ghes, scenario: &str, script: &str) -> Option<Value> {
    ghes.load(scenario).await;
    client.octokit(script).await
}

pub async fn paginate_issues(client: &Client, ghes: &Ghes) {
    let said = play(client, ghes, "paginate-issues", r#"
        const issues = await octokit.paginate(
          "GET /repos/{owner}/{repo}/issues",
          { owner: "octokit-fixture-org", repo: "paginate-issues", per_page: 3 });
        return { titles: issues.length, hosts: [...new Set(issues.map((it) => new URL(it.url).host))] };"#).await;
    let Some(said) = said else { return };
    assert_eq!(said, json!({ "titles": 13, "hosts": [client.host] }));
}

/// After a rename the old name answers with where the repository is by id.
pub async fn rename_repository(client: &Client, ghes: &Ghes) {
    let said = play(client, ghes, "rename-repository", r#"
        const old = { owner: "octokit-fixture-org", repo: "rename-repository" };
        const renamed = await octokit.request("PATCH /repos/{owner}/{repo}",
          { ...old, name: "rename-repository-newname" });
        const found = await octokit.request("GET /repos/{owner}/{repo}", old);
        // fetch follows the 307 of a PATCH with its body.
        const changed = await octokit.request("PATCH /repos/{owner}/{repo}",
          { ...old, name: "rename-repository-newname", description: "test description" });
        return [renamed, found, changed].map((it) => [it.status, it.data.full_name, new URL(it.url).pathname, new URL(it.data.url).host]);"#).await;
    let Some(said) = said else { return };
    let name = "octokit-fixture-org/rename-repository-newname";
    assert_eq!(
        said,
        json!([
            [
                200,
                name,
                "/api/v3/repos/octokit-fixture-org/rename-repository",
                client.host
            ],
            [200, name, "/api/v3/repositories/1000", client.host],
            [200, name, "/api/v3/repositories/1000", client.host],
        ])
    );
}

/// An archive is at another host than the API.
pub async fn get_archive(client: &Client, ghes: &Ghes) {
    let said = play(client, ghes, "get-archive", r#"
        const archive = await octokit.request("GET /repos/{owner}/{repo}/tarball/{ref}",
          { owner: "octokit-fixture-org", repo: "get-archive", ref: "main" });
        const bytes = new Uint8Array(archive.data);
        return { host: new URL(archive.url).host, size: bytes.length, magic: [...bytes.slice(0, 2)] };"#).await;
    let Some(said) = said else { return };
    let host = format!("codeload.{}", client.host);
    assert_eq!(
        said,
        json!({ "host": host, "size": 176, "magic": [0x1f, 0x8b] })
    );
}

/// A file is uploaded to the URL that the release names.
pub async fn release_assets(client: &Client, ghes: &Ghes) {
    let said = play(client, ghes, "release-assets", r#"
        const at = { owner: "octokit-fixture-org", repo: "release-assets" };
        const { data: release } = await octokit.request("GET /repos/{owner}/{repo}/releases/tags/{tag}",
          { ...at, tag: "v1.0.0" });
        const uploaded = await octokit.request(`POST ${release.upload_url}`, {
          data: "Hello, world!\n", name: "test-upload.txt", label: "test",
          headers: { "content-type": "text/plain", "content-length": 14 } });
        const { data: assets } = await octokit.request(release.assets_url);
        const { data: asset } = await octokit.request(assets[0].url);
        const { data: changed } = await octokit.request(`PATCH ${asset.url}`,
          { name: "new-filename.txt", label: "new label" });
        const gone = await octokit.request(`DELETE ${asset.url}`);
        return { upload: new URL(release.upload_url.split("{")[0]).host, status: uploaded.status,
          download: new URL(changed.browser_download_url).host, name: changed.name, gone: gone.status };"#).await;
    let Some(said) = said else { return };
    assert_eq!(
        said,
        json!({ "upload": client.host, "status": 201, "download": client.host,
            "name": "new-filename.txt", "gone": 204 })
    );
}

/// A server that replays, where there is one.
pub async fn replayed(world: &World) -> Option<Ghes> {
    let ghes = Ghes::open(world).await;
    ghes.replay(world).await.then_some(ghes)
}
