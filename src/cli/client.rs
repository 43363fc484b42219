//! A small HTTP client for the running gateway's admin socket. Which answers there are is said in
//! `admin::answer`.

use crate::admin::answer::Failure;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Which running gateway.
#[derive(Debug, clap::Args)]
pub(super) struct Running {
    /// Its admin socket; otherwise the one that the configuration names
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Its configuration file, to find the socket
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    config: Option<PathBuf>,
}

/// Which running gateway, and who reads the answer.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    pub(super) running: Running,
    /// For programs
    #[arg(long)]
    pub(super) json: bool,
}

impl Running {
    /// The way to it. Nothing is opened yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let socket = match (&self.socket, &self.config) {
            (Some(socket), _) => socket.clone(),
            (None, Some(file)) => named_in(file)?.unwrap_or_else(|| SOCKET.into()),
            // A file that is not there or not ours to read says nothing; the gateway itself says
            // what is wrong with it.
            (None, None) => named_in(Path::new(FILE))
                .ok()
                .flatten()
                .unwrap_or_else(|| SOCKET.into()),
        };
        Ok(Client { socket })
    }
}

/// `[admin].socket` of a file and what is in `conf.d` beside it, the last one that names it. Only
/// this key is looked at: the commands must reach a gateway whose file has mistakes by now.
fn named_in(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut files = vec![file.to_owned()];
    let beside = file.parent().unwrap_or(Path::new("")).join("conf.d");
    if let Ok(entries) = std::fs::read_dir(beside) {
        let mut more: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        more.retain(|path| path.extension().is_some_and(|kind| kind == "toml"));
        more.sort();
        files.extend(more);
    }
    let mut socket = None;
    for file in files {
        let read = || -> anyhow::Result<Option<PathBuf>> {
            let table: toml::Table = std::fs::read_to_string(&file)?.parse()?;
            let named = table.get("admin").and_then(|admin| admin.get("socket"));
            Ok(named.and_then(toml::Value::as_str).map(PathBuf::from))
        };
        let named = read().with_context(|| {
            format!(
                "cannot look for `admin.socket` in {}; name the socket with --socket",
                file.display()
            )
        })?;
        socket = named.or(socket);
    }
    Ok(socket)
}

/// The running gateway, by its socket.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    /// Asks for what is at `path` under `/api/v1/`.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.json(Method::GET, path, Bytes::new())
    }

    /// Has something done.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let body = body
            .map(serde_json::to_vec)
            .transpose()?
            .unwrap_or_default();
        self.json(Method::POST, path, body.into())
    }

    /// Asks for bytes as they are.
    pub(super) fn bytes(&self, path: &str) -> anyhow::Result<Bytes> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        runtime.block_on(self.within(Method::GET, path, Bytes::new()))
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        let answer = runtime.block_on(self.within(method, path, body))?;
        serde_json::from_slice(&answer).with_context(|| {
            format!(
                "what answers on {} is no hubgate of this version",
                self.socket.display()
            )
        })
    }

    async fn within(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        match tokio::time::timeout(LONGEST, self.ask(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => bail!(
                "the gateway did not answer on {} within {} s; see `journalctl -u hubgate`",
                self.socket.display(),
                LONGEST.as_secs()
            ),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let broken = || format!("the gateway broke off on {}", self.socket.display());
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .with_context(broken)?;
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        // The connection moves only while it is polled; it ends after the exchange or breaks it.
        let mut exchange = std::pin::pin!(exchange);
        let answered = tokio::select! {
            answered = exchange.as_mut() => answered,
            ended = connection => match ended {
                Ok(()) => exchange.await,
                Err(failure) => Err(failure),
            },
        };
        let (status, answer) = answered.with_context(broken)?;
        if status.is_success() {
            return Ok(answer);
        }
        bail!("{}", told(status, &answer))
    }

    async fn connect(&self) -> anyhow::Result<UnixStream> {
        let socket = self.socket.display();
        match UnixStream::connect(&self.socket).await {
            Ok(stream) => Ok(stream),
            Err(failure)
                if matches!(
                    failure.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                bail!(
                    "the gateway is not running: nothing answers on {socket}; see `systemctl status hubgate`, or name another socket with --socket"
                )
            }
            Err(failure) if failure.kind() == ErrorKind::PermissionDenied => bail!(
                "you may not open {socket}; run this as root or as a member of the socket's group (`ls -l {socket}`)"
            ),
            Err(failure) => {
                Err(failure).with_context(|| format!("cannot reach the gateway on {socket}"))
            }
        }
    }
}

/// Why it was not done, in the gateway's own words.
fn told(status: StatusCode, answer: &[u8]) -> String {
    match serde_json::from_slice::<Failure>(answer) {
        Ok(failure) => failure.error.message,
        Err(_) => format!("the gateway answered {status}"),
    }
}

const FILE: &str = "/etc/hubgate/hubgate.toml";
const SOCKET: &str = "/run/hubgate/admin.sock";
/// Refreshing several source lists takes up to 10 s each.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
pub(super) mod tests;
