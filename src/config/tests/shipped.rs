//! What is shipped holds: the examples load, and file, documentation and schema name the same
//! keys with the same defaults.

use super::{Environment, Place};
use crate::config::document::fit;
use crate::config::key::Origin;
use crate::config::{Config, Mistakes, schema};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const SHIPPED: &str = include_str!("../../../conf/hubgate.toml");
const DOCUMENTATION: &str = include_str!("../../../docs/configuration.md");

/// A shipped file moved from `/etc/hubgate` to a directory where everything that it names is.
fn load_shipped(text: &str, hosts: &[&str]) -> Result<Config, Mistakes> {
    let place = Place::new();
    place.write_certificate("certs/hooks.pem", "certs/hooks.key", hosts);
    place.write_certificate("certs/corp-ca.pem", "certs/corp-ca.key", &["ca"]);
    for name in [
        "jira-hook",
        "jira-basic",
        "jira-own",
        "jenkins-hook",
        "siem-hook",
        "vendor-key",
        "admin-token",
        "eab-key",
    ] {
        place.write(
            &format!("secrets/{name}"),
            "0123456789abcdef0123456789abcdef\n",
        );
    }
    place.write(
        "secrets/jira-sync.pem",
        crate::apps::fake::pem("PRIVATE KEY", &crate::apps::fake::pkcs8(0)).expose(),
    );
    let here = format!("{}/", place.directory.path().display());
    place.write("hubgate.toml", text.replace("/etc/hubgate/", &here));
    let secrets = place.path("secrets");
    place.load(&Environment::from([(
        "CREDENTIALS_DIRECTORY",
        secrets.to_str().unwrap(),
    )]))
}

const SHIPPED_HOSTS: &[&str] = &["hooks.example.com", "*.example.com", "*.ghe.example.com"];

/// The shipped file with every setting switched on.
fn all_switched_on() -> String {
    SHIPPED
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_shipped_file_is_right_as_it_is() {
    let config = load_shipped(SHIPPED, &["hooks.example.com"]).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_shipped_file_is_right_with_every_setting_switched_on() {
    let all = all_switched_on();
    let config = load_shipped(&all, SHIPPED_HOSTS).unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].ends_with("no `from` names the source `ghes`"));
}

#[test]
fn every_example_is_right_and_gives_no_warning() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples");
    let mut number = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let config = load_shipped(&text, &["hooks.example.com", "*.example.com"])
            .unwrap_or_else(|mistakes| panic!("{}: {mistakes}", path.display()));
        assert!(
            config.warnings.is_empty(),
            "{}: {:?}",
            path.display(),
            config.warnings
        );
        number += 1;
    }
    assert_eq!(number, 8);
}

/// Every key of the schema that holds a value, with its default where it has one; `[]` and tables
/// on the way are written as dots.
fn keys_of_schema() -> BTreeMap<String, Option<Value>> {
    let schema = schema();
    let mut keys = BTreeMap::new();
    walk(&schema, &schema, "", &mut keys);
    keys
}

fn walk(root: &Value, schema: &Value, path: &str, keys: &mut BTreeMap<String, Option<Value>>) {
    let default = schema.get("default").cloned();
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    };
    let items = schema
        .get("items")
        .filter(|items| items.get("$ref").is_some());
    if let Some(items) = items {
        walk(root, items, path, keys);
    } else if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            let dot = if path.is_empty() { "" } else { "." };
            walk(root, property, &format!("{path}{dot}{name}"), keys);
        }
    } else {
        keys.insert(path.to_owned(), default);
    }
}

/// Every key of a TOML document that holds a value and is in the schema as one.
fn keys_of(value: &toml::Value, path: &str, known: &BTreeSet<String>, keys: &mut BTreeSet<String>) {
    let list = value
        .as_array()
        .filter(|list| list.iter().any(toml::Value::is_table));
    if let Some(table) = value.as_table().filter(|_| !known.contains(path)) {
        for (name, value) in table {
            let dot = if path.is_empty() { "" } else { "." };
            keys_of(value, &format!("{path}{dot}{name}"), known, keys);
        }
    } else if let Some(list) = list {
        for value in list {
            keys_of(value, path, known, keys);
        }
    } else {
        keys.insert(path.to_owned());
    }
}

#[test]
fn the_shipped_file_names_every_key_and_no_other() {
    let known: BTreeSet<String> = keys_of_schema().into_keys().collect();
    let table: toml::Value = toml::Value::Table(all_switched_on().parse().unwrap());
    let mut shipped = BTreeSet::new();
    keys_of(&table, "", &known, &mut shipped);
    assert_eq!(shipped, known);
}

#[test]
fn a_setting_that_is_switched_off_in_the_shipped_file_shows_its_default() {
    let known = keys_of_schema();
    let mut section = String::new();
    let mut seen = 0;
    for line in SHIPPED.lines() {
        let is_off = line.starts_with('#') && !line.starts_with("# ");
        let setting = line.trim_start_matches('#');
        if let Some(name) = setting
            .strip_prefix('[')
            .filter(|_| !line.starts_with("# "))
        {
            section = name.trim_matches(['[', ']']).to_owned();
        }
        let Some((name, value)) = setting.split_once(" = ").filter(|_| is_off) else {
            continue;
        };
        let path = if section.is_empty() {
            name.to_owned()
        } else {
            format!("{section}.{name}")
        };
        let Some(Some(default)) = known.get(&path) else {
            continue;
        };
        if path != "certificate.self_signed" {
            assert_eq!(value, default.to_string(), "{path}");
            seen += 1;
        }
    }
    assert_eq!(seen, 32);
}

#[test]
fn the_documentation_names_every_key_with_its_default_and_no_other() {
    let documented: BTreeMap<String, String> = DOCUMENTATION
        .lines()
        .skip_while(|line| *line != "## Keys")
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let key = cells.next()?.trim().strip_suffix('`')?.to_owned();
            let default = cells.nth(1)?.trim().trim_matches('`').to_owned();
            Some((key, default))
        })
        .collect();
    let known = keys_of_schema();
    let names = |keys: &mut dyn Iterator<Item = &String>| keys.cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&mut documented.keys()), names(&mut known.keys()));
    for (key, default) in known {
        match default {
            Some(default) => assert_eq!(documented[&key], default.to_string(), "{key}"),
            None => assert!(
                matches!(documented[&key].as_str(), "none" | "required"),
                "{key}"
            ),
        }
    }
}

#[test]
fn every_default_of_the_schema_is_what_is_meant_when_the_key_is_left_out() {
    let all = all_switched_on();
    let with_defaults = load_shipped(&all, SHIPPED_HOSTS).unwrap();
    let mut bare: toml::Table = all.parse().unwrap();
    let schema = keys_of_schema();
    for (path, default) in &schema {
        if default.is_some() && path != "certificate.self_signed" && path != "listen.tls" {
            remove(&mut bare, path);
        }
    }
    let bare = load_shipped(&bare.to_string(), SHIPPED_HOSTS).unwrap();
    // What is switched on shows the defaults (the test above), so both come to the same.
    assert_eq!(bare.gateway, with_defaults.gateway);
    // Each loading has authorities of its own.
    let doors = |config: &Config| {
        let mut doors = config.listeners.clone();
        for clients in doors.iter_mut().filter_map(|door| door.clients.as_mut()) {
            clients.authorities.clear();
        }
        doors
    };
    assert_eq!(doors(&bare), doors(&with_defaults));
    let callers = |config: &Config| config.callers[0].caller.rate;
    assert_eq!(callers(&bare), callers(&with_defaults));
    let broker = |config: &Config| {
        let broker = config.broker.as_ref();
        broker.map(|broker| (broker.from.clone(), broker.cache))
    };
    assert_eq!(broker(&bare), broker(&with_defaults));
    assert_eq!(bare.spool, with_defaults.spool);
    assert_eq!(bare.log, with_defaults.log);
    assert_eq!(bare.admin.socket, with_defaults.admin.socket);
    let shape = |config: &Config| {
        let route = &config.webhooks[0];
        let to = &route.to[0];
        (
            (route.mode, route.max_body, route.redelivery_window),
            (to.timeout, to.attempts, to.concurrency, to.order),
            config
                .sources
                .iter()
                .map(|s| format!("{s:?}"))
                .collect::<Vec<_>>(),
        )
    };
    let (bare, with_defaults) = (shape(&bare), shape(&with_defaults));
    assert_eq!((bare.0, bare.1), (with_defaults.0, with_defaults.1));
    assert_eq!(bare.2, with_defaults.2);
}

fn remove(table: &mut toml::Table, path: &str) {
    let Some((name, rest)) = path.split_once('.') else {
        table.remove(path);
        return;
    };
    let within = table.get_mut(name);
    if let Some(toml::Value::Array(list)) = within {
        for inner in list.iter_mut().filter_map(toml::Value::as_table_mut) {
            remove(inner, rest);
        }
    } else if let Some(inner) = within.and_then(toml::Value::as_table_mut) {
        remove(inner, rest);
    }
}

#[test]
fn the_schema_is_one_and_says_what_is_required() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(schema["additionalProperties"], false);
    assert!(!schema.to_string().contains("null"), "TOML has no null");
    let required = |name: &str| {
        let pointer = format!("/$defs/{name}/required");
        schema.pointer(&pointer).cloned().unwrap_or_default()
    };
    assert_eq!(
        required("Webhook"),
        serde_json::json!(["url", "from", "secrets", "to"])
    );
    assert_eq!(required("Target"), serde_json::json!(["name", "url"]));
    assert_eq!(required("Gateway"), Value::Null);
}

#[test]
fn the_examples_fit_the_shape_without_leaving_anything_out() {
    let mut mistakes = Mistakes::default();
    let origin = Arc::new(Origin::default());
    fit(all_switched_on().parse().unwrap(), &origin, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
}
