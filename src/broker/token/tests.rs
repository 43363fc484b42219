//! Tests of tokens that are held, on a clock that is turned.

use super::*;
use crate::github::{Allowed, Repositories};
use crate::types::{InstallationId, Level, Permissions};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use tokio::sync::Semaphore;

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct Turned(AtomicI64);

impl Turned {
    fn turn(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug)]
struct Middle;

impl Entropy for Middle {
    fn unit(&self) -> f64 {
        0.5
    }
}

/// GitHub, as far as tokens go.
#[derive(Debug)]
struct Github {
    clock: Arc<Turned>,
    minted: AtomicUsize,
    revoked: Mutex<BTreeSet<String>>,
    away: AtomicBool,
    /// How many may be minted before the next waits.
    gate: Semaphore,
}

#[async_trait]
impl Mint for Github {
    async fn mint(&self, _app: &Name, _owner: &Owner, scope: &Scope) -> Result<Minted, Refusal> {
        self.gate.acquire().await.unwrap().forget();
        if self.away.load(Ordering::SeqCst) {
            return Err(Refusal::Unreachable);
        }
        let number = self.minted.fetch_add(1, Ordering::SeqCst);
        let Allowed::Only(permissions) = scope.permissions.clone() else {
            panic!("all permissions");
        };
        Ok(Minted {
            token: Secret::new(format!("ghs_{number}").into_bytes()),
            expires: self.clock.now().after(HOUR),
            installation: InstallationId(1),
            permissions,
            repositories: scope.repositories.clone(),
        })
    }

    async fn revoke(&self, _app: &Name, token: &Secret) -> Result<(), Refusal> {
        let token = String::from_utf8(token.expose().to_vec()).unwrap();
        assert!(self.revoked.lock().unwrap().insert(token), "revoked twice");
        Ok(())
    }
}

struct World {
    github: Arc<Github>,
    clock: Arc<Turned>,
    tokens: Tokens,
    tasks: Tasks,
}

fn world(gate: usize) -> World {
    let clock = Arc::new(Turned(AtomicI64::new(1_800_000_000_000)));
    let github = Arc::new(Github {
        clock: clock.clone(),
        minted: AtomicUsize::new(0),
        revoked: Mutex::default(),
        away: AtomicBool::new(false),
        gate: Semaphore::new(gate),
    });
    let tasks = Tasks::new();
    let tokens = Tokens::new(
        github.clone(),
        clock.clone(),
        Arc::new(Middle),
        tasks.clone(),
    );
    World {
        github,
        clock,
        tokens,
        tasks,
    }
}

fn need(repository: &str, grant: u8) -> Need {
    let mut permissions = Permissions::none();
    permissions.set("contents", Level::Read).unwrap();
    Need {
        app: "sync".parse().unwrap(),
        owner: "acme".parse().unwrap(),
        scope: Scope {
            repositories: Repositories::Named(BTreeSet::from([repository.into()])),
            permissions: Allowed::Only(permissions),
        },
        grant: Digest::of_bytes([grant; 32]),
    }
}

impl World {
    async fn token(&self, need: &Need) -> String {
        let held = self.tokens.take(need).await.unwrap();
        String::from_utf8(held.minted.token.expose().to_vec()).unwrap()
    }

    fn minted(&self) -> usize {
        self.github.minted.load(Ordering::SeqCst)
    }

    fn revoked(&self) -> Vec<String> {
        self.github
            .revoked
            .lock()
            .unwrap()
            .iter()
            .cloned()
            .collect()
    }

    async fn minted_is(&self, count: usize) {
        while self.minted() != count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn who_asks_for_the_same_at_once_waits_for_one_token() {
    let world = world(0);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let tokens = world.tokens.clone();
            async move {
                tokens
                    .take(&need("web", 1))
                    .await
                    .map(|held| held.hashed.clone())
            }
        })
        .collect();
    let all = futures_util::future::join_all(waiting);
    let open = async { world.github.gate.add_permits(1000) };
    let (all, ()) = tokio::join!(all, open);
    assert_eq!(world.minted(), 1);
    let first = all[0].clone().unwrap();
    assert!(all.iter().all(|one| one.as_ref() == Ok(&first)));
}

#[tokio::test]
async fn needs_that_differ_in_anything_share_nothing() {
    let world = world(100);
    let base = need("web", 1);
    let mut others = vec![base.clone(), need("docs", 1), need("web", 2)];
    others.push(Need {
        app: "other".parse().unwrap(),
        ..base.clone()
    });
    others.push(Need {
        owner: "other".parse().unwrap(),
        ..base.clone()
    });
    let mut wider = base.clone();
    wider.scope.repositories = Repositories::All;
    others.push(wider);
    let mut seen = BTreeSet::new();
    for need in &others {
        seen.insert(world.token(need).await);
        seen.insert(world.token(need).await);
    }
    assert_eq!(seen.len(), others.len());
    assert_eq!(world.minted(), others.len());
}

#[tokio::test]
async fn a_token_is_renewed_at_four_fifths_of_its_life_while_the_old_one_serves() {
    let world = world(1);
    let first = world.token(&need("web", 1)).await;
    world.clock.turn(Duration::from_mins(47));
    assert_eq!(world.token(&need("web", 1)).await, first);
    world.clock.turn(Duration::from_mins(2));
    // The renewal waits for GitHub; nobody waits for the renewal, and there is only one.
    for _ in 0..10 {
        assert_eq!(world.token(&need("web", 1)).await, first);
    }
    world.github.gate.add_permits(1);
    world.minted_is(2).await;
    let second = loop {
        let now = world.token(&need("web", 1)).await;
        if now != first {
            break now;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(second, "ghs_1");
    assert_eq!(world.minted(), 2);
    drop(world.tasks);
}

#[tokio::test]
async fn while_github_is_away_a_token_serves_to_its_end_and_no_longer() {
    let world = world(1000);
    let first = world.token(&need("web", 1)).await;
    world.github.away.store(true, Ordering::SeqCst);
    for minutes in [30, 20, 8] {
        world.clock.turn(Duration::from_mins(minutes));
        assert_eq!(world.token(&need("web", 1)).await, first);
        tokio::task::yield_now().await;
    }
    world.clock.turn(Duration::from_mins(1));
    let refused = world.tokens.take(&need("web", 1)).await.unwrap_err();
    assert_eq!(refused, Refusal::Unreachable);
    world.github.away.store(false, Ordering::SeqCst);
    assert_ne!(world.token(&need("web", 1)).await, first);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_used_it() {
    let world = world(1000);
    let old = world.tokens.take(&need("web", 1)).await.unwrap();
    let replaced = futures_util::future::join_all(
        (0..20).map(|_| async { world.tokens.replace(&need("web", 1), &old).await.unwrap() }),
    )
    .await;
    assert_eq!(world.minted(), 2);
    assert!(replaced.iter().all(|new| new.hashed != old.hashed));
    assert_eq!(world.token(&need("web", 1)).await, "ghs_1");
}

#[tokio::test]
async fn what_no_grant_is_for_any_more_is_forgotten_and_revoked() {
    let world = world(1000);
    let (kept, gone) = (need("web", 1), need("web", 2));
    let first = world.token(&kept).await;
    let second = world.token(&gone).await;
    world
        .tokens
        .retain(&HashSet::from([kept.grant]), HOUR)
        .await;
    assert_eq!(world.revoked(), std::slice::from_ref(&second));
    assert_eq!(world.token(&kept).await, first);
    assert_ne!(world.token(&gone).await, second);
    world.tokens.revoke_all(HOUR).await;
    assert_eq!(world.revoked().len(), 3);
    assert_eq!(world.tokens.count(), 0);
}

#[tokio::test]
async fn what_is_of_an_app_that_is_another_one_is_given_away_and_minted_anew() {
    let world = world(1000);
    let (web, other) = (need("web", 1), need("web", 2));
    let first = world.token(&web).await;
    let _second = world.token(&other).await;
    let nobody = world.tokens.give_up(&HashSet::new());
    assert!(nobody.is_empty());
    let given = world.tokens.give_up(&HashSet::from([web.app.clone()]));
    assert_eq!(given.len(), 2);
    assert!(given.iter().all(|(app, _)| *app == web.app));
    assert_eq!(world.revoked(), Vec::<String>::new());
    assert_ne!(world.token(&web).await, first);
}

#[tokio::test]
async fn what_is_minted_after_its_grant_went_is_revoked_and_not_handed_out() {
    let world = world(0);
    let tokens = world.tokens.clone();
    let need = need("web", 1);
    let asked = tokens.take(&need);
    let ended = async {
        while world.tokens.count() == 0 {
            tokio::task::yield_now().await;
        }
        world.tokens.retain(&HashSet::new(), HOUR).await;
        world.github.gate.add_permits(1);
    };
    let (asked, ()) = tokio::join!(asked, ended);
    assert_eq!(asked.unwrap_err(), Refusal::NotGranted);
    assert_eq!(world.revoked(), ["ghs_0"]);
}

#[tokio::test]
async fn a_scope_that_github_would_take_for_everything_is_never_asked_for() {
    let world = world(1000);
    let mut nothing = need("web", 1);
    nothing.scope.repositories = Repositories::Named(BTreeSet::new());
    let mut open = need("web", 1);
    open.scope.permissions = Allowed::Only(Permissions::none());
    for need in [nothing, open] {
        assert_eq!(
            world.tokens.take(&need).await.unwrap_err(),
            Refusal::NotGranted
        );
    }
    assert_eq!(world.minted(), 0);
}

#[test]
fn a_token_is_called_as_githubs_audit_log_calls_it() {
    // `printf ghs_example | openssl dgst -sha256 -binary | base64`
    let token = Secret::new(b"ghs_example".to_vec());
    assert_eq!(hashed(&token), EXAMPLE);
}

const EXAMPLE: &str = "UMaRjVoedd29MJgtcZ6b6jIFPLlG7OzD84ZhFi+79Cc=";
