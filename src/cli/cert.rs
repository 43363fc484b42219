//! `hubgate cert`: what TLS listeners show, and having it renewed.

use super::client::Show;
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

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (text, good) = answer(arguments)?;
    terminal::conclude(&text, good)
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
    Ok(text(&certificates) + &notes(&certificates))
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
        "WHY THEN",
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
            why(one),
            one.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}

/// Why it is asked for at its next attempt. A newer gateway may know more reasons.
fn why(one: &Certificate) -> String {
    match one.next_attempt_reason.as_deref() {
        Some("missing") => "none issued".to_owned(),
        Some("life") => "its life".to_owned(),
        Some("authority") => "authority's window".to_owned(),
        Some("retry") => format!("failed {} times", one.failures.unwrap_or_default()),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

/// What does not fit in a table: when authorities want certificates renewed, and why those that are
/// served were asked for.
fn notes(certificates: &[Certificate]) -> String {
    let mut told = String::new();
    for one in certificates {
        let hosts = printable(&one.hosts.join(", "));
        let mut note = |text: String| {
            let text = printable(&text);
            told.push_str(&format!("{hosts}: {text}\n"));
        };
        if let Some(window) = &one.window {
            let (start, end) = (&window.start, &window.end);
            let why = window.explanation.as_ref();
            let why = why.map_or_else(String::new, |page| format!(" ({page})"));
            note(format!(
                "the authority wants it renewed between {start} and {end}{why}"
            ));
        }
        if let Some(error) = &one.window_error {
            note(format!(
                "the authority does not say when it wants it renewed: {error}"
            ));
        }
        match one.issued_reason.as_deref() {
            Some("authority") => note("it was issued because the authority wanted it".to_owned()),
            Some("by_hand") => note("it was issued because somebody asked for it".to_owned()),
            Some(_) | None => {}
        }
    }
    if told.is_empty() {
        told
    } else {
        format!("\n{told}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::answer::Window;

    fn certificate() -> Certificate {
        Certificate {
            hosts: vec!["a.example.com".to_owned()],
            origin: "acme".to_owned(),
            issuer: "CN=Some CA".to_owned(),
            stands_in: false,
            not_after: None,
            days_left: Some(61),
            age_seconds: None,
            next_attempt: None,
            next_attempt_reason: None,
            failures: None,
            last_error: None,
            issued_reason: None,
            window: None,
            window_error: None,
        }
    }

    #[test]
    fn it_is_said_why_it_is_asked_for_then() {
        for (reason, failures, expected) in [
            (Some("missing"), 0, "none issued"),
            (Some("life"), 0, "its life"),
            (Some("authority"), 0, "authority's window"),
            (Some("retry"), 7, "failed 7 times"),
            (None, 0, ""),
        ] {
            let one = Certificate {
                next_attempt_reason: reason.map(str::to_owned),
                failures: Some(failures),
                ..certificate()
            };
            assert_eq!(why(&one), expected);
        }
    }

    #[test]
    fn notes_are_of_what_the_authority_wants_and_nothing_else() {
        assert_eq!(notes(&[certificate()]), "");
        let told = notes(&[
            Certificate {
                window: Some(Window {
                    start: "2026-12-20T08:00:00.000Z".to_owned(),
                    end: "2026-12-22T08:00:00.000Z".to_owned(),
                    explanation: Some("https://ca.example/why".to_owned()),
                }),
                issued_reason: Some("authority".to_owned()),
                ..certificate()
            },
            Certificate {
                window_error: Some("no answer\u{1b}[2J".to_owned()),
                issued_reason: Some("life".to_owned()),
                ..certificate()
            },
        ]);
        let expected = "
a.example.com: the authority wants it renewed between 2026-12-20T08:00:00.000Z and \
                        2026-12-22T08:00:00.000Z (https://ca.example/why)
a.example.com: it was issued because the authority wanted it
a.example.com: the authority does not say when it wants it renewed: no answer\\u{1b}[2J
";
        assert_eq!(told, expected);
    }
}
