//! GitHub's own description of its API, read once, and of it only what is asked for.

use super::Shape;
use crate::inside::fetched;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

/// Parameters that take what is left of a path.
const GREEDY: [&str; 3] = ["{path}", "{ref}", "{basehead}"];

/// The description of one shape.
pub struct Description {
    paths: BTreeMap<String, &'static RawValue>,
    components: HashMap<String, HashMap<String, &'static RawValue>>,
    read: Mutex<HashMap<String, Arc<Value>>>,
    /// Examples of schemas, made once.
    pub(super) made: Mutex<HashMap<String, Value>>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    paths: BTreeMap<String, &'a RawValue>,
    #[serde(borrow)]
    components: HashMap<String, HashMap<String, &'a RawValue>>,
}

/// An operation that a path and method name, as it is described.
pub struct Operation(Value);

impl Description {
    /// None where it is not in `.cache`.
    pub fn of(shape: Shape) -> Option<&'static Self> {
        static READ: [OnceLock<Option<Description>>; 2] = [OnceLock::new(), OnceLock::new()];
        let (read, file) = match shape {
            Shape::Dotcom => (&READ[0], "api.github.com-23.0.2.json"),
            Shape::Ghes => (&READ[1], "ghes-3.19-23.0.2.json"),
        };
        read.get_or_init(|| {
            let text = std::fs::read_to_string(fetched(file)?).unwrap();
            // It is needed as long as the process lives.
            let document: Document<'static> = serde_json::from_str(text.leak()).unwrap();
            Some(Self {
                paths: document.paths,
                components: document.components,
                read: Mutex::default(),
                made: Mutex::default(),
            })
        })
        .as_ref()
    }

    /// What `#/components/{kind}/{name}` refers to.
    pub fn referred(&self, reference: &str) -> Arc<Value> {
        if let Some(read) = self.read.lock().unwrap().get(reference) {
            return read.clone();
        }
        let mut parts = reference.trim_start_matches("#/components/").splitn(2, '/');
        let (kind, name) = (parts.next().unwrap(), parts.next().unwrap());
        let raw = self.components[kind]
            .get(name)
            .unwrap_or_else(|| panic!("the description has no {reference}"));
        let value: Arc<Value> = Arc::new(serde_json::from_str(raw.get()).unwrap());
        let mut read = self.read.lock().unwrap();
        read.insert(reference.to_owned(), value.clone());
        value
    }

    /// Every path, with its parameters' names.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// The operation that this path is for, the most exact where several are.
    pub fn operation(&self, method: &str, path: &str) -> Option<Operation> {
        let method = method.to_ascii_lowercase();
        let asked: Vec<&str> = path.trim_matches('/').split('/').collect();
        let mut fitting: Vec<(usize, &String)> = self
            .paths
            .keys()
            .filter_map(|template| Some((exactness(template, &asked)?, template)))
            .collect();
        fitting.sort_by_key(|(exact, _)| std::cmp::Reverse(*exact));
        fitting.into_iter().find_map(|(_, template)| {
            let item: Value = serde_json::from_str(self.paths[template].get()).unwrap();
            item.get(&method).cloned().map(Operation)
        })
    }

    /// The schema of an operation's answer with this status; null where it has no body.
    pub fn answer(&self, operation: &Operation, status: u16) -> Option<Value> {
        let answer = operation.0["responses"].get(status.to_string())?;
        let answer = match answer["$ref"].as_str() {
            Some(reference) => Value::clone(&self.referred(reference)),
            None => answer.clone(),
        };
        let content = &answer["content"];
        let kinds = ["application/json", "application/json; charset=utf-8"];
        let schema = kinds.iter().find_map(|kind| content.get(kind));
        Some(schema.map_or(Value::Null, |content| content["schema"].clone()))
    }

    /// The first success that an operation has.
    pub fn success(&self, operation: &Operation) -> Option<u16> {
        let answers = operation.0["responses"].as_object()?;
        let codes = answers.keys().filter_map(|code| code.parse().ok());
        codes.filter(|code| (200..400).contains(code)).min()
    }
}

/// How many segments of a template a path has literally; none where it does not fit.
fn exactness(template: &str, asked: &[&str]) -> Option<usize> {
    let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
    let last = parts.last()?;
    let greedy = GREEDY.contains(last) && asked.len() > parts.len();
    if parts.len() != asked.len() && !greedy {
        return None;
    }
    let pairs = || parts.iter().zip(asked);
    let fits = pairs().all(|(part, asked)| part.starts_with('{') || part == asked);
    fits.then(|| pairs().filter(|(part, asked)| part == asked).count())
}
