//! The tool behind the gateway: reads each request whole, answers 200 and counts.

use anyhow::Context as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
const BUFFER: usize = 256 << 10;

#[derive(Default)]
struct Count {
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// Each line that comes in is answered with what was counted since the one before.
pub async fn serve(at: SocketAddr) -> anyhow::Result<()> {
    let socket = TcpListener::bind(at).await?;
    let count = Arc::new(Count::default());
    let asked = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            println!(
                r#"{{"requests":{},"bytes":{}}}"#,
                asked.requests.load(Ordering::Relaxed),
                asked.bytes.load(Ordering::Relaxed)
            );
        }
        std::process::exit(0);
    });
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            if let Err(failure) = talk(stream, &count).await {
                eprintln!("hubgate-load sink: {failure:#}");
            }
        });
    }
}

async fn talk(mut stream: TcpStream, count: &Count) -> anyhow::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let (head, length) = loop {
            if let Some(found) = head(&buffer[..filled])? {
                break found;
            }
            let read = match stream.read(&mut buffer[filled..]).await {
                Ok(read) => read,
                // A gateway that is stopped resets what it had pooled.
                Err(_) if filled == 0 => return Ok(()),
                Err(failure) => return Err(failure.into()),
            };
            if read == 0 {
                anyhow::ensure!(filled == 0, "a request that does not end");
                return Ok(());
            }
            filled += read;
        };
        let mut missing = (head + length).saturating_sub(filled);
        let left = filled.saturating_sub(head + length);
        while missing > 0 {
            let read = stream.read(&mut buffer).await?;
            anyhow::ensure!(
                read > 0 && read <= missing,
                "a body that is not as announced"
            );
            missing -= read;
        }
        count.requests.fetch_add(1, Ordering::Relaxed);
        count.bytes.fetch_add(length as u64, Ordering::Relaxed);
        stream.write_all(ANSWER).await?;
        buffer.copy_within(filled - left..filled, 0);
        filled = left;
    }
}

/// The length of a request's head and of its body, once the head is whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let body = head
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"))
        .context("a request without a length")?;
    Ok(Some((length, std::str::from_utf8(body.value)?.parse()?)))
}
