//! Each key of the configuration, changed in the file of a gateway that runs: after a reload what it
//! says is seen from outside, or the reply names it as waiting for a restart. Each group of keys has
//! a table with a row for each; together they have every key of the schema that the binary prints.

mod acme;
mod apps;
mod broker;
mod callers;
mod certificates;
mod hooks;
mod process;
mod publish;
mod refused;
mod restart;
mod service;
mod sources;
mod targets;

use crate::harness::{Gate, Site};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Output;

/// A key, and the test that sees its effect before and after a reload; it is given what the group
/// has running, as it was configured at first.
pub struct Row<B: 'static> {
    key: &'static str,
    seen: for<'a> fn(&'a B) -> LocalBoxFuture<'a, ()>,
}

/// The rows of a group, by key.
macro_rules! rows {
    ($of:ty: $($key:literal => $seen:path),+ $(,)?) => {
        pub const ROWS: &[crate::reloaded::Row<$of>] = &[$(crate::reloaded::Row {
            key: $key,
            seen: |of| Box::pin($seen(of)),
        }),+];
    };
}
use rows;

/// A gateway that runs under a configuration, to which it comes back after each row.
pub struct Running {
    pub site: Site,
    pub gate: Gate,
    base: String,
}

impl Running {
    /// Starts it with what the site is configured with.
    pub async fn start(site: Site) -> Self {
        let base = std::fs::read_to_string(site.path("hubgate.toml")).unwrap();
        let gate = site.start().await;
        Self { site, gate, base }
    }

    /// The configuration that it began with, with each of these in the other's place.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let mut text = self.base.clone();
        for (from, to) in changes {
            assert!(text.contains(from), "no `{from}` in {text}");
            text = text.replacen(from, to, 1);
        }
        text
    }

    /// Has this change take effect; what the command says.
    pub fn change(&self, changes: &[(&str, &str)]) -> String {
        let out = self.reload(&self.with(changes));
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Has everything be as it was at first.
    pub fn reset(&self) -> String {
        self.change(&[])
    }

    pub fn reload(&self, text: &str) -> Output {
        self.site.write(text);
        self.command(&["reload"])
    }

    /// Runs a command of this gateway's.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let socket = self.site.path("admin.sock");
        let socket = ["--socket", socket.to_str().unwrap()];
        self.site.hubgate(&[arguments, &socket].concat())
    }

    /// What a command says in JSON.
    pub fn shown(&self, arguments: &[&str]) -> Value {
        let out = self.command(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"))
    }

    /// The first audit record that this holds for, once there is one.
    pub async fn audited(&self, right: impl Fn(&Value) -> bool) -> Value {
        crate::harness::eventually(|| self.site.audit().into_iter().find(|one| right(one))).await
    }
}

/// A group's gateway, and what else it has.
pub trait Group {
    fn running(&self) -> &Running;
}

/// Sees every row of a group, from the same beginning each.
async fn see<B: Group>(group: &B, rows: &[Row<B>]) {
    for row in rows {
        eprintln!("{}", row.key);
        (row.seen)(group).await;
        let said = group.running().reset();
        assert!(!said.contains("restart"), "{}: {said}", row.key);
    }
}

fn keys<B>(rows: &[Row<B>]) -> impl Iterator<Item = String> {
    rows.iter().map(|row| row.key.to_owned())
}

/// The paths of all keys that have a value of their own.
fn leaves(schema: &Value, at: &Value, path: &str, found: &mut BTreeSet<String>) {
    let named = |node: &Value| {
        let name = node["$ref"].as_str()?.rsplit('/').next()?;
        Some(schema["$defs"][name].clone())
    };
    let at = named(at).unwrap_or_else(|| at.clone());
    let item = named(&at["items"]).filter(|item| item["properties"].is_object());
    match item.as_ref().unwrap_or(&at)["properties"].as_object() {
        None => drop(found.insert(path.to_owned())),
        Some(keys) => {
            for (key, below) in keys {
                let path = [path, key].join(".");
                leaves(schema, below, path.trim_start_matches('.'), found);
            }
        }
    }
}

#[test]
fn every_key_of_the_schema_has_a_row_and_every_row_a_key() {
    let out = Site::new().hubgate(&["config", "schema"]);
    let schema: Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut wanted = BTreeSet::new();
    leaves(&schema, &schema, "", &mut wanted);
    assert!(wanted.len() > 80, "{wanted:?}");
    let rows = keys(acme::ROWS)
        .chain(keys(apps::ROWS))
        .chain(keys(broker::ROWS))
        .chain(keys(callers::ROWS))
        .chain(keys(certificates::ROWS))
        .chain(keys(hooks::ROWS))
        .chain(keys(process::ROWS))
        .chain(keys(publish::ROWS))
        .chain(restart::keys())
        .chain(keys(service::ROWS))
        .chain(keys(sources::ROWS))
        .chain(keys(targets::ROWS));
    let mut seen = BTreeSet::new();
    for row in rows {
        assert!(seen.insert(row.clone()), "two rows for `{row}`");
    }
    let without: Vec<_> = wanted.difference(&seen).collect();
    let strange: Vec<_> = seen.difference(&wanted).collect();
    assert!(
        without.is_empty() && strange.is_empty(),
        "keys without a row: {without:?}; rows without a key: {strange:?}"
    );
}
