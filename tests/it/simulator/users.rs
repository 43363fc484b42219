//! Users' tokens for an App: eight hours of life where expiry is on, and half a year to renew them.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::example::laid_over;
use super::principal::Principal;
use super::request::Call;
use super::state::UserToken;
use jiff::SignedDuration;
use serde_json::json;

const LIFE: SignedDuration = SignedDuration::from_hours(8);
const RENEWABLE: SignedDuration = SignedDuration::from_hours(184 * 24);

impl Simulator {
    /// A token of this user for this App, and the refresh token where expiry is on.
    pub fn user_token(&self, app: u64, login: &str, expires: bool) -> (String, Option<String>) {
        let user = self.user(login);
        let token = self.user_token_of(app, user, expires);
        let pair = (token.access.clone(), token.refresh.clone());
        self.state().user_tokens.push(token);
        pair
    }

    fn user_token_of(&self, app: u64, user: u64, expires: bool) -> UserToken {
        let now = self.0.clock.now();
        let text = |kind: &str| {
            format!(
                "{kind}_{}{:04}",
                uuid::Uuid::new_v4().simple(),
                user % 10_000
            )
        };
        UserToken {
            app,
            user,
            access: text("ghu"),
            refresh: expires.then(|| text("ghr")),
            expires: expires.then(|| now + self.0.moods.borrow().user_life.unwrap_or(LIFE)),
            refresh_expires: expires.then(|| now + RENEWABLE),
            gone: false,
        }
    }

    /// Every token of a user that was ever given, and every one that renews.
    pub fn user_secrets(&self) -> Vec<String> {
        let state = self.state();
        let tokens = state.user_tokens.iter();
        let each = tokens.flat_map(|token| [Some(token.access.clone()), token.refresh.clone()]);
        each.flatten().collect()
    }

    /// A code as a browser brings it back of somebody who signed in to this App.
    pub fn code(&self, app: u64, login: &str) -> String {
        let user = self.user(login);
        let code = uuid::Uuid::new_v4().simple().to_string();
        self.state().codes.insert(code.clone(), (app, Some(user)));
        code
    }

    /// Somebody types in the code that a device shows.
    pub fn approve(&self, code: &str, login: &str) {
        let user = self.user(login);
        self.state().codes.get_mut(code).unwrap().1 = Some(user);
    }

    /// A user takes back what they let this App do.
    pub fn revoke_users(&self, app: u64) {
        let mut state = self.state();
        let tokens = state
            .user_tokens
            .iter_mut()
            .filter(|token| token.app == app);
        tokens.for_each(|token| token.gone = true);
    }

    /// `/login/device/code`
    pub(super) fn device(&self, form: &[(String, String)], as_json: bool) -> Reply {
        let mut state = self.state();
        let id = field(form, "client_id");
        let Some(app) = state.apps.values().find(|app| app.client_id == id) else {
            return Reply::no(404, "Not Found");
        };
        let app = app.id;
        let code = format!("WDJB-{:04}", state.codes.len());
        state.codes.insert(code.clone(), (app, None));
        let pairs = [
            ("device_code", code.clone()),
            ("user_code", code),
            ("verification_uri", format!("{}/login/device", self.0.web)),
            ("expires_in", "899".to_owned()),
            ("interval", "5".to_owned()),
        ];
        told(&pairs, as_json)
    }

    /// `/login/oauth/access_token`: for a code, for a device's, for what renews a token.
    pub(super) fn signed_in(&self, form: &[(String, String)], as_json: bool) -> Reply {
        let wrong = |code: &str| {
            let why = format!("The request says so: {code}.");
            let pairs = [("error", code.to_owned()), ("error_description", why)];
            told(&pairs, as_json)
        };
        let device = field(form, "grant_type") == "urn:ietf:params:oauth:grant-type:device_code";
        let now = self.0.clock.now();
        let found = {
            let mut state = self.state();
            let app = state.apps.values().find(|app| {
                let secret = app.client_secret == field(form, "client_secret");
                app.client_id == field(form, "client_id") && (secret || device)
            });
            let Some(app) = app.map(|app| app.id) else {
                return wrong("incorrect_client_credentials");
            };
            match field(form, "grant_type") {
                "refresh_token" => {
                    let shown = field(form, "refresh_token");
                    let mut tokens = state.user_tokens.iter_mut();
                    let known = tokens
                        .find(|token| token.app == app && token.refresh.as_deref() == Some(shown));
                    let alive = known.filter(|token| {
                        !token.gone && token.refresh_expires.is_some_and(|end| now < end)
                    });
                    let Some(token) = alive else {
                        return wrong("bad_refresh_token");
                    };
                    token.gone = true;
                    (app, token.user)
                }
                _ => {
                    let code = field(form, if device { "device_code" } else { "code" });
                    match state.codes.get(code).copied() {
                        Some((of, Some(user))) if of == app => {
                            state.codes.remove(code);
                            (app, user)
                        }
                        Some((of, None)) if of == app => return wrong("authorization_pending"),
                        _ => return wrong("bad_verification_code"),
                    }
                }
            }
        };
        let expires = !self.0.moods.borrow().everlasting;
        let token = self.user_token_of(found.0, found.1, expires);
        let mut pairs = vec![("access_token", token.access.clone())];
        if let Some(refresh) = &token.refresh {
            let life = token.expires.unwrap().duration_since(now).as_secs();
            pairs.extend([
                ("expires_in", life.to_string()),
                ("refresh_token", refresh.clone()),
                ("refresh_token_expires_in", RENEWABLE.as_secs().to_string()),
            ]);
        }
        pairs.extend([
            ("scope", String::new()),
            ("token_type", "bearer".to_owned()),
        ]);
        self.state().user_tokens.push(token);
        told(&pairs, as_json)
    }

    /// `/user`, which only users have.
    pub(super) fn user_itself(&self, call: &Call) -> Answered {
        let Principal::User { user, .. } = &call.by else {
            return Err(Reply::inaccessible());
        };
        let state = self.state();
        let account = &state.accounts[user];
        let known = json!({ "login": account.login, "id": account.id, "type": "User" });
        Ok(Reply::json(
            200,
            &laid_over(self.0.description.example("public-user"), known),
        ))
    }
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

/// As JSON, or as a form, which is what is told where nothing is asked for.
fn told(pairs: &[(&str, String)], as_json: bool) -> Reply {
    if as_json {
        let number = |text: &str| {
            text.parse::<u64>()
                .map_or(json!(text), |number| json!(number))
        };
        let body = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), number(value)));
        return Reply::json(200, &body.collect::<serde_json::Map<_, _>>().into());
    }
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs.iter().map(|(name, value)| (*name, value)));
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    Reply {
        body: body.finish().into_bytes(),
        ..Reply::empty(200).with("content-type", kind)
    }
}
