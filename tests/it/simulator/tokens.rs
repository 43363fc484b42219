//! Installation tokens: what may be asked for, what comes of it, how it ends.

use super::answer::{Answered, Reply};
use super::clock::written;
use super::example::laid_over;
use super::permissions::Permissions;
use super::principal::Principal;
use super::request::Call;
use super::state::{Chosen, Installation, State, Token};
use super::{Shape, Simulator, Wider};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LIFE: SignedDuration = SignedDuration::from_hours(1);
const MOST_REPOSITORIES: usize = 500;

impl Simulator {
    /// Every installation token that was ever given out.
    pub fn tokens(&self) -> Vec<Token> {
        self.state().tokens.clone()
    }

    /// Those that may still be used.
    pub fn alive(&self) -> Vec<Token> {
        let now = self.0.clock.now();
        let state = self.state();
        let alive = |token: &&Token| {
            let here = state.installations.contains_key(&token.installation);
            here && !token.revoked && now < token.expires
        };
        state.tokens.iter().filter(alive).cloned().collect()
    }

    /// What a token may reach now: names of repositories, and permissions.
    pub fn reach(&self, token: &Token) -> (BTreeSet<String>, Permissions) {
        let state = self.state();
        let (repositories, permissions) = state.reach(token);
        let names = repositories
            .iter()
            .map(|id| state.full_name(&state.repositories[id]));
        (names.collect(), permissions)
    }

    pub(super) fn mint(&self, app: u64, installation: u64, call: &Call) -> Answered {
        let now = self.0.clock.now();
        let wider = self.0.moods.borrow().wider;
        let mut state = self.state();
        let found = state.installations.get(&installation);
        let found = found.filter(|one| one.app == app).cloned();
        let found = found.ok_or_else(Reply::not_found)?;
        if found.suspended.is_some() {
            return Err(Reply::suspended());
        }
        let asked = if call.body.is_empty() {
            json!({})
        } else {
            call.json()?
        };
        let mut repositories = chosen(&state, &found, &asked)?;
        let mut permissions = permitted(&found, &asked["permissions"])?;
        match wider {
            Some(Wider::Repositories) => repositories = Some(state.covered(&found)),
            Some(Wider::Permissions) => permissions = found.permissions.clone().with_metadata(),
            Some(Wider::Everything) => {
                repositories = None;
                permissions = found.permissions.clone().with_metadata();
            }
            None => {}
        }
        let token = Token {
            text: self.text(installation, now.as_second()),
            app,
            installation,
            asked,
            repositories,
            permissions,
            minted: now,
            expires: now + LIFE,
            revoked: false,
            shown: 0,
        };
        let body = self.minted(&state, &found, &token);
        state.tokens.push(token);
        Ok(Reply::json(201, &body))
    }

    fn minted(&self, state: &State, installation: &Installation, token: &Token) -> Value {
        let all = token.repositories.is_none() && installation.repositories == Chosen::All;
        let mut known = json!({
            "token": token.text,
            "expires_at": written(token.expires),
            "permissions": token.permissions.json(),
            "repository_selection": if all { "all" } else { "selected" },
        });
        if let Some(chosen) = &token.repositories {
            let listed = chosen
                .iter()
                .map(|id| self.listed(state, &state.repositories[id], "repository"));
            known["repositories"] = listed.collect();
        }
        laid_over(self.0.description.example("installation-token"), known)
    }

    /// As long as the server's tokens are.
    fn text(&self, installation: u64, now: i64) -> String {
        let random = |length: usize| -> Vec<u8> { (0..length).map(|_| rand::random()).collect() };
        match self.0.shape {
            Shape::Ghes => {
                let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
                let pick = |byte: u8| char::from(letters[usize::from(byte) % letters.len()]);
                let text: String = random(36).into_iter().map(pick).collect();
                format!("ghs_{text}")
            }
            Shape::Dotcom => {
                let head = json!({ "alg": "RS256", "typ": "JWT" }).to_string();
                let claims = json!({
                    "jti": URL_SAFE_NO_PAD.encode(random(40)),
                    "sub": format!("installation:{installation}"),
                    "exp": now + LIFE.as_secs(),
                });
                let parts = [
                    head.into_bytes(),
                    claims.to_string().into_bytes(),
                    random(256),
                ];
                let parts = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
                format!("ghs_{}", parts.join("."))
            }
        }
    }

    pub(super) fn revoke(&self, call: &Call) -> Answered {
        let Principal::Installation(shown) = &call.by else {
            return Err(Reply::bad_credentials());
        };
        let mut state = self.state();
        let token = state
            .tokens
            .iter_mut()
            .find(|token| token.text == shown.text);
        token.unwrap().revoked = true;
        Ok(Reply::empty(204))
    }
}

/// The repositories that were asked for; none where nothing was, which means all.
fn chosen(
    state: &State,
    installation: &Installation,
    asked: &Value,
) -> Result<Option<BTreeSet<u64>>, Reply> {
    let list = |name: &str| asked[name].as_array().cloned().unwrap_or_default();
    let (names, ids) = (list("repositories"), list("repository_ids"));
    if names.is_empty() && ids.is_empty() {
        return Ok(None);
    }
    if names.len() + ids.len() > MOST_REPOSITORIES {
        return Err(Reply::no(422, "The maximum number of repositories is 500."));
    }
    let covered = state.covered(installation);
    let named = |name: &Value| {
        let name = name.as_str()?;
        let of = |id: &&u64| state.repositories[*id].name.eq_ignore_ascii_case(name);
        covered.iter().find(of).copied()
    };
    let by_name = names.iter().map(named);
    let by_id = ids
        .iter()
        .map(|id| id.as_u64().filter(|id| covered.contains(id)));
    let all: Option<BTreeSet<u64>> = by_name.chain(by_id).collect();
    let refused = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    all.map(Some).ok_or_else(|| Reply::no(422, refused))
}

/// The permissions that were asked for; all where none were.
fn permitted(installation: &Installation, asked: &Value) -> Result<Permissions, Reply> {
    let granted = installation.permissions.clone().with_metadata();
    if asked.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(granted);
    }
    let wanted = Permissions::parse(asked);
    let wanted = wanted
        .ok_or_else(|| Reply::no(422, "Invalid request.\n\nThe permissions are not valid."))?;
    if !wanted.within(&granted) {
        return Err(Reply::no(
            422,
            "The permissions requested are not granted to this installation.",
        ));
    }
    Ok(wanted.with_metadata())
}
