//! Requests from a list, each with a credential of its own: again and again by some clients, or
//! each once.

use crate::body::{Body, field};
use crate::closed::{self, Asker};
use crate::{Options, ready, report};
use anyhow::{Context as _, bail, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

/// One of the list: `STATUS METHOD PATH KEY [BODY]`, parted by tabulators.
struct Ask {
    request: Vec<u8>,
    status: u16,
}

struct List {
    asks: Vec<Ask>,
    turn: AtomicUsize,
}

struct Client {
    stream: TlsStream<TcpStream>,
    list: Arc<List>,
    input: Vec<u8>,
}

/// Each client asks for the next of the list when it was answered.
pub async fn closed(options: &Options) -> anyhow::Result<()> {
    let clients = clients(options).await?;
    closed::run(options, clients).await
}

/// Each of the list is asked once.
pub async fn once(options: &Options) -> anyhow::Result<()> {
    let clients = clients(options).await?;
    ready().await?;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for mut client in clients {
        running.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let at = client.list.turn.fetch_add(1, Ordering::Relaxed);
                if at >= client.list.asks.len() {
                    return anyhow::Ok(latencies);
                }
                let begun = Instant::now();
                client.exchange(at).await?;
                latencies.push(begun.elapsed());
            }
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        all.extend(ended??);
    }
    report::print(begun.elapsed(), 0, all);
    Ok(())
}

async fn clients(options: &Options) -> anyhow::Result<Vec<Client>> {
    let door = options.door()?;
    let list = Arc::new(List::read(options)?);
    let mut clients = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        clients.push(Client {
            stream: door.knock().await?,
            list: Arc::clone(&list),
            input: Vec::with_capacity(16 << 10),
        });
    }
    Ok(clients)
}

impl List {
    fn read(options: &Options) -> anyhow::Result<Self> {
        let path = options.text("asks")?;
        let host = options.text("host")?;
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let asks: Vec<Ask> = text
            .lines()
            .map(|line| Ask::read(line, host))
            .collect::<anyhow::Result<_>>()?;
        ensure!(!asks.is_empty(), "{path} asks for nothing");
        Ok(Self {
            asks,
            turn: AtomicUsize::new(0),
        })
    }
}

impl Ask {
    fn read(line: &str, host: &str) -> anyhow::Result<Self> {
        let mut words = line.split('\t');
        let mut next = || {
            words
                .next()
                .with_context(|| format!("too little in: {line}"))
        };
        let (status, method, path, key) = (next()?.parse()?, next()?, next()?, next()?);
        let body = words.next().unwrap_or_default();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\n\
             Host: {host}\r\n\
             User-Agent: octokit-core.js/7.0.3 Node.js/24\r\n\
             Accept: application/vnd.github.v3+json\r\n\
             Accept-Encoding: gzip, deflate\r\n\
             Authorization: Bearer {key}\r\n\
             X-GitHub-Api-Version: 2022-11-28\r\n"
        );
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        Ok(Self {
            request: request.into_bytes(),
            status,
        })
    }
}

impl Asker for Client {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let turn = self.list.turn.fetch_add(1, Ordering::Relaxed);
        self.exchange(turn % self.list.asks.len()).await
    }
}

impl Client {
    async fn exchange(&mut self, at: usize) -> anyhow::Result<()> {
        let list = Arc::clone(&self.list);
        let ask = list.asks.get(at).context("beyond the list")?;
        self.stream.write_all(&ask.request).await?;
        self.stream.flush().await?;
        self.input.clear();
        let mut body: Option<Body> = None;
        loop {
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("the connection ended before the answer did");
            }
            if body.is_none()
                && let Some((found, length)) = head(&self.input, ask.status)?
            {
                body = Some(found);
                self.input.drain(..length);
            }
            let Some(body) = &mut body else {
                continue;
            };
            let used = body.feed(&self.input, |_| Ok(()))?;
            ensure!(used == self.input.len(), "more than was asked for");
            self.input.clear();
            if body.is_done() {
                return Ok(());
            }
        }
    }
}

fn head(bytes: &[u8], expect: u16) -> anyhow::Result<Option<(Body, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    ensure!(head.code == Some(expect), "expected {expect}: {}", shown());
    let close = field(head.headers, "connection").is_some_and(|value| value == b"close");
    ensure!(!close, "the answer ends the connection: {}", shown());
    let body = Body::of(head.headers)?.context("an answer whose end cannot be known")?;
    Ok(Some((body, length)))
}
