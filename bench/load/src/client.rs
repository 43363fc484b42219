//! One connection that sends requests and reads answers.

use crate::Options;
use crate::payload::Shots;
use anyhow::{Context as _, bail};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Loopback addresses that connections come from in turn, since a gateway may bound how many come
/// from one.
const ADDRESSES: u8 = 16;

/// Where to, and with which TLS.
pub struct Door {
    to: SocketAddr,
    host: ServerName<'static>,
    tls: TlsConnector,
    turn: AtomicU8,
    /// Room for what was not read yet, where it is to be little.
    room: Option<u32>,
}

impl Door {
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let ca = options.text("ca")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        // One group and one suite, so that all contestants do the same work.
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            to: options.address()?,
            host: ServerName::try_from(options.text("host")?.to_owned())?,
            tls: TlsConnector::from(Arc::new(config)),
            turn: AtomicU8::new(0),
            room: crate::streams::room(options),
        })
    }

    /// A new connection after a full handshake.
    pub async fn knock(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % ADDRESSES;
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = self.room {
            socket.set_recv_buffer_size(room)?;
        }
        socket.bind((Ipv4Addr::new(127, 0, 0, 2 + turn), 0).into())?;
        let stream = socket.connect(self.to).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        self.tls
            .connect(self.host.clone(), stream)
            .await
            .context("the handshake failed")
    }

    pub async fn client(&self, expect: u16) -> anyhow::Result<Client> {
        Ok(Client {
            stream: self.knock().await?,
            out: Vec::new(),
            input: Vec::with_capacity(4096),
            expect,
        })
    }
}

pub struct Client {
    stream: TlsStream<TcpStream>,
    out: Vec<u8>,
    input: Vec<u8>,
    expect: u16,
}

impl Client {
    /// Sends the next request and reads its whole answer, which must be as expected.
    pub async fn send(&mut self, shots: &Shots) -> anyhow::Result<()> {
        shots.load(&mut self.out);
        self.stream.write_all(&self.out).await?;
        self.stream.flush().await?;
        self.input.clear();
        loop {
            let count = self.stream.read_buf(&mut self.input).await?;
            if count == 0 {
                bail!("the connection ended before the answer did");
            }
            if let Some(answer) = Answer::read(&self.input)? {
                if answer.status != self.expect {
                    let shown = String::from_utf8_lossy(&self.input);
                    bail!("expected {}, was answered: {shown}", self.expect);
                }
                if answer.close {
                    bail!("the answer ends the connection");
                }
                return Ok(());
            }
        }
    }
}

struct Answer {
    status: u16,
    close: bool,
}

impl Answer {
    /// `None` until the answer is whole.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(bytes)? else {
            return Ok(None);
        };
        let status = head.code.context("an answer without a status")?;
        let value = |name: &str| {
            head.headers
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name))
                .map(|field| field.value)
        };
        let body = &bytes[length..];
        let whole = match value("content-length") {
            Some(digits) => body.len() == std::str::from_utf8(digits)?.parse::<usize>()?,
            None if value("transfer-encoding").is_some() => body.ends_with(b"0\r\n\r\n"),
            None => bail!("an answer whose end cannot be known"),
        };
        let close = value("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        Ok(whole.then_some(Self { status, close }))
    }
}
