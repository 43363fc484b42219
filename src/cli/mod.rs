//! The command line: arguments to command to exit code, one thin file per command.

mod app;
mod caller;
mod cert;
mod check;
mod client;
mod completions;
mod config;
mod deliveries;
mod demo;
mod health;
mod man;
mod profile;
mod publish;
mod reload;
mod run;
mod signer;
mod sources;
mod status;
mod table;
mod terminal;
mod token;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A gateway for GitHub Enterprise Server and internal tools.
#[derive(Debug, Parser)]
#[command(name = "hubgate", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job on this machine, with nothing else: a signed GitHub payload, sent through
    Demo(demo::Arguments),
    /// Run the gateway
    Run(ConfigFile),
    /// Say whether the configuration is right; exit 0 or 1
    Check(ConfigFile),
    /// About the configuration file itself
    #[command(subcommand)]
    Config(config::Command),
    /// A glance at the running gateway
    Status(status::Arguments),
    /// The delivery log
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// What access profiles let through
    #[command(subcommand)]
    Profile(profile::Command),
    /// Callers of the broker
    #[command(subcommand)]
    Caller(caller::Command),
    /// A token by hand, from a broker, subject to a grant
    Token(token::Arguments),
    /// Published services
    #[command(subcommand)]
    Publish(publish::Command),
    /// GitHub Apps whose keys the gateway holds
    #[command(subcommand)]
    App(app::Command),
    /// What TLS listeners show, and having it renewed
    Cert(cert::Arguments),
    /// The source lists and their age
    Sources(sources::Arguments),
    /// Hold the keys of GitHub Apps in a process of their own, and sign with them
    Signer(signer::Arguments),
    /// Have the running gateway read its configuration again
    Reload(reload::Arguments),
    /// Whether the running gateway takes traffic; exit 0 or 1
    Health(health::Arguments),
    /// Print what a shell completes from
    Completions(completions::Arguments),
    /// Print a manual page, hubgate(8) or hubgate.toml(5)
    Man(man::Arguments),
}

/// Which configuration file.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file; `conf.d/*.toml` beside it is read too
    #[arg(long, value_name = "FILE", default_value = "/etc/hubgate/hubgate.toml")]
    config: PathBuf,
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Run(file) => run::run(&file),
        Command::Check(file) => check::run(&file),
        Command::Config(command) => config::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Deliveries(command) => deliveries::run(&command),
        Command::Profile(command) => profile::run(&command),
        Command::Caller(command) => caller::run(&command),
        Command::Token(arguments) => token::run(&arguments),
        Command::Publish(command) => publish::run(&command),
        Command::App(command) => app::run(&command),
        Command::Cert(arguments) => cert::run(&arguments),
        Command::Sources(arguments) => sources::run(&arguments),
        Command::Signer(arguments) => signer::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        #[expect(
            clippy::print_stderr,
            reason = "a command's errors go to standard error"
        )]
        {
            eprintln!("hubgate: {failure:#}");
        }
        ExitCode::FAILURE
    })
}
