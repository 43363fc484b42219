//! One App: signs in as itself, finds its installations, and has tokens minted.

use super::key::Fingerprint;
use super::memory::{Memory, Standing, Verdict};
use super::refusal::{Refusal, Trouble};
use super::sign::Sign;
use crate::github::{Client, Fault, Installation, Jwt, Minted, Scope, Site};
use crate::types::{AppId, Clock, InstallationId, Name, Owner, Secret, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// A GitHub App whose keys are held here.
#[derive(Debug)]
pub struct App {
    pub(super) name: Name,
    pub(super) id: AppId,
    pub(super) client: Client,
    /// Newest first.
    pub(super) keys: Vec<Fingerprint>,
    pub(super) signer: Arc<dyn Sign>,
    pub(super) webhook_secret: Option<Secret>,
    pub(super) recover: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) memory: Arc<Memory>,
}

impl App {
    /// What it is called here.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its number on its server.
    #[must_use]
    pub const fn id(&self) -> AppId {
        self.id
    }

    /// Its server.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        self.client.site()
    }

    /// Whether it is the App of this number on this server.
    pub(super) fn is(&self, id: AppId, site: &Site) -> bool {
        let own = self.site();
        self.id == id && own.web == site.web && own.product == site.product
    }

    /// What tells it from every other App, whatever it is called here.
    #[must_use]
    pub fn identity(&self) -> Box<str> {
        let web = self.site().web.origin().ascii_serialization();
        format!("{} at {web}", self.id).into()
    }

    /// The client of its server.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Held while deliveries are recovered, across reloads.
    #[must_use]
    pub fn recovering(&self) -> &tokio::sync::Mutex<()> {
        &self.memory.recovering
    }

    /// Whether GitHub is to be asked for what it could not deliver.
    #[must_use]
    pub const fn recovers(&self) -> bool {
        self.recover
    }

    /// What it is called in OAuth; none where its server does not say.
    ///
    /// # Errors
    /// Where GitHub cannot be asked.
    pub async fn client_id(&self) -> Result<Option<String>, Refusal> {
        let known = self.memory.facts().registration.clone();
        if let Some(known) = known {
            return Ok(known.client_id.clone());
        }
        let asked = self.as_app(|jwt| async move { self.client.registration(&jwt).await });
        let found = Arc::new(asked.await.map_err(Refusal::from)?);
        self.memory.facts().registration = Some(found.clone());
        Ok(found.client_id.clone())
    }

    /// A token for part of what the App may do at `owner`, held against what was asked for.
    ///
    /// # Errors
    /// Where GitHub does not give one, or gives one for more.
    pub async fn mint(&self, owner: &Owner, scope: &Scope) -> Result<Minted, Refusal> {
        let installation = self.installation(owner).await?;
        let minted = match self.mint_at(installation, scope).await {
            // The installation may be another one by now.
            Err(Trouble::Github(Fault::NotFound)) => {
                let again = self.resolve(owner, Some(installation)).await?;
                if again == installation {
                    return Err(Refusal::NotGranted);
                }
                self.mint_at(again, scope).await
            }
            outcome => outcome,
        };
        match minted {
            Ok(minted) if minted.is_within(scope) => Ok(minted),
            Ok(minted) => {
                if let Err(fault) = self.revoke(&minted.token).await {
                    tracing::error!(
                        app = %self.name, %owner, until = %minted.expires,
                        "GitHub gave a token for more than was asked for, which is not used, but \
                         cannot be revoked either: {fault}"
                    );
                }
                Err(Refusal::Wider)
            }
            Err(Trouble::Github(Fault::Suspended)) => {
                if let Some((Standing::Installed(known), _)) = self.memory.standing(owner) {
                    self.note(owner, Standing::Suspended(known));
                }
                self.memory.stale.notify_one();
                Err(Refusal::Suspended)
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Has a token end.
    ///
    /// # Errors
    /// Where it is not known to be gone.
    pub async fn revoke(&self, token: &Secret) -> Result<(), Fault> {
        self.client.revoke(token).await
    }

    /// The installation at `owner`, as far as possible from memory.
    ///
    /// # Errors
    /// Where there is none, or none that works.
    pub async fn installation(&self, owner: &Owner) -> Result<InstallationId, Refusal> {
        match self.remembered(owner, None) {
            Some(Ok(id)) => Ok(id),
            Some(Err(refusal)) => Err(self.with_page(refusal).await),
            None => self.resolve(owner, None).await,
        }
    }

    /// What is remembered of the installation at `owner`, which is not `spent`.
    fn remembered(
        &self,
        owner: &Owner,
        spent: Option<InstallationId>,
    ) -> Option<Result<InstallationId, Refusal>> {
        let (standing, since) = self.memory.standing(owner)?;
        let fresh = self.clock.now().since(since) < REMEMBERED;
        match standing {
            Standing::Installed(found) => (Some(found.id) != spent).then(|| Ok(found.id)),
            Standing::Suspended(_) => fresh.then_some(Err(Refusal::Suspended)),
            Standing::Removed(_) | Standing::Absent => {
                fresh.then_some(Err(Refusal::NotInstalled { page: None }))
            }
        }
    }

    /// What is known of an account without asking anybody.
    #[must_use]
    pub fn standing(&self, owner: &Owner) -> Option<Standing> {
        self.memory.standing(owner).map(|(standing, _)| standing)
    }

    /// Told whenever an installation is another one, suspended or gone, or its permissions
    /// changed: tokens in hand should be held against [`App::standing`].
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.memory.changes.subscribe()
    }

    /// Asks GitHub for the installation at `owner`, which is not `spent`. Of many who ask at once
    /// one does, and the others have what it found.
    async fn resolve(
        &self,
        owner: &Owner,
        spent: Option<InstallationId>,
    ) -> Result<InstallationId, Refusal> {
        let door = self.memory.door(owner);
        let mut failed = door.lock().await;
        match self.remembered(owner, spent) {
            Some(Ok(id)) => return Ok(id),
            Some(Err(refusal)) => return Err(self.with_page(refusal).await),
            None => {}
        }
        if let Some((refusal, at)) = &*failed
            && self.clock.now().since(*at) < SAME_FAILURE
        {
            return Err(refusal.clone());
        }
        let outcome = self.ask_for(owner).await;
        *failed = match &outcome {
            Err(refusal) if refusal.is_passing() => Some((refusal.clone(), self.clock.now())),
            Ok(_) | Err(_) => None,
        };
        outcome
    }

    async fn ask_for(&self, owner: &Owner) -> Result<InstallationId, Refusal> {
        let found =
            self.as_app(|jwt| async move { self.client.installation_of(&jwt, owner).await });
        match found.await {
            Ok(found) => self.take_in(owner, found),
            Err(Trouble::Github(Fault::NotFound)) => {
                let gone = match self.memory.standing(owner) {
                    Some((
                        Standing::Installed(old)
                        | Standing::Suspended(old)
                        | Standing::Removed(old),
                        _,
                    )) => Standing::Removed(old),
                    Some((Standing::Absent, _)) | None => Standing::Absent,
                };
                self.note(owner, gone);
                let refusal = Refusal::NotInstalled { page: None };
                Err(self.with_page(refusal).await)
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn take_in(&self, owner: &Owner, found: Installation) -> Result<InstallationId, Refusal> {
        if found.app != self.id {
            let why = format!("GitHub answers with the installation of App {}", found.app);
            return Err(Refusal::Unexpected { why });
        }
        let (id, standing) = (found.id, Standing::of(found));
        let works = standing.installed().is_some();
        self.note(owner, standing);
        if works {
            Ok(id)
        } else {
            Err(Refusal::Suspended)
        }
    }

    fn note(&self, owner: &Owner, standing: Standing) {
        self.memory.set(owner, standing, self.clock.now());
    }

    /// The refusal, with the page on which the App is installed: for that its name is needed.
    async fn with_page(&self, refusal: Refusal) -> Refusal {
        if !matches!(refusal, Refusal::NotInstalled { .. }) {
            return refusal;
        }
        let known = self.memory.facts().registration.clone();
        let slug = match known {
            Some(known) => Some(known.slug.clone()),
            None => {
                let asked = self.as_app(|jwt| async move { self.client.registration(&jwt).await });
                let found = asked.await.ok().map(Arc::new);
                let slug = found.as_ref().map(|found| found.slug.clone());
                let mut facts = self.memory.facts();
                facts.registration = found.or_else(|| facts.registration.take());
                slug
            }
        };
        let page = slug.map(|slug| self.site().install_page(&slug));
        Refusal::NotInstalled { page }
    }

    async fn mint_at(&self, id: InstallationId, scope: &Scope) -> Result<Minted, Trouble> {
        self.as_app(|jwt| async move { self.client.mint(&jwt, id, scope).await })
            .await
    }

    /// Asks something as the App itself: with the key that works, else with the others in turn.
    ///
    /// # Errors
    /// What GitHub said to the last key, or that nothing could be signed.
    pub async fn as_app<T, C, F>(&self, call: C) -> Result<T, Trouble>
    where
        C: Fn(Jwt) -> F,
        F: Future<Output = Result<T, Fault>>,
    {
        if let Some(retry_after) = self.memory.limited(self.clock.now()) {
            let told = true;
            return Err(Fault::Limited { retry_after, told }.into());
        }
        let mut refused = Trouble::Github(Fault::Unauthorized { date: None });
        for key in self.keys_in_turn() {
            match self.with_key(key, &call).await {
                Err(trouble @ Trouble::Github(Fault::Unauthorized { .. })) => refused = trouble,
                outcome => return outcome,
            }
        }
        Err(refused)
    }

    /// Asks with one key; where GitHub's clock turns out to be another, once more by that one.
    pub(super) async fn with_key<T, C, F>(&self, key: Fingerprint, call: &C) -> Result<T, Trouble>
    where
        C: Fn(Jwt) -> F,
        F: Future<Output = Result<T, Fault>>,
    {
        let asked = self.clock.now();
        let by = self.memory.githubs(asked);
        let mut outcome = call(self.signer.sign(key, self.id, by).await?).await;
        if let Err(Fault::Unauthorized { date: Some(date) }) = &outcome
            && apart(*date, by) >= NEGLIGIBLE
        {
            let date = *date;
            outcome = call(self.signer.sign(key, self.id, date).await?).await;
            if is_signed_in(&outcome) {
                self.memory.set_clock(date, asked);
                tracing::warn!(
                    app = %self.name, githubs = %date, ours = %asked,
                    "this machine's clock and GitHub's differ; JWTs are signed by GitHub's"
                );
            }
        }
        if is_signed_in(&outcome) {
            self.judge(key, true);
        } else if matches!(outcome, Err(Fault::Unauthorized { .. })) {
            self.judge(key, false);
        }
        match outcome {
            Err(Fault::Limited { retry_after, told }) => {
                let now = self.clock.now();
                let retry_after = self.memory.limit(retry_after, told, now);
                Err(Fault::Limited { retry_after, told }.into())
            }
            Err(fault) => Err(fault.into()),
            Ok(value) => {
                self.memory.unlimit();
                Ok(value)
            }
        }
    }

    /// The key that worked last, then the others, newest first.
    fn keys_in_turn(&self) -> Vec<Fingerprint> {
        let active = self.memory.facts().active;
        let mut keys = self.keys.clone();
        keys.sort_by_key(|key| Some(*key) != active);
        keys
    }

    /// Notes what GitHub says of a key. The first that works, and one that works where the one in
    /// use does not, is the one in use from now on.
    fn judge(&self, key: Fingerprint, accepted: bool) {
        let mut facts = self.memory.facts();
        let at = self.clock.now();
        let before = facts.verdicts.insert(key, Verdict { accepted, at });
        let told = before.is_some_and(|before| before.accepted == accepted);
        if !accepted {
            if facts.active == Some(key) {
                facts.active = None;
            }
            if !told {
                tracing::warn!(app = %self.name, %key, "GitHub does not take this key of the App");
            }
        } else if facts.active.is_none() {
            facts.active = Some(key);
            tracing::info!(app = %self.name, %key, "the App signs with this key");
        }
    }
}

/// Whether GitHub took the JWT, whatever it made of the rest.
fn is_signed_in<T>(outcome: &Result<T, Fault>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(fault) => matches!(
            fault,
            Fault::NotFound
                | Fault::Suspended
                | Fault::Forbidden { .. }
                | Fault::IpNotAllowed { .. }
                | Fault::Unprocessable { .. }
        ),
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

/// How long it is remembered that the App is suspended or not installed somewhere, unless a
/// webhook tells otherwise: short, since a person waits who has just changed that.
pub const REMEMBERED: Duration = Duration::from_secs(30);
/// Those who waited for an answer that did not come need not wait for another each.
const SAME_FAILURE: Duration = Duration::from_secs(1);
/// A JWT lies back by a minute and ends a minute early: less than this is none of the reasons for
/// which GitHub refuses one.
const NEGLIGIBLE: Duration = Duration::from_secs(5);
