//! Tests of people's tokens against a GitHub that gives one after another, with a clock that is
//! turned.

use super::held::BEFORE_END;
use super::*;
use crate::apps::fake::app;
use crate::github::fake::{Fake, Seen, Turned, reply};
use axum::response::Response;
use std::sync::atomic::AtomicUsize;

const EIGHT_HOURS: Duration = Duration::from_hours(8);

fn tokens(number: usize) -> UserTokens {
    let secret = |text: String| Secret::new(text.into_bytes());
    UserTokens {
        access: secret(format!("ghu_{number}")),
        expires_in: Some(EIGHT_HOURS),
        refresh: Some(secret(format!("ghr_{number}"))),
        refresh_expires_in: Some(Duration::from_hours(184 * 24)),
    }
}

/// Gives the tokens that follow those whose refresh token is shown, each once.
fn renewing() -> impl Fn(&Seen) -> Response {
    let last = AtomicUsize::new(0);
    move |seen: &Seen| {
        let number = last.load(Ordering::SeqCst);
        if seen.line.ends_with("/user") {
            let good = seen
                .header("authorization")
                .ends_with(&format!("ghu_{number}"));
            return reply(if good { 200 } else { 401 }, &[], "{}");
        }
        if !seen.body.contains(&format!("refresh_token=ghr_{number}")) {
            return reply(200, &[], r#"{"error":"bad_refresh_token"}"#);
        }
        let next = number + 1;
        last.store(next, Ordering::SeqCst);
        let body = format!(
            r#"{{"access_token":"ghu_{next}","expires_in":28800,"refresh_token":"ghr_{next}",
            "refresh_token_expires_in":15897600,"scope":"","token_type":"bearer"}}"#
        );
        reply(200, &[], &body)
    }
}

struct Scene {
    fake: Fake,
    clock: Arc<Turned>,
    apps: Vec<Arc<App>>,
    dir: tempfile::TempDir,
}

impl Scene {
    async fn of(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let (fake, clock) = (Fake::answering(answer).await, Turned::new());
        Self {
            apps: vec![app(&fake, &[0], &clock)],
            dir: tempfile::tempdir().unwrap(),
            fake,
            clock,
        }
    }

    fn place(&self) -> Place {
        Place {
            directory: self.dir.path().join("users"),
            key: None,
        }
    }

    fn people(&self) -> People {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let audit = Audit::start(&audit::Settings { file: None }).unwrap();
        People::open(&self.place(), &audit, (&clock, &Tasks::new())).unwrap()
    }

    async fn signed_in(&self, people: &People) -> Zeroizing<String> {
        let client = ("Iv1".to_owned(), Secret::new(b"secret".to_vec()));
        people
            .take_in(&self.apps[0], client, tokens(0))
            .await
            .unwrap()
    }

    async fn token(&self, people: &People, handle: &str) -> Result<String, Refusal> {
        let held = people.token(handle, &self.apps).await?;
        Ok(String::from_utf8(held.token().expose().to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_once_for_all_who_ask() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_0");
    scene
        .clock
        .pass(EIGHT_HOURS - BEFORE_END - Duration::from_secs(1));
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_0");
    assert!(scene.fake.seen().is_empty());
    scene.clock.pass(Duration::from_secs(1));
    let all = (0..50).map(|_| scene.token(&people, &handle));
    for token in futures_util::future::join_all(all).await {
        assert_eq!(token.unwrap(), "ghu_1");
    }
    assert_eq!(scene.fake.seen().len(), 1);
    // Another process finds what was kept.
    let again = scene.people();
    assert_eq!(scene.token(&again, &handle).await.unwrap(), "ghu_1");
    scene.clock.pass(EIGHT_HOURS * 2);
    assert_eq!(scene.token(&again, &handle).await.unwrap(), "ghu_2");
}

#[tokio::test]
async fn a_401_renews_only_a_token_that_github_does_not_know() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    let held = people.token(&handle, &scene.apps).await.unwrap();
    // Something else was refused.
    let same = people.replace(&handle, &scene.apps, &held).await.unwrap();
    assert!(Arc::ptr_eq(&same, &held));
    // GitHub gave another one since, as after a crash: the old refresh token is good no more.
    let old = Held::of(Person {
        access: Secret::new(b"ghu_old".to_vec()),
        refresh: Some(Secret::new(b"ghr_old".to_vec())),
        ..held.person.clone()
    });
    let entry = people.find(&handle, &scene.apps).unwrap().0;
    entry.now.store(old.clone());
    let ended = people.replace(&handle, &scene.apps, &old).await;
    assert_eq!(ended.unwrap_err(), Refusal::Ended);
    assert_eq!(scene.token(&people, &handle).await, Err(Refusal::Ended));
    assert_eq!(
        scene.token(&scene.people(), &handle).await,
        Err(Refusal::Ended)
    );
}

#[tokio::test]
async fn a_github_that_does_not_renew_is_asked_again_after_a_while() {
    let scene = Scene::of(|_| reply(500, &[], "{}")).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    scene.clock.pass(EIGHT_HOURS - BEFORE_END);
    for _ in 0..3 {
        assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_0");
    }
    assert_eq!(scene.fake.seen().len(), 1);
    scene.clock.pass(AGAIN_AFTER);
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_0");
    assert_eq!(scene.fake.seen().len(), 2);
    scene.clock.pass(BEFORE_END);
    for _ in 0..3 {
        assert_eq!(
            scene.token(&people, &handle).await,
            Err(Refusal::Unreachable)
        );
    }
    assert_eq!(scene.fake.seen().len(), 3);
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_not_handed_out_and_what_was_renewed_is_used() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    let (here, away) = (scene.place().directory, scene.dir.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let client = ("Iv1".to_owned(), Secret::new(b"secret".to_vec()));
    let refused = people.take_in(&scene.apps[0], client, tokens(0)).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotKept);
    scene.clock.pass(EIGHT_HOURS);
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_1");
    // It is written when the disk takes it.
    std::fs::rename(&away, &here).unwrap();
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_1");
    assert_eq!(
        scene.token(&scene.people(), &handle).await.unwrap(),
        "ghu_1"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_skipped_and_stays() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let (handle, lost) = (
        scene.signed_in(&people).await,
        scene.signed_in(&people).await,
    );
    let file = |handle: &str| {
        let file = format!("{}.user", name(handle).unwrap());
        scene.place().directory.join(file)
    };
    std::fs::write(file(&lost), "hubgate-sealed-1\nof another key").unwrap();
    std::fs::create_dir(scene.place().directory.join("odd.user")).unwrap();
    let again = scene.people();
    assert_eq!(scene.token(&again, &handle).await.unwrap(), "ghu_0");
    assert_eq!(scene.token(&again, &lost).await, Err(Refusal::Ended));
    assert!(file(&lost).exists());
    // So are all, where they were sealed with another key.
    std::fs::remove_file(scene.place().directory.join("key")).unwrap();
    let again = scene.people();
    assert_eq!(scene.token(&again, &handle).await, Err(Refusal::Ended));
    assert!(file(&handle).exists());
}

#[tokio::test]
async fn what_cannot_be_renewed_is_used_to_its_end() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let client = ("Iv1".to_owned(), Secret::new(b"secret".to_vec()));
    let once = UserTokens {
        refresh: None,
        refresh_expires_in: None,
        ..tokens(0)
    };
    let handle = people.take_in(&scene.apps[0], client, once).await.unwrap();
    scene.clock.pass(EIGHT_HOURS - Duration::from_secs(1));
    assert_eq!(scene.token(&people, &handle).await.unwrap(), "ghu_0");
    scene.clock.pass(Duration::from_secs(1));
    assert_eq!(scene.token(&people, &handle).await, Err(Refusal::Ended));
    assert!(scene.fake.seen().is_empty());
}

#[tokio::test]
async fn what_has_ended_does_not_come_back_onto_disk() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    let entry = people.find(&handle, &scene.apps).unwrap().0;
    entry.unwritten.store(true, Ordering::Release);
    let turn = entry.turn.lock().await;
    let late = tokio::join!(
        async {
            people.end(&entry, "refused").await;
            drop(turn);
        },
        people.write_late(&entry)
    );
    assert_eq!(late, ((), ()));
    assert_eq!(
        scene.token(&scene.people(), &handle).await,
        Err(Refusal::Ended)
    );
}

#[tokio::test]
async fn a_401_has_github_asked_once_for_all_who_wait() {
    for (status, expected) in [(500, Err(Refusal::Unreachable)), (200, Ok(()))] {
        let scene = Scene::of(move |_| reply(status, &[], "{}")).await;
        let people = scene.people();
        let handle = scene.signed_in(&people).await;
        let held = people.token(&handle, &scene.apps).await.unwrap();
        let all = async || {
            let all = (0..20).map(|_| people.replace(&handle, &scene.apps, &held));
            for said in futures_util::future::join_all(all).await {
                assert_eq!(said.map(|_| ()), expected);
            }
        };
        all().await;
        assert_eq!(scene.fake.seen().len(), 1, "{status}");
        scene.clock.pass(AGAIN_AFTER);
        all().await;
        assert_eq!(scene.fake.seen().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn where_there_is_no_room_the_least_recently_used_ends() {
    let scene = Scene::of(renewing()).await;
    let clock: Arc<dyn Clock> = scene.clock.clone();
    let audit = Audit::start(&audit::Settings { file: None }).unwrap();
    let tasks = Tasks::new();
    let people = People::holding(2, &scene.place(), &audit, (&clock, &tasks)).unwrap();
    let mut handles = Vec::new();
    for _ in 0..2 {
        handles.push(scene.signed_in(&people).await);
        scene.clock.pass(Duration::from_secs(1));
    }
    assert!(scene.token(&people, &handles[0]).await.is_ok());
    scene.clock.pass(Duration::from_secs(1));
    handles.push(scene.signed_in(&people).await);
    tasks.stop().await;
    for people in [people, scene.people()] {
        let found = [0, 1, 2].map(|at| scene.token(&people, &handles[at]));
        let found = futures_util::future::join_all(found).await;
        let held: Vec<bool> = found.iter().map(Result::is_ok).collect();
        assert_eq!(held, [true, false, true]);
    }
}

#[tokio::test]
async fn once_a_day_those_go_that_nothing_renews() {
    let scene = Scene::of(renewing()).await;
    let people = scene.people();
    let handle = scene.signed_in(&people).await;
    let kept = || {
        std::fs::exists(
            scene
                .place()
                .directory
                .join(format!("{}.user", name(&handle).unwrap())),
        )
        .unwrap()
    };
    let half_a_year = Duration::from_hours(184 * 24);
    scene.clock.pass(half_a_year - Duration::from_secs(1));
    people.sweep().await;
    assert!(kept());
    scene.clock.pass(Duration::from_secs(1));
    tokio::time::pause();
    tokio::time::sleep(SWEEP).await;
    let sweeping = async {
        while kept() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(SWEEP, sweeping).await.unwrap();
    assert_eq!(scene.token(&people, &handle).await, Err(Refusal::Ended));
}

#[test]
fn a_handle_is_known_by_its_digest_and_nothing_else_is_one() {
    assert!(name("hgu_abc").is_some());
    assert_ne!(name("hgu_abc"), name("hgu_abd"));
    for text in ["", "ghu_abc", "hgk_abc", "HGU_abc"] {
        assert_eq!(name(text), None, "{text}");
    }
    assert_eq!(name(&format!("{PREFIX}{}", "a".repeat(300))), None);
}
