//! The pages name everything that there is.

use super::*;
use serde_json::Value;

/// The page as `man` would show it, as far as words go: without the marks of fonts.
fn plain(page: &str) -> String {
    let mut plain = page.to_owned();
    for (mark, text) in [
        ("\\fB", ""),
        ("\\fI", ""),
        ("\\fR", ""),
        ("\\-", "-"),
        ("\\&", ""),
        ("\\*(Aq", "'"),
    ] {
        plain = plain.replace(mark, text);
    }
    plain
}

#[test]
fn the_page_of_the_program_has_every_command_and_every_option() {
    fn leaves(command: &Command, name: &str, found: &mut Vec<(String, Vec<String>)>) {
        for sub in command.get_subcommands() {
            let name = format!("{name} {}", sub.get_name());
            if sub.has_subcommands() {
                leaves(sub, &name, found);
            } else {
                let long = sub.get_arguments().filter_map(clap::Arg::get_long);
                let long = long.map(|long| format!("--{long}"));
                found.push((name, long.collect()));
            }
        }
    }
    let page = plain(&program().unwrap());
    let mut found = Vec::new();
    leaves(&super::super::Arguments::command(), "hubgate", &mut found);
    assert!(found.len() > 20, "{found:?}");
    for (name, options) in found {
        let title = format!(".SS \"{name}\"\n");
        let rest = page.split_once(&title);
        let (_, rest) = rest.unwrap_or_else(|| panic!("{name}: {page}"));
        let section = rest.split("\n.S").next().unwrap();
        for option in options {
            assert!(section.contains(&option), "{name} {option}: {section}");
        }
    }
}

#[test]
fn the_page_of_the_file_has_every_key() {
    let schema = crate::config::schema();
    let page = plain(&file::page(&schema));
    let tables = schema["$defs"].as_object().unwrap();
    let mut seen = 0;
    for table in tables.values() {
        for key in table["properties"].as_object().into_iter().flatten() {
            let (key, about): (&String, &Value) = key;
            let about = about["description"].as_str().unwrap_or_default();
            let line = |line: &str| {
                let word = line.split(' ').next().unwrap_or_default();
                word == key || word.ends_with(&format!(".{key}"))
            };
            assert!(page.lines().any(line), "{key} is missing: {about}");
            seen += 1;
        }
    }
    assert!(seen > 90, "{seen}");
    for section in schema["properties"].as_object().unwrap().keys() {
        let title = |line: &str| line.starts_with(".SH") && line.contains(section.as_str());
        assert!(page.lines().any(title), "{section}");
    }
}
