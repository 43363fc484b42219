//! People whose tokens are held here, as requests meet them: who comes with a handle goes on with
//! the token that stands behind it now.

use super::context::Context;
use super::refuse::Refusal;
use crate::apps::people::{Held, PREFIX, People};
use crate::apps::{App, Apps};
use crate::types::Name;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who holds people's tokens for a published GitHub.
#[derive(Debug)]
pub struct Holder {
    /// Where they are held.
    pub people: People,
    /// The Apps in force.
    pub apps: Arc<ArcSwap<Apps>>,
    /// Those of this GitHub whose tokens are held.
    pub names: Vec<Name>,
}

impl Holder {
    /// The Apps whose people's tokens are held.
    pub(super) fn apps(&self) -> Vec<Arc<App>> {
        let all = self.apps.load();
        let named = self.names.iter().filter_map(|name| all.app(name).cloned());
        named.collect()
    }
}

/// One who came with a handle.
pub(super) struct Visitor {
    holder: Arc<Holder>,
    handle: Zeroizing<String>,
    held: Arc<Held>,
    /// It came as the password of `Basic`, as from git.
    basic: bool,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visitor(..)")
    }
}

impl Visitor {
    /// Who comes with a handle; none where there is none.
    pub(super) async fn of(
        holder: &Arc<Holder>,
        headers: &HeaderMap,
        context: &mut Context,
    ) -> Result<Option<Self>, Refusal> {
        let Some((handle, basic)) = shown(headers) else {
            return Ok(None);
        };
        let held = holder.people.token(&handle, &holder.apps()).await;
        let held = held.map_err(Refusal::User)?;
        context.note.token = Some(held.hashed.clone());
        Ok(Some(Self {
            holder: holder.clone(),
            handle,
            held,
            basic,
        }))
    }

    /// The header that carries the token.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        super::desk::bearer(self.held.token(), self.basic)
    }

    /// Has another token in place of one that GitHub refused.
    pub(super) async fn renew(&mut self, context: &mut Context) -> Result<(), Refusal> {
        let apps = self.holder.apps();
        let fresh = self.holder.people.replace(&self.handle, &apps, &self.held);
        self.held = fresh.await.map_err(Refusal::User)?;
        context.note.token = Some(self.held.hashed.clone());
        Ok(())
    }
}

/// The handle that a request shows, and whether by `Basic`.
fn shown(headers: &HeaderMap) -> Option<(Zeroizing<String>, bool)> {
    let line = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = line.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        let handle = rest.starts_with(PREFIX).then(|| rest.to_owned());
        return handle.map(|handle| (Zeroizing::new(handle), false));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(rest).ok()?);
    let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    let mut both = [password, user].into_iter();
    let handle = both.find(|text| text.starts_with(PREFIX))?;
    Some((Zeroizing::new(handle.to_owned()), true))
}
