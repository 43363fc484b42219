//! `hubgate app`: GitHub Apps whose keys the gateway holds.

mod create;
mod shown;

use super::client::{Client, Running};
use super::table::printable;
use super::terminal;
use crate::admin::answer::{AddKey, App, RemovedApp};
use anyhow::{Context as _, bail};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an App at GitHub: prints a page to open, waits, keeps the key, waits for the installation
    Create(create::Create),
    /// Every App, and those that are being made
    List(List),
    /// One App: its keys, where it is installed, what it lacks
    Show(One),
    /// Take a new key into use that was made in the App's settings
    RotateKey(Rotate),
    /// Uninstall an App everywhere and wipe its key
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    running: Running,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its name here
    name: String,
    #[command(flatten)]
    running: Running,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    /// Its name here
    name: String,
    /// The file that GitHub handed out; `-` reads standard input
    file: PathBuf,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// Its name here
    name: String,
    /// Really do it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    running: Running,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(create) => return create::run(create),
        Command::List(list) => terminal::say(&listed(list)?)?,
        Command::Show(one) => terminal::say(&show(one)?)?,
        Command::RotateKey(rotate) => terminal::say(&rotated(rotate)?)?,
        Command::Remove(remove) => terminal::say(&removed(remove)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(list: &List) -> anyhow::Result<String> {
    let apps: Vec<App> = list.running.client()?.get("apps")?;
    if list.json {
        return Ok(serde_json::to_string_pretty(&apps)? + "\n");
    }
    Ok(shown::table(&apps))
}

fn show(one: &One) -> anyhow::Result<String> {
    let app: App = one.running.client()?.get(&path(&one.name))?;
    if one.json {
        return Ok(serde_json::to_string_pretty(&app)? + "\n");
    }
    Ok(shown::whole(&app))
}

fn rotated(rotate: &Rotate) -> anyhow::Result<String> {
    let key = AddKey {
        pem: read(&rotate.file)?,
    };
    let client = rotate.running.client()?;
    let app: App = client.post(&format!("{}/keys", path(&rotate.name)), Some(&key))?;
    let mut text = format!("{} signs with the new key\n", printable(&app.name));
    for key in app.keys.iter().filter(|key| key.delete) {
        let settings = app.settings.as_deref().unwrap_or("its settings at GitHub");
        text.push_str(&format!(
            "now delete the old one, {}, at {}\n",
            printable(&key.fingerprint),
            printable(settings)
        ));
    }
    Ok(text)
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .take(LARGEST)
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
            .with_context(|| format!("cannot read `{}`", file.display()))?;
    }
    Ok(text)
}

fn removed(remove: &Remove) -> anyhow::Result<String> {
    let client = remove.running.client()?;
    let app: App = client.get(&path(&remove.name))?;
    if !remove.yes {
        let owners = app.installations.iter().map(|one| printable(&one.owner));
        let owners: Vec<String> = owners.collect();
        let place = if owners.is_empty() {
            "nowhere".to_owned()
        } else {
            owners.join(", ")
        };
        bail!(
            "this uninstalls {} (installed at: {place}) and wipes its key; say --yes to do it",
            printable(&remove.name)
        );
    }
    let done: RemovedApp = client.post(&format!("{}/remove", path(&remove.name)), None::<&()>)?;
    let name = printable(&done.name);
    let mut text = String::new();
    for owner in &done.uninstalled {
        text.push_str(&format!("{name} is uninstalled at {}\n", printable(owner)));
    }
    text.push_str(&if done.wiped {
        format!("what was kept of {name} is wiped\n")
    } else {
        format!("{name} stands in the configuration: take it out there\n")
    });
    if let Some(page) = &done.delete {
        let page = printable(page);
        text.push_str(&format!("delete the App itself at {page}/advanced\n"));
    }
    Ok(text)
}

/// An App's path below the API's root.
fn path(name: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("apps/{name}")
}

/// The App of this name, where there is one.
fn find(client: &Client, name: &str) -> anyhow::Result<Option<App>> {
    let apps: Vec<App> = client.get("apps")?;
    Ok(apps.into_iter().find(|app| app.name == name))
}

/// A key file is under 4 KiB.
const LARGEST: u64 = 64 << 10;

#[cfg(test)]
mod tests;
