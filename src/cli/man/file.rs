//! hubgate.toml(5), made of the schema: every key with what it may be.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use serde_json::{Map, Value};

/// The page of a configuration file with this schema.
pub(super) fn page(schema: &Value) -> String {
    let mut roff = Roff::new();
    let source = format!("hubgate {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["HUBGATE.TOML", "5", "", &source, "File Formats"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("hubgate.toml - the configuration of hubgate")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([italic("/etc/hubgate/hubgate.toml")]);
    roff.control("br", []);
    roff.text([italic("/etc/hubgate/conf.d/*.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    for text in [
        "One file in TOML, then what is in conf.d beside it, in the order of the names, then \
         environment variables HUBGATE__SECTION__KEY. An unknown key is a mistake. All mistakes \
         are told at once, each with its file, its key and what was expected; a bad file starts \
         nothing and changes nothing. hubgate check reads the file without starting.",
        "Durations are written as \"10s\", \"5m\", \"72h\", \"7d\"; sizes as \"25MiB\". A secret is \
         \"file:NAME\" (in $CREDENTIALS_DIRECTORY, else in /etc/hubgate/secrets; absolute paths \
         too) or \"env:NAME\", and never stands in the file itself.",
    ] {
        roff.control("PP", []);
        roff.text([roman(text)]);
    }
    let none = Map::new();
    let sections = schema["properties"].as_object().unwrap_or(&none);
    for (name, section) in sections {
        described(&mut roff, schema, name, section);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("hubgate"), roman("(8)")]);
    roff.render()
}

/// One section of the file, or a key that stands in none.
fn described(roff: &mut Roff, schema: &Value, name: &str, section: &Value) {
    let Some((list, keys)) = object(schema, section) else {
        roff.control("SH", [name]);
        roff.text(text(section));
        return;
    };
    let title = if list {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    };
    roff.control("SH", [title.as_str()]);
    roff.text(text(section));
    entries(roff, schema, keys, "");
}

/// The keys of a table, and of the tables in it.
fn entries(roff: &mut Roff, schema: &Value, table: &Value, prefix: &str) {
    let none = Map::new();
    let required = table["required"].as_array();
    for (key, about) in table["properties"].as_object().unwrap_or(&none) {
        let path = format!("{prefix}{key}");
        roff.control("TP", []);
        roff.text([
            bold(path.as_str()),
            roman(format!(" ({})", kind(schema, about))),
        ]);
        let needed = required.is_some_and(|all| all.iter().any(|one| one == key));
        let mut words = text(about);
        match about.get("default") {
            Some(default) => words.push(roman(format!(" Default: {default}."))),
            None if needed => words.push(roman(" Required.")),
            None => {}
        }
        roff.text(words);
        if let Some((list, inner)) = object(schema, about) {
            let brackets = if list { "[]" } else { "" };
            entries(roff, schema, inner, &format!("{path}{brackets}."));
        }
    }
}

/// The table that a part of the schema stands for, and whether there may be several.
fn object<'a>(schema: &'a Value, part: &'a Value) -> Option<(bool, &'a Value)> {
    let part = resolved(schema, part);
    if part["properties"].is_object() {
        return Some((false, part));
    }
    let items = resolved(schema, &part["items"]);
    items["properties"].is_object().then_some((true, items))
}

fn resolved<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part["$ref"].as_str();
    let path = reference.and_then(|reference| reference.strip_prefix('#'));
    path.and_then(|path| schema.pointer(path)).unwrap_or(part)
}

/// What a value is, in the words of TOML.
fn kind(schema: &Value, part: &Value) -> String {
    let part = resolved(schema, part);
    if let Some(words) = part["enum"].as_array().or_else(|| part["oneOf"].as_array()) {
        let word = |value: &Value| value.get("const").unwrap_or(value).to_string();
        let words: Vec<String> = words.iter().map(word).collect();
        return words.join(" or ");
    }
    if let Some(choices) = part["anyOf"].as_array() {
        let choices: Vec<String> = choices.iter().map(|choice| kind(schema, choice)).collect();
        return choices.join(" or ");
    }
    match part["type"].as_str() {
        Some("array") => {
            let items = resolved(schema, &part["items"]);
            if items["properties"].is_object() {
                "tables".to_owned()
            } else {
                format!("list of {}s", kind(schema, items))
            }
        }
        Some("object") => "table".to_owned(),
        Some(name) => name.to_owned(),
        None => "value".to_owned(),
    }
}

/// What the schema says of it; `code` in bold.
fn text(part: &Value) -> Vec<Inline> {
    let text = part["description"].as_str().unwrap_or_default();
    let text = text.replace('\n', " ");
    let pieces = text.split('`').enumerate();
    let inline = |(number, piece): (usize, &str)| {
        if number % 2 == 0 {
            roman(piece)
        } else {
            bold(piece)
        }
    };
    pieces.map(inline).collect()
}
