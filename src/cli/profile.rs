//! `hubgate profile`: what access profiles let through, and what one would need.

use super::client::Running;
use super::publish::encoded;
use super::table::{Table, printable};
use super::terminal;
use crate::admin::answer::Learned;
use crate::config::Config;
use crate::publish::asked::Site;
use crate::publish::profile::{self, BUILTIN, Circumstances, Passed, Profiles};
use anyhow::{Context as _, bail};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What a profile lets through, by which rule; without a name, the profiles that there are
    Show(Show),
    /// Which rule decides a request; exit 1 where it does not pass
    Explain(Explain),
    /// The profile that allows what a route was asked for while it learned
    Learned(Route),
}

#[derive(Debug, clap::Args)]
pub(super) struct Route {
    /// The route: host and path, as `hubgate status` shows it
    route: String,
    #[command(flatten)]
    running: Running,
    /// What was asked for, how often and when, instead of the profile
    #[arg(long)]
    requests: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The profile, built in or from the configuration
    name: Option<String>,
    /// Where its list comes from, as it is written, for one that is built in
    #[arg(long, requires = "name")]
    source: bool,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The method
    method: String,
    /// The path, with its query if it has one; `/api/v3` may be left out
    path: String,
    /// By which profiles; several are used together
    #[arg(long, value_name = "NAME", required = true)]
    profile: Vec<String>,
    /// As if the route's setup window were open
    #[arg(long)]
    setup_open: bool,
    /// As a route with `service = "other"` decides
    #[arg(long, conflicts_with = "setup_open")]
    other: bool,
    #[command(flatten)]
    file: File,
}

/// Where profiles come from that are not built in.
#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file that has `[[profile]]`; not read where all names are built in
    #[arg(long, value_name = "FILE", default_value = "/etc/hubgate/hubgate.toml")]
    config: PathBuf,
}

impl File {
    /// The profiles among which these names are.
    fn profiles(&self, names: &[String]) -> anyhow::Result<Profiles> {
        let built_in = Profiles::built_in();
        if names
            .iter()
            .all(|name| built_in.names().any(|it| it.as_str() == name))
        {
            return Ok(built_in);
        }
        match Config::load(&self.config) {
            Ok(config) => Ok(config.profiles),
            Err(mistakes) => bail!(
                "{} is not built in, and the configuration cannot be read:\n{mistakes}",
                names.join(", ")
            ),
        }
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let (text, passes) = match command {
        Command::Show(asked) => (show(asked)?, true),
        Command::Explain(asked) => explained(asked)?,
        Command::Learned(route) => (learned(route)?, true),
    };
    terminal::conclude(&text, passes)
}

fn show(asked: &Show) -> anyhow::Result<String> {
    let Some(name) = &asked.name else {
        let profiles = match Config::load(&asked.file.config) {
            Ok(config) => config.profiles,
            Err(_) => Profiles::built_in(),
        };
        return Ok(profiles.names().map(|name| format!("{name}\n")).collect());
    };
    if asked.source {
        let found = BUILTIN.iter().find(|profile| profile.name == name);
        let found = found.with_context(|| format!("`{name}` is not built in"))?;
        return Ok(found.text.to_owned());
    }
    let names = std::slice::from_ref(name);
    let policy = asked
        .file
        .profiles(names)?
        .policy(names.iter().map(String::as_str))?;
    let mut table = Table::new(&["", "WHAT", "METHOD", "PATH", "BY"]);
    for line in profile::show(&policy) {
        table.row(match line {
            Passed::Word(text, by) => row("allow", text, "", "", by),
            Passed::Denied(text, by) => row("DENY", text, "", "", by),
            Passed::Operation(operation, rule) => row(
                "allow",
                operation.id().to_owned(),
                operation.verb().as_str(),
                operation.pattern(),
                rule.to_string(),
            ),
        });
    }
    Ok(table.text(""))
}

fn row(decision: &str, what: String, verb: &str, path: &str, by: String) -> [String; 5] {
    [
        decision.to_owned(),
        what,
        verb.to_owned(),
        path.to_owned(),
        by,
    ]
}

/// What is decided, and whether all of it passes.
fn explained(asked: &Explain) -> anyhow::Result<(String, bool)> {
    let names = asked.profile.iter().map(String::as_str);
    let profiles = asked.file.profiles(&asked.profile)?;
    let (policy, site) = if asked.other {
        (profiles.tool_policy(names)?, Site::Tool)
    } else {
        (profiles.policy(names)?, Site::Main)
    };
    let circumstances = Circumstances {
        setup_open: asked.setup_open,
    };
    let lines = profile::explain(&policy, site, &asked.method, &asked.path, circumstances);
    let decisions = || lines.iter().filter(|line| line.starts_with("decision"));
    let passes = decisions().count() > 0 && decisions().all(|line| line.contains("  allowed"));
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    Ok((lines.join("\n") + "\n", passes))
}

fn learned(asked: &Route) -> anyhow::Result<String> {
    let path = format!("learned/{}", encoded(&asked.route));
    let learned: Learned = asked.running.client()?.get(&path)?;
    if asked.json {
        return Ok(serde_json::to_string_pretty(&learned)? + "\n");
    }
    if !asked.requests {
        let lines: Vec<_> = learned.profile.lines().map(printable).collect();
        return Ok(lines.join("\n") + "\n");
    }
    let mut table = Table::new(&["RULE", "COUNT", "FIRST", "LAST"]);
    for request in &learned.requests {
        table.row([
            request.rule.clone(),
            request.count.to_string(),
            request.first.clone(),
            request.last.clone(),
        ]);
    }
    Ok(table.text(""))
}

#[cfg(test)]
mod tests;
