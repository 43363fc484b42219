//! Each state in which an App can be stuck: how it comes to be seen, what the list calls it, which
//! way out it prints, and that this is one.

use super::{Bench, agree, form, route, text};
use crate::harness::{Tool, eventually, private};
use crate::simulator::{AppKey, Door, Side};
use serde_json::Value;
use std::time::Duration;

const WANTED: [(&str, &str); 1] = [("contents", "read")];

/// A gate with an App of the configuration: owned by `tools`, wanted at `acme`.
struct Configured {
    bench: Bench,
    app: u64,
}

impl Configured {
    async fn open() -> Option<Self> {
        let tool = Tool::open().await;
        let mut bench = Bench::open("").await?;
        bench.github.repository("acme/web");
        let key = AppKey::number(0);
        let app = bench.github.app("sync", "tools", &key, &WANTED);
        key_file(&bench, "app.pem", &key);
        let secret = "inline:of the App's own webhook";
        bench.configure(&format!(
            "{}\nwebhook_secret = \"{secret}\"\n{}",
            section(&bench, app, "app.pem"),
            route(&format!("\"{secret}\""), tool.address)
        ));
        bench.start_turned().await.then_some(Self { bench, app })
    }

    /// Has GitHub tell what happens, or not.
    fn tell(&self, told: bool) {
        let url = self.bench.hook();
        self.bench.github.change_app(self.app, |app| {
            app.hook.url = Some(url);
            app.hook.secret = Some("of the App's own webhook".to_owned());
            app.hook.active = told;
        });
    }

    /// Waits until the gate says so, having been told, or having looked.
    async fn noticed(&mut self, told: bool, state: &str) -> Value {
        if told {
            self.bench.heard(state).await
        } else {
            self.bench.noticed(state).await
        }
    }
}

fn section(bench: &Bench, app: u64, key: &str) -> String {
    let key = bench.site.path(key);
    format!(
        "[[app]]\nname = \"sync\"\ngithub = \"ghes\"\nid = {app}\nkeys = [\"file:{}\"]\n",
        key.display()
    )
}

fn key_file(bench: &Bench, name: &str, key: &AppKey) {
    let path = bench.site.path(name);
    std::fs::write(&path, key.pkcs1_pem()).unwrap();
    private(&path);
}

fn advice(found: &Value) -> &str {
    found["advice"].as_str().unwrap_or_default()
}

/// The list and what is said of the App alone have the same word and the same way out.
fn told(bench: &Bench, parts: &[&str]) {
    for said in [bench.said(0, &["list"]), bench.said(0, &["show", "sync"])] {
        for part in parts {
            assert!(said.contains(part), "no `{part}` in: {said}");
        }
    }
}

fn reload(bench: &Bench) {
    let socket = bench.site.path("admin.sock");
    let done = bench
        .site
        .hubgate(&["reload", "--socket", socket.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_nobody_makes_within_the_hour_is_begun_again() {
    let Some(mut bench) = Bench::open("").await else {
        return;
    };
    if !bench.start_turned().await {
        return;
    }
    let mut command = bench.create(&[]);
    let page = command.page().await;
    told(&bench, &["waiting for GitHub", "open the page"]);
    bench.turn(Duration::from_secs(3601));
    let (code, said) = command.ended().await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("sync is not made in time: nobody made it within the hour"),
        "{said}"
    );
    told(
        &bench,
        &["not made in time", "run `hubgate app create` again"],
    );
    let gone = bench.github.client().get(&page).send().await.unwrap();
    assert_eq!(gone.status(), 404);
    assert!(
        gone.text()
            .await
            .unwrap()
            .contains("does not work any more")
    );
    let mut command = bench.create(&[]);
    let other = command.page().await;
    assert_ne!(other, page);
    assert!(agree(&bench, &other).await.contains("The App is made"));
    bench.until("created").await;
}

/// A gateway that was killed while GitHub was about to answer with the key.
async fn lost() -> Option<Bench> {
    let mut bench = Bench::open("").await?;
    bench.github.repository("acme/web");
    bench.start().await;
    let page = bench.create(&[]).page().await;
    let stalled = Some("/conversions".to_owned());
    bench.github.mood(|mood| mood.stalled = stalled).await;
    let going = async {
        agree(&bench, &page).await;
    };
    let killed = async {
        let asked = || (!bench.github.asked("POST", "/conversions").is_empty()).then_some(());
        eventually(asked).await;
        // GitHub has used the code up by now.
        eventually(|| bench.github.app_called("jira-sync").map(|_| ())).await;
    };
    tokio::select! {
        () = going => panic!("GitHub answered"),
        () = killed => {}
    }
    bench.kill();
    bench.github.mood(|mood| mood.stalled = None).await;
    bench.start().await;
    told(&bench, &["lost", "`hubgate app remove sync`"]);
    // Nothing is asked twice.
    let (code, said) = bench.create(&[]).ended().await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("sync is lost: GitHub was asked for its key"),
        "{said}"
    );
    assert_eq!(bench.github.asked("POST", "/conversions").len(), 1);
    Some(bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_lost_in_the_making_is_left_behind_with_its_app() {
    let Some(bench) = lost().await else {
        return;
    };
    let said = bench.said(0, &["remove", "sync", "--yes"]);
    assert!(said.contains("what was kept of sync is wiped"), "{said}");
    assert!(bench.said(0, &["list"]).starts_with("No App"));
    let settings = "organizations/acme/settings/apps/jira-sync/advanced";
    let settings = format!("{}/{settings}", bench.github.web());
    let deleted = bench
        .github
        .client()
        .post(settings)
        .body(form(&[("press", "Delete")]));
    assert_eq!(deleted.send().await.unwrap().status(), 200);
    let page = bench.create(&[]).page().await;
    assert!(agree(&bench, &page).await.contains("The App is made"));
    bench.until("created").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_whose_key_was_lost_in_the_making_gets_another_key() {
    let Some(bench) = lost().await else {
        return;
    };
    let app = bench.github.app_called("jira-sync").unwrap().id;
    let key = AppKey::number(1);
    bench
        .github
        .change_app(app, |app| app.keys.push(key.clone()));
    bench.github.install_on(app, "acme", &["web"]);
    key_file(&bench, "app.pem", &key);
    bench.configure(&section(&bench, app, "app.pem"));
    reload(&bench);
    bench.until("installed").await;
    // Whoever removes what was lost only now does not lose the App that has its name.
    let said = bench.said(0, &["remove", "sync", "--yes"]);
    assert!(
        said.contains("wiped") && !said.contains("uninstalled at"),
        "{said}"
    );
    assert_eq!(bench.github.installations(app).len(), 1);
    let list = bench.said(0, &["list"]);
    assert!(!list.contains("lost") && list.contains("acme"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_an_installation_is_seen_and_leads_on() {
    let Some(mut one) = Configured::open().await else {
        return;
    };
    for by_webhook in [true, false] {
        one.tell(by_webhook);
        let found = one
            .noticed(by_webhook, if by_webhook { "created" } else { "removed" })
            .await;
        let install = "/github-apps/sync/installations/new";
        assert!(advice(&found).contains(install), "{found}");
        one.bench.github.install_on(one.app, "acme", &["web"]);
        one.noticed(by_webhook, "installed").await;
        let installation = one.bench.github.installations(one.app)[0];
        for (side, other, words) in [
            (
                Side::App,
                Side::Account,
                "the App's owner suspended it at acme: only they",
            ),
            (
                Side::Account,
                Side::App,
                "acme suspended it: only its people can end that, at",
            ),
        ] {
            one.bench.github.suspend(installation, side);
            let found = one.noticed(by_webhook, "suspended").await;
            assert!(advice(&found).contains(words), "{found}");
            told(&one.bench, &["suspended", words]);
            let line = "hubgate_app_installations{app=\"sync\",state=\"suspended\"}";
            assert_eq!(one.bench.measured(line), Some(1.0));
            assert!(!one.bench.github.unsuspend(installation, other));
            assert!(one.bench.github.unsuspend(installation, side));
            one.noticed(by_webhook, "installed").await;
        }
        one.bench.github.uninstall(installation);
        one.noticed(by_webhook, "removed").await;
        told(&one.bench, &["uninstalled", "install it again at", install]);
    }
    // And that is the way out, which whoever waits for it sees at once.
    one.bench.github.install_on(one.app, "acme", &["web"]);
    one.bench.until("installed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_locked_out_gets_another_key() {
    let Some(mut one) = Configured::open().await else {
        return;
    };
    let (bench, app) = (&mut one.bench, one.app);
    bench.github.install_on(app, "acme", &["web"]);
    bench.until("installed").await;
    bench.github.change_app(app, |app| app.keys.clear());
    bench.noticed("key_refused").await;
    told(
        bench,
        &[
            "locked out",
            "/settings/apps/sync",
            "hubgate app rotate-key",
            "`keys`",
        ],
    );
    let key = AppKey::number(1);
    bench
        .github
        .change_app(app, |app| app.keys.push(key.clone()));
    key_file(bench, "new.pem", &key);
    let new = bench.site.path("new.pem");
    let said = bench.said(1, &["rotate-key", "sync", new.to_str().unwrap()]);
    assert!(
        said.contains("stands in the configuration: change its `keys` there"),
        "{said}"
    );
    bench.configure(&section(bench, app, "new.pem"));
    reload(bench);
    bench.heard("installed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_made_here_is_locked_out_gets_a_key_and_is_deleted_at_github() {
    let Some(mut bench) = Bench::open("").await else {
        return;
    };
    bench.github.repository("acme/web");
    if !bench.start_turned().await {
        return;
    }
    let page = bench.create(&[]).page().await;
    agree(&bench, &page).await;
    let app = bench.github.app_called("jira-sync").unwrap().id;
    bench.github.install_on(app, "acme", &["web"]);
    bench.until("installed").await;
    bench.github.change_app(app, |app| app.keys.clear());
    bench.noticed("key_refused").await;
    let key = AppKey::number(1);
    key_file(&bench, "new.pem", &key);
    let new = bench.site.path("new.pem");
    let rotate = ["rotate-key", "sync", new.to_str().unwrap()];
    let said = bench.said(1, &rotate);
    assert!(
        said.contains("GitHub does not take the key SHA256:"),
        "{said}"
    );
    bench
        .github
        .change_app(app, |app| app.keys.push(key.clone()));
    bench.said(0, &rotate);
    bench.heard("installed").await;
    bench.github.delete_app(app);
    bench.noticed("gone").await;
    told(&bench, &["deleted at GitHub", "`hubgate app remove`"]);
    bench.said(0, &["remove", "sync", "--yes"]);
    assert!(bench.said(0, &["list"]).starts_with("No App"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_github_that_is_away_is_unknown_and_comes_back_by_itself() {
    let Some(mut one) = Configured::open().await else {
        return;
    };
    let (bench, app) = (&mut one.bench, one.app);
    bench.github.install_on(app, "acme", &["web"]);
    bench.until("installed").await;
    for door in [Door::Refused, Door::Reset] {
        bench.github.mood(|mood| mood.door = door).await;
        bench.noticed("away").await;
        told(bench, &["unknown", "GitHub could not be asked"]);
        bench.github.mood(|mood| mood.door = Door::Open).await;
        bench.noticed("installed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_app_of_the_configuration_is_taken_out_of_it() {
    let Some(mut one) = Configured::open().await else {
        return;
    };
    let (bench, app) = (&mut one.bench, one.app);
    bench.until("created").await;
    let state = |bench: &Bench, state: &str| {
        let line = format!("hubgate_app_state{{app=\"sync\",state=\"{state}\"}}");
        bench.measured(&line).unwrap() == 1.0
    };
    assert!(state(bench, "well") && !state(bench, "gone"));
    bench.github.delete_app(app);
    bench.noticed("gone").await;
    assert!(!state(bench, "well") && state(bench, "gone"));
    told(
        bench,
        &["deleted at GitHub", "take it out of the configuration"],
    );
    let said = bench.said(0, &["remove", "sync", "--yes"]);
    assert!(
        said.contains("sync stands in the configuration: take it out there"),
        "{said}"
    );
    bench.configure("");
    reload(bench);
    assert!(!state(bench, "well") && !state(bench, "gone"));
    assert!(bench.said(0, &["list"]).starts_with("No App"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_app_and_a_renamed_account_are_followed() {
    let Some(mut one) = Configured::open().await else {
        return;
    };
    for by_webhook in [false, true] {
        one.tell(by_webhook);
        let (old, new) = if by_webhook {
            ("acme-2", "acme-3")
        } else {
            ("acme", "acme-2")
        };
        if !by_webhook {
            one.bench.github.install_on(one.app, "acme", &["web"]);
        }
        one.bench.until("installed").await;
        let account = one.bench.github.organization(old);
        one.bench.github.rename_account(account, new);
        let followed = |bench: &Bench| {
            let found = bench.listed();
            let installations = found["installations"].as_array().unwrap();
            let at = |name: &str| installations.iter().any(|one| one["owner"] == name);
            (at(new) && !at(old)).then_some(())
        };
        if by_webhook {
            eventually(|| followed(&one.bench)).await;
        } else {
            one.bench.as_time_goes(followed).await;
        }
        let said = one.bench.said(0, &["show", "sync"]);
        assert!(said.contains(&format!("{new}/web")), "{said}");
    }
    assert!(one.bench.site.log().contains("an account was renamed"));
    one.bench
        .github
        .change_app(one.app, |app| "jira".clone_into(&mut app.slug));
    let renamed = |bench: &Bench| (bench.listed()["slug"] == "jira").then_some(());
    one.bench.as_time_goes(renamed).await;
    assert!(one.bench.site.log().contains("the App was renamed"));
    told(&one.bench, &["installed"]);
}
