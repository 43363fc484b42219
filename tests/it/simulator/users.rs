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
            expires: expires.then(|| now + LIFE),
            refresh_expires: expires.then(|| now + RENEWABLE),
            gone: false,
        }
    }

    /// `/login/oauth/access_token`, of which only renewal is known here.
    pub(super) fn renew(&self, form: &[(String, String)], as_json: bool) -> Reply {
        let field = |name: &str| {
            form.iter()
                .find(|(known, _)| known == name)
                .map_or("", |(_, value)| value)
        };
        let answer = |pairs: &[(&str, String)]| {
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
        };
        let wrong = |code: &str, why: &str| {
            answer(&[
                ("error", code.to_owned()),
                ("error_description", why.to_owned()),
            ])
        };
        let now = self.0.clock.now();
        let (app, user) = {
            let mut state = self.state();
            let mut apps = state.apps.values();
            let app = apps.find(|app| {
                app.client_id == field("client_id") && app.client_secret == field("client_secret")
            });
            let Some(app) = app.map(|app| app.id) else {
                return wrong(
                    "incorrect_client_credentials",
                    "The client_id and/or client_secret passed are incorrect.",
                );
            };
            if field("grant_type") != "refresh_token" {
                return wrong("unsupported_grant_type", "The grant type is not supported.");
            }
            let shown = field("refresh_token");
            let mut tokens = state.user_tokens.iter_mut();
            let known =
                tokens.find(|token| token.app == app && token.refresh.as_deref() == Some(shown));
            let alive = known
                .filter(|token| !token.gone && token.refresh_expires.is_some_and(|end| now < end));
            let Some(token) = alive else {
                return wrong(
                    "bad_refresh_token",
                    "The refresh token passed is incorrect or expired.",
                );
            };
            token.gone = true;
            (app, token.user)
        };
        let token = self.user_token_of(app, user, true);
        let reply = answer(&[
            ("access_token", token.access.clone()),
            ("expires_in", LIFE.as_secs().to_string()),
            ("refresh_token", token.refresh.clone().unwrap()),
            ("refresh_token_expires_in", RENEWABLE.as_secs().to_string()),
            ("scope", String::new()),
            ("token_type", "bearer".to_owned()),
        ]);
        self.state().user_tokens.push(token);
        reply
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
