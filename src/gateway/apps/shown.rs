//! What is known of Apps, in the admin room's words; each state with its way out.

use super::super::World;
use crate::admin::answer::{self, AppInstallation, AppKey, AppState};
use crate::apps::store::{Pending, Stage};
use crate::apps::{App, Condition, Known, Side, Standing};
use crate::github::Installation;
use crate::types::Permissions;
use std::collections::BTreeMap;

/// An App whose keys are held here.
pub(super) fn app(app: &App, world: &World) -> answer::App {
    let known = app.known();
    let state = state(&known);
    let registration = known.registration.clone();
    let owner = registration.as_ref().and_then(|app| app.owner.clone());
    let to_delete: Vec<_> = known.to_delete().collect();
    let keys = known.keys.iter().map(|key| AppKey {
        fingerprint: key.fingerprint.to_string(),
        accepted: key.accepted,
        active: key.active,
        delete: to_delete.contains(&key.fingerprint),
    });
    let site = app.site();
    let settings = registration.as_ref().map(|app| {
        let organization = owner.as_deref().filter(|_| app.organization);
        site.settings_page(&app.slug, organization)
    });
    let install = registration
        .as_ref()
        .map(|app| site.install_page(&app.slug));
    answer::App {
        name: app.name().to_string(),
        github: site.name.to_string(),
        id: Some(app.id().0),
        advice: advice(state, &known, install.as_deref(), settings.as_deref()),
        state,
        made_here: !world.is_in_file(app.name()),
        slug: registration.as_ref().map(|app| app.slug.clone()),
        settings,
        install,
        open: None,
        until: None,
        permissions: registration
            .as_ref()
            .map(|app| words(&app.permissions))
            .unwrap_or_default(),
        events: registration
            .map(|app| app.events.clone())
            .unwrap_or_default(),
        keys: keys.collect(),
        installations: installations(&known),
        checked: known.reconciled.map(|at| at.to_string()),
    }
}

/// An App that is being made.
pub(super) fn pending(pending: &Pending, world: &World) -> answer::App {
    let (name, until) = (&pending.name, pending.until);
    let (state, advice) = match pending.stage {
        Stage::Waiting if pending.is_open(world.clock.now()) => {
            let text = "open the page and let GitHub make the App";
            (AppState::Waiting, text.to_owned())
        }
        Stage::Waiting => {
            let text = "nobody made it within the hour: run `hubgate app create` again";
            (AppState::Expired, text.to_owned())
        }
        Stage::Converting => {
            let text = format!(
                "GitHub was asked for its key and what it said was lost: `hubgate app remove {name}`. \
                 If the App is at GitHub, delete it there, or make a key in its settings and name \
                 it in `[[app]]`"
            );
            (AppState::Lost, text)
        }
    };
    answer::App {
        name: name.to_string(),
        github: pending.github.to_string(),
        id: None,
        state,
        advice: Some(advice),
        made_here: true,
        slug: None,
        settings: None,
        install: None,
        open: (state == AppState::Waiting).then(|| pending.open.clone()),
        until: Some(until.to_string()),
        permissions: BTreeMap::new(),
        events: Vec::new(),
        keys: Vec::new(),
        installations: Vec::new(),
        checked: None,
    }
}

fn state(known: &Known) -> AppState {
    let any = |wanted: fn(&Standing) -> bool| known.standings.values().any(wanted);
    match known.condition {
        Condition::Unasked => AppState::Unasked,
        Condition::KeyRefused => AppState::KeyRefused,
        Condition::Gone => AppState::Gone,
        Condition::Away(_) => AppState::Away,
        Condition::Well if any(|it| matches!(it, Standing::Installed(_))) => AppState::Installed,
        Condition::Well if any(|it| matches!(it, Standing::Suspended(_))) => AppState::Suspended,
        Condition::Well if any(|it| matches!(it, Standing::Removed(_))) => AppState::Removed,
        Condition::Well => AppState::Created,
    }
}

fn advice(
    state: AppState,
    known: &Known,
    install: Option<&str>,
    settings: Option<&str>,
) -> Option<String> {
    let (install, settings) = (
        install.unwrap_or("its public page"),
        settings.unwrap_or("its settings at GitHub"),
    );
    let text = match state {
        AppState::Created => format!("install it at {install}"),
        AppState::Removed => format!("it was uninstalled; install it again at {install}"),
        AppState::Suspended => suspended(known),
        AppState::KeyRefused => format!(
            "its keys were deleted at GitHub, or `id` is another App's: make a key at {settings} \
             and run `hubgate app rotate-key`, or name it in `keys`"
        ),
        AppState::Gone => "it was deleted at GitHub: `hubgate app remove` it here, or take it out \
             of the configuration"
            .to_owned(),
        AppState::Away => match &known.condition {
            Condition::Away(why) => format!("GitHub could not be asked: {why}"),
            Condition::Unasked | Condition::Well | Condition::KeyRefused | Condition::Gone => {
                return None;
            }
        },
        AppState::Installed => {
            let delete = known.to_delete().map(|key| key.to_string());
            let delete: Vec<String> = delete.collect();
            if delete.is_empty() {
                return None;
            }
            format!("delete the old key {} at {settings}", delete.join(", "))
        }
        AppState::Waiting | AppState::Expired | AppState::Lost | AppState::Unasked => return None,
    };
    Some(text)
}

/// Each suspension, and who alone can end it.
fn suspended(known: &Known) -> String {
    let each = known.standings.iter().filter_map(|(owner, standing)| {
        let Standing::Suspended(found) = standing else {
            return None;
        };
        let page = found.page.as_deref().unwrap_or("its page at GitHub");
        Some(match known.suspended_by(found) {
            Some(Side::App) => {
                format!("the App's owner suspended it at {owner}: only they can end that")
            }
            Some(Side::Account) => {
                format!("{owner} suspended it: only its people can end that, at {page}")
            }
            Some(Side::Unknown) | None => format!(
                "it is suspended at {owner}, by the App's owner or by the account's people, who \
                 alone can end that: ask them; the account's page is {page}"
            ),
        })
    });
    each.collect::<Vec<_>>().join("; ")
}

fn installations(known: &Known) -> Vec<AppInstallation> {
    let one = |(owner, standing): (&crate::types::Owner, &Standing)| {
        let (found, state) = match standing {
            Standing::Installed(found) => (found, AppState::Installed),
            Standing::Suspended(found) => (found, AppState::Suspended),
            Standing::Removed(found) => (found, AppState::Removed),
            Standing::Absent => return None,
        };
        let found: &Installation = found;
        let by = known.suspended_by(found).map(|side| match side {
            Side::App => "app",
            Side::Account => "account",
            Side::Unknown => "unknown",
        });
        Some(AppInstallation {
            owner: owner.to_string(),
            id: found.id.0,
            state,
            suspended_by: by.map(ToOwned::to_owned),
            selected: found.selected,
            granted: words(&found.permissions),
            lacking: words(&known.ungranted(found)),
            page: found.page.clone(),
            repositories: None,
        })
    };
    known.standings.iter().filter_map(one).collect()
}

fn words(permissions: &Permissions) -> BTreeMap<String, String> {
    let each = permissions.iter();
    each.map(|(kind, level)| (kind.to_owned(), level.to_string()))
        .collect()
}
