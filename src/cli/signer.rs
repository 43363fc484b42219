//! `hubgate signer`: the keys of GitHub Apps in a process of their own, or in a hardware module.

use crate::apps::pkcs11::{Hardware, Named, SCHEME, Uri};
use crate::apps::signer::Signer;
use crate::apps::{Fingerprint, Key, Keyring, Sign};
use crate::telemetry::{Tasks, log};
use crate::types::{SecretSource, SystemClock};
use anyhow::{Context as _, bail};
use std::ffi::OsString;
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
    /// The PKCS#11 library of the keys in hardware, for those that name no `module-path`
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// The file with the PIN, for those that name no `pin-source`
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,
    /// The private keys: files in PEM, as GitHub handed them out, or such as
    /// `pkcs11:token=hubgate;object=jira-sync` in a hardware module
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<OsString>,
}

/// What is wrong with a key in hardware does not mend by itself, and a token closes after some wrong
/// PINs: whoever starts this again and again must stop at this code (`EX_CONFIG` of `sysexits.h`).
const NOT_AGAIN: u8 = 78;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let private = crate::gateway::keep_memory_private();
    private.context("cannot keep keys out of core dumps")?;
    crate::gateway::install_cryptography();
    let _log = log::init(&log::Settings {
        format: log::Format::Json,
        level: "info".to_owned(),
    })?;
    let mut held: Vec<(Fingerprint, String)> = Vec::new();
    let (mut files, mut named) = (Vec::new(), Vec::new());
    for key in &arguments.keys {
        match key.to_str().filter(|text| text.starts_with(SCHEME)) {
            Some(uri) => named.push(name(arguments, uri)?),
            None => {
                let key = read(Path::new(key))?;
                held.push((key.fingerprint(), "a file".to_owned()));
                files.push(key);
            }
        }
    }
    let files: Keyring = files.into_iter().collect();
    let hardware = match Hardware::open(named) {
        Ok(hardware) => hardware,
        Err(fault) => {
            super::terminal::complain(&format!("hubgate: {fault}\n"))?;
            return Ok(ExitCode::from(NOT_AGAIN));
        }
    };
    held.extend(hardware.iter().map(|(key, place)| (key, place.to_owned())));
    for (key, place) in held {
        tracing::info!(%key, place, "signs with this key");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let holders: Vec<Arc<dyn Sign>> = vec![Arc::new(files), Arc::new(hardware)];
    runtime.block_on(serve(&arguments.socket, holders))?;
    // A module that hangs is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<Key> {
    let pem = SecretSource::File(file.to_owned()).read()?;
    Ok(Key::parse(&format!("`{}`", file.display()), &pem)?)
}

fn name(arguments: &Arguments, text: &str) -> anyhow::Result<Named> {
    let uri: Uri = text.parse()?;
    let module = uri.module.clone().or_else(|| arguments.module.clone());
    let module = module.with_context(|| {
        format!("the key `{uri}` names no module: say `--module FILE`, or `?module-path=FILE`")
    })?;
    let pin = uri.pin.clone().or_else(|| arguments.pin.clone());
    let pin = pin.map(SecretSource::File);
    Ok(Named { uri, module, pin })
}

async fn serve(socket: &Path, holders: Vec<Arc<dyn Sign>>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let listener = open(socket).await?;
    let tasks = Tasks::new();
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let served = Signer::new(holders, Arc::new(SystemClock));
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
