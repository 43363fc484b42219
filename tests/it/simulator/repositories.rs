//! What is asked of repositories, by those who may.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::bytes::To;
use super::example::{about, laid_over};
use super::paging::Page;
use super::permissions;
use super::principal::Principal;
use super::request::Call;
use super::state::{Repository, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

impl Simulator {
    pub(super) fn in_named(&self, call: &Call, owner: &str, name: &str, rest: &[&str]) -> Answered {
        let (id, moved) = {
            let state = self.state();
            let now = state.named(owner, name).map(|one| (one.id, false));
            let once = || state.once_named(owner, name).map(|one| (one.id, true));
            now.or_else(once).ok_or_else(Reply::not_found)?
        };
        self.admitted(call, id, rest)?;
        if moved {
            let rest: String = rest.iter().map(|part| format!("/{part}")).collect();
            let status = if call.method == "GET" { 301 } else { 307 };
            let url = format!("{}/repositories/{id}{rest}", self.0.api);
            return Err(Reply::moved(status, &url));
        }
        self.in_repository(call, id, rest)
    }

    pub(super) fn in_identified(&self, call: &Call, id: &str, rest: &[&str]) -> Answered {
        let id = id.parse().map_err(|_| Reply::not_found())?;
        if !self.state().repositories.contains_key(&id) {
            return Err(Reply::not_found());
        }
        self.admitted(call, id, rest)?;
        self.in_repository(call, id, rest)
    }

    /// Whether this caller may do that in this repository; who may not see it is told of none.
    fn admitted(&self, call: &Call, id: u64, rest: &[&str]) -> Result<(), Reply> {
        let state = self.state();
        let (name, access) = permissions::in_repository(&call.method, rest);
        let (covered, permitted) = match &call.by {
            Principal::Installation(token) => {
                let (covered, permissions) = state.reach(token);
                (covered.contains(&id), permissions.allow(name, access))
            }
            Principal::User { app, .. } => {
                let mut all = state.installations.values().filter(|one| one.app == *app);
                let found = all.find(|one| state.covered(one).contains(&id));
                let allow = |permissions: &permissions::Permissions| {
                    permissions.clone().with_metadata().allow(name, access)
                };
                (
                    found.is_some(),
                    found.is_some_and(|one| allow(&one.permissions)),
                )
            }
            Principal::App(_) => return Err(Reply::inaccessible()),
            Principal::Nobody => (false, false),
        };
        let reads = access == permissions::Access::Read;
        match (covered, state.repositories[&id].private) {
            (true, _) if permitted => Ok(()),
            (false, false) if reads => Ok(()),
            (false, true) => Err(Reply::not_found()),
            _ => Err(Reply::inaccessible()),
        }
    }

    fn in_repository(&self, call: &Call, id: u64, rest: &[&str]) -> Answered {
        let state = self.state();
        let one = &state.repositories[&id];
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::json(
                200,
                &self.listed(&state, one, "full-repository"),
            )),
            ("GET", ["issues"]) => {
                let all = (1..=one.issues.len()).rev().collect();
                self.threads(&state, one, call, "issue", all)
            }
            ("GET", ["pulls"]) => {
                let all = (1..=one.pulls.len()).rev().collect();
                self.threads(&state, one, call, "pull-request-simple", all)
            }
            ("GET", ["issues", number]) => self.thread(&state, one, "issue", number),
            ("GET", ["pulls", number]) => self.thread(&state, one, "pull-request", number),
            ("POST", ["issues"]) => {
                let asked = call.json()?;
                let title = asked["title"].as_str();
                let title = title
                    .ok_or_else(|| Reply::no(422, "Validation Failed"))?
                    .to_owned();
                drop(state);
                let mut state = self.state();
                let one = state.repositories.get_mut(&id).unwrap();
                one.issues.push(title);
                let (number, one) = (one.issues.len(), one.clone());
                Ok(Reply::json(
                    201,
                    &self.thread_object(&state, &one, "issue", number),
                ))
            }
            ("GET", ["contents", path @ ..]) => self.contents(&state, one, &path.join("/")),
            ("GET", ["releases", rest @ ..]) if !one.releases.is_empty() => {
                self.releases(&state, one, call.octets, rest)
            }
            ("GET", [ball @ ("tarball" | "zipball"), reference @ ..]) => {
                let format = if *ball == "tarball" { "tar.gz" } else { "zip" };
                let to = To::Archive(id, format.to_owned(), reference.join("/"));
                Ok(Reply::to(302, &self.signed_address(to)))
            }
            ("POST", ["issues", number, "comments"]) => {
                drop(state);
                self.comment(call, id, number)
            }
            ("GET", ["hooks"]) => Ok(self.hooks(&state, super::Place::Repository(id), "hook")),
            (_, ["hooks", hook, "deliveries", more @ ..]) => {
                drop(state);
                self.hook_deliveries(call, super::Place::Repository(id), hook, more)
            }
            _ => {
                let name = state.full_name(one);
                let rest: String = rest.iter().map(|part| format!("/{part}")).collect();
                drop(state);
                let reply = self.described(&call.method, &format!("/repos/{name}{rest}"))?;
                let text = String::from_utf8_lossy(&reply.body);
                let text = text.replace("octocat/Hello-World", &name);
                Ok(Reply {
                    body: text.into_bytes(),
                    ..reply
                })
            }
        }
    }

    fn comment(&self, call: &Call, id: u64, number: &str) -> Answered {
        let asked = call.json()?;
        let text = asked["body"].as_str();
        let text = text.ok_or_else(|| Reply::no(422, "Validation Failed"))?;
        let mut state = self.state();
        let one = state.repositories.get_mut(&id).unwrap();
        let number: usize = number.parse().map_err(|_| Reply::not_found())?;
        if !(1..=one.issues.len()).contains(&number) {
            return Err(Reply::not_found());
        }
        one.comments
            .entry(number)
            .or_default()
            .push(text.to_owned());
        let name = state.full_name(&state.repositories[&id]);
        let known = json!({
            "body": text,
            "issue_url": format!("{}/repos/{name}/issues/{number}", self.0.api),
        });
        let example = about(&name, self.0.description.example("issue-comment"));
        Ok(Reply::json(201, &laid_over(example, known)))
    }

    fn threads(
        &self,
        state: &State,
        one: &Repository,
        call: &Call,
        kind: &str,
        numbers: Vec<usize>,
    ) -> Answered {
        let part = if kind == "issue" { "issues" } else { "pulls" };
        let url = format!("{}/repositories/{}/{part}", self.0.api, one.id);
        let page = Page::of(numbers, call, &url);
        let listed = page
            .items
            .iter()
            .map(|number| self.thread_object(state, one, kind, *number));
        Ok(page.reply(&listed.collect()))
    }

    fn thread(&self, state: &State, one: &Repository, kind: &str, number: &str) -> Answered {
        let titles = if kind == "issue" {
            &one.issues
        } else {
            &one.pulls
        };
        let number: usize = number.parse().map_err(|_| Reply::not_found())?;
        if !(1..=titles.len()).contains(&number) {
            return Err(Reply::not_found());
        }
        Ok(Reply::json(
            200,
            &self.thread_object(state, one, kind, number),
        ))
    }

    /// An issue or a pull request.
    fn thread_object(&self, state: &State, one: &Repository, kind: &str, number: usize) -> Value {
        let name = state.full_name(one);
        let (titles, part, page) = match kind {
            "issue" => (&one.issues, "issues", "issues"),
            _ => (&one.pulls, "pulls", "pull"),
        };
        let mut known = json!({
            "number": number,
            "title": titles[number - 1],
            "state": "open",
            "url": format!("{}/repos/{name}/{part}/{number}", self.0.api),
            "html_url": format!("{}/{name}/{page}/{number}", self.0.web),
        });
        if kind != "issue" {
            let repo = json!({
                "id": one.id,
                "name": one.name,
                "full_name": name,
                "private": one.private,
                "url": format!("{}/repos/{name}", self.0.api),
            });
            known["base"] = json!({ "ref": "main", "repo": repo });
            known["head"] = json!({ "ref": "topic", "repo": repo });
        }
        laid_over(about(&name, self.0.description.example(kind)), known)
    }

    fn contents(&self, state: &State, one: &Repository, path: &str) -> Answered {
        let name = state.full_name(one);
        let entry = |example: Value, path: &str, content: Option<&[u8]>| {
            let short = path.rsplit('/').next().unwrap();
            let mut known = json!({
                "type": "file",
                "name": short,
                "path": path,
                "size": one.files.get(path).map_or(0, Vec::len),
                "url": format!("{}/repos/{name}/contents/{path}", self.0.api),
                "html_url": format!("{}/{name}/blob/main/{path}", self.0.web),
                "download_url": format!("{}/{name}/raw/main/{path}", self.0.web),
            });
            if let Some(content) = content {
                known["encoding"] = json!("base64");
                known["content"] = json!(STANDARD.encode(content));
            }
            laid_over(example, known)
        };
        let description = self.0.description;
        if let Some(file) = one.files.get(path) {
            return Ok(Reply::json(
                200,
                &entry(description.example("content-file"), path, Some(file)),
            ));
        }
        let within = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let below = one.files.keys().filter(|file| file.starts_with(&within));
        let directory = description.referred("#/components/schemas/content-directory");
        let item = description.example_of(&directory["items"]);
        let listed: Vec<Value> = below.map(|file| entry(item.clone(), file, None)).collect();
        if listed.is_empty() {
            return Err(Reply::not_found());
        }
        Ok(Reply::json(200, &Value::Array(listed)))
    }

    /// A repository as one of the description's schemas has it.
    pub(super) fn listed(&self, state: &State, one: &Repository, schema: &str) -> Value {
        let (web, api, name) = (&self.0.web, &self.0.api, state.full_name(one));
        let known = json!({
            "id": one.id,
            "name": one.name,
            "full_name": name,
            "owner": self.account_object(&state.accounts[&one.owner]),
            "private": one.private,
            "html_url": format!("{web}/{name}"),
            "url": format!("{api}/repos/{name}"),
            "issues_url": format!("{api}/repos/{name}/issues{{/number}}"),
            "pulls_url": format!("{api}/repos/{name}/pulls{{/number}}"),
            "default_branch": "main",
        });
        let git = json!({ "clone_url": format!("{web}/{name}.git") });
        let example = about(&name, self.0.description.example(schema));
        let git = if example.get("clone_url").is_some() {
            git
        } else {
            json!({})
        };
        laid_over(laid_over(example, known), git)
    }
}
