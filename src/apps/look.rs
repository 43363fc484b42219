//! Which repositories an installation has: looked up with a token that may read metadata and
//! nothing else, which never leaves this room.

use super::app::App;
use super::lookout::{Held, Lookout};
use super::refusal::Refusal;
use crate::github::{Allowed, Fault, Listed, Repositories, Scope};
use crate::types::{Level, Owner, Permissions, Secret};
use std::sync::Arc;
use std::time::Duration;

impl App {
    /// The repositories of the installation at `owner`, at most a minute old; up to ten where
    /// GitHub cannot be asked.
    ///
    /// # Errors
    /// Where there is no installation that works, or GitHub does not say.
    pub async fn repositories(&self, owner: &Owner) -> Result<Arc<[Listed]>, Refusal> {
        let lookout = self.lookout(owner);
        if let Some(list) = lookout.list(self.clock.now(), FRESH) {
            return Ok(list);
        }
        let _turn = lookout.turn.lock().await;
        if let Some(list) = lookout.list(self.clock.now(), FRESH) {
            return Ok(list);
        }
        let asked = self.looking(owner, &lookout, |token| async move {
            self.client.repositories(&token).await
        });
        match asked.await {
            Ok(list) => {
                let list: Arc<[Listed]> = list.into();
                lookout.keep(&list, self.clock.now());
                Ok(list)
            }
            Err(refusal) if refusal.is_passing() => {
                lookout.list(self.clock.now(), USABLE).ok_or(refusal)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Which repository of the installation at `owner` has this number; none where none has.
    ///
    /// # Errors
    /// Where there is no installation that works, or GitHub does not say.
    pub async fn repository_by_id(
        &self,
        owner: &Owner,
        id: u64,
    ) -> Result<Option<Listed>, Refusal> {
        let lookout = self.lookout(owner);
        let now = self.clock.now();
        if let Some(list) = lookout.list(now, FRESH)
            && let Some(found) = list.iter().find(|listed| listed.id == id)
        {
            return Ok(Some(found.clone()));
        }
        if let Some((found, since)) = lookout.numbers.get(&id)
            && now.since(since) < FRESH
        {
            return Ok(found);
        }
        let asked = self.looking(owner, &lookout, |token| async move {
            match self.client.repository(&token, id).await {
                Ok(found) => Ok(Some(found)),
                Err(Fault::NotFound) => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        // A public repository of somebody else's is shown to every token.
        let found = asked.await?.filter(|found| {
            found.id == id && found.name.owner().eq_ignore_ascii_case(owner.as_str())
        });
        lookout
            .numbers
            .insert(id, (found.clone(), self.clock.now()));
        Ok(found)
    }

    fn lookout(&self, owner: &Owner) -> Arc<Lookout> {
        self.memory.lookouts.get_with(owner.clone(), Arc::default)
    }

    /// Asks something with the lookout's token. A young one may not be known everywhere yet; one
    /// that is refused later is gone, and another is minted, once.
    async fn looking<T, C, F>(
        &self,
        owner: &Owner,
        lookout: &Lookout,
        call: C,
    ) -> Result<T, Refusal>
    where
        C: Fn(Secret) -> F,
        F: Future<Output = Result<T, Fault>>,
    {
        let mut renewed = false;
        let mut pause = FIRST_PAUSE;
        loop {
            let held = self.held(owner, lookout).await?;
            let fault = match call(held.token.clone()).await {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            let age = self.clock.now().since(held.minted);
            let refused = matches!(fault, Fault::Unauthorized { .. });
            if age < YOUNG && pause <= LONGEST_PAUSE && (refused || is_forbidden(&fault)) {
                tokio::time::sleep(pause).await;
                pause *= 2;
            } else if refused && !renewed {
                renewed = true;
                *lookout.token.lock().await = None;
            } else {
                return Err(fault.into());
            }
        }
    }

    async fn held(&self, owner: &Owner, lookout: &Lookout) -> Result<Held, Refusal> {
        let mut held = lookout.token.lock().await;
        let now = self.memory.githubs(self.clock.now());
        if let Some(held) = held.as_ref()
            && held.expires.since(now) > LEAST_LEFT
        {
            return Ok(held.clone());
        }
        let mut metadata = Permissions::none();
        if metadata.set("metadata", Level::Read).is_err() {
            let why = "there is no permission to read metadata".to_owned();
            return Err(Refusal::Unexpected { why });
        }
        let scope = Scope {
            repositories: Repositories::All,
            permissions: Allowed::Only(metadata),
        };
        let minted = self.mint(owner, &scope).await?;
        let fresh = Held {
            token: minted.token,
            minted: self.clock.now(),
            expires: minted.expires,
        };
        *held = Some(fresh.clone());
        Ok(fresh)
    }

    /// Has the tokens that were for looking end, as far as that can be done in a few seconds.
    pub async fn close(&self) {
        let lookouts: Vec<_> = self.memory.lookouts.iter().collect();
        let revoking = lookouts.iter().map(|(_, lookout)| async move {
            let held = lookout.token.lock().await.take();
            if let Some(held) = held {
                self.revoke(&held.token).await.ok();
            }
        });
        let all = futures_util::future::join_all(revoking);
        tokio::time::timeout(LONGEST_CLOSE, all).await.ok();
    }
}

const fn is_forbidden(fault: &Fault) -> bool {
    matches!(fault, Fault::Forbidden { .. })
}

/// How old a list may be.
const FRESH: Duration = Duration::from_secs(60);
/// How old where GitHub cannot be asked: a token for a repository that is gone is not minted, so
/// that nothing is let through by an old list.
const USABLE: Duration = Duration::from_secs(600);
/// For so long a token may not be known to every part of GitHub.
const YOUNG: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A token that ends sooner is not begun with.
const LEAST_LEFT: Duration = Duration::from_secs(300);
const LONGEST_CLOSE: Duration = Duration::from_secs(5);
