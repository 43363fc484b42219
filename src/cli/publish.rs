//! `hubgate publish`: what is changed of published services while they run.

use super::client::Running;
use super::table::printable;
use super::terminal;
use crate::admin::answer::{OpenSetup, SetupWindow};
use crate::types::Span;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let a new App's manifest be converted through a route, for a while: what comes back is the
    /// App's private key
    OpenSetup(Open),
}

#[derive(Debug, clap::Args)]
pub(super) struct Open {
    /// The route: host and path, as `hubgate status` shows it
    route: String,
    /// For how long, at most 24h; 0s closes the window
    #[arg(long = "for", value_name = "DURATION", default_value = "15m")]
    lasting: Span,
    #[command(flatten)]
    running: Running,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::OpenSetup(open) = command;
    terminal::say(&answer(open)?)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(open: &Open) -> anyhow::Result<String> {
    let asked = OpenSetup {
        seconds: open.lasting.duration().as_secs(),
    };
    let path = format!("setup/{}", encoded(&open.route));
    let window: SetupWindow = open.running.client()?.post(&path, Some(&asked))?;
    let route = printable(&window.route);
    Ok(match window.until {
        Some(until) => format!("{route} converts manifests until {}\n", printable(&until)),
        None => format!("{route} converts no manifests\n"),
    })
}

/// A route as one segment of a path. Its host may be written alone.
pub(super) fn encoded(route: &str) -> String {
    let whole = if route.contains('/') {
        route.to_owned()
    } else {
        format!("{route}/")
    };
    form_urlencoded::byte_serialize(whole.as_bytes()).collect()
}

#[cfg(test)]
mod tests;
