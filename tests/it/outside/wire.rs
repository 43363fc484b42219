//! The wire between clients and the gate: it ends TLS on both sides, passes every byte as it is,
//! and keeps what passed.

use super::exchange::{Exchange, exchanges};
use crate::world::{GATE, INTERNAL, PUBLIC, SERVER, WIRE, World, all_of};
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const PIECE: usize = 64 * 1024;

/// What one connection carried.
#[derive(Default)]
pub(super) struct Tape {
    pub(super) asked: Mutex<Vec<u8>>,
    pub(super) answered: Mutex<Vec<u8>>,
}

/// Everything that went to the gate and left it.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<Vec<Arc<Tape>>>>);

impl Wire {
    /// Between the public names and the gate.
    pub async fn open(world: &World) -> Self {
        let connector = TlsConnector::from(world.public.client());
        Self::between(world, connector, GATE, None).await
    }

    /// Between the public names and the server itself, as if no gate were needed.
    pub async fn without_a_gate(world: &World) -> Self {
        let connector = TlsConnector::from(world.corp.client());
        Self::between(world, connector, SERVER, Some(INTERNAL)).await
    }

    async fn between(
        world: &World,
        connector: TlsConnector,
        there: SocketAddr,
        name: Option<&'static str>,
    ) -> Self {
        let wire = Self(Arc::default());
        let acceptor = TlsAcceptor::from(world.public.server(&all_of(PUBLIC)));
        let listener = TcpListener::bind(WIRE).await.unwrap();
        let tapes = wire.0.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                let tapes = tapes.clone();
                tokio::spawn(async move {
                    // Either side may go at any time; what passed is kept.
                    drop(carry(client, there, name, acceptor, connector, tapes).await);
                });
            }
        });
        wire
    }

    /// Each request so far with its answer, both whole.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let tapes = self.0.lock().unwrap().clone();
        tapes.iter().flat_map(|tape| exchanges(tape)).collect()
    }
}

async fn carry(
    client: TcpStream,
    there: SocketAddr,
    name: Option<&'static str>,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    tapes: Arc<Mutex<Vec<Arc<Tape>>>>,
) -> io::Result<()> {
    let client = acceptor.accept(client).await?;
    let asked = client.get_ref().1.server_name().unwrap_or(PUBLIC);
    let name = name.unwrap_or(asked);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let gate = connector
        .connect(name, TcpStream::connect(there).await?)
        .await?;
    let tape = Arc::new(Tape::default());
    tapes.lock().unwrap().push(tape.clone());
    let (client_reads, client_writes) = tokio::io::split(client);
    let (gate_reads, gate_writes) = tokio::io::split(gate);
    let (one, other) = tokio::join!(
        copy(client_reads, gate_writes, &tape.asked),
        copy(gate_reads, client_writes, &tape.answered),
    );
    one.and(other)
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    kept: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        if length == 0 {
            return to.shutdown().await;
        }
        let piece = &buffer[..length];
        kept.lock().unwrap().extend(piece);
        to.write_all(piece).await?;
        to.flush().await?;
    }
}
