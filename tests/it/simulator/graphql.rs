//! The little of GraphQL that clients of Apps ask: who they are, a repository, what is left.

use super::Simulator;
use super::answer::{Answered, Reply};
use super::permissions::Access;
use super::principal::Principal;
use super::request::Call;
use super::state::{Repository, State};
use graphql_parser::query::{
    Definition, Document, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    Value as Given, parse_query,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

type Set<'a> = SelectionSet<'a, String>;

/// A query with what its fragments and variables stand for.
struct Asked<'d, 'a> {
    fragments: HashMap<&'d str, &'d FragmentDefinition<'a, String>>,
    variables: &'d Value,
}

impl Simulator {
    pub(super) fn graphed(&self, call: &Call) -> Answered {
        if matches!(call.by, Principal::Nobody | Principal::App(_)) {
            let message = "This endpoint requires you to be authenticated.";
            return Err(Reply::no(401, message));
        }
        let body = call.json()?;
        let text = body["query"].as_str().unwrap_or_default();
        let Ok(document) = parse_query::<String>(text) else {
            let body = json!({ "errors": [{ "message": "Parse error" }] });
            return Ok(Reply::json(200, &body));
        };
        let Some(set) = query(&document) else {
            let refused = json!({
                "type": "FORBIDDEN",
                "message": "Resource not accessible by integration",
            });
            let body = json!({ "data": null, "errors": [refused] });
            return Ok(Reply::json(200, &body));
        };
        let asked = Asked::of(&document, &body["variables"]);
        let (mut data, mut errors) = (Map::new(), Vec::new());
        for field in asked.fields(set) {
            let name = field.alias.as_ref().unwrap_or(&field.name);
            let value = self.root(call, &asked, field).unwrap_or_else(|message| {
                let unknown = message.starts_with("Could not");
                let kind = ["undefinedField", "NOT_FOUND"][usize::from(unknown)];
                errors.push(json!({ "type": kind, "path": [name], "message": message }));
                Value::Null
            });
            data.insert(name.clone(), value);
        }
        let mut body = json!({ "data": data });
        if !errors.is_empty() {
            body["errors"] = Value::Array(errors);
        }
        Ok(Reply::json(200, &body))
    }

    fn root<'d, 'a>(
        &self,
        call: &Call,
        asked: &Asked<'d, 'a>,
        field: &'d Field<'a, String>,
    ) -> Result<Value, String> {
        let known = match field.name.as_str() {
            "viewer" => self.viewer(call),
            "repository" => {
                let (owner, name) = (
                    asked.argument(field, "owner"),
                    asked.argument(field, "name"),
                );
                self.graphed_repository(call, &owner, &name)?
            }
            "rateLimit" => self.left(call),
            other => return Err(format!("Field '{other}' doesn't exist on type 'Query'")),
        };
        asked.picked(&field.selection_set, &known)
    }

    fn viewer(&self, call: &Call) -> Value {
        let state = self.state();
        let login = match &call.by {
            Principal::User { user, .. } => state.accounts[user].login.clone(),
            Principal::Installation(token) => format!("{}[bot]", state.apps[&token.app].slug),
            Principal::App(_) | Principal::Nobody => String::new(),
        };
        json!({ "__typename": "User", "id": format!("U_{login}"), "login": login })
    }

    fn graphed_repository(&self, call: &Call, owner: &str, name: &str) -> Result<Value, String> {
        let state = self.state();
        let found = state.named(owner, name);
        let found = found.or_else(|| state.once_named(owner, name));
        let seen = found.filter(|one| !one.private || access(&state, call, one).is_some());
        let unknown =
            || format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
        let one = seen.ok_or_else(unknown)?;
        let writes = access(&state, call, one) == Some(Access::Write);
        let (full, owner) = (state.full_name(one), &state.accounts[&one.owner]);
        let count = |all: usize| json!({ "__typename": "Connection", "totalCount": all });
        Ok(json!({
            "__typename": "Repository",
            "id": format!("R_{}", one.id),
            "databaseId": one.id,
            "name": one.name,
            "nameWithOwner": full,
            "owner": { "__typename": "Organization", "id": format!("O_{}", owner.id), "login": owner.login },
            "description": null,
            "isPrivate": one.private,
            "url": format!("{}/{full}", self.0.web),
            "viewerPermission": if writes { "WRITE" } else { "READ" },
            "defaultBranchRef": { "__typename": "Ref", "name": "main" },
            "parent": null,
            "hasIssuesEnabled": true,
            "hasWikiEnabled": false,
            "mergeCommitAllowed": true,
            "rebaseMergeAllowed": true,
            "squashMergeAllowed": true,
            "issues": count(one.issues.len()),
            "pullRequests": count(one.pulls.len()),
            "release": one.releases.keys().next().map(|tag| json!({
                "__typename": "Release", "databaseId": 1, "isDraft": false, "tagName": tag,
            })),
        }))
    }

    fn left(&self, call: &Call) -> Value {
        let Some(limits) = self.0.moods.borrow().limits else {
            return Value::Null;
        };
        let used = self.used(&call.by.purse(), "graphql");
        json!({
            "__typename": "RateLimit",
            "limit": limits.graphql,
            "cost": 1,
            "used": used,
            "remaining": limits.graphql.saturating_sub(used),
        })
    }
}

impl<'d, 'a> Asked<'d, 'a> {
    fn of(document: &'d Document<'a, String>, variables: &'d Value) -> Self {
        let fragments = document.definitions.iter().filter_map(|part| match part {
            Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
            Definition::Operation(_) => None,
        });
        Self {
            fragments: fragments.collect(),
            variables,
        }
    }

    /// The fields of a set, those of its fragments too.
    fn fields(&self, set: &'d Set<'a>) -> Vec<&'d Field<'a, String>> {
        let mut all = Vec::new();
        for item in &set.items {
            match item {
                Selection::Field(field) => all.push(field),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.fragments.get(spread.fragment_name.as_str());
                    all.extend(
                        fragment
                            .into_iter()
                            .flat_map(|it| self.fields(&it.selection_set)),
                    );
                }
                Selection::InlineFragment(inline) => all.extend(self.fields(&inline.selection_set)),
            }
        }
        all
    }

    fn argument(&self, field: &Field<'_, String>, name: &str) -> String {
        let given = field.arguments.iter().find(|(known, _)| known == name);
        match given.map(|(_, value)| value) {
            Some(Given::String(text)) => text.clone(),
            Some(Given::Variable(name)) => {
                let text = self.variables[name].as_str();
                text.unwrap_or_default().to_owned()
            }
            _ => String::new(),
        }
    }

    /// Of what is known, what was asked for.
    fn picked(&self, set: &'d Set<'a>, known: &Value) -> Result<Value, String> {
        if known.is_null() || set.items.is_empty() {
            return Ok(known.clone());
        }
        let one = |field: &&'d Field<'a, String>| {
            let name = field.alias.as_ref().unwrap_or(&field.name);
            let value = known.get(&field.name).ok_or_else(|| {
                format!(
                    "Field '{}' doesn't exist on type {}",
                    field.name, known["__typename"]
                )
            })?;
            Ok((name.clone(), self.picked(&field.selection_set, value)?))
        };
        let all: Result<Map<String, Value>, String> = self.fields(set).iter().map(one).collect();
        all.map(Value::Object)
    }
}

/// What a document asks for; none where it would change something.
fn query<'d, 'a>(document: &'d Document<'a, String>) -> Option<&'d Set<'a>> {
    document.definitions.iter().find_map(|part| match part {
        Definition::Operation(OperationDefinition::Query(query)) => Some(&query.selection_set),
        Definition::Operation(OperationDefinition::SelectionSet(set)) => Some(set),
        Definition::Operation(_) | Definition::Fragment(_) => None,
    })
}

/// What the caller may do with what is in a repository; none where it may not see it.
fn access(state: &State, call: &Call, one: &Repository) -> Option<Access> {
    let permissions = match &call.by {
        Principal::Installation(token) => {
            let (covered, permissions) = state.reach(token);
            covered.contains(&one.id).then_some(permissions)
        }
        Principal::User { app, .. } => {
            let mut all = state.installations.values().filter(|it| it.app == *app);
            let found = all.find(|it| state.covered(it).contains(&one.id));
            found.map(|it| it.permissions.clone())
        }
        Principal::App(_) | Principal::Nobody => None,
    }?;
    let contents = permissions.0.get("contents").copied();
    Some(contents.unwrap_or(Access::Read))
}
