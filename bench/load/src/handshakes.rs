//! Full handshakes, one connection for each, and nothing asked.

use crate::{Options, ready, report};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let door = options.door()?;
    // So that what is made at a first handshake is made.
    for _ in 0..50 {
        drop(door.knock().await?);
    }
    ready().await?;
    let begun = Instant::now();
    let end = begun + options.seconds("seconds")?;
    let mut running = JoinSet::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        let door = Arc::clone(&door);
        running.spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let begun = Instant::now();
                let mut stream = door.knock().await?;
                latencies.push(begun.elapsed());
                // The client is done before the server is; the server's end says that it is too.
                stream.shutdown().await?;
                let mut rest = Vec::new();
                if let Err(failure) = stream.read_to_end(&mut rest).await {
                    // A closed socket is as good as a closing alert.
                    let gone = matches!(
                        failure.kind(),
                        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
                    );
                    anyhow::ensure!(gone, "after a handshake: {failure}");
                }
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        all.extend(ended??);
    }
    report::print(begun.elapsed(), 50, all);
    Ok(())
}
