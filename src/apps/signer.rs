//! Keys in a process of their own, over a Unix socket: one line asks for a JWT, one line is it.
//! That process writes every JWT itself, and none that begins far from its own clock, so that
//! whoever takes the gateway cannot lay in a store of them for later.

use super::key::Fingerprint;
use super::sign::{Sign, SignError};
use crate::github::Jwt;
use crate::types::{AppId, Clock, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    app: u64,
    key: String,
    /// Milliseconds since the Unix epoch, by GitHub's clock as the gateway knows it.
    now: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answered {
    Jwt(String),
    Unknown,
    Refused(String),
}

/// A signer on the other side of a socket.
#[derive(Debug, Clone)]
pub struct Apart {
    socket: PathBuf,
}

impl Apart {
    /// The signer at this socket. Opens nothing yet.
    #[must_use]
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    async fn ask(&self, asked: &Asked) -> io::Result<Answered> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let mut line = serde_json::to_vec(asked)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let answer = line_of(stream, LONGEST_ANSWER).await?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

#[async_trait]
impl Sign for Apart {
    async fn sign(&self, key: Fingerprint, app: AppId, now: Timestamp) -> Result<Jwt, SignError> {
        let asked = Asked {
            app: app.0,
            key: key.to_string(),
            now: now.as_millis(),
        };
        let socket = self.socket.display();
        let away = |why: &dyn fmt::Display| SignError::Away(format!("`{socket}`: {why}"));
        match tokio::time::timeout(PATIENCE, self.ask(&asked)).await {
            Ok(Ok(Answered::Jwt(text))) => Ok(Jwt::new(text)),
            Ok(Ok(Answered::Unknown)) => Err(SignError::Unknown(key)),
            Ok(Ok(Answered::Refused(why))) => Err(away(&why)),
            Ok(Err(fault)) => Err(away(&fault)),
            Err(_) => Err(away(&"no answer in time")),
        }
    }
}

/// What holds the keys and answers.
#[derive(Debug, Clone)]
pub struct Signer {
    holders: Arc<[Arc<dyn Sign>]>,
    clock: Arc<dyn Clock>,
}

impl Signer {
    /// A signer with the keys of these holders.
    #[must_use]
    pub fn new(holders: Vec<Arc<dyn Sign>>, clock: Arc<dyn Clock>) -> Self {
        Self {
            holders: holders.into(),
            clock,
        }
    }

    /// Answers on the socket until `stop` is done.
    ///
    /// # Errors
    /// Where nobody can be taken in any more.
    pub async fn serve(
        &self,
        socket: UnixListener,
        tasks: &crate::telemetry::Tasks,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        let mut stop = std::pin::pin!(stop);
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
                return Ok(());
            };
            let stream = tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = socket.accept() => accepted?.0,
            };
            let signer = self.clone();
            tasks.spawn("signature", async move {
                let answering = tokio::time::timeout(PATIENCE, signer.answer(stream));
                match answering.await {
                    Ok(Ok(())) => {}
                    Ok(Err(fault)) => tracing::warn!("a request was not answered: {fault}"),
                    Err(_) => tracing::warn!("a request took too long"),
                }
                drop(seat);
            });
        }
    }

    async fn answer(&self, mut stream: UnixStream) -> io::Result<()> {
        let line = line_of(&mut stream, LONGEST_QUESTION).await?;
        let answer = self.judge(&line).await;
        let mut text = Zeroizing::new(serde_json::to_vec(&answer)?);
        text.push(b'\n');
        stream.write_all(&text).await?;
        stream.shutdown().await
    }

    async fn judge(&self, line: &[u8]) -> Answered {
        let refused = |why: &str| Answered::Refused(why.to_owned());
        let Ok(asked) = serde_json::from_slice::<Asked>(line) else {
            return refused("what was asked is not understood");
        };
        let Ok(key) = asked.key.parse::<Fingerprint>() else {
            return refused("the key has no fingerprint's shape");
        };
        let (now, own) = (Timestamp::from_millis(asked.now), self.clock.now());
        if now.since(own).max(own.since(now)) > FARTHEST {
            tracing::warn!(app = asked.app, %key, "refused: asked for {now}, and it is {own} here");
            return refused("it is more than ten minutes from the signer's clock");
        }
        let app = AppId(asked.app);
        for holder in self.holders.iter() {
            match holder.sign(key, app, now).await {
                Ok(jwt) => {
                    tracing::info!(%app, %key, "signed");
                    return Answered::Jwt(String::from_utf8_lossy(jwt.expose()).into_owned());
                }
                Err(SignError::Unknown(_)) => {}
                Err(SignError::Away(why)) => return Answered::Refused(why),
            }
        }
        Answered::Unknown
    }
}

async fn line_of(stream: impl AsyncRead + Unpin, longest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::new());
    let mut reader = BufReader::new(stream.take(longest));
    reader.read_until(b'\n', &mut line).await?;
    if line.pop() == Some(b'\n') {
        Ok(line)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no whole line came",
        ))
    }
}

/// Signing takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// A gateway's clock that is off by as much is corrected by GitHub's; more is no mistake.
const FARTHEST: Duration = Duration::from_secs(600);
const AT_ONCE: usize = 64;
const LONGEST_QUESTION: u64 = 1 << 10;
const LONGEST_ANSWER: u64 = 4 << 10;

#[cfg(test)]
mod tests;
