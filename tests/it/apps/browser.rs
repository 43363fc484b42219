//! A real browser, Chromium, driven as its own tools drive it: the `DevTools` protocol over a pipe.
//! What is clicked is clicked by the mouse, where it is on the page.

use crate::harness::skipped;
use serde_json::{Value, json};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// It reads what it is told at descriptor 3, and says what it has to say at 4.
const START: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--remote-debugging-pipe",
    // Tests run as root where a container has nobody else.
    "--no-sandbox",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
];
/// Only there to fail.
const PATIENCE: Duration = Duration::from_secs(120);

/// One window with one tab; closed when it goes.
pub struct Browser {
    child: Child,
    wire: BufReader<UnixStream>,
    next: u64,
    tab: String,
    /// What the browser complained of: what a policy forbade is there.
    told: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Opens one that takes every certificate; none where Chromium is not installed.
    pub async fn open() -> Option<Self> {
        if Command::new("chromium").arg("--version").output().is_err() {
            skipped("chromium is not installed");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let (own, its) = Pair::pair().unwrap();
        let other = its.try_clone().unwrap();
        own.set_nonblocking(true).unwrap();
        let child = Command::new("sh")
            .args(["-c", START, "chromium"])
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::from(OwnedFd::from(its)))
            .stdout(Stdio::from(OwnedFd::from(other)))
            .spawn()
            .unwrap();
        let mut browser = Self {
            child,
            wire: BufReader::new(UnixStream::from_std(own).unwrap()),
            next: 0,
            tab: String::new(),
            told: Vec::new(),
            _profile: profile,
        };
        let made = json!({ "url": "about:blank" });
        let made = browser.say("Target.createTarget", made).await;
        let attached = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = browser.say("Target.attachToTarget", attached).await;
        browser.tab = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Security"] {
            browser.say(&format!("{domain}.enable"), json!({})).await;
        }
        let taken = json!({ "ignore": true });
        browser
            .say("Security.setIgnoreCertificateErrors", taken)
            .await;
        Some(browser)
    }

    /// Has a command carried out.
    async fn say(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.ask(method, parameters).await;
        answer.unwrap_or_else(|why| panic!("{method}: {why}"))
    }

    async fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.next += 1;
        let mut said = json!({ "id": self.next, "method": method, "params": parameters });
        if !self.tab.is_empty() {
            said["sessionId"] = json!(self.tab);
        }
        let line = format!("{said}\0");
        self.wire.write_all(line.as_bytes()).await.unwrap();
        loop {
            let mut heard = Vec::new();
            let read = self.wire.read_until(0, &mut heard);
            let read = tokio::time::timeout(PATIENCE, read).await;
            assert_ne!(read.unwrap().unwrap(), 0, "the browser ended");
            heard.pop();
            let mut heard: Value = serde_json::from_slice(&heard).unwrap();
            if heard["method"] == "Log.entryAdded" {
                let entry = &heard["params"]["entry"];
                // It looks for an icon everywhere, and tells when there is none.
                if entry["source"] != "network" {
                    let told = format!("{}: {}", entry["source"], entry["text"]);
                    self.told.push(told);
                }
            }
            if heard["id"] == self.next {
                return match heard.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(heard["result"].take()),
                };
            }
        }
    }

    /// Goes to an address, as if it was typed in. Why not, where it cannot be reached.
    pub async fn go(&mut self, address: &str) -> Result<(), String> {
        let gone = self.say("Page.navigate", json!({ "url": address })).await;
        match gone["errorText"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(()),
        }
    }

    /// Loads the page again.
    pub async fn reload(&mut self) {
        self.say("Page.reload", json!({})).await;
    }

    /// What an expression of the page's is; none while there is no page to ask.
    async fn value(&mut self, expression: &str) -> Option<Value> {
        let asked = json!({ "expression": expression, "returnByValue": true });
        // Between two pages there is nothing to ask.
        let mut found = self.ask("Runtime.evaluate", asked).await.ok()?;
        Some(found["result"]["value"].take())
    }

    /// Waits until an expression of the page's is true.
    async fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.value(expression).await != Some(Value::Bool(true)) {
            if Instant::now() > deadline {
                let page = self.text().await;
                panic!("never was: {expression}\n{page}\n{:?}", self.told);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a page with this heading or title.
    pub async fn see(&mut self, title: &str) {
        self.until(&format!(
            "document.readyState === 'complete' && document.title === {}",
            json!(title)
        ))
        .await;
    }

    /// What is to be read on the page, and where it is.
    pub async fn text(&mut self) -> String {
        let said = "location.href + '\\n' + document.title + '\\n' + document.body.innerText";
        let said = self.value(said).await.unwrap_or_default();
        said.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until it wants to be at an address with this in it, there or not.
    pub async fn until_address(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let history = self.ask("Page.getNavigationHistory", json!({})).await;
            // Between two pages there is none.
            let history = history.unwrap_or_default();
            let last = history["entries"].as_array().and_then(|all| all.last());
            let at = last.map_or("", |last| last["url"].as_str().unwrap());
            if at.contains(part) {
                return;
            }
            assert!(Instant::now() < deadline, "it went to {at}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clicks the first that fits, as a hand does: with the mouse, where it is shown.
    pub async fn click(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("{found} !== null")).await;
        let place = format!(
            "(() => {{ const it = {found}; it.scrollIntoView(); \
             const at = it.getBoundingClientRect(); \
             return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
        );
        let place = self.value(&place).await.unwrap();
        for kind in ["mousePressed", "mouseReleased"] {
            let mouse = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.say("Input.dispatchMouseEvent", mouse).await;
        }
    }

    /// Chooses in a list.
    pub async fn choose(&mut self, selector: &str, value: &str) {
        let chosen = format!(
            "document.querySelector({}).value = {}",
            json!(selector),
            json!(value)
        );
        self.value(&chosen).await;
    }

    /// What the browser complained of so far.
    pub fn complaints(&self) -> &[String] {
        &self.told
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
