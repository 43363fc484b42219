//! Values that fit a schema: what it requires, as it gives examples; and what a handler knows,
//! laid over that.

use super::description::Description;
use serde_json::{Map, Value, json};

/// No schema of GitHub's answers is deeper; those that refer to themselves end here.
const DEEPEST: usize = 16;

impl Description {
    /// A value of the schema with this name.
    pub fn example(&self, name: &str) -> Value {
        if let Some(made) = self.made.lock().unwrap().get(name) {
            return made.clone();
        }
        let reference = format!("#/components/schemas/{name}");
        let example = self.fill(&json!({ "$ref": reference }), 0);
        let mut made = self.made.lock().unwrap();
        made.insert(name.to_owned(), example.clone());
        example
    }

    pub fn example_of(&self, schema: &Value) -> Value {
        self.fill(schema, 0)
    }

    fn fill(&self, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.fill(&self.referred(reference), depth);
        }
        if depth > DEEPEST {
            return Value::Null;
        }
        let told = [&schema["example"], &schema["default"], &schema["enum"][0]];
        if !is_structure(schema)
            && let Some(told) = told.into_iter().find(|told| fits(schema, told))
        {
            return told.clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().map(|part| self.fill(part, depth + 1));
            return parts.fold(self.object(schema, depth), laid_over);
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let one = self.fill(&choices[0], depth + 1);
                let more = self.object(schema, depth);
                return if one.is_object() {
                    laid_over(more, one)
                } else {
                    one
                };
            }
        }
        if schema.get("properties").is_some() || schema["type"] == "object" {
            return self.object(schema, depth);
        }
        if schema["nullable"] == true {
            return Value::Null;
        }
        match schema["type"].as_str() {
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                (0..least)
                    .map(|_| self.fill(&schema["items"], depth + 1))
                    .collect()
            }
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(false),
            Some("string") => json!(text(schema)),
            _ => json!({}),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten();
        let filled: Map<String, Value> = required
            .filter_map(Value::as_str)
            .map(|name| {
                let property = &schema["properties"][name];
                (name.to_owned(), self.fill(property, depth + 1))
            })
            .collect();
        Value::Object(filled)
    }
}

/// What has parts is filled part by part, for examples of wholes are often out of date.
fn is_structure(schema: &Value) -> bool {
    let parts = ["properties", "allOf", "oneOf", "anyOf"];
    parts.iter().any(|part| schema.get(part).is_some())
}

/// Whether a told value is of the schema's kind: some of GitHub's own are not.
fn fits(schema: &Value, told: &Value) -> bool {
    let choices = schema["enum"].as_array();
    if choices.is_some_and(|choices| !choices.contains(told)) {
        return false;
    }
    match schema["type"].as_str() {
        Some("integer") => told.is_i64() || told.is_u64(),
        Some("number") => told.is_number(),
        Some("boolean") => told.is_boolean(),
        Some("string") => told.is_string(),
        // An example of a list may hold anything.
        Some("array" | "object") => false,
        _ => !told.is_null(),
    }
}

fn text(schema: &Value) -> String {
    let text = match schema["format"].as_str() {
        Some("date-time") => "2011-01-26T19:01:12Z",
        Some("date") => "2011-01-26",
        Some("uri" | "url") => "https://api.github.com/",
        Some("email") => "octocat@github.com",
        _ => "example",
    };
    let least = schema["minLength"].as_u64().unwrap_or(0);
    match usize::try_from(least).unwrap() {
        // What must be long is a hash.
        least if least > text.len() => "a".repeat(least),
        _ => text.to_owned(),
    }
}

/// What is known, over what is only an example.
pub(super) fn laid_over(example: Value, known: Value) -> Value {
    match (example, known) {
        (Value::Object(mut example), Value::Object(known)) => {
            for (name, value) in known {
                let below = example.remove(&name).unwrap_or_default();
                example.insert(name, laid_over(below, value));
            }
            Value::Object(example)
        }
        (_, known) => known,
    }
}

/// GitHub's examples, as if they were about this repository.
pub(super) fn about(name: &str, example: Value) -> Value {
    match example {
        Value::String(text) => Value::String(text.replace("octocat/Hello-World", name)),
        Value::Array(parts) => parts.into_iter().map(|part| about(name, part)).collect(),
        Value::Object(parts) => parts
            .into_iter()
            .map(|(key, part)| (key, about(name, part)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => example,
    }
}
