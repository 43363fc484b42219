//! `hubgate demo`: the main job on this machine and nothing else. A gateway on a free port with a
//! certificate of its own, a sample internal tool behind it, and a real GitHub payload, signed
//! and sent through.

mod tool;

use super::terminal::say;
use crate::config::Config;
use crate::edge::Kept;
use crate::gateway::{self, Gateway};
use crate::types::DeliveryId;
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// GitHub's own example of a push, from npm `@octokit/webhooks-examples` (MIT).
const PAYLOAD: &str = include_str!("push.json");
/// How long each step may take before the demonstration has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Exit when the payload has been delivered: 0 when it was
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    gateway::install_cryptography();
    let state = tempdir()?;
    let shown = gateway::runtime(0)?.block_on(show(arguments.once, &state));
    let removed = std::fs::remove_dir_all(&state);
    let delivered = shown?;
    removed.with_context(|| format!("cannot remove {}", state.display()))?;
    Ok(if delivered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn show(once: bool, state: &Path) -> anyhow::Result<bool> {
    let mut tool = tool::Tool::open().await?;
    line(format!(
        "1. A sample internal tool listens at http://{}/hook",
        tool.address
    ))?;

    let secret = uuid::Uuid::new_v4().simple().to_string();
    let config = Config::from_text(&configuration(state, &secret, tool.address), state)?;
    let gateway = Gateway::start(config, None, Kept::default()).await?;
    let gate = gateway
        .address("demo")
        .context("the gateway has no listener")?;
    line(format!(
        "2. The gateway takes webhooks at https://localhost:{}/demo (self-signed certificate); \
         its spool is in {}",
        gate.port(),
        state.display()
    ))?;
    if let Some(admin) = gateway.admin_address() {
        line(format!(
            "   Look at it: http://{admin}/api/v1/deliveries, /api/v1/status, /metrics"
        ))?;
    }

    let delivered = send(&gateway, &mut tool, gate, &secret).await?;
    if !once {
        line(
            "6. Running until Ctrl-C. To send more, sign with the secret above and POST, or"
                .to_owned(),
        )?;
        line(format!(
            "   hubgate status --socket {}",
            state.join("admin.sock").display()
        ))?;
        gateway::interrupted().await;
    }
    gateway.stop().await;
    Ok(delivered)
}

async fn send(
    gateway: &Gateway,
    tool: &mut tool::Tool,
    gate: std::net::SocketAddr,
    secret: &str,
) -> anyhow::Result<bool> {
    let guid = uuid::Uuid::new_v4().to_string();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, PAYLOAD.as_bytes());
    let signature: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    line(format!(
        "3. GitHub's part: a push to Codertocat/Hello-World, {} bytes, delivery {guid}, signed \
         with the secret {secret}",
        PAYLOAD.len()
    ))?;
    let root = gateway
        .self_signed(&"localhost".parse()?)
        .context("the gateway made no certificate")?;
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(root.as_bytes())?])
        .resolve("localhost", gate)
        .timeout(PATIENCE)
        .build()?;
    let answer = client
        .post(format!("https://localhost:{}/demo", gate.port()))
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/demo")
        .header("x-github-event", "push")
        .header("x-github-delivery", &guid)
        .header("x-github-hook-id", "1")
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(PAYLOAD)
        .send()
        .await
        .context("the gateway did not answer")?;
    let status = answer.status();
    let text = answer.text().await?;
    line(format!(
        "4. The gateway answered {status} {text}: it is checked and on disk"
    ))?;
    if status != http::StatusCode::ACCEPTED {
        bail!("expected 202 Accepted");
    }

    let got = tokio::time::timeout(PATIENCE, tool.next())
        .await
        .context("the tool was given nothing")?
        .context("the tool has closed")?;
    let whole = got.body == PAYLOAD.as_bytes();
    let of = |name: &str| got.header(name).unwrap_or("-").to_owned();
    line(format!(
        "5. The tool was given {} {} ({}): {} bytes, {}; X-GitHub-Delivery {}, attempt {}",
        got.method,
        got.path,
        of("x-github-event"),
        got.body.len(),
        if whole {
            "byte for byte the same"
        } else {
            "NOT the same"
        },
        of("x-github-delivery"),
        of("x-hubgate-attempt"),
    ))?;
    for attempt in settled(gateway).await? {
        line(format!("   {attempt}"))?;
    }
    Ok(whole)
}

/// The delivery log's word on it, once the answer of the tool has been written down.
async fn settled(gateway: &Gateway) -> anyhow::Result<Vec<String>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = gateway.spool().show(DeliveryId::new(1)).await?;
        let found = found.context("the delivery log is empty")?;
        if !found.attempts.is_empty() {
            let line = |attempt: &crate::spool::Attempt| {
                format!(
                    "delivery {} to {}: {} after {} ms, at {}",
                    found.summary.id,
                    attempt.target,
                    attempt
                        .status
                        .map_or_else(|| "no answer".to_owned(), |s| s.to_string()),
                    attempt.took_ms,
                    attempt.at
                )
            };
            return Ok(found.attempts.iter().map(line).collect());
        }
        if tokio::time::Instant::now() > deadline {
            bail!("the delivery was not written down as delivered");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn line(text: String) -> anyhow::Result<()> {
    say(&(text + "\n"))
}

fn configuration(state: &Path, secret: &str, tool: std::net::SocketAddr) -> String {
    let state = state.display();
    format!(
        r#"
insecure_inline_secrets = true
[gateway]
state_dir = "{state}"
[[listen]]
name = "demo"
address = "127.0.0.1:0"
[[certificate]]
hosts = ["localhost"]
self_signed = true
[[source]]
name = "this-machine"
networks = ["127.0.0.0/8", "::1/128"]
[[webhook]]
url = "https://localhost/demo"
from = ["this-machine"]
secrets = ["inline:{secret}"]
[[webhook.to]]
name = "sample-tool"
url = "http://{tool}/hook"
[spool]
max_size = "1GiB"
[admin]
socket = "{state}/admin.sock"
address = "127.0.0.1:0"
[audit]
file = "{state}/audit.jsonl"
[log]
format = "text"
level = "warn"
"#
    )
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = std::env::temp_dir().join(format!("hubgate-demo-{}", uuid::Uuid::new_v4().simple()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .with_context(|| format!("cannot make the directory {}", path.display()))?;
    Ok(path)
}
