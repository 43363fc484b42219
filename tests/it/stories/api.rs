//! Programs that read all pages of something.

use crate::inside::{EXAMPLE, Ghes};
use crate::outside::Client;
use serde_json::json;

/// What there is on three pages of one pull request each.
const NUMBERS: [u64; 3] = [1347, 1347, 1347];

/// Every page was asked for once, by name first and then by id.
pub fn pages_were_by_id(ghes: &Ghes, what: &str) {
    let asked: Vec<String> = ghes.seen().into_iter().map(|seen| seen.target).collect();
    let first = format!("/api/v3/repos/{}/{what}", EXAMPLE.1);
    let later = format!("/api/v3/repositories/{}/{what}", EXAMPLE.0);
    let by_name = |path: &&String| path.split('?').next() == Some(&first);
    assert_eq!(asked.iter().filter(by_name).count(), 1, "{asked:?}");
    for page in ["page=2", "page=3"] {
        let right = |path: &&String| path.starts_with(&later) && path.contains(page);
        assert_eq!(asked.iter().filter(right).count(), 1, "{page}: {asked:?}");
    }
}

pub async fn octokit(client: &Client, ghes: &Ghes) {
    ghes.forget();
    let said = client
        .octokit(
            r#"
            const pulls = await octokit.paginate(octokit.rest.pulls.list,
              { owner: "octocat", repo: "Hello-World", per_page: 1 });
            const hosts = new Set();
            for (const pull of pulls) hosts.add(new URL(pull.url).host).add(new URL(pull.html_url).host);
            const { data: repository } = await octokit.request(pulls[0].base.repo.url);
            return { numbers: pulls.map((pull) => pull.number), hosts: [...hosts],
              repository: repository.full_name };"#,
        )
        .await;
    let Some(said) = said else { return };
    let right = json!({ "numbers": NUMBERS, "hosts": [client.host], "repository": EXAMPLE.1 });
    assert_eq!(said, right);
    pages_were_by_id(ghes, "pulls");
}

/// `PyGithub` refuses to follow a URL to another host than the one it was made for.
pub async fn pygithub(client: &Client, ghes: &Ghes) {
    ghes.forget();
    let said = client
        .pygithub(
            r#"
repository = github.get_repo("octocat/Hello-World")
pulls = list(repository.get_pulls())
pull = pulls[-1]
# These follow the URLs that the answers name.
author = pull.user.name
commits = pull.get_commits().totalCount
pull.update()
return {
    "numbers": [pull.number for pull in pulls],
    "author": author,
    "archive": repository.archive_url.split("/")[2],
    "clone": repository.clone_url.split("/")[2],
}"#,
        )
        .await;
    let Some(said) = said else { return };
    let right = json!({ "numbers": NUMBERS, "author": "monalisa octocat",
        "archive": client.host, "clone": client.host });
    assert_eq!(said, right);
    pages_were_by_id(ghes, "pulls");
}

pub async fn gh(client: &Client, ghes: &Ghes) {
    ghes.forget();
    let path = format!("repos/{}/pulls?per_page=1", EXAMPLE.1);
    let said = client
        .gh(&["--paginate", "--jq", ".[].number", &path])
        .await;
    let Some(said) = said else { return };
    assert_eq!(said, json!(NUMBERS));
    pages_were_by_id(ghes, "pulls");
}

/// Pages alone, without the repository itself.
pub async fn octokit_pages(client: &Client, ghes: &Ghes) {
    ghes.forget();
    let said = client
        .octokit(
            r#"
            const pulls = await octokit.paginate("GET /repos/{owner}/{repo}/pulls",
              { owner: "octocat", repo: "Hello-World" });
            return pulls.map((pull) => pull.number);"#,
        )
        .await;
    let Some(said) = said else { return };
    assert_eq!(said, json!(NUMBERS));
    pages_were_by_id(ghes, "pulls");
}
