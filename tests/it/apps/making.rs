//! An App made in a browser: from the page that the command prints to GitHub, back, and on to the
//! installation; left at each step, and taken up where it was.

use super::browser::Browser;
use super::{Bench, route};
use crate::harness::{Tool, eventually};
use crate::simulator::Fault;

const GO: &str = "#go";
const AGREE: &str = "form[action$=\"/manifest\"] button";
const MADE: &str = "The App is made";

/// On from the page that the command printed to GitHub's form.
async fn to_github(browser: &mut Browser, page: &str) {
    browser.go(page).await.unwrap();
    browser.see("Make a GitHub App").await;
    browser.click(GO).await;
    browser.see("Register new GitHub App").await;
}

/// On from the page that says it is made.
async fn install(browser: &mut Browser) {
    browser.see(MADE).await;
    browser.click("#install").await;
    installed(browser).await;
}

/// At GitHub's page for it.
async fn installed(browser: &mut Browser) {
    browser.see("Install jira-sync").await;
    browser.choose("select[name=account]", "acme").await;
    browser.click("input[value=selected]").await;
    browser.click("input[value=\"acme/web\"]").await;
    browser.click("form button").await;
    browser.see("Installed Jira Sync").await;
}

async fn bench(sections: &str) -> Option<Bench> {
    let mut bench = Bench::open(sections).await?;
    bench.github.organization("acme");
    bench.github.repository("acme/web");
    bench.github.repository("acme/secret");
    bench.start().await;
    Some(bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_and_installs_an_app_by_clicking() {
    let tool = Tool::open().await;
    let Some(bench) = bench(&route("\"app:sync\"", tool.address)).await else {
        return;
    };
    let hook = bench.hook();
    let Some(mut browser) = Browser::open().await else {
        return;
    };
    let mut command = bench.create(&["--webhook", &hook]);
    let page = command.page().await;
    to_github(&mut browser, &page).await;
    // What may not be guessed is told to GitHub as the form's address, and not as where it stood.
    let shown = bench.github.asked("POST", "/settings/apps/new");
    let told = shown[0]
        .headers
        .get("referer")
        .map(|it| it.to_str().unwrap());
    let state = page.rsplit_once('/').unwrap().1;
    assert!(told.is_none_or(|told| !told.contains(state)), "{told:?}");
    browser.click(AGREE).await;
    install(&mut browser).await;
    let (code, said) = command.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("sync is created, not installed: install it at"),
        "{said}"
    );
    assert!(said.contains("selected, 1: acme/web"), "{said}");
    assert!(said.contains("contents: read, issues: write"), "{said}");
    assert_eq!(browser.complaints(), [""; 0]);
    let app = bench.github.app_called("jira-sync").unwrap();
    assert_eq!(app.hook.url.as_deref(), Some(&*hook));
    assert_eq!(app.events, ["push"]);
    // What it signs is taken, although nobody but GitHub and the gateway knows its secret.
    let push = serde_json::json!({ "ref": "refs/heads/main" });
    let sent = bench.github.event(app.id, "push", push.clone()).await;
    assert_eq!(sent.status_code, 202);
    let pushed = || {
        tool.all()
            .into_iter()
            .find(|got| got.headers["x-github-event"] == "push")
    };
    let pushed = eventually(pushed).await;
    assert_eq!(pushed.body, push.to_string().into_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_is_taken_up_where_it_was() {
    let Some(mut bench) = bench("").await else {
        return;
    };
    let Some(mut browser) = Browser::open().await else {
        return;
    };
    // Nobody went to GitHub yet.
    let mut command = bench.create(&[]);
    let page = command.page().await;
    command.interrupt().await;
    bench.kill();
    bench.start().await;
    assert!(bench.said(0, &["list"]).contains("waiting for GitHub"));
    let mut command = bench.create(&[]);
    assert_eq!(command.page().await, page);
    browser.go(&page).await.unwrap();
    browser.see("Make a GitHub App").await;
    drop(browser);
    // At GitHub, and not agreed; the gateway is gone when the browser is sent back.
    let mut browser = Browser::open().await.unwrap();
    to_github(&mut browser, &page).await;
    bench.kill();
    let (code, said) = command.ended().await;
    assert_eq!(code, Some(1));
    assert!(said.contains("the gateway is not running"), "{said}");
    browser.click(AGREE).await;
    browser.until_address("/setup/apps/callback?code=").await;
    bench.start().await;
    let command = bench.create(&[]);
    // GitHub's answer to the first try is an error.
    let fault = Fault {
        path: "/conversions".to_owned(),
        status: 503,
        times: Some(1),
    };
    bench.github.mood(|mood| mood.faults.push(fault)).await;
    browser.reload().await;
    browser.see("The App is not made").await;
    let text = browser.text().await;
    assert!(
        text.contains("nothing is lost: load this page again"),
        "{text}"
    );
    assert_eq!(bench.shown()["state"], "waiting");
    browser.reload().await;
    browser.see(MADE).await;
    command.interrupt().await;
    drop(browser);
    // Made, and not installed.
    bench.kill();
    bench.start().await;
    let command = bench.create(&[]);
    let install = eventually(|| {
        let said = command.said();
        let (_, page) = said.split_once("install it at ")?;
        Some(page.split_whitespace().next().unwrap().to_owned())
    })
    .await;
    assert!(
        !command.said().contains("Open this page"),
        "{}",
        command.said()
    );
    let mut browser = Browser::open().await.unwrap();
    browser.go(&install).await.unwrap();
    installed(&mut browser).await;
    let (code, said) = command.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("selected, 1: acme/web"), "{said}");
    // Asked once more, there is nothing to do.
    let (code, said) = bench.create(&[]).ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("sync is installed"), "{said}");
    assert_eq!(bench.github.asked("POST", "/conversions").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_closed_while_the_key_is_fetched_takes_nothing_along() {
    let Some(bench) = bench("").await else {
        return;
    };
    let Some(mut browser) = Browser::open().await else {
        return;
    };
    let mut command = bench.create(&[]);
    let page = command.page().await;
    let held = Some("/conversions".to_owned());
    bench.github.mood(|mood| mood.held = held).await;
    to_github(&mut browser, &page).await;
    browser.click(AGREE).await;
    let asked = || (!bench.github.asked("POST", "/conversions").is_empty()).then_some(());
    eventually(asked).await;
    drop(browser);
    command.interrupt().await;
    bench.github.mood(|mood| mood.held = None).await;
    bench.until("created").await;
    // It is written a moment after it has happened.
    let made = |one: &serde_json::Value| one["action"] == "app_made" && one["outcome"] == "ok";
    eventually(|| bench.site.audit().iter().any(made).then_some(())).await;
}
