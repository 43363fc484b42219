//! Whether an answer is one that GitHub's description allows.

use super::description::Description;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Description {
    /// What is wrong with an answer to this request; empty where nothing is.
    pub fn faults(&self, method: &str, path: &str, status: u16, body: &[u8]) -> Vec<String> {
        let Some(operation) = self.operation(method, path) else {
            return vec![format!("{method} {path} is not described")];
        };
        let Some(schema) = self.answer(&operation, status) else {
            return vec![format!("{method} {path} has no answer {status}")];
        };
        if schema.is_null() {
            return match body {
                [] => Vec::new(),
                _ => vec![format!("{method} {path} has a body")],
            };
        }
        let body: Value = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(fault) => return vec![fault.to_string()],
        };
        let mut schemas = BTreeMap::new();
        let mut root = self.translated(&schema, &mut schemas);
        root["components"] = json!({ "schemas": schemas });
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft4)
            .should_validate_formats(false)
            .build(&root)
            .unwrap();
        let faults = validator.iter_errors(&body);
        faults
            .map(|fault| format!("{method} {path}: {fault} at {}", fault.instance_path()))
            .collect()
    }

    /// A schema of OpenAPI 3.0 as one of JSON Schema, with those that it refers to.
    fn translated(&self, schema: &Value, all: &mut BTreeMap<String, Value>) -> Value {
        match schema {
            Value::Object(parts) => {
                if let Some(reference) = schema["$ref"].as_str() {
                    let name = reference.trim_start_matches("#/components/schemas/");
                    if !all.contains_key(name) {
                        all.insert(name.to_owned(), Value::Null);
                        let whole = self.translated(&self.referred(reference), all);
                        all.insert(name.to_owned(), whole);
                    }
                    // Draft 4 knows nothing beside a reference.
                    return json!({ "allOf": [{ "$ref": reference }] });
                }
                let told = |name: &&String| !["example", "nullable"].contains(&name.as_str());
                let inner: Value = parts
                    .iter()
                    .filter(|(name, value)| told(name) || value.is_object())
                    .map(|(name, value)| (name.clone(), self.translated(value, all)))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                if is_either(schema) {
                    return json!({ "anyOf": inner["allOf"] });
                }
                if schema["nullable"] == true {
                    return json!({ "anyOf": [inner, { "type": "null" }] });
                }
                inner
            }
            Value::Array(parts) => {
                let parts = parts.iter().map(|part| self.translated(part, all));
                parts.collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
        }
    }
}

/// The list of installations has an account that is a user and an enterprise at once, where the
/// single installation has one or the other, as there are.
fn is_either(schema: &Value) -> bool {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let titles: Vec<&Value> = parts.map(|part| &part["title"]).collect();
    titles == ["Simple User", "Enterprise"]
}

impl super::Simulator {
    /// What is wrong with an answer of this server; empty where nothing is.
    pub fn faults(&self, method: &str, path: &str, status: u16, body: &[u8]) -> Vec<String> {
        self.0.description.faults(method, path, status, body)
    }
}
