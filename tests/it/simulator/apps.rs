//! What an App may ask about itself.

use super::Shape;
use super::Simulator;
use super::answer::{Answered, Reply};
use super::clock::written;
use super::example::laid_over;
use super::paging::Page;
use super::request::Call;
use super::state::{Account, App, Side, State};
use serde_json::{Value, json};

impl Simulator {
    /// `/app` and below, but for its hook.
    pub(super) fn app_itself(&self, call: &Call, rest: &[&str]) -> Answered {
        let app = call.app()?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| Reply::not_found());
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let state = self.state();
                Ok(Reply::json(
                    200,
                    &self.app_object(&state, &state.apps[&app]),
                ))
            }
            ("GET", ["installations"]) => self.installations_of(app, call),
            ("GET", ["installation-requests"]) => self.requests_to(app, call),
            ("GET", ["installations", id]) => {
                let state = self.state();
                let found = state.installations.get(&number(id)?);
                let found = found
                    .filter(|one| one.app == app)
                    .ok_or_else(Reply::not_found)?;
                Ok(Reply::json(200, &self.installation_object(&state, found)))
            }
            ("DELETE", ["installations", id]) => {
                let id = self.own(app, number(id)?)?;
                self.uninstall(id);
                Ok(Reply::empty(204))
            }
            ("PUT", ["installations", id, "suspended"]) => {
                let id = self.own(app, number(id)?)?;
                self.suspend(id, Side::App);
                Ok(Reply::empty(204))
            }
            ("DELETE", ["installations", id, "suspended"]) => {
                let id = self.own(app, number(id)?)?;
                if self.unsuspend(id, Side::App) {
                    Ok(Reply::empty(204))
                } else {
                    Err(Reply::not_found())
                }
            }
            ("POST", ["installations", id, "access_tokens"]) => self.mint(app, number(id)?, call),
            _ => Err(Reply::not_found()),
        }
    }

    /// What everybody may know of an App.
    pub(super) fn app_named(&self, slug: &str) -> Answered {
        let app = self.app_called(slug).ok_or_else(Reply::not_found)?;
        Ok(Reply::json(200, &self.app_object(&self.state(), &app)))
    }

    fn own(&self, app: u64, id: u64) -> Result<u64, Reply> {
        let state = self.state();
        let found = state.installations.get(&id).filter(|one| one.app == app);
        found.map(|one| one.id).ok_or_else(Reply::not_found)
    }

    fn requests_to(&self, app: u64, call: &Call) -> Answered {
        let state = self.state();
        let all = state.requests.iter().filter(|one| one.app == app).cloned();
        let url = format!("{}/app/installation-requests", self.0.api);
        let page = Page::of(all.collect(), call, &url);
        let listed = page.items.iter().map(|one| {
            let known = json!({
                "id": one.id,
                "account": self.account_object(&state.accounts[&one.account]),
                "requester": self.account_object(&state.accounts[&one.requester]),
                "created_at": written(one.created),
            });
            laid_over(
                self.0
                    .description
                    .example("integration-installation-request"),
                known,
            )
        });
        Ok(page.reply(&listed.collect()))
    }

    pub(super) fn app_object(&self, state: &State, app: &App) -> Value {
        let known = json!({
            "id": app.id,
            "slug": app.slug,
            "client_id": app.client_id,
            "owner": self.account_object(&state.accounts[&app.owner]),
            "name": app.name,
            "html_url": self.app_page(&app.slug),
            "permissions": app.permissions.json(),
            "events": app.events,
            "installations_count": state.installations.values().filter(|one| one.app == app.id).count(),
        });
        laid_over(self.0.description.example("integration"), known)
    }

    /// Where people see an App.
    pub fn app_page(&self, slug: &str) -> String {
        let kind = match self.0.shape {
            Shape::Dotcom => "apps",
            Shape::Ghes => "github-apps",
        };
        format!("{}/{kind}/{slug}", self.0.web)
    }

    pub(super) fn account_object(&self, account: &Account) -> Value {
        let (web, api, login) = (&self.0.web, &self.0.api, &account.login);
        let known = json!({
            "id": account.id,
            "login": login,
            "type": if account.organization { "Organization" } else { "User" },
            "url": format!("{api}/users/{login}"),
            "html_url": format!("{web}/{login}"),
            "repos_url": format!("{api}/users/{login}/repos"),
            "site_admin": false,
        });
        laid_over(self.0.description.example("simple-user"), known)
    }
}
