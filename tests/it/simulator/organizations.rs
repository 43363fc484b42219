//! What is asked of organisations and of the server itself, by those who may.

use super::answer::{Answered, Reply};
use super::example::laid_over;
use super::paging::Page;
use super::permissions;
use super::principal::Principal;
use super::request::Call;
use super::state::Repository;
use super::{Place, Shape, Simulator};
use serde_json::json;

/// What anybody may read who is known at all.
const OPEN: [&str; 10] = [
    "codes_of_conduct",
    "emojis",
    "events",
    "feeds",
    "gitignore",
    "licenses",
    "meta",
    "search",
    "users",
    "zen",
];

impl Simulator {
    pub(super) fn in_organization(&self, call: &Call, login: &str, rest: &[&str]) -> Answered {
        let state = self.state();
        let account = state.account(login).filter(|account| account.organization);
        let account = account.cloned().ok_or_else(Reply::not_found)?;
        let Principal::Installation(token) = &call.by else {
            return Err(Reply::inaccessible());
        };
        let own = state
            .installations
            .get(&token.installation)
            .is_some_and(|one| one.account == account.id);
        let (covered, permissions) = state.reach(token);
        if let Some((name, access)) = permissions::in_organization(&call.method, rest)
            && !(own && permissions.allow(name, access))
        {
            return Err(Reply::inaccessible());
        }
        match (call.method.as_str(), rest) {
            ("GET", ["repos"]) => {
                let seen = |one: &&Repository| covered.contains(&one.id) || !one.private;
                let all = state
                    .repositories
                    .values()
                    .filter(|one| one.owner == account.id);
                let url = format!("{}/organizations/{}/repos", self.0.api, account.id);
                let page = Page::of(all.filter(seen).collect(), call, &url);
                let listed = page
                    .items
                    .iter()
                    .map(|one| self.listed(&state, one, "minimal-repository"));
                Ok(page.reply(&listed.collect()))
            }
            ("GET", []) => {
                let example = self.0.description.example("organization-full");
                Ok(Reply::json(
                    200,
                    &laid_over(example, json!({ "login": account.login, "id": account.id })),
                ))
            }
            ("GET", ["hooks"]) => {
                Ok(self.hooks(&state, Place::Organization(account.id), "org-hook"))
            }
            (_, ["hooks", hook, "deliveries", more @ ..]) => {
                drop(state);
                self.hook_deliveries(call, Place::Organization(account.id), hook, more)
            }
            _ => {
                drop(state);
                self.described(&call.method, &call.path)
            }
        }
    }

    /// What is neither a repository's nor an organisation's.
    pub(super) fn elsewhere(&self, call: &Call) -> Answered {
        let segments = call.segments();
        if let ["organizations", id, rest @ ..] = segments.as_slice() {
            let login = {
                let state = self.state();
                let account = id.parse().ok().and_then(|id: u64| state.accounts.get(&id));
                account.ok_or_else(Reply::not_found)?.login.clone()
            };
            return self.in_organization(call, &login, rest);
        }
        let first = segments.first().copied().unwrap_or_default();
        let reads = call.method == "GET";
        if first == "meta" && self.0.shape == Shape::Ghes {
            let known = json!({ "installed_version": "3.19.0" });
            let example = self.0.description.example("api-overview");
            return Ok(Reply::json(200, &laid_over(example, known)));
        }
        if reads && (first.is_empty() || OPEN.contains(&first)) {
            return self.described("GET", &call.path);
        }
        let described = self.0.description.operation(&call.method, &call.path);
        Err(described.map_or_else(Reply::not_found, |_| Reply::inaccessible()))
    }

    /// An answer made of nothing but the description.
    pub(super) fn described(&self, method: &str, path: &str) -> Answered {
        let description = self.0.description;
        let found = description.operation(method, path);
        let operation = found.ok_or_else(Reply::not_found)?;
        let status = description.success(&operation).unwrap_or(204);
        let schema = description.answer(&operation, status).unwrap_or_default();
        if (300..400).contains(&status) {
            return Ok(Reply::to(
                status,
                &format!("{}/elsewhere{path}", self.0.web),
            ));
        }
        if schema.is_null() {
            return Ok(Reply::empty(status));
        }
        let body = if schema["type"] == "array" {
            json!([description.example_of(&schema["items"])])
        } else {
            description.example_of(&schema)
        };
        Ok(Reply::json(status, &body))
    }
}
