//! `hubgate token`: a token by hand, from a broker, subject to a grant of whoever asks.

use super::table::printable;
use super::terminal;
use crate::types::SecretSource;
use anyhow::{Context as _, anyhow, bail};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use zeroize::Zeroizing;

/// From the question to the end of the answer: GitHub may have to be asked.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The App, by its name at the gateway
    app: String,
    /// In whose installation
    #[arg(long)]
    owner: String,
    /// For which repository, by name; may be repeated; absent: all that are granted
    #[arg(long = "repo", value_name = "REPOSITORY")]
    repositories: Vec<String>,
    /// With which permission, such as `contents=read`; may be repeated; absent: all that are
    /// granted
    #[arg(long = "permission", value_name = "KIND=LEVEL")]
    permissions: Vec<String>,
    /// The broker: `url` of its `[broker]`
    #[arg(long, value_name = "URL")]
    broker: String,
    /// A file with a caller's key, which others cannot read
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// A PEM file of the authorities that the broker's certificate may come from
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For programs: all that the broker says, not the token alone
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    crate::gateway::install_cryptography();
    let said = crate::gateway::runtime(1)?.block_on(ask(arguments))?;
    let text = if arguments.json {
        format!("{said:#}\n")
    } else {
        let token = said.get("token").and_then(Value::as_str);
        format!("{}\n", token.context("the broker's answer has no token")?)
    };
    terminal::say(&Zeroizing::new(text))?;
    Ok(ExitCode::SUCCESS)
}

fn request(arguments: &Arguments) -> anyhow::Result<Value> {
    let mut request = Map::new();
    request.insert("app".to_owned(), json!(arguments.app));
    request.insert("owner".to_owned(), json!(arguments.owner));
    if !arguments.repositories.is_empty() {
        request.insert("repositories".to_owned(), json!(arguments.repositories));
    }
    if !arguments.permissions.is_empty() {
        let mut permissions = Map::new();
        for text in &arguments.permissions {
            let (kind, level) = text.split_once('=').with_context(|| {
                format!("`--permission {text}` has no level; expected one such as `contents=read`")
            })?;
            permissions.insert(kind.to_owned(), level.into());
        }
        request.insert("permissions".to_owned(), permissions.into());
    }
    Ok(request.into())
}

async fn ask(arguments: &Arguments) -> anyhow::Result<Value> {
    let request = request(arguments)?;
    let key = SecretSource::File(arguments.key_file.clone()).read()?;
    let key = std::str::from_utf8(key.expose());
    let key = key.context("the key file does not hold a key of a gateway")?;
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE);
    if let Some(path) = &arguments.ca {
        let cannot = || format!("cannot use `{}`", path.display());
        let pem = std::fs::read(path).with_context(cannot)?;
        let found = reqwest::Certificate::from_pem_bundle(&pem).with_context(cannot)?;
        client = client.tls_certs_only(found);
    }
    let url = format!("{}/v1/token", arguments.broker.trim_end_matches('/'));
    let asked = client.build()?.post(&url).bearer_auth(key).json(&request);
    let answer = asked.send().await;
    let answer = answer.with_context(|| format!("cannot ask the broker at `{url}`"))?;
    let status = answer.status();
    let said = answer.json::<Value>().await.ok();
    let strange = || anyhow!("`{url}` answered {status}, and not as a broker does");
    let said = said.ok_or_else(strange)?;
    if status == StatusCode::CREATED {
        return Ok(said);
    }
    let text = |name: &str| {
        said.pointer(&format!("/error/{name}"))
            .and_then(Value::as_str)
    };
    let (Some(code), Some(message)) = (text("code"), text("message")) else {
        return Err(strange());
    };
    bail!("no token ({}): {}", printable(code), printable(message))
}
