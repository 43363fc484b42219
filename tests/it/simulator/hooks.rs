//! What is asked about hooks: their settings, what was delivered to them, and to send it again.

use super::answer::{Answered, Reply};
use super::clock::written;
use super::deliveries::{Delivery, Place, hooked};
use super::example::laid_over;
use super::paging::size;
use super::request::Call;
use super::state::State;
use super::{Shape, Simulator};
use serde_json::{Value, json};

impl Simulator {
    /// `/app/hook/…`.
    pub(super) fn app_hook(&self, call: &Call, rest: &[&str]) -> Answered {
        let app = call.app()?;
        match (call.method.as_str(), rest) {
            ("GET", ["config"]) => Ok(self.hook_config(app)),
            ("PATCH", ["config"]) => {
                let asked = call.json()?;
                let text = |name: &str| asked[name].as_str().map(str::to_owned);
                let mut state = self.state();
                let hook = &mut state.apps.get_mut(&app).unwrap().hook;
                hook.url = text("url").or(hook.url.take());
                hook.secret = text("secret").or(hook.secret.take());
                hook.form = text("content_type").map_or(hook.form, |kind| kind == "form");
                drop(state);
                Ok(self.hook_config(app))
            }
            (_, ["deliveries", rest @ ..]) => self.listed_deliveries(call, app, rest),
            _ => Err(Reply::not_found()),
        }
    }

    fn hook_config(&self, app: u64) -> Reply {
        let state = self.state();
        let hook = &state.apps[&app].hook;
        let mut known = json!({
            "content_type": if hook.form { "form" } else { "json" },
            "insecure_ssl": "0",
        });
        if let Some(url) = &hook.url {
            known["url"] = json!(url);
        }
        if hook.secret.is_some() {
            known["secret"] = json!("********");
        }
        Reply::json(
            200,
            &laid_over(self.0.description.example("webhook-config"), known),
        )
    }

    /// `…/hooks/{id}/deliveries…` of an organisation or a repository.
    pub(super) fn hook_deliveries(
        &self,
        call: &Call,
        place: Place,
        hook: &str,
        rest: &[&str],
    ) -> Answered {
        let known = hook.parse().ok().filter(|id| {
            let state = self.state();
            state.hooks.get(id).is_some_and(|(of, _)| *of == place)
        });
        self.listed_deliveries(call, known.ok_or_else(Reply::not_found)?, rest)
    }

    /// The hooks of an organisation or a repository, as the description's schema has them.
    pub(super) fn hooks(&self, state: &State, of: Place, schema: &str) -> Reply {
        let listed = state.hooks.iter().filter(|(_, (place, _))| *place == of);
        let listed = listed.map(|(id, (_, hook))| {
            let config = json!({
                "url": hook.url,
                "content_type": if hook.form { "form" } else { "json" },
                "insecure_ssl": "0",
            });
            let known = json!({ "id": id, "name": "web", "active": hook.active, "config": config });
            laid_over(self.0.description.example(schema), known)
        });
        Reply::json(200, &listed.collect())
    }

    fn listed_deliveries(&self, call: &Call, hook: u64, rest: &[&str]) -> Answered {
        let find = |id: &str| {
            let id: u64 = id.parse().ok()?;
            self.kept(hook).into_iter().find(|one| one.id == id)
        };
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(self.list(call, hook)),
            ("GET", [id]) => {
                let one = find(id).ok_or_else(Reply::not_found)?;
                let mut known = item(&one);
                known["request"] =
                    json!({ "headers": pairs(&one.headers), "payload": one.payload });
                known["response"] = json!({ "headers": {}, "payload": null });
                known["url"] = json!(hooked(&self.state(), hook).1.url);
                Ok(Reply::json(
                    200,
                    &laid_over(self.0.description.example("hook-delivery"), known),
                ))
            }
            ("POST", [id, "attempts"]) => {
                let one = find(id).ok_or_else(Reply::not_found)?;
                let simulator = self.clone();
                tokio::spawn(async move {
                    let Delivery {
                        guid,
                        event,
                        payload,
                        ..
                    } = one;
                    simulator.send(hook, &guid, &event, payload, true).await
                });
                Ok(Reply::json(202, &json!({})))
            }
            _ => Err(Reply::not_found()),
        }
    }

    fn list(&self, call: &Call, hook: u64) -> Reply {
        let before = call
            .parameter("cursor")
            .and_then(|cursor| cursor.strip_prefix("v1_")?.parse().ok());
        let wanted = |one: &Delivery| match call.parameter("status") {
            Some("success") => one.status_code < 400,
            Some("failure") => one.status_code >= 400,
            _ => true,
        };
        let mut all: Vec<Delivery> = self.kept(hook);
        all.retain(|one| wanted(one) && one.id < before.unwrap_or(u64::MAX));
        all.sort_by_key(|one| std::cmp::Reverse(one.id));
        let size = size(call);
        let more = all.len() > size;
        all.truncate(size);
        let listed = all
            .iter()
            .map(|one| laid_over(self.0.description.example("hook-delivery-item"), item(one)));
        let reply = Reply::json(200, &listed.collect());
        match all.last().filter(|_| more) {
            None => reply,
            Some(last) => {
                let url = format!(
                    "{}{}?per_page={size}&cursor=v1_{}",
                    self.0.api, call.path, last.id
                );
                reply.with("link", format!("<{url}>; rel=\"next\""))
            }
        }
    }

    /// What is not too old yet.
    fn kept(&self, hook: u64) -> Vec<Delivery> {
        let days = if self.0.shape == Shape::Dotcom { 3 } else { 7 };
        let now = self.0.clock.now().as_second();
        let state = self.state();
        let young = |one: &&Delivery| one.hook == hook && now - one.at.as_second() < days * 86_400;
        state.deliveries.iter().filter(young).cloned().collect()
    }
}

fn item(one: &Delivery) -> Value {
    let id = |name: &str| one.payload[name]["id"].as_u64();
    json!({
        "id": one.id,
        "guid": one.guid,
        "delivered_at": written(one.at),
        "redelivery": one.redelivery,
        "duration": 0.03,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.payload["action"].as_str(),
        "installation_id": id("installation"),
        "repository_id": id("repository"),
        "throttled_at": null,
    })
}

fn pairs(headers: &[(&'static str, String)]) -> Value {
    let all = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    all.collect::<serde_json::Map<_, _>>().into()
}
