//! Programs that know nothing of a broker: gh, which knows a host; probot, which would hold an App's
//! key.

use super::{Broker, Caller, WIDE, asker, url};
use crate::harness::{eventually, guid, skipped, vacant};
use crate::inside::{commits, fetched};
use crate::outside::{Client, run};
use crate::world::{INTERNAL, PUBLIC, World, world};
use serde_json::json;
use std::process::Child;

/// A server that is published as the App, under a host of its own.
fn published(world: &World, keys: &str) -> String {
    format!(
        "[[publish]]\nurl = \"https://codeload.{PUBLIC}/\"\nto = \"https://{INTERNAL}/\"\nca = \"{}\"\nfrom = [\"outside\"]\ncredentials = \"app:sync\"\n{keys}\n",
        world.path("corp-ca.pem").display(),
    )
}

#[test]
fn gh_and_git_find_a_server_at_a_host_of_its_own_and_clone_with_a_gateway_key() {
    world(async |world| {
        let caller = Caller::make();
        let sections = format!(
            "{}{}",
            caller.section("build-bot", WIDE),
            published(&world, "allow = \"everything\"")
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let file = ("a.txt".to_owned(), b"text".to_vec());
        let last = commits(&broker.github.git_place("acme/web-1"), [file]);
        broker.github.change(broker.ids["acme/web-1"], |one| {
            one.issues = vec!["one".to_owned(), "two".to_owned()];
        });
        let client = Client::outside(&world)
            .with_token(&caller.key)
            .on("codeload.ghe.example.com");
        let Some(said) = client
            .gh(&["--jq", ".[].number", "repos/acme/web-1/issues"])
            .await
        else {
            return;
        };
        assert_eq!(said, json!([2, 1]));
        let clone = ["repo", "clone", "acme/web-1", "web"];
        let said = client.gh_itself(&clone).await.unwrap();
        assert!(said.well, "{said:?}");
        let head = run(client.git(&["-C", "web", "rev-parse", "HEAD"]))
            .await
            .good();
        assert_eq!(head.out.trim(), last);
        // What git's own store of credentials knows of the broker is its key.
        let plain = Client::outside(&world)
            .with_token(&caller.key)
            .at_home(&world, "plain");
        let line = format!("https://x-access-token:{}@{PUBLIC}\n", caller.key);
        std::fs::write(plain.path(".git-credentials"), line).unwrap();
        let mut clone = plain.command("git");
        clone.args(["-c", "credential.helper=store", "clone", "-q"]);
        clone.args([&url("/github/sync/acme/web-1.git"), "web"]);
        run(clone).await.good();
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}

const PROBOT: &str = r#"
import { Probot, Server } from "probot";
const server = new Server({
  Probot: Probot.defaults({
    githubToken: process.env.TOKEN,
    baseUrl: `https://${process.env.HOST}/api/v3`,
    secret: process.env.SECRET,
  }),
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  webhookPath: "/api/github/webhooks",
});
await server.load((app) => {
  app.on("issues.opened", async (context) => {
    await context.octokit.rest.issues.createComment(context.issue({ body: "Thank you." }));
  });
});
await server.start();
"#;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn probot_comments_through_the_broker_and_holds_no_key_of_the_apps() {
    world(async |world| {
        let Some(modules) = fetched("clients-node/node_modules") else {
            return skipped("probot is not in .cache");
        };
        let caller = Caller::make();
        let port = vacant().await.port();
        let secret = format!("{}{}", guid(), guid());
        let hook = format!(
            r#"[[webhook]]
url = "https://{PUBLIC}/hook"
from = ["outside"]
secrets = ["inline:{secret}"]
events = ["issues.opened"]
[[webhook.to]]
name = "probot"
url = "http://127.0.0.1:{port}/api/github/webhooks"
"#
        );
        let sections = format!("{}{hook}", caller.section("build-bot", WIDE));
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let client = Client::outside(&world)
            .with_token(&caller.key)
            .below("/github/sync");
        std::os::unix::fs::symlink(modules, client.path("node_modules")).unwrap();
        std::fs::write(client.path("probot.mjs"), PROBOT).unwrap();
        let mut command = client.command("node");
        command.arg("probot.mjs");
        command.env("SECRET", &secret).env("PORT", port.to_string());
        command
            .stdout(std::process::Stdio::inherit())
            .stderr(std::process::Stdio::inherit());
        let _probot = Running(command.spawn().unwrap());
        let at = format!("127.0.0.1:{port}");
        eventually(|| std::net::TcpStream::connect(&at).ok()).await;

        let web = broker.ids["acme/web-1"];
        broker
            .github
            .change(web, |one| one.issues = vec!["It is broken".to_owned()]);
        let body = json!({
            "action": "opened",
            "issue": { "number": 1, "title": "It is broken" },
            "repository": { "id": web, "name": "web-1", "full_name": "acme/web-1", "owner": { "login": "acme" } },
            "organization": { "login": "acme" },
            "installation": { "id": broker.installation },
        });
        let body = body.to_string();
        let sent = asker(&world)
            .post(url("/hook"))
            .header("content-type", "application/json")
            .header("x-github-event", "issues")
            .header("x-github-delivery", guid())
            .header(
                "x-hub-signature-256",
                crate::harness::sign(&secret, body.as_bytes()),
            )
            .body(body);
        assert_eq!(sent.send().await.unwrap().status(), 202);
        let comments = || {
            let mut found = Vec::new();
            broker.github.change(web, |one| {
                found = one.comments.get(&1).cloned().unwrap_or_default();
            });
            (!found.is_empty()).then_some(found)
        };
        assert_eq!(eventually(comments).await, ["Thank you."]);
        // probot asks for no token, and has none.
        assert!(broker.github.asked("POST", "/access_tokens").len() <= 2);
        let record = broker
            .audited(|record| record["operation"] == "issues/create-comment")
            .await;
        assert_eq!(
            (&record["caller"], &record["status"]),
            (&json!("build-bot"), &json!(201))
        );
        let asked = broker.wire.exchanges();
        assert!(!asked.iter().any(|one| one.target.contains("access_tokens")));
        broker.no_secret_escaped(&[&caller.key], &[]);
    });
}
