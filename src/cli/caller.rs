//! `hubgate caller`: what callers of the broker need, and what they have asked.

use super::client::Running;
use super::table::{Table, printable};
use super::terminal;
use crate::admin::answer::{Caller, CallerGrant};
use crate::broker::{KeyDigest, fresh_key};
use crate::types::Name;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a caller's key: printed once, for the caller, with the line for the configuration
    Key(Key),
    /// The callers that the running gateway knows, what they may have and what they have asked
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// The caller's name
    name: Name,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    running: Running,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let text = match command {
        Command::Key(key) => fresh(key)?,
        Command::List(arguments) => list(arguments)?,
    };
    terminal::say(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn fresh(key: &Key) -> anyhow::Result<String> {
    let fresh = fresh_key()?;
    let digest = KeyDigest::of(&fresh);
    Ok(format!(
        "The key of {name}, which is kept nowhere and not shown again:\n\n    {key}\n\n\
         In the configuration, which tells nothing of the key:\n\n    \
         [[caller]]\n    name = \"{name}\"\n    key = \"{digest}\"\n",
        name = key.name,
        key = *fresh,
    ))
}

fn list(arguments: &List) -> anyhow::Result<String> {
    let callers: Vec<Caller> = arguments.running.client()?.get("callers")?;
    if arguments.json {
        return Ok(serde_json::to_string_pretty(&callers)? + "\n");
    }
    Ok(text(&callers))
}

fn text(callers: &[Caller]) -> String {
    if callers.is_empty() {
        return "The configuration has no `[[caller]]`.\n".to_owned();
    }
    let mut table = Table::new(&[
        "CALLER",
        "PROOF",
        "RATE",
        "LEFT",
        "LAST SEEN",
        "REQUESTS",
        "LIMITED",
        "TOKENS",
        "GRANTS",
    ]);
    for caller in callers {
        let grants: Vec<String> = caller.grants.iter().map(grant).collect();
        table.row([
            caller.name.clone(),
            caller.proofs.join(", "),
            caller.rate.clone(),
            caller.remaining.to_string(),
            caller
                .last_seen
                .clone()
                .unwrap_or_else(|| "never".to_owned()),
            caller.requests.to_string(),
            caller.rate_limited.to_string(),
            caller.tokens.to_string(),
            printable(&grants.join("; ")).to_string(),
        ]);
    }
    table.text("")
}

/// `sync: acme/web-*, acme/docs`
fn grant(grant: &CallerGrant) -> String {
    let names = grant.repositories.iter().map(|name| match name.as_str() {
        "all" => format!("{}/*", grant.owner),
        name => format!("{}/{name}", grant.owner),
    });
    let names: Vec<String> = names.collect();
    format!("{}: {}", grant.app, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_a_table() {
        let grant = CallerGrant {
            app: "sync".to_owned(),
            owner: "acme".to_owned(),
            repositories: vec!["web-*".to_owned(), "docs".to_owned()],
            permissions: None,
            uses: vec!["proxy".to_owned()],
        };
        let caller = Caller {
            name: "build-bot".to_owned(),
            proofs: vec!["key".to_owned(), "oidc".to_owned()],
            grants: vec![
                grant.clone(),
                CallerGrant {
                    repositories: vec!["all".to_owned()],
                    ..grant
                },
            ],
            rate: "600/m".to_owned(),
            remaining: 597,
            last_seen: None,
            requests: 3,
            rate_limited: 0,
            tokens: 1,
        };
        let said = text(&[caller]);
        let row = said.lines().nth(1).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected =
            "build-bot key, oidc 600/m 597 never 3 0 1 sync: acme/web-*, acme/docs; sync: acme/*";
        assert_eq!(words.join(" "), expected);
        assert!(text(&[]).contains("no `[[caller]]`"));
    }
}
