//! People who sign in through a published GitHub, and whose tokens the gate holds: who signs them in
//! has a handle that does not end, and no token of GitHub's.

use super::url;
use crate::front::front;
use crate::harness::{Gate, Site, eventually, private};
use crate::outside::Wire;
use crate::simulator::{AppKey, Opening, Seen, Shape, Simulator};
use crate::world::{INTERNAL, PUBLIC, WIRE, World, world};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A GitHub with an App that people sign in to, published.
struct Tracker {
    site: Site,
    gate: Gate,
    wire: Wire,
    github: Simulator,
    app: u64,
    client: reqwest::Client,
}

const REPOSITORY: &str = "/api/v3/repos/acme/web";
const TOKEN: &str = "/login/oauth/access_token";

/// All that a request says, where a pair is encoded as `Basic` the pair too.
fn sent(seen: &Seen) -> Vec<String> {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    let mut all = vec![seen.path.clone(), seen.query.clone(), body];
    let values = seen.headers.values().map(|value| value.as_bytes());
    all.extend(values.flat_map(plainly));
    all
}

/// A header's value, and what it says in base64.
fn plainly(value: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    let text = String::from_utf8_lossy(value).into_owned();
    let words = text.split_whitespace();
    let pairs = words.filter_map(|word| base64::prelude::BASE64_STANDARD.decode(word).ok());
    let mut all: Vec<String> = pairs
        .map(|pair| String::from_utf8_lossy(&pair).into_owned())
        .collect();
    all.push(text);
    all
}

impl Tracker {
    async fn open(world: &World, user_tokens: bool) -> Option<Self> {
        let github = Simulator::open(Opening::within(world, Shape::Ghes)).await?;
        github.organization("acme");
        github.repository("acme/web");
        let key = AppKey::number(0);
        let permissions = [("contents", "write"), ("metadata", "read")];
        let app = github.app("tracker", "acme", &key, &permissions);
        github.install_on(app, "acme", &["web"]);
        let site = Site::new();
        std::fs::write(site.path("app.pem"), key.pkcs1_pem()).unwrap();
        private(&site.path("app.pem"));
        let begin = front(world, &site, "");
        let (here, corp) = (site.path(""), world.path("corp-ca.pem"));
        let (here, corp) = (here.display(), corp.display());
        site.write(&format!(
            r#"{begin}
[log]
level = "debug"
[[publish]]
url = "https://{PUBLIC}/"
to = "https://{INTERNAL}/"
ca = "{corp}"
from = ["outside"]
allow = "everything"
[[github]]
name = "ghes"
url = "https://{INTERNAL}"
ca = "{corp}"
[[app]]
name = "tracker"
github = "ghes"
id = {app}
keys = ["file:{here}app.pem"]
user_tokens = {user_tokens}
"#
        ));
        let gate = site.start().await;
        let wire = Wire::open(world).await;
        let client = reqwest::Client::builder()
            .tls_certs_only([
                reqwest::Certificate::from_pem(world.public.pem().as_bytes()).unwrap(),
            ])
            .timeout(std::time::Duration::from_secs(30))
            .resolve(PUBLIC, WIRE);
        Some(Self {
            site,
            gate,
            wire,
            github,
            app,
            client: client.build().unwrap(),
        })
    }

    /// What an integration says to sign somebody in.
    fn form<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
        let app = self.github.app_now(self.app).unwrap();
        let mut form = vec![
            ("client_id", app.client_id),
            ("client_secret", app.client_secret),
        ];
        form.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        form
    }

    async fn ask(&self, more: &[(&str, &str)], accept: &str) -> (String, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.form(more));
        let asked = self.client.post(url(TOKEN)).header("accept", accept);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let answer = asked.body(form.finish()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (kind, answer.text().await.unwrap())
    }

    /// Somebody signs in; the handle.
    async fn signs_in(&self, login: &str) -> String {
        let code = self.github.code(self.app, login);
        let (_, said) = self.ask(&[("code", &code)], "application/json").await;
        let said: Value = serde_json::from_str(&said).unwrap();
        let handle = said["access_token"].as_str().unwrap().to_owned();
        assert!(handle.starts_with("hgu_"), "{said}");
        let expected = json!({ "access_token": handle, "scope": "", "token_type": "bearer" });
        assert_eq!(said, expected);
        handle
    }

    async fn get(&self, handle: &str) -> (u16, Value) {
        let asked = self.client.get(url(REPOSITORY)).bearer_auth(handle);
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    async fn ended(&self, handle: &str, why: &str) {
        let (status, said) = self.get(handle).await;
        assert_eq!(
            (status, &said["error"]["code"]),
            (401, &json!("user_token_ended"))
        );
        let record = eventually(|| {
            let mut all = self.site.audit().into_iter();
            all.find(|record| record["action"] == "ended")
        });
        let record = record.await;
        assert_eq!(
            (&record["app"], &record["outcome"]),
            (&json!("tracker"), &json!(why))
        );
        // It stays so.
        assert_eq!(self.get(handle).await.0, 401);
        assert!(self.kept().is_empty(), "{:?}", self.kept());
    }

    /// The files in which tokens are.
    fn kept(&self) -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(self.site.path("state/users")).unwrap();
        let all = all.map(|one| one.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "user"))
            .collect()
    }

    /// How often GitHub was asked to renew.
    fn renewals(&self) -> usize {
        let asked = self.github.asked("POST", TOKEN).into_iter();
        asked
            .filter(|one| String::from_utf8_lossy(&one.body).contains("grant_type=refresh_token"))
            .count()
    }

    /// No token of a person is in anything that left, in the log, the audit trail or a file.
    fn no_token_escaped(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        let secrets = self.github.user_secrets();
        assert!(!secrets.is_empty());
        let mut texts = vec![
            self.site.log(),
            std::fs::read_to_string(self.site.path("audit.jsonl")).unwrap(),
        ];
        for exchange in self.wire.exchanges() {
            texts.push(exchange.target.clone());
            let values = exchange.headers.0.iter().map(|(_, value)| value.as_slice());
            texts.extend(values.flat_map(plainly));
            texts.push(String::from_utf8_lossy(&exchange.body).into_owned());
        }
        for file in self.kept() {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file:?}");
            texts.push(String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
        }
        for text in texts {
            let found = secrets.iter().find(|secret| text.contains(*secret));
            assert!(found.is_none(), "{found:?} in {text}");
        }
    }

    /// The process is killed, and another takes its place.
    async fn dies(&mut self) {
        self.gate.kill();
        self.gate = self.site.start().await;
    }
}

#[test]
fn who_signs_people_in_has_a_handle_and_no_token_in_whatever_form_it_asks() {
    world(async |world| {
        let Some(mut tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let handle = tracker.signs_in("mona").await;
        let (status, said) = tracker.get(&handle).await;
        assert_eq!((status, &said["full_name"]), (200, &json!("acme/web")));
        let code = tracker.github.code(tracker.app, "mona");
        let (kind, said) = tracker.ask(&[("code", &code)], "*/*").await;
        assert!(
            kind.starts_with("application/x-www-form-urlencoded"),
            "{kind}"
        );
        assert!(
            said.starts_with("access_token=hgu_") && !said.contains("refresh"),
            "{said}"
        );
        let code = tracker.github.code(tracker.app, "mona");
        let (_, said) = tracker.ask(&[("code", &code)], "application/xml").await;
        assert!(said.contains("<access_token>hgu_"), "{said}");
        // A code is good once, and GitHub's word on that passes.
        let (_, said) = tracker.ask(&[("code", &code)], "application/json").await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["error"], "bad_verification_code");
        // A handle is a password too, as git sends it.
        let asked = tracker
            .client
            .get(url(REPOSITORY))
            .basic_auth("mona", Some(&handle));
        assert_eq!(asked.send().await.unwrap().status(), 200);
        assert_eq!(tracker.get("hgu_unknown").await.0, 401);
        assert_eq!(tracker.kept().len(), 3);
        // What was answered is on disk.
        tracker.dies().await;
        assert_eq!(tracker.get(&handle).await.0, 200);
        let seen = tracker.github.seen();
        let shown = |seen: &Seen, text: &str| sent(seen).iter().any(|one| one.contains(text));
        // Git's way comes to GitHub as git's way, with the token.
        assert!(seen.iter().any(|seen| {
            let line = seen.authorization().unwrap_or_default();
            line.starts_with("Basic ") && shown(seen, "ghu_")
        }));
        let escaped = seen.iter().find(|seen| shown(seen, "hgu_"));
        assert!(escaped.is_none(), "{escaped:?}");
        tracker.no_token_escaped();
    });
}

#[test]
fn however_it_is_asked_no_token_passes_and_what_is_unclear_is_refused() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let app = tracker.github.app_now(tracker.app).unwrap();
        let (id, secret) = (app.client_id, app.client_secret);
        let code = || tracker.github.code(tracker.app, "mona");
        let post = || {
            let asked = tracker.client.post(url(TOKEN));
            asked.header("accept", "application/json")
        };
        let form = |text: String| {
            let kind = "application/x-www-form-urlencoded";
            post().header("content-type", kind).body(text)
        };
        let pairs =
            |id: &str, code: &str| format!("client_id={id}&client_secret={secret}&code={code}");
        let plain = || pairs(&id, &code());
        let object =
            |code: String| json!({ "client_id": id, "client_secret": secret, "code": code });
        let queried = |text: &str| tracker.client.get(url(&format!("{TOKEN}?{text}")));
        let spaced = format!("+{}%20", id.to_uppercase());
        // GitHub here tells ids of another letter case apart: nobody is signed in, and nothing is lost.
        let said = form(pairs(&spaced, &code())).send().await.unwrap();
        assert_eq!(said.status(), 200);
        assert!(!said.text().await.unwrap().contains("ghu_"));
        let held = [
            form(plain()),
            post().json(&object(code())),
            queried(&plain()).header("accept", "application/json"),
            form(format!("client_id[]=other&format=xml&{}", plain())),
            form(pairs(&format!("+{id}%20"), &code())),
            form(format!("code={}", code())).basic_auth(&id, Some(&secret)),
        ];
        for (number, asked) in held.into_iter().enumerate() {
            let said = asked.send().await.unwrap().text().await.unwrap();
            assert!(said.contains("\"hgu_"), "{number}: {said}");
        }
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let code_then = code();
        let parts = [
            ("client_id", &id),
            ("client_secret", &secret),
            ("code", &code_then),
        ];
        let parts: String = parts.map(|(name, value)| part(name, value)).concat();
        let kind = "multipart/form-data; boundary=b";
        let multipart = post()
            .header("content-type", kind)
            .body(format!("{parts}--b--\r\n"));
        let twice = object(code()).to_string();
        let twice = twice.replacen('{', "{\"client_id\":\"other\",", 1);
        let kind = "application/json";
        let refused = [
            (multipart, 415, "sign_in_media_type"),
            (post().body(plain()), 415, "sign_in_media_type"),
            (
                queried(&plain()).body("client_id=other"),
                400,
                "sign_in_unclear",
            ),
            (
                form(format!("client_id=other&{}", plain())),
                400,
                "sign_in_unclear",
            ),
            (
                tracker
                    .client
                    .post(url(&format!("{TOKEN}?{}", plain())))
                    .header("content-type", "application/json")
                    .body("{\"client_id\":\"other\"}"),
                400,
                "sign_in_unclear",
            ),
            (
                form(plain()).basic_auth("other", Some("x")),
                400,
                "sign_in_unclear",
            ),
            (
                post().header("content-type", kind).body(twice),
                400,
                "sign_in_unclear",
            ),
            (form(format!("code={}", code())), 400, "sign_in_unclear"),
        ];
        for (asked, status, reason) in refused {
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), status, "{reason}");
            let said: Value = answer.json().await.unwrap();
            assert_eq!(said["error"]["code"], reason);
        }
        tracker.no_token_escaped();
    });
}

#[test]
fn a_file_that_cannot_be_opened_ends_its_sign_in_and_not_the_gateway() {
    world(async |world| {
        let Some(mut tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let lost = tracker.signs_in("mona").await;
        let file = tracker.kept().remove(0);
        let handle = tracker.signs_in("mona").await;
        std::fs::write(&file, "none of these").unwrap();
        tracker.dies().await;
        assert_eq!(tracker.get(&handle).await.0, 200);
        let (status, said) = tracker.get(&lost).await;
        let code = &said["error"]["code"];
        assert_eq!((status, code), (401, &json!("user_token_ended")));
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(tracker.site.log().contains(name));
        assert!(file.exists());
    });
}

#[test]
fn a_device_that_polls_is_given_a_handle_too() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let id = tracker.github.app_now(tracker.app).unwrap().client_id;
        let asked = tracker.client.post(url("/login/device/code"));
        let asked = asked
            .header("accept", "application/json")
            .json(&json!({ "client_id": id }));
        let said: Value = asked.send().await.unwrap().json().await.unwrap();
        let code = said["device_code"].as_str().unwrap();
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let poll = [("device_code", code), ("grant_type", grant)];
        let (_, said) = tracker.ask(&poll, "application/json").await;
        assert!(said.contains("authorization_pending"), "{said}");
        tracker.github.approve(code, "mona");
        let (_, said) = tracker.ask(&poll, "application/json").await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            tracker.get(said["access_token"].as_str().unwrap()).await.0,
            200
        );
        tracker.no_token_escaped();
    });
}

#[test]
fn of_many_who_ask_when_a_token_ends_one_has_it_renewed() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, true).await else {
            return;
        };
        // Ten minutes before its end it is renewed.
        let short = Some(SignedDuration::from_secs(300));
        tracker.github.mood(|mood| mood.user_life = short).await;
        let handle = tracker.signs_in("mona").await;
        tracker.github.mood(|mood| mood.user_life = None).await;
        let all = (0..40).map(|_| tracker.get(&handle));
        for (status, _) in futures_util::future::join_all(all).await {
            assert_eq!(status, 200);
        }
        assert_eq!(tracker.renewals(), 1);
        // So it is where GitHub says that it has ended: nobody notices.
        tracker.github.turn(9 * 3600);
        let all = (0..40).map(|_| tracker.get(&handle));
        for (status, said) in futures_util::future::join_all(all).await {
            assert_eq!(status, 200, "{said}");
        }
        assert_eq!(tracker.renewals(), 2);
        tracker.no_token_escaped();
    });
}

#[test]
fn a_token_that_is_good_yet_is_used_while_github_does_not_renew() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let short = Some(SignedDuration::from_secs(300));
        tracker.github.mood(|mood| mood.user_life = short).await;
        let handle = tracker.signs_in("mona").await;
        let secret = "changed".to_owned();
        tracker
            .github
            .change_app(tracker.app, |app| app.client_secret = secret);
        assert_eq!(tracker.get(&handle).await.0, 200);
        assert_eq!(tracker.get(&handle).await.0, 200);
        assert_eq!(tracker.renewals(), 1);
        tracker.no_token_escaped();
    });
}

#[test]
fn a_handle_ends_when_github_has_revoked_what_stands_behind_it() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let handle = tracker.signs_in("mona").await;
        assert_eq!(tracker.get(&handle).await.0, 200);
        tracker.github.revoke_users(tracker.app);
        tracker.ended(&handle, "bad_refresh_token").await;
        tracker.no_token_escaped();
    });
}

#[test]
fn a_process_that_dies_while_it_renews_leaves_a_handle_that_says_so() {
    world(async |world| {
        let Some(mut tracker) = Tracker::open(&world, true).await else {
            return;
        };
        let handle = tracker.signs_in("mona").await;
        tracker.github.turn(9 * 3600);
        // GitHub has renewed, and nobody hears of it.
        let stalled = Some(TOKEN.to_owned());
        tracker.github.mood(|mood| mood.stalled = stalled).await;
        let client = tracker.client.clone();
        let asked = client.get(url(REPOSITORY)).bearer_auth(&handle);
        let asking = tokio::spawn(asked.send());
        eventually(|| (tracker.renewals() == 1).then_some(())).await;
        tracker.dies().await;
        tracker.github.mood(|mood| mood.stalled = None).await;
        drop(asking.await);
        tracker.ended(&handle, "bad_refresh_token").await;
        // Whoever signs in once more is well again.
        let handle = tracker.signs_in("mona").await;
        assert_eq!(tracker.get(&handle).await.0, 200);
        tracker.no_token_escaped();
    });
}

#[test]
fn where_tokens_are_not_held_they_pass() {
    world(async |world| {
        let Some(tracker) = Tracker::open(&world, false).await else {
            return;
        };
        let code = tracker.github.code(tracker.app, "mona");
        let (_, said) = tracker.ask(&[("code", &code)], "application/json").await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["expires_in"], 28_800);
        let token = said["access_token"].as_str().unwrap();
        assert_eq!(tracker.get(token).await.0, 200);
        // The audit trail tells why one is refused.
        let refused = async |token: &str, reason: &str| {
            assert_eq!(tracker.get(token).await.0, 401);
            let found = eventually(|| {
                let mut all = tracker.site.audit().into_iter();
                all.find(|record| record["reason"] == reason)
            });
            assert_eq!(found.await["status"], 401);
        };
        refused("ghu_unknown", "user_token_refused").await;
        let short = Some(SignedDuration::from_secs(1));
        tracker.github.mood(|mood| mood.user_life = short).await;
        let code = tracker.github.code(tracker.app, "mona");
        let (_, said) = tracker.ask(&[("code", &code)], "*/*").await;
        let said: Vec<(String, String)> = form_urlencoded::parse(said.as_bytes())
            .into_owned()
            .collect();
        let token = &said
            .iter()
            .find(|(name, _)| name == "access_token")
            .unwrap()
            .1;
        let expired = async || {
            let told = |record: &Value| record["reason"] == "user_token_expired";
            while !tracker.site.audit().iter().any(told) {
                tracker.get(token).await;
            }
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, expired()).await.unwrap();
    });
}
