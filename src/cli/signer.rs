//! `hubgate signer`: the keys of GitHub Apps in a process of their own.

use crate::apps::Key;
use crate::apps::signer::Signer;
use crate::telemetry::{Tasks, log};
use crate::types::{SecretSource, SystemClock};
use anyhow::{Context as _, bail};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where it listens: what `[gateway].signer` names. Its directory must be there
    #[arg(long, value_name = "PATH", default_value = "/run/hubgate/signer.sock")]
    socket: PathBuf,
    /// The private keys in PEM, as GitHub handed them out
    #[arg(required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let private = crate::gateway::keep_memory_private();
    private.context("cannot keep keys out of core dumps")?;
    crate::gateway::install_cryptography();
    let keys: Vec<Key> = arguments
        .keys
        .iter()
        .map(|file| read(file))
        .collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(serve(&arguments.socket, keys))?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<Key> {
    let pem = SecretSource::File(file.to_owned()).read()?;
    Ok(Key::parse(&format!("`{}`", file.display()), &pem)?)
}

async fn serve(socket: &Path, keys: Vec<Key>) -> anyhow::Result<()> {
    let _log = log::init(&log::Settings {
        format: log::Format::Json,
        level: "info".to_owned(),
    })?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let listener = open(socket).await?;
    for key in &keys {
        tracing::info!(key = %key.fingerprint(), "signs with this key");
    }
    let tasks = Tasks::new();
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let served = Signer::new(keys, Arc::new(SystemClock));
    let served = served.serve(listener, &tasks, stop).await;
    tasks.stop().await;
    if let Err(fault) = std::fs::remove_file(socket) {
        tracing::warn!("`{}` is left behind: {fault}", socket.display());
    }
    served.with_context(|| format!("cannot go on listening on `{}`", socket.display()))
}

/// Listens where nobody does; a socket that was left behind is replaced.
async fn open(path: &Path) -> anyhow::Result<UnixListener> {
    let shown = path.display();
    if let Ok(about) = path.symlink_metadata() {
        if !about.file_type().is_socket() {
            bail!("`{shown}` is there and is no socket; it is left alone");
        }
        if UnixStream::connect(path).await.is_ok() {
            bail!("another process answers on `{shown}`; is a signer running already?");
        }
        std::fs::remove_file(path).with_context(|| format!("cannot replace `{shown}`"))?;
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on `{shown}`"))?;
    // The gateway runs as another user, and shares the group.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))
        .with_context(|| format!("cannot close `{shown}` to others"))?;
    Ok(listener)
}
