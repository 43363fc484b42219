//! Many connections, each of which sent one request and is silent now.

use crate::{Options, ready, report};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Connections made at once.
const AT_ONCE: usize = 32;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let (door, shots) = (options.door()?, options.shots()?);
    let expect = options.parsed("expect")?;
    let count: usize = options.parsed("connections")?;
    let begun = Instant::now();
    let mut making = JoinSet::new();
    for part in 0..AT_ONCE {
        let (door, shots) = (Arc::clone(&door), Arc::clone(&shots));
        let share = count / AT_ONCE + usize::from(part < count % AT_ONCE);
        making.spawn(async move {
            let mut clients = Vec::new();
            for _ in 0..share {
                let mut client = door.client(expect).await?;
                client.send(&shots).await?;
                clients.push(client);
            }
            anyhow::Ok(clients)
        });
    }
    let mut clients = Vec::new();
    while let Some(made) = making.join_next().await {
        clients.extend(made??);
    }
    let took = begun.elapsed();
    ready().await?;
    // Still there, and still served?
    for client in clients.iter_mut().take(AT_ONCE) {
        client.send(&shots).await?;
    }
    report::print(took, clients.len() + AT_ONCE.min(count), Vec::new());
    Ok(())
}
