//! `hubgate deliveries`: what was accepted, what became of it, and sending it again.

use super::client::{Client, Running};
use super::table::{Table, count, printable, size};
use super::terminal;
use crate::admin::answer::{Delivery, Detail, Page, Redelivered, State};
use crate::admin::filter::Filter;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The deliveries, newest first
    List(List),
    /// One delivery with its headers and attempts
    Show(Show),
    /// Send one delivery again, or all that match
    Redeliver(Redeliver),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    criteria: Criteria,
    /// How many, 1 to 500
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Where to go on: what the page before said
    #[arg(long, value_name = "ID")]
    cursor: Option<i64>,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Its number
    id: i64,
    #[command(flatten)]
    running: Running,
    /// Only the body, byte for byte
    #[arg(long, conflicts_with = "json")]
    body: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Redeliver {
    /// Its number; without one, all that match the criteria
    #[arg(conflicts_with_all = ["route", "event", "action", "repository", "state", "since", "until", "text"])]
    id: Option<i64>,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    criteria: Criteria,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// All that are given must hold.
#[derive(Debug, clap::Args)]
struct Criteria {
    /// Of this route, such as `hooks.example.com/jira`
    #[arg(long)]
    route: Option<String>,
    /// Of this event, such as `push`
    #[arg(long)]
    event: Option<String>,
    /// With this action, such as `opened`
    #[arg(long)]
    action: Option<String>,
    /// Of this repository, such as `acme/web`
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// That have this state at one of their targets, or at --target
    #[arg(long, visible_alias = "status")]
    state: Option<State>,
    /// That go to this target
    #[arg(long)]
    target: Option<String>,
    /// Accepted since then (`2026-11-20T08:00:00Z`), or not longer ago (`24h`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted before then, or longer ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Whose GUID, hook, event or repository contains this
    #[arg(long)]
    text: Option<String>,
}

impl Criteria {
    fn filter(&self) -> Filter {
        Filter {
            route: self.route.clone(),
            event: self.event.clone(),
            action: self.action.clone(),
            repository: self.repository.clone(),
            state: self.state,
            target: self.target.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            text: self.text.clone(),
            limit: None,
            cursor: None,
        }
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    terminal::write(&answer(command)?)?;
    Ok(ExitCode::SUCCESS)
}

/// What the command prints: text, but for a body, which is printed byte for byte.
fn answer(command: &Command) -> anyhow::Result<Bytes> {
    match command {
        Command::List(arguments) => list(arguments).map(Into::into),
        Command::Show(arguments) => show(arguments),
        Command::Redeliver(arguments) => redeliver(arguments).map(Into::into),
    }
}

fn list(arguments: &List) -> anyhow::Result<String> {
    let filter = Filter {
        limit: arguments.limit,
        cursor: arguments.cursor,
        ..arguments.criteria.filter()
    };
    let page = find(&arguments.running.client()?, &filter)?;
    if arguments.json {
        return Ok(serde_json::to_string_pretty(&page)? + "\n");
    }
    Ok(table(&page))
}

fn find(client: &Client, filter: &Filter) -> anyhow::Result<Page> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let serde_json::Value::Object(fields) = serde_json::to_value(filter)? {
        for (name, value) in fields {
            let plain = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            query.append_pair(&name, &plain);
        }
    }
    client.get(&format!("deliveries?{}", query.finish()))
}

fn show(arguments: &Show) -> anyhow::Result<Bytes> {
    let client = arguments.running.client()?;
    let id = arguments.id;
    if arguments.body {
        return client.bytes(&format!("deliveries/{id}/body"));
    }
    let detail: Detail = client.get(&format!("deliveries/{id}"))?;
    if arguments.json {
        return Ok((serde_json::to_string_pretty(&detail)? + "\n").into());
    }
    Ok(whole(&detail).into())
}

fn redeliver(arguments: &Redeliver) -> anyhow::Result<String> {
    let client = arguments.running.client()?;
    let filter = arguments.criteria.filter();
    if let Some(id) = arguments.id {
        let target = filter.target.as_ref();
        let body = target.map(|target| serde_json::json!({ "target": target }));
        let path = format!("deliveries/{id}/redeliver");
        let sent: Redelivered = client.post(&path, body.as_ref())?;
        let whom = count(sent.count, "target", "targets");
        return Ok(format!("Delivery {id} is sent again to {whom}.\n"));
    }
    if filter == Filter::default() {
        bail!("name a delivery, or criteria such as `--state dead`");
    }
    if !arguments.yes && !confirmed(&client, &filter)? {
        return Ok("Nothing was sent.\n".to_owned());
    }
    let sent: Redelivered = client.post("deliveries/redeliver", Some(&filter))?;
    let what = count(sent.count, "delivery is", "deliveries are");
    Ok(format!("{what} sent again.\n"))
}

fn confirmed(client: &Client, filter: &Filter) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("this sends many deliveries again and nobody is here to ask; say so with --yes");
    }
    // Without a state the dead ones are meant, as the gateway takes it.
    let page = find(
        client,
        &Filter {
            state: Some(filter.state.unwrap_or(State::Dead)),
            limit: Some(LARGEST_PAGE),
            ..filter.clone()
        },
    )?;
    let found = page.deliveries.len() as u64;
    let more = if page.next.is_some() {
        "more than "
    } else {
        ""
    };
    let what = count(found, "delivery", "deliveries");
    let mut prompt = io::stderr().lock();
    write!(prompt, "Send {more}{what} again? [y/N] ")
        .and_then(|()| prompt.flush())
        .context("cannot ask")?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn table(page: &Page) -> String {
    if page.deliveries.is_empty() {
        return "No deliveries match.\n".to_owned();
    }
    let mut table = Table::new(&[
        "ID",
        "RECEIVED",
        "ROUTE",
        "EVENT",
        "REPOSITORY",
        "SIZE",
        "TARGETS",
    ]);
    for delivery in &page.deliveries {
        table.row([
            delivery.id.to_string(),
            delivery.received.clone(),
            delivery.route.clone(),
            event(delivery),
            delivery.repository.clone().unwrap_or_default(),
            size(delivery.size),
            standings(delivery),
        ]);
    }
    let more = page
        .next
        .map_or_else(String::new, |next| format!("More: --cursor {next}\n"));
    table.text("") + &more
}

fn event(delivery: &Delivery) -> String {
    match &delivery.action {
        Some(action) => format!("{}.{action}", delivery.event),
        None => delivery.event.clone(),
    }
}

fn standings(delivery: &Delivery) -> String {
    let each = |standing: &crate::admin::answer::Standing| {
        format!("{}: {}", standing.target, word(standing.state))
    };
    delivery
        .targets
        .iter()
        .map(each)
        .collect::<Vec<_>>()
        .join(", ")
}

const fn word(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Sending => "sending",
        State::Delivered => "delivered",
        State::Dead => "DEAD",
    }
}

fn whole(detail: &Detail) -> String {
    let delivery = &detail.delivery;
    let earlier = delivery.earlier.map(|id| id.to_string());
    let facts = [
        ("Delivery", delivery.id.to_string()),
        ("Received", delivery.received.clone()),
        ("Route", delivery.route.clone()),
        ("Event", event(delivery)),
        (
            "Repository",
            delivery.repository.clone().unwrap_or_default(),
        ),
        ("GUID", delivery.guid.clone()),
        ("Hook", delivery.hook.clone()),
        ("From", detail.client.clone()),
        ("Request", detail.request.clone()),
        ("Size", size(delivery.size)),
        ("Earlier", earlier.unwrap_or_default()),
    ];
    let mut text = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        text += &format!("{name:<12}{}\n", printable(value));
    }
    let mut targets = Table::new(&["TARGET", "STATE", "ATTEMPTS", "NEXT", "STATUS", "ERROR"]);
    for standing in &delivery.targets {
        targets.row([
            standing.target.clone(),
            word(standing.state).to_owned(),
            standing.attempts.to_string(),
            standing.next.clone().unwrap_or_default(),
            standing
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            standing.error.clone().unwrap_or_default(),
        ]);
    }
    text += &format!("\n{}", targets.text(""));
    if !detail.attempts.is_empty() {
        let mut attempts = Table::new(&["ATTEMPT AT", "TARGET", "TOOK", "STATUS", "ERROR"]);
        for attempt in &detail.attempts {
            attempts.row([
                attempt.at.clone(),
                attempt.target.clone(),
                format!("{} ms", attempt.took_ms),
                attempt
                    .status
                    .map(|status| status.to_string())
                    .unwrap_or_default(),
                attempt.error.clone().unwrap_or_default(),
            ]);
        }
        text += &format!("\n{}", attempts.text(""));
    }
    text.push('\n');
    for (name, value) in &detail.headers {
        text += &format!("{}: {}\n", printable(name), printable(value));
    }
    text + &format!(
        "\nThe body: hubgate deliveries show {} --body\n",
        delivery.id
    )
}

const LARGEST_PAGE: usize = 500;

#[cfg(test)]
mod tests;
