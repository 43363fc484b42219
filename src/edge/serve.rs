//! A connection's requests, one after the other. Between them only the stream is held: what
//! pingora needs for a request is made when its head is complete, and gone when it is answered.

use super::code::{MALFORMED, TIMED_OUT, TOO_LARGE};
use super::connection::Connection;
use super::dropped::Reason;
use super::front::{Front, Guest};
use super::head::{self, Head, Refusal};
use super::io::Io;
use super::stream::Wire;
use super::{Deadlines, FOR_BROWSERS};
use crate::types::RequestId;
use http::StatusCode;
use pingora::apps::{
    HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp,
};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::server::ShutdownWatch;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

/// Serves the requests of a connection until it ends.
pub(super) async fn serve<A>(front: &Arc<Front<A>>, guest: Guest)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let Guest {
        wire,
        connection,
        permit: _permit,
    } = guest;
    if connection.h2 {
        Box::pin(http2(front, wire, connection)).await;
    } else {
        http1(front, wire, connection).await;
    }
}

async fn http1<A>(front: &Arc<Front<A>>, mut wire: Box<Wire>, connection: Arc<Connection>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut shutdown = connection.shutdown.clone();
    let mut kept = None;
    loop {
        let head = match next(&mut wire, &connection, &mut shutdown, &front.deadlines).await {
            Next::Request(head) => head,
            Next::Nothing => return close(wire).await,
            Next::Refused(refused) => return refuse(front, wire, &connection, refused).await,
        };
        wire.begin(head);
        let slot = wire.slot();
        let work = request(front, wire, &connection, kept, &shutdown);
        let served = Arc::clone(&connection).serve(work).await;
        let Some((stream, settings)) = served.map(ReusedHttpStream::consume) else {
            // pingora closed the connection; if the client sends still, it must not get a reset
            // before it has seen the answer.
            let io = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(io) = io {
                linger(io, front.deadlines.linger).await;
            }
            return;
        };
        let Ok(same) = stream.into_any().downcast::<Wire>() else {
            return;
        };
        wire = same;
        kept = settings;
        if !wire.ended() || connection.closing() {
            return close(wire).await;
        }
    }
}

/// What a client does next.
enum Next {
    Request(Head),
    /// It is gone, or has been idle for long enough, or we stop.
    Nothing,
    Refused(Refused),
}

enum Refused {
    Slow,
    Head(Refusal),
}

/// Waits for a request and reads its head.
async fn next(
    wire: &mut Wire,
    connection: &Connection,
    shutdown: &mut ShutdownWatch,
    deadlines: &Deadlines,
) -> Next {
    if wire.held().is_empty() {
        let patience = if connection.requests() == 0 {
            deadlines.first_request
        } else {
            deadlines.keep_alive
        };
        let stopping = async {
            let begun = shutdown.wait_for(|stopping| *stopping).await.is_ok();
            if begun {
                tokio::time::sleep(deadlines.farewell).await;
            }
        };
        let came = tokio::select! {
            biased;
            came = timeout(patience, wire.read_more()) => came,
            () = stopping => return Next::Nothing,
        };
        if !matches!(came, Ok(Ok(1..))) {
            return Next::Nothing;
        }
    }
    let deadline = Instant::now() + deadlines.head;
    loop {
        match head::check(wire.held()) {
            Ok(Some(head)) => return Next::Request(head),
            Ok(None) => {}
            Err(refusal) => return Next::Refused(Refused::Head(refusal)),
        }
        match timeout_at(deadline, wire.read_more()).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return Next::Nothing,
            Err(_) => return Next::Refused(Refused::Slow),
        }
    }
}

/// Has the application serve a request. What it needs for that lives in the box that its own
/// future is in, and goes with it.
async fn request<A>(
    front: &Arc<Front<A>>,
    wire: Box<Wire>,
    connection: &Connection,
    kept: Option<HttpPersistentSettings>,
    shutdown: &ShutdownWatch,
) -> Option<ReusedHttpStream>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let deadlines = &front.deadlines;
    let mut session = ServerSession::new_http1(wire);
    match kept {
        Some(settings) => settings.apply_to_session(&mut session),
        None => session.set_keepalive(Some(deadlines.keep_alive.as_secs())),
    }
    if connection.closing() {
        // Unlike `set_keepalive` this outlasts the reading of the head.
        session.set_keepalive_reuses_remaining(Some(0));
    }
    limit(&mut session, deadlines);
    front.app.process_new_http(session, shutdown).await
}

fn limit(session: &mut ServerSession, deadlines: &Deadlines) {
    session.set_read_timeout(Some(deadlines.body_gap));
    session.set_write_timeout(Some(deadlines.write));
    session.set_total_drain_timeout(Some(deadlines.drain_body));
}

async fn refuse<A>(front: &Front<A>, wire: Box<Wire>, connection: &Connection, refused: Refused) {
    let (reason, (code, status), message) = match refused {
        Refused::Slow => (
            Reason::HeadTimeout,
            TIMED_OUT,
            "the request's header did not arrive in time".to_owned(),
        ),
        Refused::Head(refusal @ Refusal::TooLarge) => {
            (Reason::HeadTooLarge, TOO_LARGE, refusal.to_string())
        }
        Refused::Head(refusal @ Refusal::Malformed(_)) => {
            (Reason::HeadMalformed, MALFORMED, refusal.to_string())
        }
    };
    let id = RequestId::fresh();
    tracing::debug!(listener = %connection.listener, client = %connection.client, request_id = %id, "refused: {message}");
    front
        .ledger
        .enter(&connection.listener, Some(connection.client), reason);
    let body = serde_json::json!({
        "error": { "code": code, "message": message, "request_id": id.to_string() }
    })
    .to_string();
    let phrase = StatusCode::from_u16(status).ok();
    let phrase = phrase.and_then(|status| status.canonical_reason());
    let phrase = phrase.unwrap_or_default();
    let told: String = FOR_BROWSERS
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap_or_default()))
        .collect();
    let answer = format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         {told}X-Request-Id: {id}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    if let Ok(Ok(io)) = timeout(
        front.deadlines.write,
        wire.answer_and_close(answer.as_bytes()),
    )
    .await
    {
        linger(io, front.deadlines.linger).await;
    }
}

/// Ends a connection that owes nothing.
async fn close(mut wire: Box<Wire>) {
    /// The client may have gone long ago: a word of farewell is tried, and no more.
    const FAREWELL: Duration = Duration::from_secs(1);
    if !matches!(timeout(FAREWELL, wire.shutdown()).await, Ok(Ok(()))) {
        tracing::trace!("the client did not hear that the connection ends");
    }
}

/// Reads on, below TLS, until the client ends too: bytes that arrive at a closed socket make the
/// system reset the connection, and the client may lose the answer.
async fn linger(mut io: Io, patience: Duration) {
    let socket = io.socket();
    let discard = async {
        socket.shutdown().await?;
        let mut scrap = Vec::with_capacity(4096);
        while socket.read_buf(&mut scrap).await? > 0 {
            scrap.clear();
        }
        std::io::Result::Ok(())
    };
    if !matches!(timeout(patience, discard).await, Ok(Ok(()))) {
        tracing::trace!("the client did not end after the answer");
    }
}

async fn http2<A>(front: &Arc<Front<A>>, mut wire: Box<Wire>, connection: Arc<Connection>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(front.deadlines.keep_alive);
    wire.begin_unbounded();
    let shutdown = connection.shutdown.clone();
    let streams = Arc::new(Streams {
        front: Arc::clone(front),
        connection,
        options,
    });
    streams.process_new(wire, &shutdown).await;
}

/// The application, for the requests of one HTTP/2 connection.
struct Streams<A> {
    front: Arc<Front<A>>,
    connection: Arc<Connection>,
    options: HttpServerOptions,
}

#[async_trait::async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Streams<A> {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        limit(&mut session, &self.front.deadlines);
        let work = self.front.app.process_new_http(session, shutdown);
        Arc::clone(&self.connection).serve(work).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        // Not `H2Options::default()`: that one is without the bounds on header lists and streams.
        Some(
            self.front
                .app
                .h2_options()
                .unwrap_or_else(default_h2_options),
        )
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}
