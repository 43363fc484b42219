//! `hubgate app create`: begun, waited for, and taken up again.

use super::super::client::{Client, Running};
use super::super::table::printable;
use super::super::terminal;
use super::{find, path, shown};
use crate::admin::answer::{App, AppState, CreateApp};
use anyhow::{Context as _, bail};
use std::process::ExitCode;
use std::time::Duration;

/// What is to be made.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    /// Its `[[github]]`
    #[arg(long)]
    github: String,
    /// What it is called here: lower-case letters, digits and `-`
    #[arg(long)]
    name: String,
    /// What people see at GitHub, at most 34 characters; otherwise the name
    #[arg(long)]
    title: Option<String>,
    /// The organization that it is to belong to; otherwise you
    #[arg(long, value_name = "ORGANIZATION")]
    org: Option<String>,
    /// What it may do, such as `contents=read,issues=write`
    #[arg(long, value_name = "KIND=LEVEL", value_delimiter = ',', value_parser = permission)]
    permissions: Vec<(String, String)>,
    /// Which events it gets, such as `push,pull_request`
    #[arg(long, value_name = "EVENT", value_delimiter = ',')]
    events: Vec<String>,
    /// Where GitHub sends them: the `url` of a `[[webhook]]`
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// How your browser reaches `[admin].address`, where that is not as it is configured
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    /// Print the page to open and leave
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    running: Running,
}

fn permission(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((kind, level)) => Ok((kind.to_owned(), level.to_owned())),
        None => Err("expected such as `contents=read`".to_owned()),
    }
}

pub(super) fn run(create: &Create) -> anyhow::Result<ExitCode> {
    let client = create.running.client()?;
    let known = find(&client, &create.name)?;
    let app = match known {
        // Made already: what is left is to install it.
        Some(app) if app.open.is_none() && app.state != AppState::Expired => app,
        Some(_) | None => begin(create, &client)?,
    };
    if let Some(page) = &app.open {
        let page = printable(page);
        terminal::say(&format!(
            "Open this page on this machine to have GitHub make the App:\n\n  {page}\n\n\
             From another machine: ssh -L {} to this one, or --at URL.\n",
            tunnel(&page)
        ))?;
    }
    if create.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    terminal::say("Waiting; Ctrl-C leaves it, and the same command takes it up again.\n")?;
    wait(&client, &create.name)
}

fn begin(create: &Create, client: &Client) -> anyhow::Result<App> {
    let title = create.title.as_ref().unwrap_or(&create.name);
    let wanted = CreateApp {
        github: create.github.clone(),
        organization: create.org.clone(),
        title: title.clone(),
        permissions: create.permissions.iter().cloned().collect(),
        events: create.events.clone(),
        webhook: create.webhook.clone(),
        at: create.at.clone(),
    };
    client.post(&format!("{}/create", path(&create.name)), Some(&wanted))
}

/// `9180:127.0.0.1:9180`
fn tunnel(page: &str) -> String {
    let place = page.split('/').nth(2).unwrap_or_default();
    let port = place.rsplit(':').next().unwrap_or_default();
    format!("{port}:{place}")
}

/// Tells every change of state until it is installed.
fn wait(client: &Client, name: &str) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .context("cannot start")?;
    let mut told = None;
    loop {
        // Asked for by name, an App that is not installed yet is looked for at GitHub.
        let app: App = client.get(&path(name))?;
        if told != Some(app.state) {
            told = Some(app.state);
            match app.state {
                AppState::Installed => {
                    terminal::say(&shown::whole(&app))?;
                    return Ok(ExitCode::SUCCESS);
                }
                AppState::Waiting | AppState::Unasked => {}
                AppState::Expired | AppState::Lost => bail!("{}", shown::line(&app)),
                AppState::Created
                | AppState::Suspended
                | AppState::Removed
                | AppState::KeyRefused
                | AppState::Gone
                | AppState::Away => terminal::say(&(shown::line(&app) + "\n"))?,
            }
        }
        runtime.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
    }
}

/// A person is slower.
const LOOK_EVERY: Duration = Duration::from_secs(2);
