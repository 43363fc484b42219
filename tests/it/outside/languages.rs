//! What people write with octokit, `PyGithub` and gh. Each says what it found as JSON, so that it
//! can be compared with what was there.

use super::client::{Client, Said, run};
use crate::harness::skipped;
use crate::inside::fetched;
use serde_json::Value;
use std::process::Command;

const OCTOKIT: &str = r#"
import { Octokit } from "octokit";
const octokit = new Octokit({
  auth: process.env.TOKEN,
  baseUrl: `https://${process.env.HOST}/api/v3`,
  throttle: { enabled: false },
  retry: { enabled: false },
});
const said = await (async () => { SCRIPT })();
console.log(JSON.stringify(said));
"#;

const PYGITHUB: &str = r#"
import json, os
from github import Auth, Github
host = os.environ["HOST"]
github = Github(auth=Auth.Token(os.environ["TOKEN"]), base_url=f"https://{host}/api/v3", retry=0)
def script():
SCRIPT
print(json.dumps(script()))
"#;

impl Client {
    /// Runs a function's body in JavaScript that has an `octokit`; none where that is not there.
    pub async fn octokit(&self, script: &str) -> Option<Value> {
        let Some(modules) = fetched("clients-node/node_modules") else {
            skipped("octokit is not in .cache");
            return None;
        };
        let link = self.path("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(modules, link).unwrap();
        }
        std::fs::write(self.path("a.mjs"), OCTOKIT.replace("SCRIPT", script)).unwrap();
        let mut command = self.command("node");
        command.arg("a.mjs");
        said(command).await.pop()
    }

    /// Runs a function's body in Python that has a `github`; none where that is not there.
    pub async fn pygithub(&self, script: &str) -> Option<Value> {
        let Some(python) = fetched("clients-python/bin/python") else {
            skipped("PyGithub is not in .cache");
            return None;
        };
        let lines = script.trim().lines();
        let lines: Vec<String> = lines.map(|line| format!("    {line}")).collect();
        let whole = PYGITHUB.replace("SCRIPT", &lines.join("\n"));
        let mut command = self.command(python);
        command.args(["-c", &whole]);
        said(command).await.pop()
    }

    /// Runs gh with these words; none where it is not there.
    pub async fn gh_itself(&self, words: &[&str]) -> Option<Said> {
        if !installed("gh") {
            skipped("gh is not installed");
            return None;
        }
        let mut command = self.command("gh");
        command
            .args(words)
            .env("GH_HOST", self.host)
            .env("GH_ENTERPRISE_TOKEN", self.token())
            .env("GH_PROMPT_DISABLED", "1")
            .env("GH_NO_UPDATE_NOTIFIER", "1");
        Some(run(command).await)
    }

    /// Runs `gh api`, and gives all that it says; none where that is not there.
    pub async fn gh(&self, arguments: &[&str]) -> Option<Value> {
        if !installed("gh") {
            skipped("gh is not installed");
            return None;
        }
        let mut command = self.command("gh");
        command
            .args(["api", "--hostname", self.host])
            .args(arguments)
            .env("GH_ENTERPRISE_TOKEN", self.token())
            .env("GH_NO_UPDATE_NOTIFIER", "1");
        Some(said(command).await.into())
    }
}

/// What a program says, as the documents that it is.
async fn said(command: Command) -> Vec<Value> {
    let said = run(command).await.good();
    let all = serde_json::Deserializer::from_str(&said.out).into_iter();
    let all: Result<Vec<Value>, _> = all.collect();
    all.unwrap_or_else(|wrong| panic!("{wrong}: {}\n{}", said.out, said.complaint))
}

/// Whether a program can be run here.
pub fn installed(program: &str) -> bool {
    let mut tried = Command::new(program);
    tried
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}
