//! LFS objects, release assets and archives: bytes that GitHub sends its clients elsewhere for, with
//! credentials of their own. The gate goes there, and callers are given the bytes alone.

use super::{API, Broker, Caller, WIDE, asker, refused, url};
use crate::inside::commits;
use crate::outside::{Client, run};
use crate::simulator::{Kept, Shape};
use crate::stories::git::noise;
use crate::world::{INTERNAL, PUBLIC, World, world};
use base64::Engine as _;
use serde_json::{Value, json};

/// More than is ever held of an answer.
const SIZE: usize = 20_000_000;

/// Commits a large file in a clone of `acme/web-1` and pushes it, then has it in another.
async fn pushed_and_pulled(client: &Client, at: &str) {
    run(client.git(&["clone", "-q", at, "work"])).await.good();
    std::fs::write(client.path("work/film.bin"), noise(SIZE, 3)).unwrap();
    for words in [
        &["lfs", "install", "--local"][..],
        &["lfs", "track", "*.bin"],
        &["add", "."],
        &["commit", "-qm", "Add a film"],
        &["push", "-q", "origin", "HEAD:main"],
    ] {
        run(client.git(&[&["-C", "work"], words].concat()))
            .await
            .good();
    }
    let mut clone = client.git(&["clone", "-q", at, "again"]);
    clone.env("GIT_LFS_SKIP_SMUDGE", "1");
    run(clone).await.good();
    for words in [&["lfs", "install", "--local"][..], &["lfs", "pull"]] {
        run(client.git(&[&["-C", "again"], words].concat()))
            .await
            .good();
    }
    let file = std::fs::read(client.path("again/film.bin")).unwrap();
    assert!(file == noise(SIZE, 3), "{}", file.len());
}

/// The pair of Basic, in the clear.
fn decoded(line: &str) -> String {
    let pair = line.strip_prefix("Basic ").unwrap_or_default();
    let pair = base64::engine::general_purpose::STANDARD.decode(pair);
    String::from_utf8_lossy(&pair.unwrap_or_default()).into_owned()
}

/// What stores were asked, each with neither the caller's key nor the App's token.
fn stores_saw_no_credentials(broker: &Broker, caller: &Caller) {
    let tokens = broker.github.tokens();
    let mut seen = 0;
    for asked in broker.github.seen() {
        let line = asked.authorization().unwrap_or_default();
        let line = format!("{line} {}", decoded(line));
        assert!(
            !line.contains(&caller.key) && !line.contains("hgt_"),
            "{}",
            asked.path
        );
        if asked
            .header("host")
            .unwrap_or_default()
            .ends_with("githubusercontent.com")
        {
            seen += 1;
            assert!(!tokens.iter().any(|token| line.contains(&token.text)));
            assert_eq!(asked.header("x-forwarded-for"), None);
            assert_eq!(asked.header("cookie"), None);
        }
    }
    assert!(seen > 0, "no store was asked");
}

#[test]
fn large_files_are_pushed_and_pulled_with_a_gateway_key_alone() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        commits(
            &broker.github.git_place("acme/web-1"),
            [("a".to_owned(), b"a".to_vec())],
        );
        for (kept, repository) in [(Kept::There, "web-1"), (Kept::Apart, "web-2")] {
            broker.github.mood(|mood| mood.kept = kept).await;
            commits(
                &broker.github.git_place(&format!("acme/{repository}")),
                [("a".to_owned(), b"a".to_vec())],
            );
            let home = if kept == Kept::There { "one" } else { "two" };
            let client = Client::outside(&world)
                .with_token(&caller.key)
                .at_home(&world, home);
            let at = url(&format!("/github/sync/acme/{repository}.git"));
            pushed_and_pulled(&client, &at).await;
        }
        let record = broker
            .audited(|record| {
                let read = record["operation"] == "lfs:read" && record["sent"] == SIZE;
                read && record["repository"] == "acme/web-2"
            })
            .await;
        assert_eq!(record["caller"], "build-bot");
        assert!(broker.github.secrets().len() > 5);
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn large_files_of_github_com_are_too_and_its_stores_see_no_credentials() {
    world(async |world| {
        let caller = Caller::make();
        let section = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &section).await else {
            return;
        };
        commits(
            &broker.github.git_place("acme/web-1"),
            [("a".to_owned(), b"a".to_vec())],
        );
        let client = Client::outside(&world).with_token(&caller.key);
        pushed_and_pulled(&client, &url("/github/sync/acme/web-1.git")).await;
        stores_saw_no_credentials(&broker, &caller);
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

/// Asks for the upload of one object, and gives its action.
async fn upload(world: &World, caller: &Caller, repository: &str) -> Value {
    let asked = asker(world)
        .post(url(&format!(
            "/github/sync/acme/{repository}.git/info/lfs/objects/batch"
        )))
        .basic_auth("x", Some(&caller.key))
        .header("content-type", "application/vnd.git-lfs+json")
        .body(r#"{"operation":"upload","objects":[{"oid":"abc","size":3}]}"#);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let said: Value = answer.json().await.unwrap();
    said["objects"][0].clone()
}

#[test]
fn a_ticket_is_for_one_object_of_one_caller_and_ends_with_the_grant() {
    world(async |world| {
        let caller = Caller::make();
        let sections = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let object = upload(&world, &caller, "web-1").await;
        let action = &object["actions"]["upload"];
        let ticket = action["header"]["Authorization"].as_str().unwrap();
        let href = action["href"].as_str().unwrap();
        assert_eq!(href, url("/github/sync/storage/lfs/upload/abc"));
        assert_eq!(action["expires_in"], 1800);
        let ask = async |method: &str, href: &str, ticket: &str| {
            let asked = asker(&world).request(method.parse().unwrap(), href);
            asked
                .header("authorization", ticket)
                .body("abc")
                .send()
                .await
                .unwrap()
        };
        let other = url("/github/sync/storage/lfs/upload/abd");
        let (front, back) = ticket.split_at(ticket.len() / 2);
        let other_letter = if back.starts_with('x') { 'y' } else { 'x' };
        let changed = format!("{front}{other_letter}{}", &back[1..]);
        let reader = url("/github/sync/api/v3/repos/acme/web-1");
        for (method, href, ticket) in [
            ("PUT", other.as_str(), ticket),
            ("POST", href, ticket),
            ("GET", href, ticket),
            ("GET", &reader, ticket),
            ("PUT", href, &changed),
            ("PUT", href, &ticket.replace("RemoteAuth", "Bearer")),
        ] {
            let answer = refused(ask(method, href, ticket).await).await;
            assert_eq!(
                answer,
                (401, "caller_unknown".to_owned()),
                "{method} {href}"
            );
        }
        assert_eq!(ask("PUT", href, ticket).await.status(), 200);
        // The grant is gone, and with it what was given out under it.
        let narrow = WIDE.replace("web-*", "web-2");
        broker.rewritten(&sections, &caller.section("build-bot", &narrow));
        let answer = refused(ask("PUT", href, ticket).await).await;
        assert_eq!(answer, (401, "caller_unknown".to_owned()));
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn lfs_first_api_which_tells_credentials_object_by_object_is_refused() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        broker.github.forget();
        let objects = url("/github/sync/acme/web-1.git/info/lfs/objects");
        let oid = "0".repeat(64);
        for (method, href) in [
            ("POST", objects.clone()),
            ("GET", format!("{objects}/{oid}")),
            ("PUT", format!("{objects}/{oid}")),
        ] {
            let asked = asker(&world).request(method.parse().unwrap(), &href);
            let asked = asked.basic_auth("x", Some(&caller.key)).body("{}");
            let answer = refused(asked.send().await.unwrap()).await;
            assert_eq!(answer, (403, "not_granted".to_owned()), "{method} {href}");
        }
        assert!(broker.github.asked("GET", &oid).is_empty());
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn nobody_is_led_to_an_object_at_somebody_elses_host() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        broker.github.mood(|mood| mood.kept = Kept::Elsewhere).await;
        let object = upload(&world, &caller, "web-1").await;
        assert_eq!(object["error"]["code"], 502, "{object}");
        assert_eq!(object.get("actions"), None);
        broker.release("v1", "tool.tar.gz", b"a tool");
        let path = format!("{API}/repos/acme/web-1/tarball/main");
        let answer = broker.get(&world, &caller.key, &path).await;
        assert_eq!(refused(answer).await, (502, "answer_held_back".to_owned()));
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

/// What programs find that download the release and the archive of `acme/web-1`.
async fn downloads(world: &World, broker: &Broker, caller: &Caller) {
    let asset = noise(300_000, 5);
    broker.release("v1", "tool.tar.gz", &asset);
    commits(
        &broker.github.git_place("acme/web-1"),
        [("a".to_owned(), b"a".to_vec())],
    );
    let get = async |path: &str, accept: &str, range: Option<&str>| {
        let mut asked = asker(world).get(url(path)).bearer_auth(&caller.key);
        asked = asked.header("accept", accept);
        if let Some(range) = range {
            asked = asked.header("range", range);
        }
        asked.send().await.unwrap()
    };
    let octets = "application/octet-stream";
    let path = format!("{API}/repos/acme/web-1/releases/assets/0");
    let answer = get(&path, octets, None).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.unwrap() == asset);
    // One that broke off is taken up where it was.
    let answer = get(&path, octets, Some("bytes=299990-")).await;
    assert_eq!(answer.status(), 206);
    assert!(answer.bytes().await.unwrap() == asset[299_990..]);
    let page = "/github/sync/acme/web-1/releases/download/v1/tool.tar.gz";
    let answer = get(page, "*/*", None).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.unwrap() == asset);
    let answer = get(&format!("{API}/repos/acme/web-1/tarball/main"), "*/*", None).await;
    assert_eq!(answer.status(), 200);
    let archive = answer.bytes().await.unwrap();
    assert!(
        archive.starts_with(&[0x1f, 0x8b]),
        "{:?}",
        archive.get(..20)
    );
    let record = broker
        .audited(|record| {
            let archive_is = record["operation"] == "repos/download-tarball-archive";
            archive_is && record["sent"] == archive.len()
        })
        .await;
    assert_eq!(
        (&record["status"], &record["caller"]),
        (&json!(200), &json!("build-bot"))
    );
    let client = Client::outside(world)
        .with_token(&caller.key)
        .below("/github/sync");
    let script = r#"const asset = await octokit.request("GET /repos/{owner}/{repo}/releases/assets/{asset_id}", { owner: "acme", repo: "web-1", asset_id: 0, headers: { accept: "application/octet-stream" } });
        const archive = await octokit.request("GET /repos/{owner}/{repo}/tarball/{ref}", { owner: "acme", repo: "web-1", ref: "main" });
        return { asset: asset.data.byteLength, archive: archive.data.byteLength };"#;
    if let Some(said) = client.octokit(script).await {
        assert_eq!(
            said,
            json!({ "asset": asset.len(), "archive": archive.len() })
        );
    }
    let script = "repository = github.get_repo(\"acme/web-1\")\nasset = repository.get_release(\"v1\").get_assets()[0]\nasset.download_asset(\"here\")\nreturn { \"asset\": len(open(\"here\", \"rb\").read()) }";
    if let Some(said) = client.pygithub(script).await {
        assert_eq!(said["asset"], asset.len());
    }
    broker.no_secret_escaped(&[&caller.key], &[]);
}

#[test]
fn assets_and_archives_of_github_com_are_fetched_from_its_stores_without_the_token() {
    world(async |world| {
        let caller = Caller::make();
        let section = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &section).await else {
            return;
        };
        downloads(&world, &broker, &caller).await;
        stores_saw_no_credentials(&broker, &caller);
        // A store's word on a failure repeats the address, and stays inside.
        broker.github.mood(|mood| mood.kept = Kept::Broken).await;
        let path = format!("{API}/repos/acme/web-1/tarball/main");
        let answer = broker.get(&world, &caller.key, &path).await;
        assert_eq!(refused(answer).await, (502, "answer_held_back".to_owned()));
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn assets_and_archives_of_a_server_are_fetched_with_and_without_subdomains() {
    world(async |world| {
        let caller = Caller::make();
        let all =
            "repositories = \"all\"\npermissions = { contents = \"write\" }\nas = [\"proxy\"]";
        let published = format!(
            "[[publish]]\nurl = \"https://codeload.{PUBLIC}/\"\nto = \"https://{INTERNAL}/\"\nca = \"{}\"\nfrom = [\"outside\"]\nallow = \"everything\"\ncredentials = \"app:sync\"\n",
            world.path("corp-ca.pem").display(),
        );
        let sections = format!("{}{published}", caller.section("build-bot", all));
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        for kept in [Kept::There, Kept::Apart] {
            broker.github.mood(|mood| mood.kept = kept).await;
            downloads(&world, &broker, &caller).await;
        }
        // gh knows a host only.
        let gh = Client::outside(&world)
            .with_token(&caller.key)
            .on("codeload.ghe.example.com");
        let words = [
            "release",
            "download",
            "v1",
            "--repo",
            "codeload.ghe.example.com/acme/web-1",
        ];
        if let Some(said) = gh.gh_itself(&words).await {
            assert!(said.well, "{said:?}");
            let file = std::fs::read(gh.path("tool.tar.gz")).unwrap();
            assert!(file == noise(300_000, 5), "{}", file.len());
        }
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}
