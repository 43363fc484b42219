//! The two doors, a Unix socket and a TCP address: opened, bounded, closed. What is answered
//! behind them is not here.

use super::guard::{Door, Guard};
use super::{Parts, Settings, router};
use crate::telemetry::Tasks;
use crate::types::SecretError;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket's directory is not there and cannot be made.
    #[error("`[admin].socket`: cannot make the directory `{path}`: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket cannot be made.
    #[error("`[admin].socket`: cannot listen on `{path}`: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody answers on it.
    #[error("`[admin].socket`: another process answers on `{0}`; is hubgate running already?")]
    Taken(PathBuf),
    /// Something else is in its place.
    #[error("`[admin].socket`: `{0}` is there and is no socket; it is left alone")]
    NotASocket(PathBuf),
    /// The address cannot be listened on.
    #[error("`[admin].address`: cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The token cannot be read.
    #[error("`[admin].token`: {0}")]
    Token(#[from] SecretError),
    /// Others could reach it without one.
    #[error(
        "`[admin].address` is {0}, which others can reach: name a `token`, or listen on 127.0.0.1"
    )]
    TokenMissing(SocketAddr),
}

/// The doors, open: connections wait until they are served.
#[derive(Debug)]
pub struct Doors {
    socket: UnixListener,
    file: SocketFile,
    tcp: Option<TcpListener>,
    guard: Guard,
}

/// Opens what the settings name.
///
/// # Errors
/// Where a door cannot be opened, another gateway answers behind it, or it would be open to
/// strangers.
pub async fn open(settings: &Settings) -> Result<Doors, AdminError> {
    let token = settings
        .token
        .as_ref()
        .map(|token| token.read())
        .transpose()?;
    if let Some(address) = settings.address
        && token.is_none()
        && !address.ip().to_canonical().is_loopback()
    {
        return Err(AdminError::TokenMissing(address));
    }
    let tcp = match settings.address {
        None => None,
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(|source| AdminError::Address { address, source })?,
        ),
    };
    let (socket, file) = open_socket(&settings.socket).await?;
    Ok(Doors {
        socket,
        file,
        tcp,
        guard: Guard::new(token.as_ref()),
    })
}

impl Doors {
    /// The address that is really listened on.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Answers until the tasks are stopped; then the socket's file goes.
    pub fn serve(self, parts: Parts) {
        let tasks = parts.tasks.clone();
        let router = router::router(parts, self.guard);
        if let Some(listener) = self.tcp {
            let room = Room::new(router.clone(), tasks.clone());
            let listener = Arc::new(listener);
            tasks.supervise("admin-address", move || {
                let (listener, room) = (Arc::clone(&listener), room.clone());
                async move {
                    let accept = async || {
                        let (stream, peer) = listener.accept().await?;
                        Ok((stream, Door::Tcp { peer }))
                    };
                    room.receive(accept).await;
                }
            });
        }
        let room = Room::new(router, tasks.clone());
        let held = Arc::new((self.socket, self.file));
        tasks.supervise("admin-socket", move || {
            let (held, room) = (Arc::clone(&held), room.clone());
            async move {
                let accept = async || Ok((held.0.accept().await?.0, Door::Socket));
                room.receive(accept).await;
            }
        });
    }
}

/// What every connection of a door needs.
#[derive(Debug, Clone)]
struct Room {
    router: Router,
    tasks: Tasks,
    places: Arc<Semaphore>,
}

impl Room {
    fn new(router: Router, tasks: Tasks) -> Self {
        Self {
            router,
            tasks,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
        }
    }

    async fn receive<S, F>(&self, accept: impl Fn() -> F)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<(S, Door)>>,
    {
        let stop = self.tasks.stopping();
        let next = async || {
            // The semaphore is never closed; whoever finds no place waits in the kernel's queue.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            (accept().await, place)
        };
        loop {
            let (accepted, place) = tokio::select! {
                () = stop.cancelled() => return,
                next = next() => next,
            };
            match accepted {
                Ok((stream, door)) => {
                    let router = self.router.clone().layer(Extension(door));
                    let stop = stop.clone();
                    self.tasks.spawn("admin-connection", async move {
                        converse(stream, router, stop).await;
                        drop(place);
                    });
                }
                Err(failure) => {
                    tracing::warn!("the admin API cannot accept a connection: {failure}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn converse<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(LONGEST_HEADER)
        .max_buf_size(LARGEST_HEADER);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // Whoever breaks off or dribbles has only harmed their own connection: nothing to log.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = tokio::time::sleep(LONGEST_CONNECTION) => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(LONGEST_GOODBYE, connection).await;
}

async fn open_socket(path: &Path) -> Result<(UnixListener, SocketFile), AdminError> {
    let failed = |source| AdminError::Socket {
        path: path.to_owned(),
        source,
    };
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(directory)
        .map_err(|source| AdminError::Directory {
            path: directory.to_owned(),
            source,
        })?;
    match std::fs::symlink_metadata(path) {
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => {}
        Err(failure) => return Err(failed(failure)),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(AdminError::NotASocket(path.to_owned()));
        }
        Ok(_) => match UnixStream::connect(path).await {
            // Left behind by a process that is gone.
            Err(failure) if failure.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(failure) => return Err(failed(failure)),
            Ok(_) => return Err(AdminError::Taken(path.to_owned())),
        },
    }
    // Made under another name and moved into place: at no moment is it there with other
    // permissions, or not there while an old one was.
    let fresh = directory.join(format!(".{}", std::process::id()));
    match std::fs::remove_file(&fresh) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failed(failure)),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh).map_err(failed)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o660))
        .and_then(|()| std::fs::rename(&fresh, path))
        .map_err(failed)?;
    let inode = std::fs::symlink_metadata(path).map_err(failed)?.ino();
    let file = SocketFile {
        path: path.to_owned(),
        inode,
    };
    Ok((listener, file))
}

/// The socket's name in the file system, taken away with it unless somebody else has it by then.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|it| it.ino() == self.inode);
        if ours && let Err(failure) = std::fs::remove_file(&self.path) {
            tracing::warn!("cannot remove `{}`: {failure}", self.path.display());
        }
    }
}

/// Of each door: a console, a few command lines, two Prometheus servers.
const MOST_CONNECTIONS: usize = 32;
/// Also how long a connection may idle.
const LONGEST_HEADER: Duration = Duration::from_secs(10);
const LARGEST_HEADER: usize = 64 << 10;
/// Bounds whoever reads an answer slowly; the largest is a body of 25 MiB.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);
/// Out of file descriptors, most likely: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
