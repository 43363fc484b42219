//! Tests of Apps against a GitHub that answers as each test wants, with a clock that they turn.

use super::fake::{app, apps, key, settings};
use super::*;
use crate::github::fake::{Fake, NOW, Seen, Turned, date, reply};
use crate::github::{Allowed, Repositories, Scope};
use crate::types::{Level, Owner, Permissions};
use axum::response::Response;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const TOKEN: &str = "ghs_0123456789abcdef0123456789abcdef0123";

fn owner() -> Owner {
    "acme".parse().unwrap()
}

fn scope() -> Scope {
    let mut permissions = Permissions::none();
    permissions.set("contents", Level::Read).unwrap();
    Scope {
        repositories: Repositories::Named(["web".into()].into_iter().collect()),
        permissions: Allowed::Only(permissions),
    }
}

fn registration() -> Response {
    let body = r#"{"id":12,"slug":"sync","name":"Sync","owner":{"login":"corp"},
        "permissions":{"contents":"write","issues":"read"},"events":["push"]}"#;
    reply(200, &[], body)
}

fn installation(id: u64, suspended: bool) -> String {
    let suspended = if suspended {
        r#""2027-01-01T00:00:00Z","suspended_by":{"login":"acme"}"#
    } else {
        r#"null,"suspended_by":null"#
    };
    format!(
        r#"{{"id":{id},"app_id":12,"app_slug":"sync","account":{{"login":"Acme"}},
        "repository_selection":"selected","permissions":{{"contents":"read"}},
        "suspended_at":{suspended}}}"#
    )
}

fn token(repository: &str, level: &str) -> Response {
    let body = format!(
        r#"{{"token":"{TOKEN}","expires_at":"2027-01-15T09:00:00Z",
        "permissions":{{"contents":"{level}","metadata":"read"}},
        "repository_selection":"selected",
        "repositories":[{{"id":1,"full_name":"acme/{repository}"}}]}}"#
    );
    reply(201, &[], &body)
}

/// A server on which everything is well.
fn well(seen: &Seen) -> Response {
    let path = seen.line.split_once(" /api/v3").unwrap().1;
    match path {
        "/app" => registration(),
        "/app/installations?per_page=100" => {
            reply(200, &[], &format!("[{}]", installation(77, false)))
        }
        "/orgs/acme/installation" => reply(200, &[], &installation(77, false)),
        "/app/installations/77/access_tokens" => token("web", "read"),
        "/installation/token" => reply(204, &[], ""),
        _ => reply(404, &[], r#"{"message":"Not Found"}"#),
    }
}

fn count(fake: &Fake, part: &str) -> usize {
    fake.lines()
        .iter()
        .filter(|line| line.contains(part))
        .count()
}

#[tokio::test]
async fn a_token_is_minted_at_the_installation_which_is_looked_up_once() {
    let fake = Fake::answering(well).await;
    let app = app(&fake, &[0], &Turned::new());
    for _ in 0..3 {
        let minted = app.mint(&owner(), &scope()).await.unwrap();
        assert_eq!(minted.installation.0, 77);
        assert_eq!(minted.repositories, scope().repositories);
    }
    assert_eq!(count(&fake, "/orgs/acme/installation"), 1);
    assert_eq!(count(&fake, "/access_tokens"), 3);
    assert_eq!(app.standing(&owner()).unwrap().installed().unwrap().0, 77);
}

#[tokio::test]
async fn of_many_who_need_an_installation_at_once_one_asks() {
    for (status, asked) in [(200, 1), (404, 2), (503, 1)] {
        let fake = Fake::answering(move |seen: &Seen| {
            if seen.line.contains("acme/installation") && status != 200 {
                reply(status, &[], "{}")
            } else {
                well(seen)
            }
        });
        let fake = fake.await;
        let app = app(&fake, &[0], &Turned::new());
        let (owner, scope) = (owner(), scope());
        let all = (0..20).map(|_| app.mint(&owner, &scope));
        let all = futures_util::future::join_all(all).await;
        assert!(all.iter().all(|one| one.is_ok() == (status == 200)));
        // A user may be called so where no organization is.
        assert_eq!(count(&fake, "acme/installation"), asked, "{status}");
    }
}

/// What is refused where minting is answered so.
async fn refused(status: u16, headers: &'static [(&str, &str)], message: &str) -> Refusal {
    let body = format!(r#"{{"message":"{message}"}}"#);
    let fake = Fake::answering(move |seen: &Seen| {
        if seen.line.starts_with("POST ") {
            reply(status, headers, &body)
        } else {
            well(seen)
        }
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &Turned::new());
    app.mint(&owner(), &scope()).await.unwrap_err()
}

#[tokio::test]
async fn what_github_answers_is_the_refusal_that_it_means() {
    let unexpected = |why: &str| Refusal::Unexpected {
        why: why.to_owned(),
    };
    let away = Refusal::Unreachable {
        why: "GitHub answers 502".to_owned(),
    };
    let seen = Some("192.0.2.7".parse().unwrap());
    let listed = "an IP allow list enabled, and your IP address 192.0.2.7 is not permitted";
    let table = [
        (
            403,
            "This installation has been suspended",
            Refusal::Suspended,
        ),
        (
            422,
            "There is at least one repository that does not exist",
            Refusal::NotGranted,
        ),
        (404, "Not Found", Refusal::NotGranted),
        (
            401,
            "A JSON web token could not be decoded",
            Refusal::KeyRefused,
        ),
        (403, listed, Refusal::IpNotAllowed { seen }),
        (502, "Bad gateway", away),
        (403, "no", unexpected("GitHub forbids it: no")),
        (418, "no", unexpected("GitHub answers 418")),
    ];
    for (status, message, expected) in table {
        assert_eq!(refused(status, &[], message).await, expected, "{status}");
    }
    let expected = Refusal::Limited {
        retry_after: Duration::from_secs(9),
    };
    assert_eq!(
        refused(429, &[("retry-after", "9")], "slow").await,
        expected
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_no_refusal_of_the_key() {
    let fake = Fake::answering(well).await;
    let mut setting = settings(&fake, &[0]);
    let mut site = (*setting.site).clone();
    site.web = "http://127.0.0.1:1/".parse().unwrap();
    setting.site = Arc::new(site);
    let apps = apps(setting, &Turned::new());
    let app = apps.iter().next().unwrap();
    let refusal = app.mint(&owner(), &scope()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unreachable { .. }) && refusal.is_passing());
    assert_eq!(app.known().keys[0].accepted, None);
}

#[tokio::test]
async fn a_token_for_more_than_was_asked_for_is_revoked_and_refused() {
    for (repository, level) in [("secret", "read"), ("web", "write")] {
        let fake = Fake::answering(move |seen: &Seen| {
            if seen.line.starts_with("POST ") {
                token(repository, level)
            } else {
                well(seen)
            }
        });
        let fake = fake.await;
        let app = app(&fake, &[0], &Turned::new());
        assert_eq!(
            app.mint(&owner(), &scope()).await.unwrap_err(),
            Refusal::Wider
        );
        let last = fake.seen().pop().unwrap();
        assert_eq!(last.line, "DELETE /api/v3/installation/token");
        assert_eq!(last.header("authorization"), format!("Bearer {TOKEN}"));
    }
}

#[tokio::test]
async fn an_app_that_was_installed_anew_is_found_at_its_new_number() {
    let current = Arc::new(AtomicU64::new(1));
    let serving = Arc::clone(&current);
    let fake = Fake::answering(move |seen: &Seen| {
        let id = serving.load(Ordering::Relaxed);
        if seen.line.ends_with("/orgs/acme/installation") {
            reply(200, &[], &installation(id, false))
        } else if seen
            .line
            .ends_with(&format!("/app/installations/{id}/access_tokens"))
        {
            token("web", "read")
        } else {
            reply(404, &[], "{}")
        }
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &Turned::new());
    app.mint(&owner(), &scope()).await.unwrap();
    current.store(2, Ordering::Relaxed);
    let changes = app.changes();
    let minted = app.mint(&owner(), &scope()).await.unwrap();
    assert_eq!(minted.installation.0, 2);
    assert!(changes.has_changed().unwrap());
}

#[tokio::test]
async fn that_an_app_is_not_installed_is_remembered_for_half_a_minute_with_the_page_to_mend_it() {
    let clock = Turned::new();
    let there = Arc::new(AtomicBool::new(false));
    let serving = Arc::clone(&there);
    let fake = Fake::answering(move |seen: &Seen| {
        let installed = serving.load(Ordering::Relaxed);
        if seen.line.contains("acme/installation") && !installed {
            reply(404, &[], "{}")
        } else {
            well(seen)
        }
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &clock);
    let page = format!("http://{}/github-apps/sync/installations/new", fake.address);
    let expected = Refusal::NotInstalled { page: Some(page) };
    for _ in 0..3 {
        assert_eq!(app.mint(&owner(), &scope()).await.unwrap_err(), expected);
    }
    assert_eq!(count(&fake, "acme/installation"), 2);
    assert_eq!(count(&fake, "GET /api/v3/app"), 1);
    there.store(true, Ordering::Relaxed);
    clock.pass(REMEMBERED);
    app.mint(&owner(), &scope()).await.unwrap();
}

#[tokio::test]
async fn a_suspension_is_remembered_until_a_webhook_says_that_it_is_over() {
    let clock = Turned::new();
    let suspended = Arc::new(AtomicBool::new(true));
    let serving = Arc::clone(&suspended);
    let fake = Fake::answering(move |seen: &Seen| {
        if seen.line.contains("/orgs/acme/installation") {
            reply(200, &[], &installation(77, serving.load(Ordering::Relaxed)))
        } else {
            well(seen)
        }
    });
    let fake = fake.await;
    let mut setting = settings(&fake, &[0]);
    let own = Secret::new(b"of the app's webhook".to_vec());
    setting.webhook_secret = Some(own.clone());
    let apps = apps(setting, &clock);
    let app = Arc::clone(apps.iter().next().unwrap());
    for _ in 0..3 {
        assert_eq!(
            app.mint(&owner(), &scope()).await.unwrap_err(),
            Refusal::Suspended
        );
    }
    assert_eq!(count(&fake, "/orgs/acme/installation"), 1);
    suspended.store(false, Ordering::Relaxed);
    let payload = br#"{"action":"unsuspend","installation":{"id":77,"app_id":12,
        "account":{"login":"Acme"}}}"#;
    let other = Secret::new(b"of some other webhook".to_vec());
    let told = |action, secret: &Secret| {
        apps.observe("installation", Some(action), payload, secret)
            .len()
    };
    assert_eq!(told("unsuspend", &other), 0, "another hook's secret");
    assert_eq!(told("edited", &own), 0, "not about that");
    assert_eq!(
        app.mint(&owner(), &scope()).await.unwrap_err(),
        Refusal::Suspended
    );
    assert_eq!(told("unsuspend", &own), 1);
    app.mint(&owner(), &scope()).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_news_about_an_installation_is_heard_and_no_other() {
    let fake = Fake::answering(well).await;
    let apps = apps(settings(&fake, &[0]), &Turned::new());
    let app = Arc::clone(apps.iter().next().unwrap());
    let secret = Secret::new(b"x".to_vec());
    let about = |id: u64| {
        format!(r#"{{"installation":{{"id":77,"app_id":{id},"account":{{"login":"acme"}}}}}}"#)
    };
    let renamed = r#"{"account":{"login":"acme-2"},"changes":{"login":{"from":"acme"}},
        "installation":{"id":77}}"#;
    let table = [
        ("installation", Some("created"), about(12), true),
        ("installation", Some("deleted"), about(12), true),
        ("installation", Some("suspend"), about(12), true),
        (
            "installation",
            Some("new_permissions_accepted"),
            about(12),
            true,
        ),
        ("installation_repositories", Some("added"), about(12), true),
        (
            "installation_repositories",
            Some("removed"),
            about(12),
            true,
        ),
        (
            "installation_target",
            Some("renamed"),
            renamed.to_owned(),
            true,
        ),
        ("installation", Some("created"), about(13), false),
        ("installation", None, about(12), false),
        ("push", None, about(12), false),
        (
            "installation",
            Some("created"),
            "not json".to_owned(),
            false,
        ),
    ];
    for (event, action, payload, heard) in table {
        app.mint(&owner(), &scope()).await.unwrap();
        let concerned = apps.observe(event, action, payload.as_bytes(), &secret);
        assert_eq!(concerned.len(), usize::from(heard), "{event} {action:?}");
        assert_eq!(
            app.standing(&owner()).is_none(),
            heard,
            "{event} {action:?}"
        );
    }
}

/// A server that takes JWTs of some keys only, whose clock is off, and which says when.
fn keeper(
    takes: Arc<Mutex<Vec<usize>>>,
    ahead: i64,
) -> impl Fn(&Seen) -> Response + Send + Sync + 'static {
    move |seen| {
        let now = NOW / 1000 + ahead;
        let stamp = date(ahead);
        let refuse = || {
            reply(
                401,
                &[("date", &*stamp)],
                r#"{"message":"Bad credentials"}"#,
            )
        };
        if !seen.header("authorization").contains("ghs_") {
            let claims = seen.claims();
            let (begin, end) = (
                claims["iat"].as_i64().unwrap(),
                claims["exp"].as_i64().unwrap(),
            );
            if begin > now || end > now + 600 || end <= now {
                return refuse();
            }
            let jwt = seen
                .header("authorization")
                .strip_prefix("Bearer ")
                .unwrap();
            let taken = takes.lock().unwrap();
            if !taken.iter().any(|index| key(*index).verifies(jwt)) {
                return refuse();
            }
        }
        well(seen)
    }
}

fn takes(keys: &[usize]) -> Arc<Mutex<Vec<usize>>> {
    Arc::new(Mutex::new(keys.to_vec()))
}

#[tokio::test]
async fn a_clock_that_is_off_by_minutes_is_corrected_by_githubs_once_and_for_all() {
    for ahead in [-300, 300, -4000, 4000] {
        let fake = Fake::answering(keeper(takes(&[0]), ahead)).await;
        let app = app(&fake, &[0], &Turned::new());
        app.mint(&owner(), &scope()).await.unwrap();
        // Only where the JWT does not reach is it signed anew, and only the first.
        let refused = fake.lines().len() - 2;
        assert_eq!(refused, usize::from(ahead != 300), "{ahead}");
        app.mint(&owner(), &scope()).await.unwrap();
        assert_eq!(fake.lines().len() - 3, refused, "{ahead}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_answered_with_one_more_try_after_another() {
    let fake = Fake::answering(keeper(takes(&[]), 400)).await;
    let app = app(&fake, &[0, 1], &Turned::new());
    let refusal = app.mint(&owner(), &scope()).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeyRefused);
    assert_eq!(
        fake.lines().len(),
        4,
        "each key, by our clock and by GitHub's"
    );
}

#[tokio::test]
async fn the_other_key_is_used_where_one_is_refused_and_goes_on_being_used() {
    let fake = Fake::answering(keeper(takes(&[1]), 0)).await;
    let app = app(&fake, &[0, 1], &Turned::new());
    app.mint(&owner(), &scope()).await.unwrap();
    assert_eq!(fake.lines().len(), 3, "the first key was tried once");
    app.mint(&owner(), &scope()).await.unwrap();
    assert_eq!(fake.lines().len(), 4);
    let known = app.known();
    let states: Vec<_> = known
        .keys
        .iter()
        .map(|key| (key.accepted, key.active))
        .collect();
    assert_eq!(states, [(Some(false), false), (Some(true), true)]);
}

#[tokio::test]
async fn a_rotation_goes_to_the_newer_key_and_names_the_one_to_delete() {
    let accepted = takes(&[1]);
    let fake = Fake::answering(keeper(Arc::clone(&accepted), 0)).await;
    let app = app(&fake, &[0, 1], &Turned::new());
    // The new key is in the file before it is at GitHub.
    let known = app.reconcile().await.unwrap();
    assert!(known.keys[1].active);
    assert_eq!(known.to_delete().count(), 0);
    accepted.lock().unwrap().push(0);
    let known = app.reconcile().await.unwrap();
    assert!(known.keys[0].active);
    assert_eq!(
        known.to_delete().collect::<Vec<_>>(),
        [key(1).fingerprint()]
    );
    // The old one is withdrawn.
    accepted.lock().unwrap().retain(|index| *index == 0);
    app.mint(&owner(), &scope()).await.unwrap();
    let known = app.reconcile().await.unwrap();
    assert_eq!(known.to_delete().count(), 0);
    assert_eq!(known.keys[1].accepted, Some(false));
}

#[tokio::test]
async fn while_github_wants_to_be_left_alone_it_is() {
    let clock = Turned::new();
    let limited = Arc::new(AtomicBool::new(true));
    let serving = Arc::clone(&limited);
    let fake = Fake::answering(move |seen: &Seen| {
        if serving.load(Ordering::Relaxed) {
            reply(429, &[], r#"{"message":"secondary rate limit"}"#)
        } else {
            well(seen)
        }
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &clock);
    let mut asked = 0;
    for minutes in [1, 2, 4, 8] {
        let pause = Duration::from_mins(minutes);
        for _ in 0..2 {
            let expected = Refusal::Limited { retry_after: pause };
            assert_eq!(app.mint(&owner(), &scope()).await.unwrap_err(), expected);
        }
        asked += 1;
        assert_eq!(fake.lines().len(), asked);
        clock.pass(pause);
    }
    limited.store(false, Ordering::Relaxed);
    app.mint(&owner(), &scope()).await.unwrap();
}

#[tokio::test]
async fn reconciliation_sees_what_webhooks_did_not_tell() {
    let list = Arc::new(Mutex::new(format!("[{}]", installation(77, false))));
    let serving = Arc::clone(&list);
    let fake = Fake::answering(move |seen: &Seen| {
        if seen.line.contains("/app/installations?") {
            reply(200, &[], &serving.lock().unwrap())
        } else {
            well(seen)
        }
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &Turned::new());
    assert_eq!(app.known().condition, Condition::Unasked);
    let known = app.reconcile().await.unwrap();
    assert!(!known.is_pending() && known.condition == Condition::Well);
    let Some(Standing::Installed(found)) = app.standing(&owner()) else {
        panic!("{known:?}");
    };
    assert_eq!(
        known.ungranted(&found).to_string(),
        "contents: write, issues: read"
    );
    let changes = app.changes();
    *list.lock().unwrap() = format!("[{}]", installation(77, true));
    let known = app.reconcile().await.unwrap();
    let Some(Standing::Suspended(found)) = app.standing(&owner()) else {
        panic!("{known:?}");
    };
    assert_eq!(known.suspended_by(&found), Some(Side::Account));
    assert!(changes.has_changed().unwrap());
    // The account is called otherwise.
    *list.lock().unwrap() = format!("[{}]", installation(77, false)).replace("Acme", "umbrella");
    app.reconcile().await.unwrap();
    assert_eq!(app.standing(&owner()), None);
    assert!(
        app.standing(&"umbrella".parse().unwrap())
            .unwrap()
            .installed()
            .is_some()
    );
    *list.lock().unwrap() = "[]".to_owned();
    let known = app.reconcile().await.unwrap();
    let standing = app.standing(&"umbrella".parse().unwrap());
    assert!(matches!(standing, Some(Standing::Removed(_))));
    assert!(known.is_pending());
}

#[tokio::test]
async fn an_app_that_is_gone_one_whose_keys_are_and_a_server_that_is_away_are_told_apart() {
    let status = Arc::new(AtomicU64::new(404));
    let serving = Arc::clone(&status);
    let fake = Fake::answering(move |seen: &Seen| match serving.load(Ordering::Relaxed) {
        200 => well(seen),
        status => reply(u16::try_from(status).unwrap(), &[], "{}"),
    });
    let fake = fake.await;
    let app = app(&fake, &[0], &Turned::new());
    let away = Condition::Away("GitHub answers 503".to_owned());
    let rows = [
        (404, Condition::Gone),
        (401, Condition::KeyRefused),
        (503, away),
    ];
    for (code, condition) in rows {
        status.store(code, Ordering::Relaxed);
        assert!(app.reconcile().await.is_err());
        assert_eq!(app.known().condition, condition);
    }
    status.store(200, Ordering::Relaxed);
    app.reconcile().await.unwrap();
    status.store(503, Ordering::Relaxed);
    assert!(app.reconcile().await.is_err());
    assert!(
        app.standing(&owner()).unwrap().installed().is_some(),
        "what was known stays"
    );
}

#[tokio::test]
async fn what_is_known_outlives_a_reload_of_the_same_app_only() {
    let fake = Fake::answering(well).await;
    let clock = Turned::new();
    let before = apps(settings(&fake, &[0]), &clock);
    before
        .iter()
        .next()
        .unwrap()
        .mint(&owner(), &scope())
        .await
        .unwrap();
    let clock: Arc<dyn Clock> = clock;
    let after = Apps::build(vec![settings(&fake, &[1])], &clock, Some(&before)).unwrap();
    let (old, app) = (before.iter().next().unwrap(), after.iter().next().unwrap());
    assert!(app.standing(&owner()).is_some());
    assert!(!app.known().keys[0].active, "the key is another one");
    // As long as it is not in force, nothing is forgotten.
    assert!(old.known().keys[0].active);
    after.succeed(&before);
    assert!(!old.known().keys[0].active);
    let mut other = settings(&fake, &[0]);
    other.id = AppId(13);
    let after = Apps::build(vec![other], &clock, Some(&before)).unwrap();
    assert!(after.iter().next().unwrap().standing(&owner()).is_none());
}

#[tokio::test]
async fn apps_are_watched_until_others_take_their_place() {
    let fake = Fake::answering(well).await;
    let apps = apps(settings(&fake, &[0]), &Turned::new());
    let app = Arc::clone(apps.iter().next().unwrap());
    let mut changes = app.changes();
    let tasks = crate::telemetry::Tasks::new();
    let chance: Arc<dyn crate::types::Entropy> = Arc::new(crate::types::SystemEntropy);
    app.memory.set(&owner(), Standing::Absent, app.clock.now());
    apps.watch(&tasks, &chance);
    changes.changed().await.unwrap();
    assert!(app.standing(&owner()).unwrap().installed().is_some());
    tasks.stop().await;
}

mod looking {
    use super::*;

    fn refusals(number: u64) -> Arc<AtomicU64> {
        Arc::new(AtomicU64::new(number))
    }

    /// A server whose tokens are refused so many times, and which lists one repository.
    fn shy(left: Arc<AtomicU64>, with: u16) -> impl Fn(&Seen) -> Response + Send + Sync + 'static {
        move |seen| {
            let path = seen.line.split_once(" /api/v3").unwrap().1;
            if seen.header("authorization").contains("ghs_") && seen.line.starts_with("GET ") {
                let more = |n: u64| n.checked_sub(1);
                if left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
                    .is_ok()
                {
                    return reply(with, &[], r#"{"message":"Bad credentials"}"#);
                }
            }
            match path {
                "/app/installations/77/access_tokens" => {
                    assert_eq!(seen.body, r#"{"permissions":{"metadata":"read"}}"#);
                    let body = format!(
                        r#"{{"token":"{TOKEN}","expires_at":"2027-01-15T09:00:00Z",
                        "permissions":{{"metadata":"read"}},"repository_selection":"all"}}"#
                    );
                    reply(201, &[], &body)
                }
                "/installation/repositories?per_page=100" => {
                    let body =
                        r#"{"total_count":1,"repositories":[{"id":9,"full_name":"Acme/Web"}]}"#;
                    reply(200, &[], body)
                }
                "/repositories/9" => reply(200, &[], r#"{"id":9,"full_name":"Acme/Web"}"#),
                "/repositories/8" => reply(200, &[], r#"{"id":8,"full_name":"other/web"}"#),
                _ => well(seen),
            }
        }
    }

    #[tokio::test]
    async fn repositories_are_listed_with_one_token_that_may_do_nothing_else() {
        let fake = Fake::answering(shy(refusals(0), 401)).await;
        let clock = Turned::new();
        let app = app(&fake, &[0], &clock);
        for _ in 0..2 {
            let list = app.repositories(&owner()).await.unwrap();
            assert_eq!((list[0].id, list[0].name.as_str()), (9, "Acme/Web"));
        }
        assert_eq!(count(&fake, "/installation/repositories"), 1);
        clock.pass(Duration::from_secs(60));
        app.repositories(&owner()).await.unwrap();
        assert_eq!(count(&fake, "/installation/repositories"), 2);
        assert_eq!(count(&fake, "/access_tokens"), 1);
        app.close().await;
        assert_eq!(count(&fake, "DELETE /api/v3/installation/token"), 1);
    }

    #[tokio::test]
    async fn a_number_is_a_repository_of_this_owner_or_none() {
        let fake = Fake::answering(shy(refusals(0), 401)).await;
        let app = app(&fake, &[0], &Turned::new());
        for _ in 0..2 {
            let found = app.repository_by_id(&owner(), 9).await.unwrap().unwrap();
            assert_eq!(found.name.as_str(), "Acme/Web");
            assert_eq!(app.repository_by_id(&owner(), 8).await.unwrap(), None);
            assert_eq!(app.repository_by_id(&owner(), 7).await.unwrap(), None);
        }
        assert_eq!(count(&fake, "/repositories/"), 3);
    }

    #[tokio::test]
    async fn a_young_token_that_is_not_known_everywhere_is_tried_again() {
        for with in [401, 403] {
            let fake = Fake::answering(shy(refusals(2), with)).await;
            let app = app(&fake, &[0], &Turned::new());
            app.repositories(&owner()).await.unwrap();
            assert_eq!(count(&fake, "/access_tokens"), 1);
        }
    }

    #[tokio::test]
    async fn an_older_token_that_is_refused_is_replaced_once() {
        let left = refusals(0);
        let fake = Fake::answering(shy(Arc::clone(&left), 401)).await;
        let clock = Turned::new();
        let app = app(&fake, &[0], &clock);
        app.repositories(&owner()).await.unwrap();
        clock.pass(Duration::from_secs(60));
        left.store(1, Ordering::Relaxed);
        app.repositories(&owner()).await.unwrap();
        assert_eq!(count(&fake, "/access_tokens"), 2);
    }

    #[tokio::test]
    async fn an_older_list_is_better_than_none_while_github_is_away() {
        let left = refusals(0);
        let fake = Fake::answering(shy(Arc::clone(&left), 503)).await;
        let clock = Turned::new();
        let app = app(&fake, &[0], &clock);
        app.repositories(&owner()).await.unwrap();
        left.store(u64::MAX, Ordering::Relaxed);
        clock.pass(Duration::from_secs(599));
        assert_eq!(app.repositories(&owner()).await.unwrap().len(), 1);
        clock.pass(Duration::from_secs(1));
        let refusal = app.repositories(&owner()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unreachable { .. }));
    }
}
