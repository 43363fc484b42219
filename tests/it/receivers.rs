//! Real receivers behind the gate: a buildbot starts a build, and GitHub's own library accepts what
//! arrives.

use crate::harness::{SECRET, Site, eventually, guid, sign, skipped};
use hmac::{Hmac, KeyInit as _, Mac as _};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PUSH: &str = r#"{"ref":"refs/heads/main","before":"5a1c3","after":"f95f8",
"created":false,"deleted":false,"repository":{"name":"web","full_name":"acme/web",
"html_url":"https://github.test/acme/web","clone_url":"https://github.test/acme/web.git"},
"pusher":{"name":"mona"},"head_commit":{"id":"f95f8","message":"Mend the gate"},
"commits":[{"id":"f95f8","distinct":true,"message":"Mend the gate",
"timestamp":"2026-05-05T19:40:15-04:00","url":"https://github.test/acme/web/commit/f95f8",
"author":{"name":"Mona","email":"mona@github.test"},
"committer":{"name":"Mona","email":"mona@github.test"},
"added":[],"removed":[],"modified":["gate.rs"]}]}"#;

const MASTER: &str = r"
import os
from buildbot.plugins import schedulers, steps, util, worker
c = BuildmasterConfig = {}
c['title'] = 'receiver'
c['titleURL'] = c['buildbotURL'] = 'http://' + os.environ['ADDRESS'] + '/'
c['db'] = {'db_url': 'sqlite:///state.sqlite'}
c['protocols'] = {'null': {}}
c['buildbotNetUsageData'] = None
c['workers'] = [worker.LocalWorker('local')]
c['schedulers'] = [schedulers.AnyBranchScheduler(
    name='all', treeStableTimer=None, builderNames=['build'])]
c['builders'] = [util.BuilderConfig(name='build', workernames=['local'],
    factory=util.BuildFactory([steps.ShellCommand(command=['true'])]))]
c['www'] = {'port': 'tcp:' + os.environ['ADDRESS'].split(':')[1] + ':interface=127.0.0.1',
    'plugins': {}, 'change_hook_dialects': {'github': {
        'secret': os.environ['SECRET'], 'strict': True}}}
";

const VERIFIER: &str = r#"
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";
const webhooks = new Webhooks({ secret: process.env.SECRET });
webhooks.onAny(({ id, name, payload }) =>
  console.log(JSON.stringify({ id, name, repository: payload.repository?.full_name })));
webhooks.onError((error) => console.log(JSON.stringify({ error: String(error) })));
const server = createServer(createNodeMiddleware(webhooks, { path: "/in" }));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

/// A program that is ended when the test is.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What `tests/tools/receivers` fetched, whatever its version.
fn fetched(name: &str) -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache");
    let entries = std::fs::read_dir(cache).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name()
            .is_some_and(|file| file.to_string_lossy().starts_with(name))
    })
}

async fn vacant() -> SocketAddr {
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    held.local_addr().unwrap()
}

/// The header that older receivers look at; GitHub sends both.
fn sha1(body: &[u8]) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha1={hex}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_through_the_gate_starts_a_build_in_buildbot() {
    let program = fetched("buildbot-").map(|place| place.join("bin/buildbot"));
    let Some(program) = program.filter(|program| program.exists()) else {
        return skipped("buildbot is not in .cache");
    };
    let (site, address) = (Site::new(), vacant().await);
    let master = site.path("master");
    let made = Command::new(&program)
        .args(["create-master", "-q"])
        .arg(&master)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    std::fs::write(master.join("master.cfg"), MASTER).unwrap();
    let log = std::fs::File::create(site.path("buildbot.log")).unwrap();
    let _buildbot = Program(
        Command::new(&program)
            .args(["start", "--nodaemon"])
            .arg(&master)
            .env("ADDRESS", address.to_string())
            .env("SECRET", SECRET)
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap(),
    );

    site.configure_hook("", address, "");
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("/in\"", "/change_hook/github\"")).unwrap();
    let gate = site.start().await;
    // Buildbot takes seconds to start: until then the gateway holds the push and tries again.
    let answer = gate
        .push(&gate.client(), &guid(), PUSH.as_bytes())
        .header("x-hub-signature", sha1(PUSH.as_bytes()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let delivered = eventually(|| {
        let mut audit = site.audit().into_iter();
        audit.find(|record| record["outcome"] == "delivered")
    })
    .await;
    assert_eq!(delivered["status"], 200, "{delivered}");

    let url = format!("http://{address}/api/v2/");
    let client = reqwest::Client::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    loop {
        let asked = client.get(format!("{url}builds")).send().await;
        let said: serde_json::Value = asked.unwrap().json().await.unwrap();
        if said["builds"][0]["buildid"] == 1 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no build: {said}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let changes = client.get(format!("{url}changes")).send().await.unwrap();
    let changes: serde_json::Value = changes.json().await.unwrap();
    assert_eq!(changes["changes"][0]["revision"], "f95f8", "{changes}");
    assert_eq!(changes["changes"][0]["branch"], "main", "{changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn githubs_own_library_verifies_what_arrives() {
    let Some(library) = fetched("octokit-webhooks-").map(|place| place.join("node_modules")) else {
        return skipped("@octokit/webhooks is not in .cache");
    };
    let site = Site::new();
    std::os::unix::fs::symlink(library, site.path("node_modules")).unwrap();
    std::fs::write(site.path("receiver.mjs"), VERIFIER).unwrap();
    let mut node = Program(
        Command::new("node")
            .arg(site.path("receiver.mjs"))
            .env("SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(node.0.stdout.take().unwrap()).lines();
    let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
    site.configure_hook("", SocketAddr::from(([127, 0, 0, 1], port)), "");
    let gate = site.start().await;
    let id = guid();
    let answer = gate.push(&gate.client(), &id, PUSH.as_bytes()).send().await;
    assert_eq!(answer.unwrap().status(), 202);
    let said = tokio::task::block_in_place(|| lines.next().unwrap().unwrap());
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        said,
        serde_json::json!({ "id": id, "name": "push", "repository": "acme/web" })
    );
    // The same library refuses what another secret signed, so it does verify.
    let refused = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/in"))
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", guid())
        .header(
            "x-hub-signature-256",
            sign("another secret", PUSH.as_bytes()),
        )
        .body(PUSH)
        .send()
        .await
        .unwrap();
    assert!(refused.status().is_client_error(), "{}", refused.status());
}
