//! The socket: connections are taken, refused or reset as the mood is.

use super::{Door, Simulator};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Connections that wait to be taken.
const WAITING: u32 = 1024;

/// The address, which stays ours while nobody listens there.
enum Socket {
    Listening(TcpListener),
    Silent(TcpSocket),
}

impl Simulator {
    pub(super) async fn listen(
        self,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        stands: watch::Sender<Door>,
    ) {
        let acceptor = tls.map(TlsAcceptor::from);
        let mut moods = self.0.moods.subscribe();
        let mut connections = JoinSet::new();
        let mut socket = Socket::Listening(listener);
        loop {
            let door = moods.borrow_and_update().door;
            if door != *stands.borrow() {
                connections.shutdown().await;
                socket = self.turned(socket, door);
                stands.send_replace(door);
            }
            let accepted = tokio::select! {
                changed = moods.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                accepted = accept(&socket) => accepted,
            };
            if door == Door::Reset {
                accepted.set_zero_linger().unwrap();
                continue;
            }
            connections.spawn(self.clone().connection(accepted, acceptor.clone()));
            while connections.try_join_next().is_some() {}
        }
    }

    fn turned(&self, socket: Socket, door: Door) -> Socket {
        match (socket, door) {
            (Socket::Listening(listener), Door::Refused) => {
                drop(listener);
                let silent = TcpSocket::new_v4().unwrap();
                silent.set_reuseaddr(true).unwrap();
                silent.bind(self.0.address).unwrap();
                Socket::Silent(silent)
            }
            (Socket::Silent(silent), Door::Open | Door::Reset) => {
                Socket::Listening(silent.listen(WAITING).unwrap())
            }
            (socket, _) => socket,
        }
    }

    async fn connection(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let service = hyper::service::service_fn(move |request| {
            let simulator = self.clone();
            async move { Ok::<_, io::Error>(simulator.serve(request).await) }
        });
        let server = hyper::server::conn::http1::Builder::new();
        match acceptor {
            None => drop(server.serve_connection(TokioIo::new(stream), service).await),
            // One who does not trust the certificate goes again.
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                }
            }
        }
    }
}

async fn accept(socket: &Socket) -> TcpStream {
    match socket {
        Socket::Listening(listener) => listener.accept().await.unwrap().0,
        Socket::Silent(_) => std::future::pending().await,
    }
}
