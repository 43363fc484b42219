//! Apps as people read them.

use super::super::table::{Table, printable};
use crate::admin::answer::{App, AppInstallation, AppState};
use std::collections::BTreeMap;

/// All, one a line.
pub(super) fn table(apps: &[App]) -> String {
    if apps.is_empty() {
        return "No App: `hubgate app create` makes one, `[[app]]` names one.\n".to_owned();
    }
    let mut table = Table::new(&["APP", "GITHUB", "ID", "STATE", "INSTALLED AT", "ADVICE"]);
    for app in apps {
        let owners = app.installations.iter().map(|one| {
            if one.state == AppState::Installed {
                one.owner.clone()
            } else {
                format!("{} ({})", one.owner, word(one.state))
            }
        });
        let owners: Vec<String> = owners.collect();
        table.row([
            app.name.clone(),
            app.github.clone(),
            app.id.map(|id| id.to_string()).unwrap_or_default(),
            word(app.state).to_owned(),
            owners.join(", "),
            app.advice.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}

/// One, and what to do about it.
pub(super) fn line(app: &App) -> String {
    let (name, state) = (printable(&app.name), word(app.state));
    match &app.advice {
        Some(advice) => format!("{name} is {state}: {}", printable(advice)),
        None => format!("{name} is {state}"),
    }
}

/// All that is known of one.
pub(super) fn whole(app: &App) -> String {
    let mut text = line(app) + "\n";
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("{what:<12}{}\n", printable(&value)));
        }
    };
    let slug = app.slug.as_ref().map(|slug| format!(", {slug}"));
    let id = app
        .id
        .map(|id| format!("App {id}{} at {}", slug.unwrap_or_default(), app.github));
    add("GitHub", id);
    let kept = if app.made_here {
        "made here"
    } else {
        "in the configuration"
    };
    add("credentials", Some(kept.to_owned()));
    add("open", app.open.clone());
    add("until", app.until.clone());
    add("settings", app.settings.clone());
    add("install", app.install.clone());
    add("wants", Some(words(&app.permissions)));
    add("events", Some(app.events.join(", ")));
    add("checked", app.checked.clone());
    for key in &app.keys {
        let state = match (key.accepted, key.active, key.delete) {
            (_, _, true) => "old: delete it at GitHub",
            (_, true, false) => "in use",
            (Some(true), false, false) => "accepted",
            (Some(false), ..) => "refused by GitHub",
            (None, ..) => "not tried yet",
        };
        add("key", Some(format!("{} {state}", key.fingerprint)));
    }
    for one in &app.installations {
        text.push_str(&installation(one));
    }
    text
}

fn installation(one: &AppInstallation) -> String {
    let by = one.suspended_by.as_deref();
    let by = by.map(|by| match by {
        "app" => " by the App's owner, who can end that",
        "account" => " by the account, which can end that",
        _ => "; GitHub does not say by whom",
    });
    let mut text = format!(
        "\n{} (installation {}): {}{}\n",
        printable(&one.owner),
        one.id,
        word(one.state),
        by.unwrap_or_default()
    );
    let reach = if one.selected { "selected" } else { "all" };
    let repositories = match &one.repositories {
        Some(names) => {
            let shown: Vec<String> = names
                .iter()
                .take(MOST)
                .map(|name| printable(name))
                .collect();
            let more = names.len().saturating_sub(MOST);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{reach}, {}: {}{more}", names.len(), shown.join(", "))
        }
        None => reach.to_owned(),
    };
    text.push_str(&format!("  repositories  {repositories}\n"));
    text.push_str(&format!(
        "  granted       {}\n",
        printable(&words(&one.granted))
    ));
    if !one.lacking.is_empty() {
        let lacking = printable(&words(&one.lacking));
        text.push_str(&format!("  not granted   {lacking}\n"));
    }
    if let Some(page) = &one.page {
        text.push_str(&format!("  change it at  {}\n", printable(page)));
    }
    text
}

fn words(permissions: &BTreeMap<String, String>) -> String {
    let each = permissions
        .iter()
        .map(|(kind, level)| format!("{kind}: {level}"));
    let each: Vec<String> = each.collect();
    each.join(", ")
}

const fn word(state: AppState) -> &'static str {
    match state {
        AppState::Waiting => "waiting for GitHub",
        AppState::Expired => "not made in time",
        AppState::Lost => "lost",
        AppState::Unasked => "not looked at yet",
        AppState::Created => "created, not installed",
        AppState::Installed => "installed",
        AppState::Suspended => "suspended",
        AppState::Removed => "uninstalled",
        AppState::KeyRefused => "locked out: its key is refused",
        AppState::Gone => "deleted at GitHub",
        AppState::Away => "unknown",
    }
}

/// Repositories that are named before the rest is counted.
const MOST: usize = 20;
