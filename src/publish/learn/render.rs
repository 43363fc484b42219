//! The profile that what was learned makes.

use super::Entry;
use crate::publish::operation::{Access, Operation};
use crate::types::Name;

/// A `[[profile]]` that allows what the entries say, to be read before it is used.
#[must_use]
pub fn render(name: &Name, entries: &[Entry], left_out: u64) -> String {
    let mut text = String::from(
        "# Learned from what passed. Read it before you use it: what should not have passed is here \
         too.\n",
    );
    if left_out > 0 {
        let times = if left_out == 1 { "request" } else { "requests" };
        text.push_str(&format!("# Of {left_out} {times} there is no record.\n"));
    }
    text.push_str(&format!("[[profile]]\nname = \"{name}\"\nallow = [\n"));
    let rules: Vec<String> = entries.iter().map(|entry| quoted(&entry.rule)).collect();
    let width = rules.iter().map(String::len).max().unwrap_or(0).min(WIDE);
    for (entry, rule) in entries.iter().zip(&rules) {
        let times = if entry.count == 1 { "time" } else { "times" };
        let (first, last) = (entry.first, entry.last);
        let count = entry.count;
        let remark = remark(&entry.rule);
        text.push_str(&format!(
            "  {rule:<width$} # {count} {times}, {first} to {last}{remark}\n"
        ));
    }
    text.push_str("]\n");
    text
}

fn quoted(rule: &str) -> String {
    format!("{},", toml::Value::String(rule.to_owned()))
}

/// What a person should look at twice.
fn remark(rule: &str) -> &'static str {
    match Operation::named(rule) {
        Some(operation) if operation.is_secret() => "; hands out secrets",
        Some(operation) if operation.is_admin() => "; administration",
        Some(operation) if operation.access() == Access::Write => "; writes",
        Some(_) => "",
        None if rule.ends_with(":write") || rule.ends_with(":mutation") => "; writes",
        None => "",
    }
}

/// The column of the remarks stands no further to the right, however long a rule is.
const WIDE: usize = 60;
