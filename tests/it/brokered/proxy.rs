//! GitHub's API and git as the App, for callers who have the gateway's key only.

use super::{API, Broker, Caller, WIDE, asker, refused, url};
use crate::inside::commits;
use crate::outside::{Client, run};
use crate::simulator::Shape;
use crate::world::{PUBLIC, world};
use serde_json::{Value, json};

/// Gives `acme/web-1` so many commits, and says which is the last.
fn history(broker: &Broker, length: usize) -> String {
    let files = (0..length).map(|number| (format!("file-{number}"), b"text".to_vec()));
    commits(&broker.github.git_place("acme/web-1"), files)
}

#[test]
fn requests_go_on_as_the_app_and_answers_come_back_under_the_brokers_name() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let answer = broker
            .get(&world, &caller.key, &format!("{API}/repos/acme/web-1"))
            .await;
        assert_eq!(answer.status(), 200);
        let said: Value = answer.json().await.unwrap();
        assert_eq!(said["full_name"], "acme/web-1");
        let at = url(&format!("{API}/repos/acme/web-1"));
        assert_eq!(said["url"], at);
        let seen = broker.github.asked("GET", "/repos/acme/web-1");
        let seen = seen.last().unwrap();
        let minted = broker.minted();
        assert_eq!(minted.len(), 1);
        assert_eq!(
            seen.authorization(),
            Some(format!("Bearer {}", minted[0].text).as_str())
        );
        // Each repository has a token of its own, and a second request mints nothing.
        for _ in 0..5 {
            broker
                .get(&world, &caller.key, &format!("{API}/repos/acme/web-1"))
                .await;
        }
        broker
            .get(&world, &caller.key, &format!("{API}/repos/acme/web-2"))
            .await;
        let minted = broker.minted();
        assert_eq!(minted.len(), 2);
        for token in &minted {
            let (names, permissions) = broker.reach(&token.text).unwrap();
            assert_eq!(names.len(), 1);
            assert_eq!(permissions["issues"], "write");
            assert_eq!(permissions.get("pull_requests"), None);
        }
        for seen in broker.github.seen() {
            let line = seen.authorization().unwrap_or_default().to_owned();
            assert!(!line.contains("hgk_"), "{} {line}", seen.path);
            assert!(seen.header("cookie").is_none());
        }
        let record = broker
            .audited(|record| record["operation"] == "repos/get")
            .await;
        assert_eq!(
            (&record["caller"], &record["app"]),
            (&json!("build-bot"), &json!("sync"))
        );
        assert_eq!(record["repository"], "acme/web-1");
        assert!(record["token"].as_str().unwrap().len() == 44);
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn what_is_not_granted_is_refused_the_same_way_whether_it_is_there_or_not() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let mut answers = Vec::new();
        for path in [
            "/repos/acme/secret",
            "/repos/acme/nothing",
            "/repos/other/web-1",
            "/repos/nobody/web-1",
            "/orgs/other",
            "/orgs/acme/repos",
            "/user/repos",
            "/search/code?q=x",
            "/repositories/999999999",
            "/app/installations",
            "/app/installations/1",
            "/installation/token",
            "/gists",
        ] {
            let answer = broker
                .get(&world, &caller.key, &format!("{API}{path}"))
                .await;
            answers.push((path, refused(answer).await));
        }
        for (path, answer) in answers {
            assert_eq!(answer, (403, "not_granted".to_owned()), "{path}");
        }
        // Nobody ends a token that others use, makes one, or changes the App.
        let client = asker(&world);
        for (method, path) in [
            ("DELETE", "/installation/token"),
            ("POST", "/app/installations/1/access_tokens"),
            ("DELETE", "/app/installations/1"),
            ("PUT", "/app/installations/1/suspended"),
            ("PATCH", "/app/hook/config"),
        ] {
            let method: http::Method = method.parse().unwrap();
            let asked = client.request(method, url(&format!("{API}{path}")));
            let answer = asked.bearer_auth(&caller.key).send().await.unwrap();
            assert_eq!(
                refused(answer).await,
                (403, "not_granted".to_owned()),
                "{path}"
            );
        }
        for path in [
            "/setup",
            "/admin/users",
            "/stafftools",
            "/login/oauth/access_token",
            "/login",
        ] {
            let answer = broker
                .get(&world, &caller.key, &format!("/github/sync{path}"))
                .await;
            assert_eq!(answer.status(), 403, "{path}");
        }
        let answer = broker
            .get(&world, &caller.key, "/github/other/api/v3/meta")
            .await;
        assert_eq!(refused(answer).await, (404, "not_found".to_owned()));
        assert!(broker.minted().is_empty(), "{:?}", broker.minted().len());
    });
}

#[test]
fn lists_are_of_what_is_granted_and_page_two_is_reached_by_id() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let path = format!("{API}/installation/repositories");
        let listed = broker.get(&world, &caller.key, &path).await;
        let listed: Value = listed.json().await.unwrap();
        let names: Vec<&str> = listed["repositories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["full_name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["acme/web-1", "acme/web-2", "acme/docs"]);
        let id = |name: &str| {
            let one = listed["repositories"].as_array().unwrap().iter();
            one.clone().find(|one| one["full_name"] == name).unwrap()["id"]
                .as_u64()
                .unwrap()
        };
        let web = id("acme/web-1");
        broker.github.change(web, |repository| {
            repository.issues = (1..=70).map(|n| format!("issue {n}")).collect();
        });
        let first = broker
            .get(
                &world,
                &caller.key,
                &format!("{API}/repos/acme/web-1/issues?per_page=50"),
            )
            .await;
        let link = first.headers()["link"].to_str().unwrap().to_owned();
        let next = link
            .split(';')
            .next()
            .unwrap()
            .trim_matches(['<', '>'])
            .to_owned();
        assert!(
            next.starts_with(&url(&format!("{API}/repositories/{web}/issues"))),
            "{link}"
        );
        assert_eq!(
            first
                .json::<Value>()
                .await
                .unwrap()
                .as_array()
                .unwrap()
                .len(),
            50
        );
        let second = asker(&world)
            .get(&next)
            .bearer_auth(&caller.key)
            .send()
            .await
            .unwrap();
        assert_eq!(second.status(), 200);
        assert_eq!(
            second
                .json::<Value>()
                .await
                .unwrap()
                .as_array()
                .unwrap()
                .len(),
            20
        );
        // The id of one that is not granted leads nowhere.
        let secret = broker.ids["acme/secret"];
        let answer = broker
            .get(
                &world,
                &caller.key,
                &format!("{API}/repositories/{secret}/issues"),
            )
            .await;
        assert_eq!(refused(answer).await, (403, "not_granted".to_owned()));
        for token in broker.minted() {
            let (names, _) = broker.reach(&token.text).unwrap();
            assert!(!names.iter().any(|name| name == "acme/secret"), "{names:?}");
        }
    });
}

#[test]
fn git_clones_and_pushes_as_the_app_with_the_callers_key() {
    world(async |world| {
        let (caller, reader) = (Caller::make(), Caller::make());
        let reads =
            "repositories = [\"web-1\"]\npermissions = { contents = \"read\" }\nas = [\"proxy\"]";
        let sections = format!(
            "{}{}",
            caller.section("build-bot", WIDE),
            reader.section("reader", reads)
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let last = history(&broker, 3);
        let client = Client::outside(&world).with_token(&caller.key);
        let from = url("/github/sync/acme/web-1.git");
        run(client.git(&["clone", "-q", &from, "work"]))
            .await
            .good();
        let at = client.path("work");
        let head = run(client.git(&["-C", at.to_str().unwrap(), "rev-parse", "HEAD"]))
            .await
            .good();
        assert_eq!(head.out.trim(), last);
        std::fs::write(at.join("new"), "new").unwrap();
        for arguments in [
            &["add", "new"][..],
            &["commit", "-qm", "new"],
            &["push", "-q", "origin", "HEAD:refs/heads/new"],
        ] {
            let mut words = vec!["-C", at.to_str().unwrap()];
            words.extend(arguments);
            run(client.git(&words)).await.good();
        }
        // Who may read may not push, and what is not granted is not there.
        let other = Client::outside(&world).with_token(&reader.key);
        let refused = run(other.git(&[
            "-C",
            at.to_str().unwrap(),
            "push",
            "-q",
            &from,
            "HEAD:refs/heads/x",
        ]))
        .await;
        assert!(
            !refused.well && refused.complaint.contains("403"),
            "{refused:?}"
        );
        let outside =
            run(other.git(&["clone", "-q", &url("/github/sync/acme/web-2.git"), "no"])).await;
        assert!(!outside.well, "{outside:?}");
        // Git has what git needs: a token for reading to read, for one repository.
        let mut seen = Vec::new();
        for token in broker.minted() {
            let (names, permissions) = broker.reach(&token.text).unwrap();
            assert_eq!(names, ["acme/web-1"]);
            assert_eq!(permissions.get("issues"), None);
            seen.push(permissions["contents"].as_str().unwrap().to_owned());
        }
        seen.sort();
        assert_eq!(seen, ["read", "write"]);
        let record = broker
            .audited(|record| record["operation"] == "git:write" && record["status"] == 200)
            .await;
        assert_eq!(record["caller"], "build-bot");
        broker.no_secret_escaped(&[&caller.key, &reader.key], &[]);
    });
}

#[test]
fn graphql_stays_inside_the_grant() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let ask = async |query: &str| {
            let asked = asker(&world).post(url("/github/sync/api/graphql"));
            asked
                .bearer_auth(&caller.key)
                .json(&json!({ "query": query }))
                .send()
                .await
                .unwrap()
        };
        let good = ask("{ repository(owner: \"acme\", name: \"web-1\") { nameWithOwner } }").await;
        assert_eq!(good.status(), 200);
        let said: Value = good.json().await.unwrap();
        assert_eq!(
            said["data"]["repository"]["nameWithOwner"], "acme/web-1",
            "{said}"
        );
        for query in [
            "{ repository(owner: \"acme\", name: \"secret\") { nameWithOwner } }",
            "{ repository(owner: \"other\", name: \"web-1\") { nameWithOwner } }",
            "{ a: repository(owner: \"acme\", name: \"web-1\") { id } b: repository(owner: \"acme\", name: \"secret\") { id } }",
        ] {
            let (status, code) = refused(ask(query).await).await;
            assert_eq!(
                (status, code.as_str()),
                (403, "graphql_outside_repositories"),
                "{query}"
            );
        }
        for token in broker.minted() {
            let (names, _) = broker.reach(&token.text).unwrap();
            assert!(!names.iter().any(|name| name == "acme/secret"), "{names:?}");
        }
    });
}

#[test]
fn programs_that_take_a_github_enterprise_server_work_unchanged() {
    world(async |world| {
        let caller = Caller::make();
        let all = "repositories = \"all\"\npermissions = { contents = \"write\", issues = \"write\" }\nas = [\"proxy\"]";
        let published = format!(
            "[[publish]]\nurl = \"https://codeload.{PUBLIC}/\"\nto = \"https://{}/\"\nca = \"{}\"\nfrom = [\"outside\"]\nallow = [\"read-only\"]\ncredentials = \"app:sync\"\n",
            crate::world::INTERNAL,
            world.path("corp-ca.pem").display(),
        );
        let sections = format!("{}{published}", caller.section("build-bot", all));
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let client = Client::outside(&world)
            .with_token(&caller.key)
            .below("/github/sync");
        let issues = 75;
        let web = broker.ids["acme/web-1"];
        broker.github.change(web, |repository| {
            repository.issues = (1..=issues).map(|n| format!("issue {n}")).collect();
        });
        if let Some(said) = client
            .octokit(
                r#"const all = await octokit.paginate("GET /repos/{owner}/{repo}/issues", { owner: "acme", repo: "web-1", per_page: 30 });
                const made = await octokit.request("POST /repos/{owner}/{repo}/issues", { owner: "acme", repo: "web-1", title: "made" });
                return { issues: all.length, made: made.status };"#,
            )
            .await
        {
            assert_eq!(said, json!({ "issues": issues, "made": 201 }));
        }
        if let Some(said) = client
            .pygithub(
                "repository = github.get_repo(\"acme/web-1\")\nreturn { \"name\": repository.full_name, \"issues\": len(list(repository.get_issues())) }",
            )
            .await
        {
            assert_eq!(said["name"], "acme/web-1");
            assert_eq!(said["issues"], issues + 1);
        }
        // gh knows a host only: a service that is published as the App is one.
        let gh = Client::outside(&world)
            .with_token(&caller.key)
            .on("codeload.ghe.example.com");
        if let Some(said) = gh
            .gh(&["--paginate", "/repos/acme/web-1/issues?per_page=40"])
            .await
        {
            let pages = said.as_array().unwrap();
            let count: usize = pages
                .iter()
                .map(|page| page.as_array().map_or(1, Vec::len))
                .sum();
            assert_eq!(count, issues + 1, "{said}");
        }
        // The route's profile reads, whatever the grant writes.
        let asked = super::asking(&world).resolve("codeload.ghe.example.com", crate::world::WIRE);
        let asked = asked.build().unwrap().post(format!(
            "https://codeload.{PUBLIC}/api/v3/repos/acme/web-1/issues"
        ));
        let answer = asked
            .bearer_auth(&caller.key)
            .json(&json!({ "title": "x" }))
            .send()
            .await
            .unwrap();
        assert_eq!(refused(answer).await, (403, "not_in_profile".to_owned()));
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

#[test]
fn github_com_is_reached_by_the_paths_of_a_server() {
    world(async |world| {
        let caller = Caller::make();
        let section = caller.section("build-bot", WIDE);
        let Some(broker) = Broker::with(&world, Shape::Dotcom, "", &section).await else {
            return;
        };
        let answer = broker
            .get(&world, &caller.key, &format!("{API}/repos/acme/web-1"))
            .await;
        assert_eq!(answer.status(), 200, "{:?}", broker.site.log());
        let said: Value = answer.json().await.unwrap();
        assert_eq!(said["url"], url(&format!("{API}/repos/acme/web-1")));
        let minted = broker.minted();
        assert!(minted[0].text.len() > 400, "{}", minted[0].text.len());
        let asked = asker(&world)
            .post(url("/github/sync/api/graphql"))
            .bearer_auth(&caller.key);
        let query = json!({ "query": "{ repository(owner: \"acme\", name: \"web-1\") { nameWithOwner } }" });
        let answer = asked.json(&query).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let last = history(&broker, 2);
        let client = Client::outside(&world).with_token(&caller.key);
        run(client.git(&["clone", "-q", &url("/github/sync/acme/web-1.git"), "work"]))
            .await
            .good();
        let at = client.path("work");
        let head = run(client.git(&["-C", at.to_str().unwrap(), "rev-parse", "HEAD"]))
            .await
            .good();
        assert_eq!(head.out.trim(), last);
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}
