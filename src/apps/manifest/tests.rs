//! Tests of making Apps.

use super::*;
use crate::apps::fake::{pem, pkcs8};
use crate::github::fake::{Fake, NOW, Turned, reply};
use crate::types::Level;

fn wanted() -> Wanted {
    let mut permissions = Permissions::none();
    permissions.set("contents", Level::Read).unwrap();
    Wanted {
        name: "sync".parse().unwrap(),
        organization: Some("acme".parse().unwrap()),
        title: "Jira \"Sync\" <1>".to_owned(),
        permissions,
        events: vec!["push".parse().unwrap()],
        webhook: Some("https://hooks.example.com/jira".parse().unwrap()),
        base: "http://127.0.0.1:9180".to_owned(),
    }
}

async fn github(status: u16, body: String) -> (Fake, Client) {
    let fake = Fake::answering(move |_| reply(status, &[], &body)).await;
    let client = Client::new(fake.site(), Turned::new()).unwrap();
    (fake, client)
}

fn state() -> Secret {
    Secret::new(b"0123".to_vec())
}

#[tokio::test]
async fn the_page_posts_the_manifest_to_the_organization_with_the_state() {
    let (fake, _) = github(200, String::new()).await;
    let pending = wanted().begin(&fake.site(), &state(), Timestamp::from_millis(NOW));
    let root = format!("http://{}", fake.address);
    let post = format!("{root}/organizations/acme/settings/apps/new?state=0123");
    assert_eq!(pending.post, post);
    assert_eq!(pending.open, "http://127.0.0.1:9180/setup/apps/0123");
    let manifest: serde_json::Value = serde_json::from_str(&pending.manifest).unwrap();
    let expected = serde_json::json!({
        "name": "Jira \"Sync\" <1>",
        "url": root,
        "redirect_url": "http://127.0.0.1:9180/setup/apps/callback",
        "public": false,
        "default_permissions": {"contents": "read"},
        "default_events": ["push"],
        "hook_attributes": {"url": "https://hooks.example.com/jira", "active": true},
    });
    assert_eq!(manifest, expected);
    let page = pending.page();
    assert!(page.contains(&format!("action=\"{post}\"")));
    assert!(
        page.contains("Jira \\&quot;Sync\\&quot; &lt;1&gt;"),
        "{page}"
    );
    assert!(!page.contains("<1>"));
    let own = Wanted {
        organization: None,
        ..wanted()
    };
    let pending = own.begin(&fake.site(), &state(), Timestamp::from_millis(NOW));
    assert_eq!(pending.post, format!("{root}/settings/apps/new?state=0123"));
}

#[tokio::test]
async fn a_state_is_long_new_each_time_and_good_for_an_hour() {
    let (one, other) = (fresh_state().unwrap(), fresh_state().unwrap());
    assert_eq!(one.expose().len(), 64);
    assert_ne!(one.expose(), other.expose());
    let (fake, _) = github(200, String::new()).await;
    let now = Timestamp::from_millis(NOW);
    let mut pending = wanted().begin(&fake.site(), &state(), now);
    assert!(pending.is_of("0123") && !pending.is_of("0124") && !pending.is_of(""));
    let hour = Duration::from_hours(1);
    assert!(pending.is_open(now) && !pending.is_open(now.after(hour)));
    pending.stage = Stage::Converting;
    assert!(!pending.is_open(now));
}

#[tokio::test]
async fn what_becomes_of_a_code_is_told_apart() {
    let pem = pem("PRIVATE KEY", &pkcs8(0));
    let created = |pem: &str| {
        let value = serde_json::json!({
            "id": 12, "slug": "jira-sync", "name": "x", "html_url": "https://x", "pem": pem,
            "client_id": "Iv1", "client_secret": "cs", "webhook_secret": "ws",
        });
        value.to_string()
    };
    let good = created(std::str::from_utf8(pem.expose()).unwrap());
    let (fake, client) = github(201, good).await;
    let pending = wanted().begin(&fake.site(), &state(), Timestamp::from_millis(NOW));
    let stored = pending.convert(&client, "c0de").await.unwrap();
    assert_eq!(
        (stored.id.0, &*stored.slug, stored.keys.len()),
        (12, "jira-sync", 1)
    );
    assert_eq!(stored.webhook_secret.as_ref().unwrap().expose(), b"ws");
    let page = made_page(&stored, "https://x/install?a&b");
    assert!(page.contains("href=\"https://x/install?a&amp;b\""));
    let (_fake, client) = github(404, "{}".to_owned()).await;
    assert_eq!(
        pending.convert(&client, "c0de").await.unwrap_err(),
        Unmade::Spent
    );
    let (_fake, client) = github(503, "{}".to_owned()).await;
    let again = pending.convert(&client, "c0de").await.unwrap_err();
    assert!(matches!(again, Unmade::Again(_)));
    for odd in [created("no key"), "{}".to_owned()] {
        let (_fake, client) = github(201, odd).await;
        let lost = pending.convert(&client, "c0de").await.unwrap_err();
        assert!(matches!(lost, Unmade::Lost(_)), "{lost}");
        assert!(!unmade_page(&lost.to_string()).contains("no key"));
    }
}
