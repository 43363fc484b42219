//! `hubgate cert`: what TLS listeners show, and having it renewed.

use super::client::Running;
use super::table::{Table, printable};
use super::terminal;
use crate::admin::answer::{Certificate, RenewCertificates, Renewed};
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
    /// Have certificates renewed now that authorities issue; exit 1 where one was not
    Renew(Renew),
}

#[derive(Debug, clap::Args)]
struct Renew {
    /// The one that has this host; otherwise all
    host: Option<String>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    running: Running,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (text, good) = answer(arguments)?;
    terminal::say(&text)?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the command prints, and whether all that was to be renewed was.
fn answer(arguments: &Arguments) -> anyhow::Result<(String, bool)> {
    match &arguments.command {
        None => list(&arguments.show).map(|text| (text, true)),
        Some(Command::Renew(asked)) => renew(asked),
    }
}

fn list(show: &Show) -> anyhow::Result<String> {
    let certificates: Vec<Certificate> = show.running.client()?.get("certificates")?;
    if show.json {
        return Ok(serde_json::to_string_pretty(&certificates)? + "\n");
    }
    Ok(text(&certificates))
}

fn renew(asked: &Renew) -> anyhow::Result<(String, bool)> {
    let client = asked.show.running.client()?;
    let body = RenewCertificates {
        host: asked.host.clone(),
    };
    let renewed: Vec<Renewed> = client.post("certificates/renew", Some(&body))?;
    let good = renewed.iter().all(|one| one.error.is_none());
    if asked.show.json {
        return Ok((serde_json::to_string_pretty(&renewed)? + "\n", good));
    }
    Ok((renewals(&renewed), good))
}

fn renewals(renewed: &[Renewed]) -> String {
    if renewed.is_empty() {
        return "No certificate is issued by an authority: `acme` is in none.\n".to_owned();
    }
    let line = |one: &Renewed| {
        let hosts = printable(&one.hosts.join(", "));
        match (&one.error, &one.not_after) {
            (Some(error), _) => format!("{hosts}: NOT renewed: {}\n", printable(error)),
            (None, Some(until)) => format!("{hosts}: renewed, good until {}\n", printable(until)),
            (None, None) => format!("{hosts}: renewed\n"),
        }
    };
    renewed.iter().map(line).collect()
}

/// The certificates as a table, for `hubgate status` too.
pub(super) fn text(certificates: &[Certificate]) -> String {
    let mut table = Table::new(&[
        "CERTIFICATE",
        "FROM",
        "STATE",
        "NOT AFTER",
        "NEXT ATTEMPT",
        "LAST ERROR",
    ]);
    for one in certificates {
        let state = match (one.stands_in, one.days_left) {
            (true, _) => "STANDS IN",
            (false, Some(left)) if left < 0 => "EXPIRED",
            (false, Some(_)) => "good",
            (false, None) => "",
        };
        table.row([
            one.hosts.join(", "),
            one.origin.clone(),
            state.to_owned(),
            one.not_after.clone().unwrap_or_default(),
            one.next_attempt.clone().unwrap_or_default(),
            one.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}
