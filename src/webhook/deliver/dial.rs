//! From a URL to a connection: resolve anew, judge each address, dial exactly that one, TLS.

use super::guard::{Guard, Verdict};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// How long one address may take to accept.
const PER_ADDRESS: Duration = Duration::from_secs(5);
/// How long an address is waited for before the next one is tried beside it; of a short time-out
/// each has its part.
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Names to addresses.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync + fmt::Debug {
    /// The addresses of a name, asked for anew.
    ///
    /// # Errors
    /// Where there are none to be had.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("cannot resolve `{host}`: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Every address of the name is one that the target may not be at.
    #[error("`{host}` is at {address}, which is {verdict}; name it in the target's `allow`")]
    Guarded {
        /// The name.
        host: String,
        /// The first of its addresses.
        address: SocketAddr,
        /// Why not.
        verdict: Verdict,
    },
    /// Nothing accepts there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address that failed last.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS with the one that is there.
    #[error("no TLS with {address}: {source}")]
    Tls {
        /// Where.
        address: SocketAddr,
        /// What went wrong, most often the certificate.
        source: io::Error,
    },
    /// The URL cannot be dialled.
    #[error("`{0}` is not a URL of a target")]
    Url(String),
}

impl DialError {
    /// The same error once more; the client keeps the one it was given.
    pub(super) fn again(&self) -> Self {
        let copy = |source: &io::Error| io::Error::new(source.kind(), source.to_string());
        match self {
            Self::Resolve { host, source } => Self::Resolve {
                host: host.clone(),
                source: copy(source),
            },
            Self::Guarded {
                host,
                address,
                verdict,
            } => Self::Guarded {
                host: host.clone(),
                address: *address,
                verdict: *verdict,
            },
            Self::Connect { address, source } => Self::Connect {
                address: *address,
                source: copy(source),
            },
            Self::Tls { address, source } => Self::Tls {
                address: *address,
                source: copy(source),
            },
            Self::Url(url) => Self::Url(url.clone()),
        }
    }
}

/// Dials one target.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) guard: Arc<Guard>,
    pub(super) resolve: Arc<dyn Resolve>,
    pub(super) tls: Option<TlsConnector>,
    /// The target's whole time-out, which bounds the dialling from outside.
    pub(super) timeout: Duration,
}

/// The address a connection was made to, handed up with each answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialled(pub(super) SocketAddr);

impl Dialer {
    async fn dial(self, url: Uri) -> Result<Link, DialError> {
        let wrong = || DialError::Url(url.to_string());
        let host = url.host().ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url
            .port_u16()
            .unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let (stream, address) = self.connect(host, port).await?;
        // Small requests wait for no acknowledgement; a socket that cannot say so works as well.
        if let Err(fault) = stream.set_nodelay(true) {
            tracing::debug!("cannot set TCP_NODELAY: {fault}");
        }
        let io = match &self.tls {
            None => Either::Left(stream),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).or(Err(wrong()))?;
                let tls = tls.connect(name, stream).await;
                Either::Right(tls.map_err(|source| DialError::Tls { address, source })?)
            }
        };
        Ok(Link {
            io: TokioIo::new(io),
            address,
        })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<(TcpStream, SocketAddr), DialError> {
        let found = match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![ip]),
            Err(_) => self.resolve.resolve(host).await,
        };
        let unresolved = |source| DialError::Resolve {
            host: host.to_owned(),
            source,
        };
        let found = found.map_err(unresolved)?;
        let mut failure = unresolved(io::Error::other("the name has no address"));
        let mut allowed = VecDeque::new();
        for ip in found.into_iter().take(MOST_ADDRESSES) {
            let address = SocketAddr::new(ip, port);
            let verdict = self.guard.judge(address);
            if verdict == Verdict::Allowed {
                allowed.push_back(address);
                continue;
            }
            failure = DialError::Guarded {
                host: host.to_owned(),
                address,
                verdict,
            };
        }
        self.first_to_accept(allowed).await.unwrap_or(Err(failure))
    }

    /// Dials one address after the other, each a little later than the one before, and takes the
    /// first that accepts. None where there is nothing to dial.
    async fn first_to_accept(
        &self,
        mut addresses: VecDeque<SocketAddr>,
    ) -> Option<Result<(TcpStream, SocketAddr), DialError>> {
        let parts = u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        let head_start = HEAD_START.min(self.timeout / parts);
        let mut under_way: FuturesUnordered<_> =
            addresses.pop_front().into_iter().map(open).collect();
        let mut failure = None;
        loop {
            let next = tokio::time::sleep(head_start);
            tokio::select! {
                opened = under_way.next() => match opened {
                    Some(Err(fault)) => failure = Some(Err(fault)),
                    // The first that accepts, or the last failure where none did.
                    Some(Ok(opened)) => return Some(Ok(opened)),
                    None => return failure,
                },
                () = next, if !addresses.is_empty() => {}
            }
            under_way.extend(addresses.pop_front().map(open));
        }
    }
}

async fn open(address: SocketAddr) -> Result<(TcpStream, SocketAddr), DialError> {
    let source = match tokio::time::timeout(PER_ADDRESS, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => return Ok((stream, address)),
        Ok(Err(source)) => source,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    Err(DialError::Connect { address, source })
}

impl tower_service::Service<Uri> for Dialer {
    type Response = Link;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        Box::pin(self.clone().dial(url))
    }
}

/// A connection to a target.
pub(super) struct Link {
    io: TokioIo<Either<TcpStream, TlsStream<TcpStream>>>,
    address: SocketAddr,
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().extra(Dialled(self.address))
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}
