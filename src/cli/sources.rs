//! `hubgate sources`: who may come, and how fresh the fetched lists are.

use super::client::Show;
use super::table::{Table, age, printable};
use super::terminal;
use crate::admin::answer::{Refreshed, Source};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Have the running gateway fetch its source lists now; exit 1 where one could not be had
    Refresh(Show),
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (text, good) = answer(arguments)?;
    terminal::conclude(&text, good)
}

/// What the command prints, and whether every list that was to be fetched was.
fn answer(arguments: &Arguments) -> anyhow::Result<(String, bool)> {
    match &arguments.command {
        None => list(&arguments.show).map(|text| (text, true)),
        Some(Command::Refresh(show)) => refresh(show),
    }
}

fn list(show: &Show) -> anyhow::Result<String> {
    let sources: Vec<Source> = show.running.client()?.get("sources")?;
    if show.json {
        return Ok(serde_json::to_string_pretty(&sources)? + "\n");
    }
    Ok(text(&sources))
}

fn refresh(show: &Show) -> anyhow::Result<(String, bool)> {
    let client = show.running.client()?;
    let refreshed: Vec<Refreshed> = client.post("sources/refresh", None::<&()>)?;
    let good = refreshed.iter().all(|one| one.error.is_none());
    if show.json {
        return Ok((serde_json::to_string_pretty(&refreshed)? + "\n", good));
    }
    Ok((refreshes(&refreshed), good))
}

fn refreshes(refreshed: &[Refreshed]) -> String {
    if refreshed.is_empty() {
        return "No source list is fetched: all are in the configuration.\n".to_owned();
    }
    let line = |one: &Refreshed| {
        let outcome = match &one.error {
            Some(error) => format!("the old list stays: {}", printable(error)),
            None if one.changed => "changed".to_owned(),
            None => "unchanged".to_owned(),
        };
        let name = printable(&one.source);
        format!("{name}: {outcome}, {} networks\n", one.networks)
    };
    refreshed.iter().map(line).collect()
}

/// The sources as a table, for `hubgate status` too.
pub(super) fn text(sources: &[Source]) -> String {
    let mut table = Table::new(&["SOURCE", "NETWORKS", "AGE", "STATE", "FROM", "LAST ERROR"]);
    for source in sources {
        let state = match (source.stale, source.age_seconds) {
            (true, _) => "STALE",
            (false, Some(_)) => "fresh",
            (false, None) => "fixed",
        };
        table.row([
            source.name.clone(),
            source.networks.to_string(),
            source.age_seconds.map(age).unwrap_or_default(),
            state.to_owned(),
            source.origin.clone(),
            source.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}

#[cfg(test)]
mod tests;
