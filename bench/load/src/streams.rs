//! Large bodies through a published service, each looked at byte by byte: some after one another,
//! or many at once; readers that are slow on purpose.

use crate::body::Body;
use crate::{Options, pattern, ready};
use anyhow::{Context as _, bail, ensure};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

const BUFFER: usize = 64 << 10;
/// As git sends them.
const CHUNK: usize = 32 << 10;

#[derive(Clone, Copy)]
struct Plan {
    kind: Kind,
    bytes: u64,
    /// Bytes a second that are read, and for how long.
    slowly: Option<(u64, Duration)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A release's asset, its length announced.
    Download,
    /// A pack of git's, in chunks.
    Clone,
    /// A release's asset, its length announced.
    Upload,
    /// A pack of git's, in chunks.
    Push,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let door = options.door()?;
    let kind = match options.text("kind")? {
        "download" => Kind::Download,
        "clone" => Kind::Clone,
        "upload" => Kind::Upload,
        "push" => Kind::Push,
        other => bail!("no kind `{other}`"),
    };
    let pace: u64 = options.parsed("pace")?;
    let plan = Plan {
        kind,
        bytes: options.parsed("bytes")?,
        slowly: match pace {
            0 => None,
            pace => Some((pace, options.seconds("seconds")?)),
        },
    };
    let host: Arc<str> = options.text("host")?.into();
    let mut streams = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        streams.push(door.knock().await?);
    }
    ready().await?;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for stream in streams {
        let host = Arc::clone(&host);
        running.spawn(async move { one(stream, &host, plan).await });
    }
    let (mut count, mut bytes) = (0, 0);
    while let Some(ended) = running.join_next().await {
        count += 1;
        bytes += ended??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(r#"{{"count":{count},"bytes":{bytes},"seconds":{seconds:.6}}}"#);
    Ok(())
}

/// One body; gives how many bytes of it came or went.
async fn one(mut stream: TlsStream<TcpStream>, host: &str, plan: Plan) -> anyhow::Result<u64> {
    let said = plan.bytes.to_string();
    let (line, fields) = match plan.kind {
        Kind::Download => (
            format!("GET /api/v3/repos/acme/web/releases/assets/{said}"),
            "Accept: application/octet-stream".to_owned(),
        ),
        Kind::Clone => (
            "POST /acme/web.git/git-upload-pack".to_owned(),
            format!(
                "Content-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\n\
                 Content-Length: {}",
                said.len()
            ),
        ),
        Kind::Upload => (
            "POST /api/uploads/repos/acme/web/releases/1/assets?name=web.bin".to_owned(),
            format!("Content-Type: application/octet-stream\r\nContent-Length: {said}"),
        ),
        Kind::Push => (
            "POST /acme/web.git/git-receive-pack".to_owned(),
            "Content-Type: application/x-git-receive-pack-request\r\nTransfer-Encoding: chunked"
                .to_owned(),
        ),
    };
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: git/2.52.0\r\n\
         Authorization: Basic YWNtZTp0b2tlbg==\r\n{fields}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    match plan.kind {
        Kind::Download => {}
        Kind::Clone => stream.write_all(said.as_bytes()).await?,
        Kind::Upload | Kind::Push => send(&mut stream, plan).await.context("while sending")?,
    }
    stream.flush().await?;
    receive(&mut stream, plan).await
}

async fn send(stream: &mut TlsStream<TcpStream>, plan: Plan) -> anyhow::Result<()> {
    let chunked = plan.kind == Kind::Push;
    let mut sent = 0;
    let mut piece = Vec::with_capacity(CHUNK + 16);
    while sent < plan.bytes {
        let noise = pattern::at(sent, usize::try_from(plan.bytes - sent)?.min(CHUNK));
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

async fn receive(stream: &mut TlsStream<TcpStream>, plan: Plan) -> anyhow::Result<u64> {
    let brings = matches!(plan.kind, Kind::Upload | Kind::Push);
    let begun = Instant::now();
    let mut input = Vec::with_capacity(BUFFER);
    let (mut noise, mut said) = (pattern::Reader::default(), Vec::new());
    let mut body: Option<Body> = None;
    loop {
        if let Some((pace, span)) = plan.slowly {
            let due = Duration::from_secs_f64(noise.read as f64 / pace as f64);
            if due >= span {
                return Ok(noise.read);
            }
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
        if stream.read_buf(&mut input).await? == 0 {
            bail!("the connection ended after {} bytes", noise.read);
        }
        if body.is_none() {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut fields);
            let httparse::Status::Complete(length) = head.parse(&input)? else {
                continue;
            };
            let shown = || String::from_utf8_lossy(&input).into_owned();
            let right = head.code == Some(if brings { 201 } else { 200 });
            ensure!(right, "was answered: {}", shown());
            body = Body::of(head.headers)?;
            input.drain(..length);
        }
        let body = body.as_mut().context("an answer without a body")?;
        let used = body.feed(&input, |bytes| {
            if brings {
                said.extend_from_slice(bytes);
                return Ok(());
            }
            noise.take(bytes)
        })?;
        ensure!(used == input.len(), "more than was asked for");
        input.clear();
        if body.is_done() {
            break;
        }
    }
    if brings {
        let wanted = format!("{{\"bytes\":{}}}", plan.bytes);
        ensure!(said == wanted.as_bytes(), "not all of it arrived");
        return Ok(plan.bytes);
    }
    ensure!(noise.read == plan.bytes, "{} bytes came", noise.read);
    Ok(noise.read)
}

/// So slow a reader has little room for what it has not read.
pub fn room(options: &Options) -> Option<u32> {
    match options.parsed::<u64>("pace") {
        Ok(pace @ 1..) => u32::try_from(pace).ok(),
        _ => None,
    }
}
