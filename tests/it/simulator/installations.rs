//! Installations: how they are found, and what they look like.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::clock::written;
use super::example::laid_over;
use super::paging::Page;
use super::principal::Principal;
use super::request::Call;
use super::state::{Chosen, Installation, Repository, Side, State};
use serde_json::{Value, json};

impl Simulator {
    pub(super) fn installations_of(&self, app: u64, call: &Call) -> Answered {
        let state = self.state();
        let outdated = call.parameter("outdated").is_some();
        let wanted = &state.apps[&app].permissions;
        let all = state.installations.values().filter(|one| one.app == app);
        let all = all.filter(|one| !outdated || one.permissions != *wanted);
        let url = format!("{}/app/installations", self.0.api);
        let page = Page::of(all.collect(), call, &url);
        let listed = page
            .items
            .iter()
            .map(|one| self.installation_object(&state, one));
        Ok(page.reply(&listed.collect()))
    }

    /// Of an organisation or a user.
    pub(super) fn installation_of(&self, call: &Call, login: &str) -> Answered {
        let app = call.app()?;
        let state = self.state();
        let account = state.account(login).ok_or_else(Reply::not_found)?.id;
        let mut all = state.installations.values();
        let found = all.find(|one| one.app == app && one.account == account);
        let found = found.ok_or_else(Reply::not_found)?;
        Ok(Reply::json(200, &self.installation_object(&state, found)))
    }

    /// On a repository.
    pub(super) fn installation_on(&self, call: &Call, owner: &str, name: &str) -> Answered {
        let app = call.app()?;
        let state = self.state();
        if let Some(repository) = state.named(owner, name) {
            return self.installed_on(&state, app, repository);
        }
        let moved = state.once_named(owner, name).ok_or_else(Reply::not_found)?;
        // Who may not see it is not told where it went.
        self.installed_on(&state, app, moved)?;
        let url = format!("{}/repositories/{}/installation", self.0.api, moved.id);
        Err(Reply::moved(301, &url))
    }

    pub(super) fn installation_by_id(&self, call: &Call, id: &str) -> Answered {
        let app = call.app()?;
        let state = self.state();
        let found = id
            .parse()
            .ok()
            .and_then(|id: u64| state.repositories.get(&id));
        self.installed_on(&state, app, found.ok_or_else(Reply::not_found)?)
    }

    fn installed_on(&self, state: &State, app: u64, repository: &Repository) -> Answered {
        let mut all = state.installations.values().filter(|one| one.app == app);
        let found = all.find(|one| state.covered(one).contains(&repository.id));
        let found = found.ok_or_else(Reply::not_found)?;
        Ok(Reply::json(200, &self.installation_object(state, found)))
    }

    /// What a token reaches, as it is told itself.
    pub(super) fn reachable(&self, call: &Call) -> Answered {
        let Principal::Installation(token) = &call.by else {
            return Err(Reply::bad_credentials());
        };
        let state = self.state();
        let (covered, _) = state.reach(token);
        let total = covered.len();
        let url = format!("{}/installation/repositories", self.0.api);
        let page = Page::of(covered.into_iter().collect(), call, &url);
        let listed = page
            .items
            .iter()
            .map(|id| self.listed(&state, &state.repositories[id], "repository"));
        let installation = state.installations.get(&token.installation);
        let all = token.repositories.is_none()
            && installation.is_some_and(|one| one.repositories == Chosen::All);
        Ok(page.reply(&json!({
            "total_count": total,
            "repository_selection": if all { "all" } else { "selected" },
            "repositories": listed.collect::<Vec<Value>>(),
        })))
    }

    pub(super) fn installation_object(&self, state: &State, one: &Installation) -> Value {
        let (app, account) = (&state.apps[&one.app], &state.accounts[&one.account]);
        let (web, api) = (&self.0.web, &self.0.api);
        let settings = if account.organization {
            format!(
                "{web}/organizations/{}/settings/installations/{}",
                account.login, one.id
            )
        } else {
            format!("{web}/settings/installations/{}", one.id)
        };
        let by = one.suspended.map(|(side, _)| match side {
            Side::Account => self.account_object(account),
            Side::App => {
                let bot = json!({ "login": format!("{}[bot]", app.slug), "type": "Bot" });
                laid_over(self.0.description.example("simple-user"), bot)
            }
        });
        let known = json!({
            "id": one.id,
            "account": self.account_object(account),
            "repository_selection": if one.repositories == Chosen::All { "all" } else { "selected" },
            "access_tokens_url": format!("{api}/app/installations/{}/access_tokens", one.id),
            "repositories_url": format!("{api}/installation/repositories"),
            "html_url": settings,
            "app_id": app.id,
            "client_id": app.client_id,
            "target_id": account.id,
            "target_type": if account.organization { "Organization" } else { "User" },
            "permissions": one.permissions.json(),
            "events": one.events,
            "created_at": written(one.created),
            "updated_at": written(one.created),
            "single_file_name": null,
            "app_slug": app.slug,
            "suspended_by": by,
            "suspended_at": one.suspended.map(|(_, at)| written(at)),
        });
        laid_over(self.0.description.example("installation"), known)
    }
}
