//! What stands between pingora's listener and the application: a place among the connections, the
//! PROXY header, TLS. Each step may drop the connection, and says why.

use super::acme::Challenges;
use super::admission::Entry;
use super::bounds::{Connections, Permit};
use super::connection::Connection;
use super::dropped::{Ledger, Reason};
use super::io::Io;
use super::metric::Meters;
use super::proxy_header::{self, Parsed};
use super::read_ahead::ReadAhead;
use super::stream::Wire;
use super::tls::{Failed, Tls};
use super::{Deadlines, Listener};
use crate::types::ClientAddr;
use arc_swap::ArcSwap;
use bytes::BytesMut;
use pingora::apps::HttpServerApp;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{GetSocketDigest as _, SocketDigest};
use pingora::server::ShutdownWatch;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};

/// One listener's.
pub(super) struct Front<A> {
    pub(super) listener: Listener,
    pub(super) app: Arc<A>,
    pub(super) tls: Option<Arc<Tls>>,
    /// Where TLS ends here.
    pub(super) challenges: Option<Arc<Challenges>>,
    pub(super) entry: Arc<ArcSwap<Entry>>,
    pub(super) connections: Connections,
    pub(super) ledger: Arc<Ledger>,
    pub(super) deadlines: Arc<Deadlines>,
    pub(super) meters: Meters,
}

/// A client that may send requests.
pub(super) struct Guest {
    pub(super) wire: Box<Wire>,
    pub(super) connection: Arc<Connection>,
    /// Gives the place back when the connection is gone.
    pub(super) permit: Permit,
}

impl<A: HttpServerApp + Send + Sync + 'static> Front<A> {
    /// Sees to it that a connection is one to be served, or drops it.
    pub(super) async fn greet(&self, socket: Socket, shutdown: ShutdownWatch) -> Option<Guest> {
        let digest = socket.get_socket_digest()?;
        let inet = |address: Option<&pingora::protocols::l4::socket::SocketAddr>| {
            address.and_then(|address| address.as_inet().copied())
        };
        let peer = inet(digest.peer_addr())?;
        let local = inet(digest.local_addr());
        let mut client = ClientAddr::from(peer);
        let Some(mut permit) = self.connections.admit() else {
            return self.drop_connection(client, Reason::TooManyConnections);
        };
        let mut io = ReadAhead::new(socket);
        // Where a load balancer speaks for itself, it was admitted by name already.
        let mut stranger = false;
        if self.listener.proxy_protocol.is_some() {
            let header = timeout(self.deadlines.proxy_header, read_proxy_header(&mut io));
            let Ok(Some(real)) = header.await else {
                return self.drop_connection(client, Reason::ProxyHeader);
            };
            if let Some(real) = real {
                client = ClientAddr::from(real);
                present(&mut io, real);
                stranger = !self.entry.load().admits(client);
            }
        } else {
            stranger = !self.entry.load().admits(client);
        }
        let challenges = self.challenges.as_ref();
        if stranger && !challenges.is_some_and(|challenges| challenges.expects_handshakes()) {
            return self.drop_connection(client, Reason::SourceNotAllowed);
        }
        if !permit.count_for(client) {
            return self.drop_connection(client, Reason::TooManyFromAddress);
        }
        let mut connection = Connection {
            listener: self.listener.name.clone(),
            client,
            local,
            tls: None,
            sni: None,
            names: Box::default(),
            h2: false,
            requests: AtomicU64::new(0),
            together: AtomicU8::new(0),
            shutdown,
        };
        let wire = match &self.tls {
            Some(tls) => self.secure(tls, io, stranger, &mut connection).await?,
            None => Wire::new(Io::Plain(Box::new(io)), None, Arc::clone(&self.deadlines)),
        };
        Some(Guest {
            wire: Box::new(wire),
            connection: Arc::new(connection),
            permit,
        })
    }

    async fn secure(
        &self,
        tls: &Tls,
        io: ReadAhead,
        stranger: bool,
        known: &mut Connection,
    ) -> Option<Wire> {
        self.meters.handshakes.increment(1);
        let started = Instant::now();
        let handshake = tls.accept(io, self.listener.h2, stranger);
        let stream = match timeout(self.deadlines.handshake, handshake).await {
            Ok(Ok(Some(stream))) => stream,
            // An authority saw what it wanted to.
            Ok(Ok(None)) => return None,
            Ok(Err(failed)) => {
                self.meters.handshake_failed(failed.code());
                let reason = match failed {
                    Failed::UnknownName => Reason::UnknownServerName,
                    Failed::UnknownChallenge => Reason::UnknownChallenge,
                    Failed::Stranger => Reason::SourceNotAllowed,
                    Failed::Closed
                    | Failed::NotTls
                    | Failed::NothingInCommon
                    | Failed::RefusedByClient
                    | Failed::Other => Reason::TlsHandshake,
                };
                return self.drop_connection(known.client, reason);
            }
            Err(_) => {
                self.meters.handshake_failed("timeout");
                return self.drop_connection(known.client, Reason::TlsTimeout);
            }
        };
        self.meters.handshake_seconds.record(started.elapsed());
        let (_, session) = stream.get_ref();
        let version = session
            .protocol_version()
            .and_then(|version| version.as_str());
        let cipher = session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str());
        known.tls = version;
        known.sni = session.server_name().map(Into::into);
        known.names = super::tls::names(session.peer_certificates());
        known.h2 = session.alpn_protocol() == Some(b"h2");
        let digest = SslDigest::new(
            cipher.unwrap_or_default(),
            version.unwrap_or_default(),
            None,
            None,
            Vec::new(),
        );
        Some(Wire::new(
            Io::Tls(stream),
            Some(Arc::new(digest)),
            Arc::clone(&self.deadlines),
        ))
    }

    fn drop_connection<T>(&self, client: ClientAddr, reason: Reason) -> Option<T> {
        self.ledger.enter(&self.listener.name, Some(client), reason);
        None
    }
}

/// The client that the header names, if it names one; nothing where there is no proper header.
async fn read_proxy_header(io: &mut ReadAhead) -> Option<Option<SocketAddr>> {
    let mut bytes = BytesMut::with_capacity(256);
    loop {
        let count = io.read_buf(&mut bytes).await.ok()?;
        if count == 0 {
            return None;
        }
        match proxy_header::parse(&bytes) {
            Ok(Parsed::Incomplete) => {}
            Ok(Parsed::Complete(header)) => {
                io.put_back(bytes.split_off(header.length).freeze());
                return Some(header.client);
            }
            Err(malformed) => {
                tracing::debug!("a PROXY header is malformed: {malformed}");
                return None;
            }
        }
    }
}

/// Has pingora see the client where it would see the load balancer.
fn present(io: &mut ReadAhead, client: SocketAddr) {
    let digest = SocketDigest::from_raw_fd(io.socket().as_raw_fd());
    if digest.peer_addr.set(Some(client.into())).is_ok() {
        io.socket_mut().set_socket_digest(digest);
    }
}

impl<A> std::fmt::Debug for Front<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Front").field(&self.listener).finish()
    }
}
