//! Tokens that are held, and how they are had: from memory, minted once for all who wait, renewed
//! before they end, revoked when nobody may have them any more.

use super::grant::Digest;
use super::refusal::Refusal;
use crate::github::{Minted, Scope};
use crate::telemetry::Tasks;
use crate::types::{Clock, Entropy, Name, Owner, Secret, Timestamp};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use moka::sync::Cache;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tokens held at once. Each takes about a kilobyte.
const MOST: u64 = 20_000;
/// A token this near its end is not handed out: what it is used for may take a moment, and clocks
/// differ.
const LAST: Duration = Duration::from_secs(90);
/// When in its life a token is renewed, and by how much that is spread.
const RENEWED_AT: f64 = 0.8;
const SPREAD: f64 = 0.05;
/// How many are revoked at once.
const REVOKED_AT_ONCE: usize = 16;

/// Where tokens come from.
#[async_trait]
pub trait Mint: Send + Sync + fmt::Debug {
    /// A new token of an App's installation. Never one that is wider than `scope`.
    async fn mint(&self, app: &Name, owner: &Owner, scope: &Scope) -> Result<Minted, Refusal>;

    /// Ends a token before its time.
    async fn revoke(&self, app: &Name, token: &Secret) -> Result<(), Refusal>;
}

/// What a token is needed for. Two needs that differ in anything never share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// Of which App, and so of which host.
    pub app: Name,
    /// Of whose installation.
    pub owner: Owner,
    /// For what.
    pub scope: Scope,
    /// Under which grant.
    pub grant: Digest,
}

/// A token that is held.
#[derive(Debug)]
pub struct Held {
    /// As it came.
    pub minted: Minted,
    /// When it came.
    pub since: Timestamp,
    /// From when on it is to be renewed.
    renew: Timestamp,
    /// What audit calls it, here and at GitHub: base64 of its SHA-256.
    pub hashed: Box<str>,
}

impl Held {
    fn age(&self, clock: &dyn Clock) -> Duration {
        clock.now().since(self.since)
    }

    fn is_good(&self, now: Timestamp) -> bool {
        now.after(LAST) < self.minted.expires
    }
}

/// All tokens that are held. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mint: Arc<dyn Mint>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tasks: Tasks,
    held: Cache<Need, Arc<Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    token: ArcSwapOption<Held>,
    /// Who mints; the others wait, and find what it brought.
    turn: tokio::sync::Mutex<()>,
    renewing: AtomicBool,
    /// Nobody may have it any more: what is minted all the same is revoked.
    gone: AtomicBool,
}

impl Tokens {
    /// None yet; they will come from `mint`.
    #[must_use]
    pub fn new(
        mint: Arc<dyn Mint>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Inner {
            mint,
            clock,
            entropy,
            tasks,
            held: Cache::new(MOST),
        }))
    }

    /// A token for this. The caller has been authorised: what is remembered is nobody's right.
    ///
    /// # Errors
    /// Why there is none. As long as one that is held is good, there is one, whatever GitHub does.
    pub async fn take(&self, need: &Need) -> Result<Arc<Held>, Refusal> {
        let entry = self.0.held.get_with_by_ref(need, Arc::default);
        let now = self.0.clock.now();
        if let Some(held) = entry.token.load_full().filter(|held| held.is_good(now)) {
            if now >= held.renew && !entry.renewing.swap(true, Ordering::AcqRel) {
                self.renew_behind(need.clone(), entry, held.clone());
            }
            metrics::counter!("hubgate_tokens_total", "app" => need.app.to_string(), "outcome" => "held")
                .increment(1);
            return Ok(held);
        }
        self.0.fresh(need, &entry, None).await
    }

    /// Another token in place of one that GitHub refused: whoever comes first mints it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn replace(&self, need: &Need, refused: &Held) -> Result<Arc<Held>, Refusal> {
        let entry = self.0.held.get_with_by_ref(need, Arc::default);
        self.0.fresh(need, &entry, Some(refused)).await
    }

    fn renew_behind(&self, need: Need, entry: Arc<Entry>, old: Arc<Held>) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn("token renewal", async move {
            if let Err(why) = inner.fresh(&need, &entry, Some(&old)).await {
                tracing::warn!(app = %need.app, owner = %need.owner, "a token is not renewed yet: {why}");
            }
            entry.renewing.store(false, Ordering::Release);
        });
    }

    /// Forgets and revokes what was made for other grants than these.
    pub async fn retain(&self, grants: &HashSet<Digest>, within: Duration) {
        self.end(|need| !grants.contains(&need.grant), within).await;
    }

    /// Forgets and revokes what is of this installation, which has changed.
    pub async fn forget(&self, app: &Name, owner: &Owner, within: Duration) {
        self.end(|need| need.app == *app && need.owner == *owner, within)
            .await;
    }

    /// Revokes all, as far as the time goes; what is left ends within the hour by itself.
    pub async fn revoke_all(&self, within: Duration) {
        self.end(|_| true, within).await;
    }

    /// Forgets what is of these Apps, and gives it away unrevoked: by these names there may be
    /// others now, at other hosts.
    #[must_use]
    pub fn give_up(&self, apps: &HashSet<Name>) -> Vec<(Name, Arc<Held>)> {
        self.take_out(|need| apps.contains(&need.app))
    }

    fn take_out(&self, which: impl Fn(&Need) -> bool) -> Vec<(Name, Arc<Held>)> {
        let mut ended = Vec::new();
        for (need, entry) in &self.0.held {
            if which(&need) {
                self.0.held.invalidate(&*need);
                entry.gone.store(true, Ordering::Release);
                ended.extend(entry.token.swap(None).map(|held| (need.app.clone(), held)));
            }
        }
        ended
    }

    async fn end(&self, which: impl Fn(&Need) -> bool + Send, within: Duration) {
        let ended = self.take_out(which);
        let revoked = futures_util::stream::iter(ended).for_each_concurrent(
            REVOKED_AT_ONCE,
            |(app, held)| async move {
                self.0.revoke(&app, &held).await;
            },
        );
        if tokio::time::timeout(within, revoked).await.is_err() {
            tracing::warn!(
                "not every token could be revoked in {} s; the rest ends within the hour",
                within.as_secs()
            );
        }
    }

    /// How old a token is.
    #[must_use]
    pub fn age(&self, held: &Held) -> Duration {
        held.age(&*self.0.clock)
    }

    /// How many are held.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.held.run_pending_tasks();
        self.0.held.entry_count()
    }
}

impl Inner {
    /// Mints, unless somebody else did while this waited. With `refused`, that very one does not
    /// count.
    async fn fresh(
        &self,
        need: &Need,
        entry: &Entry,
        refused: Option<&Held>,
    ) -> Result<Arc<Held>, Refusal> {
        let _turn = entry.turn.lock().await;
        let other = |held: &Arc<Held>| refused.is_none_or(|refused| refused.hashed != held.hashed);
        let now = self.clock.now();
        let current = entry.token.load_full();
        if let Some(held) = current.filter(|held| other(held) && held.is_good(now)) {
            return Ok(held);
        }
        if !need.scope.is_definite() {
            return Err(Refusal::NotGranted);
        }
        let minted = self.mint.mint(&need.app, &need.owner, &need.scope).await;
        let outcome = minted.as_ref().map_or_else(Refusal::code, |_| "minted");
        metrics::counter!("hubgate_tokens_total", "app" => need.app.to_string(), "outcome" => outcome)
            .increment(1);
        let held = Arc::new(self.hold(minted?));
        if entry.gone.load(Ordering::Acquire) {
            self.revoke(&need.app, &held).await;
            return Err(Refusal::NotGranted);
        }
        entry.token.store(Some(held.clone()));
        // Whoever ended the entry in between has not seen this token.
        if entry.gone.load(Ordering::Acquire) {
            drop(entry.token.swap(None));
            self.revoke(&need.app, &held).await;
            return Err(Refusal::NotGranted);
        }
        Ok(held)
    }

    fn hold(&self, minted: Minted) -> Held {
        let since = self.clock.now();
        let share = RENEWED_AT + SPREAD * (2.0 * self.entropy.unit() - 1.0);
        let life = minted.expires.since(since).mul_f64(share);
        Held {
            hashed: hashed(&minted.token).into(),
            renew: since.after(life),
            since,
            minted,
        }
    }

    async fn revoke(&self, app: &Name, held: &Held) {
        if let Err(why) = self.mint.revoke(app, &held.minted.token).await {
            tracing::warn!(%app, token = %held.hashed, "a token could not be revoked; it ends by itself at {}: {why}", held.minted.expires);
        }
    }
}

/// What a token is called in audit trails, GitHub's and ours: base64 of its SHA-256.
#[must_use]
pub fn hashed(token: &Secret) -> String {
    STANDARD.encode(digest(&SHA256, token.expose()))
}

#[cfg(test)]
mod tests;
