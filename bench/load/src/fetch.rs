//! JSON documents of a published service, each of which must be, byte for byte, the expected one.

use crate::Options;
use crate::body::Body;
use crate::client::Door;
use crate::closed::{self, Asker};
use anyhow::{Context as _, bail, ensure};
use memchr::memmem;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What those show who are not given another credential.
const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

/// What is asked for and what must come.
pub struct Page {
    request: Vec<u8>,
    document: Vec<u8>,
    /// What the head must not hold; empty: anything goes.
    forbidden: Vec<u8>,
}

impl Page {
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let request = format!(
            "GET {} HTTP/1.1\r\n\
             Host: {}\r\n\
             User-Agent: octokit-core.js/7.0.3 Node.js/24\r\n\
             Accept: application/vnd.github.v3+json\r\n\
             Accept-Encoding: gzip, deflate\r\n\
             Authorization: token {}\r\n\
             X-GitHub-Api-Version: 2022-11-28\r\n\r\n",
            options.text("path")?,
            options.text("host")?,
            options.text("credential").unwrap_or(TOKEN),
        );
        let path = options.text("document")?;
        Ok(Self {
            request: request.into_bytes(),
            document: std::fs::read(path).with_context(|| format!("cannot read {path}"))?,
            forbidden: options.text("forbid")?.as_bytes().to_vec(),
        })
    }
}

pub struct Fetcher {
    stream: TlsStream<TcpStream>,
    page: Arc<Page>,
    input: Vec<u8>,
    document: Vec<u8>,
}

impl Fetcher {
    pub async fn new(door: &Door, page: Arc<Page>) -> anyhow::Result<Self> {
        Ok(Self {
            stream: door.knock().await?,
            page,
            input: Vec::with_capacity(64 << 10),
            document: Vec::new(),
        })
    }
}

/// Documents of a published service.
pub async fn pages(options: &Options) -> anyhow::Result<()> {
    let (door, page) = (options.door()?, Arc::new(Page::new(options)?));
    let mut clients = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        clients.push(Fetcher::new(&door, Arc::clone(&page)).await?);
    }
    closed::run(options, clients).await
}

impl Asker for Fetcher {
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.page.request).await?;
        self.stream.flush().await?;
        self.input.clear();
        self.document.clear();
        let mut body = None;
        loop {
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("the connection ended before the answer did");
            }
            if body.is_none()
                && let Some((found, length)) = head(&self.input, &self.page.forbidden)?
            {
                body = Some(found);
                self.input.drain(..length);
            }
            let Some(body) = &mut body else {
                continue;
            };
            let used = body.feed(&self.input, |bytes| {
                self.document.extend_from_slice(bytes);
                Ok(())
            })?;
            ensure!(used == self.input.len(), "more than was asked for");
            self.input.clear();
            if body.is_done() {
                break;
            }
        }
        if self.document != self.page.document {
            let shown = String::from_utf8_lossy(&self.document[..self.document.len().min(2000)]);
            bail!("not the expected document: {shown}");
        }
        Ok(())
    }
}

/// How the body comes and the head's length, once the head is whole.
fn head(bytes: &[u8], forbidden: &[u8]) -> anyhow::Result<Option<(Body, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    ensure!(head.code == Some(200), "was answered: {}", shown());
    let leaks = !forbidden.is_empty() && memmem::find(&bytes[..length], forbidden).is_some();
    ensure!(!leaks, "an internal name in: {}", shown());
    let body = Body::of(head.headers)?.context("an answer whose end cannot be known")?;
    Ok(Some((body, length)))
}
