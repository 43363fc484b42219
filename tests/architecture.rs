//! Holds the house in shape: imports go down the layers only, and no file outgrows its room.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms and their layers, as in `docs/ARCHITECTURE.md`.
const LAYERS: [(&str, u8); 15] = [
    ("cli", 1),
    ("gateway", 2),
    ("config", 3),
    ("gate", 4),
    ("admin", 4),
    ("webhook", 5),
    ("publish", 5),
    ("broker", 5),
    ("apps", 6),
    ("edge", 7),
    ("spool", 7),
    ("github", 7),
    ("telemetry", 7),
    ("types", 8),
    ("disk", 8),
];
/// Siblings that may be imported all the same, with the reason: every room spawns its tasks
/// through `telemetry::Tasks`, which is the one tracked helper.
const SIBLINGS: [(&str, &str); 1] = [("github", "telemetry")];
const LONGEST: usize = 500;

fn layer(room: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, layer)| *layer)
}

/// The rooms that a source text names by `crate::…`, singly or in a group.
fn imports(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for part in text.split("crate::").skip(1) {
        let names: Vec<&str> = match part.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                group.split(',').map(str::trim).collect()
            }
            None => vec![part],
        };
        for name in names {
            let word: String = name
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if layer(&word).is_some() {
                rooms.push(word);
            }
        }
    }
    rooms
}

fn faults(room: &str, text: &str) -> Vec<String> {
    let here = layer(room).unwrap_or_else(|| panic!("the room `{room}` is in no layer"));
    imports(text)
        .into_iter()
        .filter(|other| other != room && !SIBLINGS.contains(&(room, other)))
        .filter(|other| layer(other).is_some_and(|there| there <= here))
        .map(|other| format!("`{room}` (layer {here}) imports `{other}`"))
        .collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        matches!(&*part, "tests" | "contract") || part.ends_with("tests.rs") || part == "fake.rs"
    })
}

#[test]
fn imports_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    sources(&root, &mut all);
    let mut wrong: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in all.iter().filter(|path| !is_test(path)) {
        let inside = path.strip_prefix(&root).unwrap();
        let room = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        if room.ends_with(".rs") {
            continue;
        }
        let found = faults(&room, &std::fs::read_to_string(path).unwrap());
        if !found.is_empty() {
            wrong.insert(inside.to_owned(), found);
        }
    }
    assert!(all.len() > 80, "only {} files were read", all.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_planted_fault_is_found() {
    assert_eq!(faults("types", "use crate::spool::Spool;").len(), 1);
    assert_eq!(faults("edge", "use crate::{spool, types};").len(), 1);
    assert_eq!(faults("gate", "fn f() { crate::admin::open(); }").len(), 1);
    assert!(faults("gate", "use crate::webhook::Mode; use crate::types::Name;").is_empty());
}

#[test]
fn no_file_outgrows_its_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    sources(&root, &mut all);
    let long: Vec<_> = all
        .iter()
        .filter(|path| !is_test(path))
        .map(|path| (path, std::fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
