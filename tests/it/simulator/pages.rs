//! The pages that people see in a browser: only what the making and installing of Apps needs.

use super::Simulator;
use super::answer::Reply;
use super::permissions::Access;
use super::state::Chosen;
use http::request::Parts;
use std::collections::BTreeSet;

type Form = Vec<(String, String)>;

impl Simulator {
    pub(super) fn page(&self, head: &Parts, body: &[u8]) -> Reply {
        let query: Form = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        let form: Form = form_urlencoded::parse(body).into_owned().collect();
        let path: Vec<&str> = head
            .uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let state = field(&query, "state");
        let missing = || Reply {
            status: 404,
            ..Reply::page("Page not found", "")
        };
        match (head.method.as_str(), path.as_slice()) {
            ("POST", ["settings", "apps", "new"]) => self.asked_for(None, state, &form),
            ("POST", ["organizations", owner, "settings", "apps", "new"]) => {
                self.asked_for(Some(owner), state, &form)
            }
            ("POST", ["settings", "apps", "manifest"]) => self.created(None, &form),
            ("POST", ["organizations", owner, "settings", "apps", "manifest"]) => {
                self.created(Some(owner), &form)
            }
            ("GET", ["apps" | "github-apps", slug, "installations", "new"]) => {
                self.choice(head.uri.path(), slug, state)
            }
            ("POST", ["apps" | "github-apps", slug, "installations", "new"]) => {
                self.installed_by_form(slug, &form).unwrap_or_else(missing)
            }
            (
                method,
                ["settings", "installations", id]
                | ["organizations", _, "settings", "installations", id],
            ) => match method {
                "POST" => self.installation_pressed(id, field(&form, "press")),
                _ => self.installation_page(id),
            }
            .unwrap_or_else(missing),
            (
                method,
                ["settings", "apps", slug, ..] | ["organizations", _, "settings", "apps", slug, ..],
            ) => match method {
                "POST" => self.app_pressed(slug, field(&form, "press")),
                _ => self.app_settings(slug),
            }
            .unwrap_or_else(missing),
            ("GET", ["apps" | "github-apps", slug]) => {
                self.public_page(slug).unwrap_or_else(missing)
            }
            ("GET", [owner, name, "releases", "download", tag, file]) => {
                let path = format!("/{owner}/{name}.git/releases");
                match self.opened(&path, "", &head.headers, Access::Read) {
                    Ok((id, _)) => {
                        let one = self.state().repositories[&id].clone();
                        self.downloaded(&one, tag, file).unwrap_or_else(|no| no)
                    }
                    Err(refused) => refused,
                }
            }
            (
                "POST" | "GET",
                [
                    "login",
                    what @ ("oauth" | "device"),
                    "access_token" | "code",
                ],
            ) => {
                let accepts = head
                    .headers
                    .get("accept")
                    .and_then(|accept| accept.to_str().ok());
                let as_json = accepts.is_some_and(|accept| accept.contains("json"));
                let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                let pairs = json.as_object().into_iter().flatten();
                let pairs = pairs
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                let given: Form = pairs.chain(form).chain(query).collect();
                if *what == "device" {
                    self.device(&given, as_json)
                } else {
                    self.signed_in(&given, as_json)
                }
            }
            _ => missing(),
        }
    }

    /// Where an App may be installed, and on what.
    fn choice(&self, path: &str, slug: &str, state: &str) -> Reply {
        let all = self.state();
        if !all.apps.values().any(|app| app.slug == slug) {
            return Reply {
                status: 404,
                ..Reply::page("Page not found", "")
            };
        }
        let mut body = format!(
            "<form method=post action=\"{}\">{}<select name=account>",
            escaped(path),
            hidden("state", state)
        );
        for account in all.accounts.values() {
            body.push_str(&format!(
                "<option value=\"{0}\">{0}</option>",
                escaped(&account.login)
            ));
        }
        body.push_str("</select><label><input type=radio name=selection value=all checked>All repositories</label><label><input type=radio name=selection value=selected>Only select repositories</label>");
        for one in all.repositories.values() {
            let name = all.full_name(one);
            body.push_str(&format!(
                "<label><input type=checkbox name=repository value=\"{0}\">{0}</label>",
                escaped(&name)
            ));
        }
        body.push_str("<button type=submit>Install</button></form>");
        Reply::page(&format!("Install {}", escaped(slug)), &body)
    }

    fn installed_by_form(&self, slug: &str, form: &Form) -> Option<Reply> {
        let (app, setup) = {
            let state = self.state();
            let app = state.apps.values().find(|app| app.slug == slug)?;
            (app.id, app.setup_url.clone())
        };
        let account = field(form, "account");
        let chosen = if field(form, "selection") == "selected" {
            let names = form.iter().filter(|(name, _)| name == "repository");
            let state = self.state();
            let ids: BTreeSet<u64> = names
                .filter_map(|(_, name)| Some(state.named(account, name.split_once('/')?.1)?.id))
                .collect();
            Chosen::Some(ids)
        } else {
            Chosen::All
        };
        let there = {
            let state = self.state();
            let account = state.account(account)?.id;
            let mut all = state.installations.values();
            all.find(|one| one.app == app && one.account == account)
                .map(|one| one.id)
        };
        let id = match there {
            Some(id) => {
                self.choose_these(id, chosen);
                id
            }
            None => self.install(app, account, chosen),
        };
        Some(match setup.and_then(|setup| url::Url::parse(&setup).ok()) {
            Some(mut setup) => {
                setup
                    .query_pairs_mut()
                    .append_pair("installation_id", &id.to_string())
                    .append_pair("setup_action", "install");
                if !field(form, "state").is_empty() {
                    setup
                        .query_pairs_mut()
                        .append_pair("state", field(form, "state"));
                }
                Reply::to(302, setup.as_str())
            }
            None => Reply::to(302, &format!("{}/settings/installations/{id}", self.web())),
        })
    }
}

pub(super) fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

pub(super) fn hidden(name: &str, value: &str) -> String {
    format!(
        "<input type=hidden name={name} value=\"{}\">",
        escaped(value)
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
