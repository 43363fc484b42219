//! `[[publish]]` of a GitHub.

use super::{Group, Running, rows, see};
use crate::brokered::Caller;
use crate::harness::{HOST, Site, private};
use crate::simulator::{AppKey, Shape, Simulator};
use crate::world::Authority;
use serde_json::Value;

rows! {
    Published:
    "publish.ca" => ca,
    "publish.allow" => allow,
    "publish.repositories" => repositories,
    "publish.service" => service,
    "publish.rewrite" => rewrite,
    "publish.credentials" => credentials,
    "publish.learn" => learn,
    "publish.browser" => browser,
    "app.user_tokens" => user_tokens,
}

const REPOSITORY: &str = "/api/v3/repos/acme/web";
const READ: &str = "allow = [\"read-only\"]";
const EVERYTHING: &str = "allow = \"everything\"";

/// A GitHub that is published, and an App there that a person has signed in to.
pub struct Published {
    running: Running,
    github: Simulator,
    app: u64,
    /// The number of a repository.
    web: u64,
    /// The person's token.
    token: String,
    caller: Caller,
    client: reqwest::Client,
}

impl Group for Published {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Published {
    async fn open() -> Option<Self> {
        let github = Simulator::start(Shape::Ghes).await?;
        let [web_id, _] = ["acme/web", "acme/docs"].map(|name| github.repository(name));
        let key = AppKey::number(0);
        let permissions = [("contents", "write"), ("metadata", "read")];
        let app = github.app("sync", "acme", &key, &permissions);
        github.install_on(app, "acme", &["web", "docs"]);
        let (token, _) = github.user_token(app, "mona", false);
        let (site, caller) = (Site::new(), Caller::make());
        for (file, text) in [
            ("app.pem", key.pkcs1_pem()),
            ("ca.pem", github.ca()),
            ("other.pem", Authority::new("Another").pem()),
        ] {
            std::fs::write(site.path(file), text).unwrap();
            private(&site.path(file));
        }
        let (at, web) = (site.path(""), github.web());
        let at = at.to_str().unwrap().trim_end_matches('/');
        site.configure(&format!(
            r#"[[publish]]
url = "https://{HOST}/"
to = "{web}/"
ca = "ca.pem" # trusted
from = ["here"]
{READ}
# keys
[[github]]
name = "ghes"
url = "{web}"
ca = "ca.pem"
[[app]]
name = "sync"
github = "ghes"
id = {app}
keys = ["file:{at}/app.pem"]
# app
[[caller]]
name = "build-bot"
{}
[[caller.grant]]
app = "sync"
owner = "acme"
repositories = ["web"]
permissions = {{ contents = "read" }}
as = ["proxy"]
"#,
            caller.line
        ));
        let running = Running::start(site).await;
        let client = running.gate.client();
        Some(Self {
            running,
            github,
            app,
            web: web_id,
            token,
            caller,
            client,
        })
    }

    fn add(&self, keys: &str) {
        self.running.change(&[("# keys", keys)]);
    }

    async fn asked(&self, path: &str, token: &str) -> reqwest::Response {
        let asked = self.client.get(self.running.gate.url(path));
        asked.bearer_auth(token).send().await.unwrap()
    }

    /// What an integration is given that signs the person in.
    async fn signs_in(&self) -> String {
        let known = self.github.app_now(self.app).unwrap();
        let code = self.github.code(self.app, "mona");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", &known.client_id);
        form.append_pair("client_secret", &known.client_secret);
        form.append_pair("code", &code);
        let at = self.running.gate.url("/login/oauth/access_token");
        let asked = self.client.post(at).header("accept", "application/json");
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let answer = asked.body(form.finish()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let said: Value = answer.json().await.unwrap();
        said["access_token"].as_str().unwrap().to_owned()
    }

    /// Status and code of what the person is answered; none where it is GitHub's answer.
    async fn get(&self, path: &str) -> (u16, Option<String>) {
        let answer = self.asked(path, &self.token).await;
        let status = answer.status().as_u16();
        let said: Option<Value> = answer.json().await.ok();
        let code = said.and_then(|said| Some(said["error"]["code"].as_str()?.to_owned()));
        (status, code)
    }
}

const PASSES: (u16, Option<String>) = (200, None);

fn refused(status: u16, code: &str) -> (u16, Option<String>) {
    (status, Some(code.to_owned()))
}

async fn ca(published: &Published) {
    assert_eq!(published.get(REPOSITORY).await, PASSES);
    published
        .running
        .change(&[("\"ca.pem\" # trusted", "\"other.pem\"")]);
    published.github.forget();
    assert_eq!(published.get(REPOSITORY).await.0, 502);
    assert!(published.github.asked("GET", "/repos/acme/web").is_empty());
}

async fn allow(published: &Published) {
    assert_eq!(published.get(REPOSITORY).await, PASSES);
    let changed = (READ, "allow = [\"git-read-only\"]");
    published.running.change(&[changed]);
    let answered = published.get(REPOSITORY).await;
    assert_eq!(answered, refused(403, "not_in_profile"));
}

async fn repositories(published: &Published) {
    assert_eq!(published.get(REPOSITORY).await, PASSES);
    published.add("repositories = [\"acme/docs\"]");
    let answered = published.get(REPOSITORY).await;
    assert_eq!(answered, refused(403, "outside_repositories"));
    assert_eq!(published.get("/api/v3/repos/acme/docs").await, PASSES);
}

async fn service(published: &Published) {
    published.running.change(&[(READ, EVERYTHING)]);
    published.github.forget();
    assert_eq!(published.get("/setup").await, refused(403, "never_exposed"));
    assert!(published.github.asked("GET", "/setup").is_empty());
    let other = format!("{EVERYTHING}\nservice = \"other\"");
    published.running.change(&[(READ, &other)]);
    assert_eq!(published.get("/setup").await.1, None);
    assert_eq!(published.github.asked("GET", "/setup").len(), 1);
}

async fn rewrite(published: &Published) {
    let own = async || {
        let answer = published.asked(REPOSITORY, &published.token).await;
        let said: Value = answer.json().await.unwrap();
        said["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(own().await, format!("https://{HOST}{REPOSITORY}"));
    published.add("rewrite = \"none\"");
    assert_eq!(
        own().await,
        format!("{}{REPOSITORY}", published.github.web())
    );
}

async fn credentials(published: &Published) {
    let by_key = async || {
        let answer = published.asked(REPOSITORY, &published.caller.key).await;
        answer.status().as_u16()
    };
    assert_eq!(
        (published.get(REPOSITORY).await, by_key().await),
        (PASSES, 401)
    );
    published.add("credentials = \"app:sync\"");
    assert_eq!(by_key().await, 200);
    assert_eq!(published.get(REPOSITORY).await.0, 401);
}

async fn learn(published: &Published) {
    let changed = (READ, "allow = [\"git-read-only\"]");
    published.running.change(&[changed]);
    let answered = published.get(REPOSITORY).await;
    assert_eq!(answered, refused(403, "not_in_profile"));
    published
        .running
        .change(&[changed, ("# keys", "learn = true")]);
    assert_eq!(published.get(REPOSITORY).await, PASSES);
    let learned = published
        .running
        .command(&["profile", "learned", &format!("{HOST}/")]);
    let said = String::from_utf8(learned.stdout).unwrap();
    assert!(said.contains("repos/get"), "{said}");
}

async fn browser(published: &Published) {
    let page = "/login/oauth/authorize?client_id=1";
    let asked = async || {
        let answer = published.asked(page, &published.token).await;
        answer.status().as_u16()
    };
    assert_eq!(asked().await, 403);
    published.add("browser = \"redirect\"");
    assert_eq!(asked().await, 302);
}

async fn user_tokens(published: &Published) {
    let everything = (READ, EVERYTHING);
    published.running.change(&[everything]);
    assert!(published.signs_in().await.starts_with("ghu_"));
    published
        .running
        .change(&[everything, ("# app", "user_tokens = true")]);
    let handle = published.signs_in().await;
    assert!(handle.starts_with("hgu_"));
    assert_eq!(published.asked(REPOSITORY, &handle).await.status(), 200);
    // Where they are held no more, a handle is nothing to GitHub.
    published.running.change(&[everything]);
    assert_eq!(published.asked(REPOSITORY, &handle).await.status(), 401);
    assert!(published.signs_in().await.starts_with("ghu_"));
}

/// What one server calls by a number is something else at another that takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_said_of_its_numbers_is_not_believed_of_the_next() {
    let Some(published) = Published::open().await else {
        return;
    };
    let second = Simulator::start(Shape::Ghes).await.unwrap();
    // In the other order.
    let ids = ["acme/docs", "acme/web"].map(|name| second.repository(name));
    let permissions = [("contents", "write"), ("metadata", "read")];
    let app = second.app("sync", "acme", &AppKey::number(0), &permissions);
    second.install_on(app, "acme", &["web", "docs"]);
    let (token, _) = second.user_token(app, "mona", false);
    let web = ids[0];
    assert_eq!(published.web, web);
    let at = format!("/api/v3/repositories/{web}/readme");
    let limit = ("# keys", "repositories = [\"acme/web\"]");
    published.running.change(&[limit]);
    assert_eq!(published.get(&at).await.0, 200);

    let ca = published.running.site.path("second.pem");
    std::fs::write(ca, second.ca()).unwrap();
    let (from, to) = (published.github.web(), second.web());
    let to = (&*format!("to = \"{from}/\""), &*format!("to = \"{to}/\""));
    let trusted = ("\"ca.pem\" # trusted", "\"second.pem\"");
    published.running.change(&[limit, to, trusted]);
    let answer = published.asked(&at, &token).await;
    assert_eq!(answer.status(), 403);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["error"]["code"], "outside_repositories");
}

/// Nobody's token is shown to another server that takes the place of the one that gave it.
#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_at_one_server_is_not_known_at_the_next() {
    let Some(published) = Published::open().await else {
        return;
    };
    let second = Simulator::start(Shape::Ghes).await.unwrap();
    let ca = published.running.site.path("second.pem");
    std::fs::write(ca, second.ca()).unwrap();
    let held = [(READ, EVERYTHING), ("# app", "user_tokens = true")];
    published.running.change(&held);
    let handle = published.signs_in().await;
    let get = async || {
        let answer = published.asked(REPOSITORY, &handle).await;
        answer.status().as_u16()
    };
    assert_eq!(get().await, 200);

    let text = published.running.with(&held);
    let text = text.replace(published.github.web(), second.web());
    let text = text.replace("\"ca.pem\"", "\"second.pem\"");
    assert!(published.running.reload(&text).status.success());
    assert_eq!(get().await, 401);
    let secrets = published.github.user_secrets();
    for seen in second.seen() {
        let shown = seen.authorization().unwrap_or_default();
        let known = secrets.iter().any(|secret| shown.contains(secret));
        assert!(!known, "{} {}", seen.method, seen.path);
    }
    // Where it was, it is still good.
    published.running.change(&held);
    assert_eq!(get().await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_github_that_is_published_takes_effect() {
    if let Some(published) = Published::open().await {
        see(&published, ROWS).await;
    }
}
