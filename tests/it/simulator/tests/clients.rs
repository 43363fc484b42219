//! Real clients, which know GitHub and take this for it.

use super::PERMISSIONS;
use crate::harness::skipped;
use crate::inside::{commits, fetched};
use crate::outside::{Client, run};
use crate::simulator::{AppKey, Opening, Shape, Simulator};
use crate::world::world;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const OCTOKIT: &str = r#"
import { App, Octokit } from "octokit";
const [baseUrl, appId, privateKey] = process.argv.slice(2);
const app = new App({ appId, privateKey, Octokit: Octokit.defaults({ baseUrl }) });
const { data: itself } = await app.octokit.request("GET /app");
const found = [];
for await (const { octokit, repository } of app.eachRepository.iterator()) {
  const issues = await octokit.paginate(octokit.rest.issues.listForRepo,
    { owner: repository.owner.login, repo: repository.name, per_page: 2 });
  found.push(repository.full_name, issues.length);
}
console.log(JSON.stringify({ slug: itself.slug, found }));
"#;

const PYGITHUB: &str = r#"
import json, sys
from github import Auth, Github, GithubIntegration
base, app, key = sys.argv[1:]
itself = GithubIntegration(auth=Auth.AppAuth(int(app), key), base_url=base)
[installation] = itself.get_installations()
found = []
for repository in installation.get_repos():
    issues = repository.get_issues()
    found += [repository.full_name, len(list(issues)), len(list(repository.get_pulls()))]
print(json.dumps({ "slug": itself.get_app().slug, "found": found }))
"#;

async fn ran(mut command: Command) -> Value {
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let out = ran.await.unwrap();
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{complaint}");
    serde_json::from_slice(&out.stdout).unwrap()
}

async fn served(shape: Shape) -> Option<(Simulator, [String; 3])> {
    let github = Simulator::start_plain(shape).await?;
    let arguments = installed(&github);
    Some((github, arguments))
}

/// What a client has to know to be the App that is installed here.
fn installed(github: &Simulator) -> [String; 3] {
    let key = AppKey::number(0);
    let app = github.app("Jira Sync", "acme", &key, &PERMISSIONS);
    let permissions = [
        ("contents", "write"),
        ("issues", "read"),
        ("pull_requests", "read"),
    ];
    let web = github.repository("acme/web");
    github.change(web, |one| {
        one.issues = (1..=5).map(|number| format!("issue {number}")).collect();
        one.pulls = vec!["a change".to_owned()];
    });
    let installation = github.install_on(app, "acme", &["web"]);
    github.grant(installation, &permissions);
    [github.api().to_owned(), app.to_string(), key.pkcs1_pem()]
}

#[tokio::test]
async fn octokit_is_an_app_here() {
    for shape in super::BOTH {
        let Some(modules) = fetched("clients-node/node_modules") else {
            return skipped("octokit is not in .cache");
        };
        let Some((_github, arguments)) = served(shape).await else {
            return;
        };
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(modules, place.path().join("node_modules")).unwrap();
        std::fs::write(place.path().join("app.mjs"), OCTOKIT).unwrap();
        let mut node = Command::new("node");
        node.current_dir(place.path())
            .arg("app.mjs")
            .args(arguments);
        let said = ran(node).await;
        assert_eq!(
            said,
            json!({ "slug": "jira-sync", "found": ["acme/web", 5] })
        );
    }
}

#[tokio::test]
async fn pygithub_is_an_app_here() {
    for shape in super::BOTH {
        let Some(python) = fetched("clients-python/bin/python") else {
            return skipped("PyGithub is not in .cache");
        };
        let Some((_github, arguments)) = served(shape).await else {
            return;
        };
        let mut command = Command::new(Path::new(&python));
        command
            .args(["-W", "ignore", "-c", PYGITHUB])
            .args(arguments);
        let said = ran(command).await;
        assert_eq!(
            said,
            json!({ "slug": "jira-sync", "found": ["acme/web", 5, 1] })
        );
    }
}

/// A token of the App, as the server gives it.
async fn token(github: &Simulator, app: u64) -> String {
    let [installation] = github.installations(app)[..] else {
        panic!("one installation")
    };
    let url = format!(
        "{}/app/installations/{installation}/access_tokens",
        github.api()
    );
    let request = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
    let request = request.build().unwrap().post(url);
    let request = request.bearer_auth(github.jwt(app, &AppKey::number(0)));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

#[test]
fn gh_git_and_git_lfs_take_it_for_a_ghes() {
    world(async |world| {
        let opening = Opening::within(&world, Shape::Ghes);
        let Some(github) = Simulator::open(opening).await else {
            return;
        };
        let [_, app, _] = installed(&github);
        let file = ("a.txt".to_owned(), b"text".to_vec());
        commits(&github.git_place("acme/web"), [file]);
        let token = token(&github, app.parse().unwrap()).await;
        let client = Client::inside(&world).with_token(&token);
        let pages = [
            "--paginate",
            "--jq",
            ".[].number",
            "repos/acme/web/issues?per_page=2",
        ];
        let Some(said) = client.gh(&pages).await else {
            return;
        };
        assert_eq!(said, json!([5, 4, 3, 2, 1]));
        let mut clone = client.command("gh");
        clone
            .args(["repo", "clone", "acme/web", "web"])
            .env("GH_HOST", client.host)
            .env("GH_ENTERPRISE_TOKEN", &token);
        run(clone).await.good();

        let film = vec![7; 100_000];
        std::fs::write(client.path("web/film.bin"), &film).unwrap();
        for arguments in [
            &["lfs", "install", "--local"][..],
            &["lfs", "track", "*.bin"],
            &["add", "."],
            &["commit", "-q", "-m", "Add a film"],
            &["push", "-q", "origin", "HEAD:main"],
        ] {
            let within = [&["-C", "web"], arguments].concat();
            run(client.git(&within)).await.good();
        }
        let url = client.url("/acme/web.git");
        for arguments in [
            &["clone", "-q", &url, "again"][..],
            &["-C", "again", "lfs", "install", "--local"],
            &["-C", "again", "lfs", "pull"],
        ] {
            run(client.git(arguments)).await.good();
        }
        assert!(std::fs::read(client.path("again/film.bin")).unwrap() == film);
    });
}
