//! An open loop: one request at each tick, whether those before were answered or not. A request's
//! time runs from its tick, so that one that had to wait for a free connection says so.

use crate::{Options, ready, report};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let (door, shots) = (options.door()?, options.shots()?);
    let expect = options.parsed("expect")?;
    let rate: f64 = options.parsed("rate")?;
    let mut clients = Vec::new();
    for _ in 0..options.parsed::<usize>("clients")? {
        clients.push(door.client(expect).await?);
    }
    let mut round = async |span: Duration| {
        let total = (span.as_secs_f64() * rate) as u32;
        let gap = Duration::from_secs_f64(1.0 / rate);
        let (due, taken) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
        let begun = Instant::now();
        // The runtime's timer knows milliseconds only.
        let clock = {
            let due = Arc::clone(&due);
            std::thread::spawn(move || {
                for number in 0..total {
                    let tick = begun + gap * number;
                    std::thread::sleep(tick.saturating_duration_since(Instant::now()));
                    due.add_permits(1);
                }
                due.close();
            })
        };
        let mut running = JoinSet::new();
        for mut client in clients.drain(..) {
            let (shots, due) = (Arc::clone(&shots), Arc::clone(&due));
            let taken = Arc::clone(&taken);
            running.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    // A closed semaphore gives nothing, though there may be something left.
                    if let Ok(permit) = due.acquire().await {
                        permit.forget();
                    }
                    let number = taken.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return anyhow::Ok((client, latencies));
                    }
                    client.send(&shots).await?;
                    latencies.push((begun + gap * number).elapsed());
                }
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = running.join_next().await {
            let (client, latencies) = ended??;
            clients.push(client);
            all.extend(latencies);
        }
        clock
            .join()
            .map_err(|_| anyhow::anyhow!("the clock failed"))?;
        anyhow::ensure!(all.len() == total as usize, "not all requests were sent");
        anyhow::Ok(all)
    };
    let warmed = round(options.seconds("warm")?).await?.len();
    ready().await?;
    let begun = Instant::now();
    let latencies = round(options.seconds("seconds")?).await?;
    report::print(begun.elapsed(), warmed, latencies);
    Ok(())
}
