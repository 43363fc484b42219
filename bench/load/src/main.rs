//! The load that `bench/run` puts on each contestant, and what stands behind it.
//!
//! Each mode but `sink`, `origin` and `github` gets ready, says so by a line on standard output, waits for a line on
//! standard input, does its work, and prints one JSON object. Whoever measures reads the clocks of
//! the contestant in between. An answer that was not expected ends it with exit code 1.

mod asks;
mod body;
mod client;
mod closed;
mod fetch;
mod github;
mod handshakes;
mod idle;
mod origin;
mod pattern;
mod payload;
mod report;
mod sink;
mod steady;
mod streams;

use anyhow::{Context as _, anyhow, bail};
use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

const USAGE: &str = "\
hubgate-load MODE --KEY VALUE …
  sink        --listen A                      answers 200 to whatever comes; counts on end of input
  closed      --clients N --seconds S --warm S   each client sends when it was answered
  steady      --clients N --rate R --seconds S --warm S   one request every 1/R s, whoever waits
  idle        --connections N                 one request on each, then silence
  handshakes  --clients N --seconds S         full handshakes, nothing else
  origin      --listen A --chain PEM --key PEM --inside ORIGIN --small FILE --large FILE
                                              the service that is published; ends with its input
  fetch       --clients N --seconds S --warm S --path P --document FILE --forbid TEXT
                                              each client asks again when it has the document
  streams     --clients N --bytes N --kind download|clone|upload|push --pace N [--seconds S]
                                              a large body each; --pace: bytes a second, 0: all
  github      --listen A --chain PEM --key PEM --document FILE
                                              GitHub as an App meets it; ends with its input
  asks        --clients N --seconds S --warm S --asks FILE
                                              each client asks for the next line of the file
  once        --clients N --asks FILE         each line of the file is asked once
all but `sink`, `origin` and `github`: --to A --host H --ca PEM; `closed`, `steady` and `idle`: --secret S
  --body FILE --event E --expect STATUS";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hubgate-load: {failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mode = words.next().context(USAGE)?;
    let options = Options::read(words)?;
    let mut builder = match mode.as_str() {
        // One thread each: they stand beside what is measured on the same processors.
        "sink" | "steady" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match mode.as_str() {
            "sink" => sink::serve(options.parsed("listen")?).await,
            "closed" => closed::hooks(&options).await,
            "steady" => steady::run(&options).await,
            "idle" => idle::run(&options).await,
            "handshakes" => handshakes::run(&options).await,
            "origin" => origin::serve(&options).await,
            "fetch" => fetch::pages(&options).await,
            "streams" => streams::run(&options).await,
            "github" => github::serve(&options).await,
            "asks" => asks::closed(&options).await,
            "once" => asks::once(&options).await,
            _ => bail!("no mode `{mode}`\n{USAGE}"),
        }
    })
}

/// `--key value` pairs.
pub struct Options(HashMap<String, String>);

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut all = HashMap::new();
        while let Some(word) = words.next() {
            let key = word
                .strip_prefix("--")
                .with_context(|| format!("expected --KEY, found `{word}`"))?;
            let value = words.next().with_context(|| format!("{word} of what?"))?;
            all.insert(key.to_owned(), value);
        }
        Ok(Self(all))
    }

    pub fn text(&self, key: &str) -> anyhow::Result<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .with_context(|| format!("--{key} is missing\n{USAGE}"))
    }

    pub fn parsed<T: FromStr>(&self, key: &str) -> anyhow::Result<T> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_| anyhow!("--{key}: `{text}` cannot be read"))
    }

    pub fn seconds(&self, key: &str) -> anyhow::Result<Duration> {
        Ok(Duration::from_secs_f64(self.parsed(key)?))
    }

    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.parsed("to")
    }

    pub fn door(&self) -> anyhow::Result<Arc<client::Door>> {
        client::Door::new(self).map(Arc::new)
    }

    pub fn shots(&self) -> anyhow::Result<Arc<payload::Shots>> {
        payload::Shots::new(self).map(Arc::new)
    }
}

/// Says that all is ready, and waits to be told to go on.
pub async fn ready() -> anyhow::Result<()> {
    tokio::task::spawn_blocking(|| {
        let mut out = std::io::stdout();
        writeln!(out, "ready")?;
        out.flush()?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            bail!("the input ended before a word to go on");
        }
        Ok(())
    })
    .await?
}
