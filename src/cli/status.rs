//! `hubgate status`: a glance at the running gateway.

use super::client::Running;
use super::table::{Table, age, count, printable, size};
use super::{cert, sources, terminal};
use crate::admin::answer::{Condition, Status, Target, TargetState};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Exit code 0 where it takes traffic, 1 where it does not or is not running.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (text, ready) = answer(arguments)?;
    terminal::say(&text)?;
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the command prints, and whether traffic is taken.
fn answer(arguments: &Arguments) -> anyhow::Result<(String, bool)> {
    let status: Status = arguments.running.client()?.get("status")?;
    let ready = status.readiness.ready;
    if arguments.json {
        return Ok((serde_json::to_string_pretty(&status)? + "\n", ready));
    }
    Ok((text(&status), ready))
}

fn text(status: &Status) -> String {
    let readiness = &status.readiness;
    let word = if readiness.ready {
        "is ready"
    } else {
        "is NOT ready"
    };
    let mut text = format!(
        "hubgate {} {word}, up {}\n",
        printable(&status.version),
        age(status.uptime_seconds)
    );
    for reason in &readiness.reasons {
        text += &format!("  because {}\n", printable(reason));
    }
    for warning in &readiness.warnings {
        text += &format!("  warning: {}\n", printable(warning));
    }
    text += &format!("Spool: {}\n\n", spool(status));

    let mut listeners = Table::new(&["LISTENER", "ADDRESS", "TLS"]);
    for listener in &status.listeners {
        let tls = if listener.tls { "yes" } else { "no" };
        listeners.row([
            listener.name.clone(),
            listener.address.clone(),
            tls.to_owned(),
        ]);
    }
    let mut routes = Table::new(&["ROUTE", "MODE", "FROM", "EVENTS", "TO"]);
    for route in &status.routes {
        let events = match route.events.as_slice() {
            [] => "all".to_owned(),
            events => events.join(", "),
        };
        routes.row([
            route.key.clone(),
            route.mode.clone(),
            route.from.join(", "),
            events,
            route.targets.join(", "),
        ]);
    }
    let tables = [
        listeners.text(""),
        routes.text(""),
        targets(&status.targets),
        sources::text(&status.sources),
        cert::text(&status.certificates),
    ];
    text + &tables.join("\n")
}

fn spool(status: &Status) -> String {
    let spool = &status.spool;
    let condition = match spool.condition {
        Condition::Ready => "ready",
        Condition::Full => "FULL",
        Condition::Broken => "BROKEN",
    };
    let why = spool.why.as_deref().map(printable);
    format!(
        "{condition}{}, {} of {} used, {} kept",
        why.map_or_else(String::new, |why| format!(" ({why})")),
        size(spool.used_bytes),
        size(spool.limit_bytes),
        count(spool.deliveries, "delivery", "deliveries"),
    )
}

fn targets(targets: &[Target]) -> String {
    let mut table = Table::new(&["TARGET", "STATE", "PENDING", "OLDEST", "DEAD", "LAST ERROR"]);
    for target in targets {
        let state = match target.state {
            TargetState::Up => "up",
            TargetState::Down => "DOWN",
            TargetState::Unconfigured => "unconfigured",
        };
        table.row([
            target.name.clone(),
            state.to_owned(),
            target.pending.to_string(),
            target.oldest_age_seconds.map(age).unwrap_or_default(),
            target.dead.to_string(),
            target.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}

#[cfg(test)]
mod tests;
