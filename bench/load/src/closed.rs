//! A closed loop: each client sends its next request when the one before was answered. Says how
//! much gets through.

use crate::{Options, ready, report};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let (door, shots) = (options.door()?, options.shots()?);
    let expect = options.parsed("expect")?;
    let mut clients = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        clients.push(door.client(expect).await?);
    }
    let mut warmed = 0;
    let mut round = async |span: Duration| {
        let end = Instant::now() + span;
        let mut running = JoinSet::new();
        for mut client in clients.drain(..) {
            let shots = Arc::clone(&shots);
            running.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let begun = Instant::now();
                    if begun >= end {
                        return anyhow::Ok((client, latencies));
                    }
                    client.send(&shots).await?;
                    latencies.push(begun.elapsed());
                }
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = running.join_next().await {
            let (client, latencies) = ended??;
            clients.push(client);
            all.extend(latencies);
        }
        anyhow::Ok(all)
    };
    warmed += round(options.seconds("warm")?).await?.len();
    ready().await?;
    let begun = Instant::now();
    let latencies = round(options.seconds("seconds")?).await?;
    report::print(begun.elapsed(), warmed, latencies);
    Ok(())
}
