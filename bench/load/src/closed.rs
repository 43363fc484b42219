//! A closed loop: each client sends its next request when the one before was answered. Says how
//! much gets through.

use crate::client::Client;
use crate::payload::Shots;
use crate::{Options, ready, report};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Whoever asks and reads the answer.
pub trait Asker: Send + 'static {
    /// One request and its whole answer, which must be as expected.
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

struct Hook(Client, Arc<Shots>);

impl Asker for Hook {
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.0.send(&self.1).await
    }
}

/// Webhooks.
pub async fn hooks(options: &Options) -> anyhow::Result<()> {
    let (door, shots) = (options.door()?, options.shots()?);
    let expect = options.parsed("expect")?;
    let mut clients = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        clients.push(Hook(door.client(expect).await?, Arc::clone(&shots)));
    }
    run(options, clients).await
}

pub async fn run(options: &Options, mut clients: Vec<impl Asker>) -> anyhow::Result<()> {
    let warmed = round(&mut clients, options.seconds("warm")?).await?.len();
    ready().await?;
    let begun = Instant::now();
    let latencies = round(&mut clients, options.seconds("seconds")?).await?;
    report::print(begun.elapsed(), warmed, latencies);
    Ok(())
}

async fn round<A: Asker>(clients: &mut Vec<A>, span: Duration) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + span;
    let mut running = JoinSet::new();
    for mut client in clients.drain(..) {
        running.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let begun = Instant::now();
                if begun >= end {
                    return anyhow::Ok((client, latencies));
                }
                client.ask().await?;
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
    Ok(all)
}
