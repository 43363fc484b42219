//! The service behind the gateways that publish it: answers with JSON documents and with bodies of
//! any size, and looks at each byte that is uploaded. TLS, as a GitHub Enterprise Server has.

use crate::body::{Body, field};
use crate::{Options, pattern};
use anyhow::{Context as _, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a chunk holds, about as much as git's packets.
const CHUNK: usize = 32 << 10;
const BUFFER: usize = 64 << 10;
const LABELS: &str = "/api/v3/repos/acme/web/labels";
const PULLS: &str = "/api/v3/repos/acme/web/pulls";
const ASSET: &str = "/api/v3/repos/acme/web/releases/assets/";

struct Documents {
    small: Vec<u8>,
    large: Vec<u8>,
}

pub async fn serve(options: &Options) -> anyhow::Result<()> {
    let acceptor = acceptor(options)?;
    let inside = options.text("inside")?;
    let documents = Arc::new(Documents {
        small: document(options.text("small")?, inside)?,
        large: document(options.text("large")?, inside)?,
    });
    let socket = TcpListener::bind(options.text("listen")?).await?;
    until_input_ends();
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, documents) = (acceptor.clone(), Arc::clone(&documents));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            if let Err(failure) = talk(stream, &documents).await {
                // Clients that go in the middle are part of what is measured.
                if failure.downcast_ref::<std::io::Error>().is_none() {
                    eprintln!("hubgate-load origin: {failure:#}");
                }
            }
        });
    }
}

/// The TLS that such a server has.
pub fn acceptor(options: &Options) -> anyhow::Result<TlsAcceptor> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384];
    let chain = CertificateDer::pem_file_iter(options.text("chain")?)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(options.text("key")?)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Ends with whoever started it.
pub fn until_input_ends() {
    std::thread::spawn(|| {
        std::io::stdin().lines().for_each(drop);
        std::process::exit(0);
    });
}

/// A whole answer, with the fields that such a server has in its own.
fn document(path: &str, inside: &str) -> anyhow::Result<Vec<u8>> {
    let body = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\n\
         Server: GitHub.com\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n\
         Content-Type: application/json; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Cache-Control: private, max-age=60, s-maxage=60\r\n\
         Vary: Accept, Authorization, Cookie, X-GitHub-OTP\r\n\
         ETag: \"4f6bd1ecc4dc4f8eb3f7b5b4c0f5e1d6f0aa7bd1f9b4a5a2a6b43f3c7e2c8d10\"\r\n\
         X-OAuth-Scopes: repo\r\n\
         X-Accepted-OAuth-Scopes: \r\n\
         X-GitHub-Enterprise-Version: 3.19.0\r\n\
         X-GitHub-Media-Type: github.v3; format=json\r\n\
         Link: <{inside}/api/v3/repositories/42/pulls?page=2>; rel=\"next\", \
         <{inside}/api/v3/repositories/42/pulls?page=9>; rel=\"last\"\r\n\
         X-GitHub-Api-Version-Selected: 2022-11-28\r\n\
         Access-Control-Allow-Origin: *\r\n\
         Strict-Transport-Security: max-age=31536000; includeSubdomains; preload\r\n\
         X-Frame-Options: deny\r\n\
         X-Content-Type-Options: nosniff\r\n\
         X-XSS-Protection: 0\r\n\
         Referrer-Policy: origin-when-cross-origin, strict-origin-when-cross-origin\r\n\
         Content-Security-Policy: default-src 'none'\r\n\
         X-GitHub-Request-Id: C0DE:1F2E:3D4C5B:6A7988:691EE2D0\r\n\r\n",
        body.len(),
    )
    .into_bytes();
    answer.extend(body);
    Ok(answer)
}

/// What a request asks for.
enum Wish {
    Small,
    Large,
    /// So many bytes, their number announced.
    Asset(u64),
    /// As many bytes as the request's body says, in chunks.
    Pack,
    /// It brings bytes.
    Upload,
}

impl Wish {
    fn of(method: &str, path: &str) -> anyhow::Result<Self> {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        Ok(match (method, path) {
            ("GET", LABELS) => Self::Small,
            ("GET", PULLS) => Self::Large,
            ("POST", "/acme/web.git/git-upload-pack") => Self::Pack,
            ("POST", "/acme/web.git/git-receive-pack") => Self::Upload,
            ("POST", "/api/uploads/repos/acme/web/releases/1/assets") => Self::Upload,
            ("GET", path) if path.starts_with(ASSET) => Self::Asset(path[ASSET.len()..].parse()?),
            _ => bail!("nobody asks for {method} {path}"),
        })
    }
}

async fn talk(mut stream: TlsStream<TcpStream>, documents: &Documents) -> anyhow::Result<()> {
    let mut input = Vec::with_capacity(BUFFER);
    loop {
        let (wish, mut body, length) = loop {
            if let Some(found) = head(&input)? {
                break found;
            }
            if stream.read_buf(&mut input).await? == 0 {
                anyhow::ensure!(input.is_empty(), "a request that does not end");
                return Ok(());
            }
        };
        input.drain(..length);
        let mut noise = pattern::Reader::default();
        let mut said = Vec::new();
        loop {
            let used = body.feed(&input, |bytes| match wish {
                Wish::Upload => noise.take(bytes),
                _ => {
                    said.extend_from_slice(bytes);
                    Ok(())
                }
            })?;
            input.drain(..used);
            if body.is_done() {
                break;
            }
            if stream.read_buf(&mut input).await? == 0 {
                bail!("a body that does not end");
            }
        }
        match wish {
            Wish::Small => stream.write_all(&documents.small).await?,
            Wish::Large => stream.write_all(&documents.large).await?,
            Wish::Asset(bytes) => send(&mut stream, bytes, false).await?,
            Wish::Pack => {
                let bytes = std::str::from_utf8(&said)?.parse()?;
                send(&mut stream, bytes, true).await?;
            }
            Wish::Upload => {
                let said = format!("{{\"bytes\":{}}}", noise.read);
                let answer = format!(
                    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{said}",
                    said.len()
                );
                stream.write_all(answer.as_bytes()).await?;
            }
        }
        stream.flush().await?;
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, bytes: u64, chunked: bool) -> anyhow::Result<()> {
    let framing = if chunked {
        "Content-Type: application/x-git-upload-pack-result\r\n\
         Cache-Control: no-cache\r\nTransfer-Encoding: chunked"
            .to_owned()
    } else {
        format!("Content-Type: application/octet-stream\r\nContent-Length: {bytes}")
    };
    let head = format!("HTTP/1.1 200 OK\r\nServer: GitHub.com\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut sent = 0;
    let mut piece = Vec::with_capacity(CHUNK + 16);
    while sent < bytes {
        let most = usize::try_from(bytes - sent)?.min(CHUNK);
        let noise = pattern::at(sent, most);
        sent += noise.len() as u64;
        if chunked {
            piece.clear();
            piece.extend_from_slice(format!("{:x}\r\n", noise.len()).as_bytes());
            piece.extend_from_slice(noise);
            piece.extend_from_slice(b"\r\n");
            stream.write_all(&piece).await?;
        } else {
            stream.write_all(noise).await?;
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

/// What is asked for, the body's framing and the head's length, once the head is whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(Wish, Body, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let (method, path) = head
        .method
        .zip(head.path)
        .context("a request for nothing")?;
    field(head.headers, "authorization").context("a request without a credential")?;
    let body = Body::of(head.headers)?.unwrap_or(Body::Length(0));
    Ok(Some((Wish::of(method, path)?, body, length)))
}
