//! `hubgate man`: the manual pages, made of the command line and of the schema themselves.

mod file;

use super::terminal;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which page
    #[arg(value_enum, default_value_t)]
    page: Page,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Page {
    /// hubgate(8): the commands
    #[default]
    #[value(name = "hubgate")]
    Program,
    /// hubgate.toml(5): the configuration file
    #[value(name = "hubgate.toml")]
    File,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let page = match arguments.page {
        Page::Program => program()?,
        Page::File => file::page(&crate::config::schema()),
    };
    terminal::say(&page)?;
    Ok(ExitCode::SUCCESS)
}

const FILES: [(&str, &str); 6] = [
    (
        "/etc/hubgate/hubgate.toml, /etc/hubgate/conf.d/*.toml",
        "The configuration, hubgate.toml(5).",
    ),
    (
        "/etc/hubgate/secrets/",
        "Secrets that the configuration names as file:NAME, where systemd hands over none.",
    ),
    (
        "/var/lib/hubgate/",
        "Deliveries, learned addresses, the credentials of Apps.",
    ),
    (
        "/run/hubgate/admin.sock",
        "Where the commands reach the running gateway.",
    ),
    (
        "/run/hubgate/signer.sock",
        "Where the gateway reaches hubgate signer.",
    ),
    ("/var/log/hubgate/audit.jsonl", "The audit trail."),
];

const SIGNALS: [(&str, &str); 4] = [
    (
        "SIGTERM, SIGINT",
        "hubgate run takes nothing more, lets running requests finish within [gateway].drain, and \
         ends.",
    ),
    (
        "SIGHUP",
        "hubgate run reads its configuration again. A bad one changes nothing; the log says why.",
    ),
    (
        "SIGUSR1",
        "hubgate run opens its audit trail anew, as after a rotation.",
    ),
    (
        "SIGKILL",
        "Nothing that was acknowledged is lost; what was under way is sent again.",
    ),
];

fn program() -> anyhow::Result<String> {
    let mut command = super::Arguments::command();
    // Fills in what the parts inherit, such as `--help`.
    command.build();
    let man = Man::new(command.clone())
        .title("HUBGATE")
        .section("8")
        .source(format!("hubgate {}", env!("CARGO_PKG_VERSION")))
        .manual("System Administration");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    let mut roff = Roff::new();
    let about = command.get_about().map(ToString::to_string);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("hubgate - {}", about.unwrap_or_default()))]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("hubgate"), roman(" COMMAND [OPTIONS]")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "hubgate is installed where networks meet. It takes the webhooks of GitHub and hands them \
         to internal tools, publishes a GitHub Enterprise Server and other services under public \
         names, and keeps the keys of GitHub Apps. The commands other than run, demo, check and \
         signer speak with the running gateway over its admin socket.",
    )]);
    roff.control("SH", ["COMMANDS"]);
    commands(&mut roff, &command, "hubgate");
    listed(&mut roff, "FILES", &FILES);
    listed(&mut roff, "SIGNALS", &SIGNALS);
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(
        "0 where it was done; 1 where it was not, with the reason on standard error; 2 where the \
         command line is wrong.",
    )]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([
        bold("hubgate.toml"),
        roman("(5), "),
        bold("systemctl"),
        roman("(1), "),
    ]);
    roff.text([bold("journalctl"), roman("(1)")]);
    roff.to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

fn listed(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
}

/// All commands that do something, with their arguments.
fn commands(roff: &mut Roff, command: &Command, name: &str) {
    for sub in command.get_subcommands() {
        if sub.is_hide_set() || sub.get_name() == "help" {
            continue;
        }
        let name = format!("{name} {}", sub.get_name());
        if sub.has_subcommands() {
            commands(roff, sub, &name);
            continue;
        }
        roff.control("SS", [name.as_str()]);
        let usage = sub.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").to_owned();
        roff.text([bold(usage)]);
        if let Some(about) = sub.get_long_about().or_else(|| sub.get_about()) {
            roff.control("PP", []);
            roff.text([roman(format!("{about}."))]);
        }
        for argument in sub.get_arguments() {
            if matches!(argument.get_id().as_str(), "help" | "version") {
                continue;
            }
            roff.control("TP", []);
            roff.text([bold(argument.to_string())]);
            let help = argument.get_long_help().or_else(|| argument.get_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            roff.text([roman(format!("{help}."))]);
        }
    }
}

#[cfg(test)]
mod tests;
