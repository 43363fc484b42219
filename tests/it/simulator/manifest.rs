//! Apps made from a manifest: the page that asks, the code that it leads to, and what the code is
//! worth, once and for an hour.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::example::laid_over;
use super::keys::AppKey;
use super::pages::{escaped, field, hidden};
use super::permissions::Permissions;
use super::state::{App, Hook, Unfetched};
use serde_json::{Value, json};

/// How long a code may be redeemed, in seconds.
const REDEEMABLE: i64 = 3600;
/// Keys with lower numbers are for tests to give to Apps themselves.
const FIRST_KEY: usize = 8;

impl Simulator {
    /// The page that shows what the manifest wants, with a button.
    pub(super) fn asked_for(
        &self,
        owner: Option<&str>,
        state: &str,
        form: &[(String, String)],
    ) -> Reply {
        let manifest = field(form, "manifest");
        let Ok(wanted) = serde_json::from_str::<Value>(manifest) else {
            return Reply::page(
                "Invalid GitHub App configuration",
                "<p>The manifest is not JSON.</p>",
            );
        };
        let missing = |name: &str| wanted[name].as_str().is_none_or(str::is_empty);
        if missing("url") || missing("redirect_url") {
            return Reply::page(
                "Invalid GitHub App configuration",
                "<p>Error: `url` and `redirect_url` must be there.</p>",
            );
        }
        let place = owner.map_or_else(String::new, |owner| format!("/organizations/{owner}"));
        let name = wanted["name"].as_str().unwrap_or_default();
        let body = format!(
            "<form method=post action=\"{place}/settings/apps/manifest\">{}{}<label>GitHub App name <input name=name value=\"{}\" required></label><button type=submit>Create GitHub App</button></form>",
            hidden("manifest", manifest),
            hidden("state", state),
            escaped(name),
        );
        Reply::page("Register new GitHub App", &body)
    }

    /// The button was pressed: the App is there, and whoever asked is told the code.
    pub(super) fn created(&self, owner: Option<&str>, form: &[(String, String)]) -> Reply {
        let wanted: Value = serde_json::from_str(field(form, "manifest")).unwrap_or_default();
        let (name, shown) = (field(form, "name"), field(form, "state"));
        let slug = slug(name);
        let taken = self.state().apps.values().any(|app| app.slug == slug);
        if taken || slug.is_empty() {
            return Reply::page(
                "Register new GitHub App",
                "<p class=error>Name is already taken</p>",
            );
        }
        let owner = match owner {
            Some(owner) => self.organization(owner),
            None => self.user("mona"),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let url = text(&wanted["hook_attributes"]["url"]);
        let secret = url
            .as_ref()
            .map(|_| uuid::Uuid::new_v4().simple().to_string());
        let permissions = Permissions::parse(&wanted["default_permissions"]).unwrap_or_default();
        let events = wanted["default_events"].as_array().into_iter().flatten();
        let mut state = self.state();
        state.keys_given += 1;
        let id = state.next();
        let app = App {
            id,
            slug,
            client_id: format!("Iv23li{id:014}"),
            client_secret: uuid::Uuid::new_v4().simple().to_string(),
            name: name.to_owned(),
            owner,
            keys: vec![AppKey::number(FIRST_KEY + state.keys_given)],
            permissions: permissions.with_metadata(),
            events: events.filter_map(text).collect(),
            hook: Hook {
                active: url.is_some() && wanted["hook_attributes"]["active"] != false,
                url,
                secret,
                form: false,
            },
            setup_url: text(&wanted["setup_url"]),
        };
        state.apps.insert(id, app);
        let code = uuid::Uuid::new_v4().simple().to_string();
        let made = self.0.clock.now();
        state
            .unfetched
            .insert(code.clone(), Unfetched { app: id, made });
        let Ok(mut back) = url::Url::parse(wanted["redirect_url"].as_str().unwrap_or_default())
        else {
            return Reply::page(
                "Invalid GitHub App configuration",
                "<p>Invalid redirect_url</p>",
            );
        };
        back.query_pairs_mut().append_pair("code", &code);
        if !shown.is_empty() {
            back.query_pairs_mut().append_pair("state", shown);
        }
        Reply::to(302, back.as_str())
    }

    /// A code's worth: the App with its secrets.
    pub(super) fn convert(&self, code: &str) -> Answered {
        let now = self.0.clock.now().as_second();
        let mut state = self.state();
        let found = state.unfetched.remove(code).ok_or_else(Reply::not_found)?;
        if now >= found.made.as_second() + REDEEMABLE {
            return Err(Reply::not_found());
        }
        let app = state.apps.get(&found.app).ok_or_else(Reply::not_found)?;
        let secrets = json!({
            "client_secret": app.client_secret,
            "webhook_secret": app.hook.secret,
            "pem": app.keys[0].pkcs1_pem(),
        });
        Ok(Reply::json(
            201,
            &laid_over(self.app_object(&state, app), secrets),
        ))
    }
}

pub(super) fn slug(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
