//! A listener's socket: bound at once, so that what is wrong with it shows before anything runs,
//! then handed to pingora, whose accept loop serves it.

use super::acme::Challenges;
use super::admission::{Entry, Filter};
use super::bounds::Connections;
use super::dropped::Ledger;
use super::front::Front;
use super::kept::Kept;
use super::metric::Meters;
use super::reception::Shared;
use super::redirect::Redirect;
use super::{Deadlines, Listener, Tls};
use crate::types::Name;
use arc_swap::ArcSwap;
use pingora::apps::HttpServerApp;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::server::{Fds, ShutdownWatch};
use pingora::services::Service as _;
use pingora::services::listening::Service;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, IntoRawFd as _};
use std::sync::Arc;
use std::time::Duration;

/// Connections that the system accepts ahead of us; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// A listener, bound.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    socket: TcpListener,
    address: SocketAddr,
}

/// What the doors share, and one listener's rule.
#[derive(Debug, Clone)]
pub struct House {
    /// Who may knock at this door.
    pub entry: Arc<ArcSwap<Entry>>,
    /// The certificates and the rest of TLS; used by listeners with `tls`.
    pub tls: Arc<Tls>,
    /// What authorities are answered that are to issue certificates.
    pub challenges: Arc<Challenges>,
    /// The connections of all doors.
    pub connections: Connections,
    /// Where dropped connections are entered.
    pub ledger: Arc<Ledger>,
    /// How long clients may take.
    pub deadlines: Deadlines,
}

/// A listener cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("listen `{name}`: cannot listen on {address}: {source}{advice}")]
pub struct BindError {
    /// The listener.
    pub name: Name,
    /// Its address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: std::io::Error,
    advice: &'static str,
}

impl Door {
    /// Takes a listener's socket from those that were kept, or binds one. Port 0 takes a free one.
    ///
    /// # Errors
    /// Where the address is taken, not ours, or not allowed.
    pub fn bind(listener: &Listener, kept: &mut Kept) -> Result<Self, BindError> {
        let socket = match kept.take(listener.address) {
            Some(socket) => socket.set_nonblocking(true).map(|()| socket),
            None => socket(listener.address),
        };
        let bound = socket.and_then(|socket| {
            let address = socket.local_addr()?;
            Ok((socket, address))
        });
        match bound {
            Ok((socket, address)) => Ok(Self {
                listener: listener.clone(),
                socket,
                address,
            }),
            Err(source) => Err(BindError {
                name: listener.name.clone(),
                address: listener.address,
                advice: advice(&source),
                source,
            }),
        }
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What the configuration says of it.
    #[must_use]
    pub const fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Serves connections until `shutdown` says true. Then it stops accepting and returns;
    /// connections that are busy run on ([`Connections::drained`] waits for them), idle ones end
    /// within [`Deadlines::farewell`].
    ///
    /// A listener with `redirect` answers by itself and never asks `app`. The cleanup of `app` is
    /// not called, since doors share it.
    pub async fn open<A>(self, app: Arc<A>, house: House, shutdown: ShutdownWatch)
    where
        A: HttpServerApp + Send + Sync + 'static,
    {
        if self.listener.redirect {
            let challenges = Arc::clone(&house.challenges);
            let app = Arc::new(Redirect { challenges });
            self.run(app, house, shutdown).await;
        } else {
            self.run(app, house, shutdown).await;
        }
    }

    async fn run<A>(self, app: Arc<A>, house: House, shutdown: ShutdownWatch)
    where
        A: HttpServerApp + Send + Sync + 'static,
    {
        let name = self.listener.name.clone();
        let connections = house.connections.clone();
        let challenges = self.listener.tls.then_some(house.challenges);
        let filter = Filter {
            listener: name.clone(),
            challenges: challenges.clone(),
            balancers: self.listener.proxy_protocol.clone(),
            entry: Arc::clone(&house.entry),
            ledger: Arc::clone(&house.ledger),
        };
        let front = Front {
            tls: self.listener.tls.then_some(house.tls),
            listener: self.listener,
            app,
            challenges,
            entry: house.entry,
            connections: house.connections,
            ledger: house.ledger,
            deadlines: Arc::new(house.deadlines),
            meters: Meters::new(&name),
        };
        let mut service = Service::new(name.to_string(), Shared(Arc::new(front)));
        // The address is only the key by which pingora finds the socket below.
        let key = self.address.to_string();
        service.add_listener(
            ListenerConfig::tcp(key.clone()).l4_buffer(L4BufferSettings::unbuffered()),
        );
        service.set_connection_filter(Arc::new(filter));
        let mut sockets = Fds::new();
        sockets.add(key, self.socket.into_raw_fd());
        let sockets = Arc::new(sockets.into());
        tracing::info!(listener = %name, address = %self.address, "listening");
        let expected = connections.expected();
        service.start_service(Some(sockets), shutdown, 1).await;
        // What was accepted last is on its way to the task that it is served by.
        tokio::time::sleep(ON_ITS_WAY).await;
        drop(expected);
    }
}

/// A turn of the runtime, on a machine that has much else to do.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

fn socket(address: SocketAddr) -> std::io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // A restart must not wait for old connections to time out.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // `[::]` means both families, whatever `net.ipv6.bindv6only` says.
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

fn advice(failure: &std::io::Error) -> &'static str {
    match failure.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS) => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (the packaged unit grants it), or \
             listen on a higher port"
        }
        Some(Errno::ADDRINUSE) => {
            "; another process listens there (`ss -ltnp` shows which): stop it, or choose another \
             address"
        }
        Some(Errno::ADDRNOTAVAIL) => "; no interface of this machine has that address",
        Some(Errno::AFNOSUPPORT) => "; this machine has no IPv6: write `0.0.0.0` for `[::]`",
        Some(_) | None => "",
    }
}
