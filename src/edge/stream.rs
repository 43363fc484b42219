//! The connection as pingora reads and writes it: one request at a time, with what was read ahead
//! of it replayed, what follows it held back, and slow peers cut off. It is handed to pingora for
//! a request and comes back after it.

use super::head::{Body, Head};
use super::io::Io;
use super::{Deadlines, connection};
use bytes::{Buf as _, BytesMut};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};

/// One piece of plain text: a TLS record at most.
const PIECE: usize = 16 * 1024;

/// Answers are put together up to this, so that a head and a small body leave in one record.
const TOGETHER: usize = 8 * 1024;

/// What TLS may hold of an answer while its client keeps up: few system calls for much text.
const WIDE: usize = 64 * 1024;
/// While it does not: what waits here, waits beside what pingora holds.
const NARROW: usize = PIECE;
/// After so many writes without waiting a client keeps up again.
const KEEPS_UP: u8 = 8;

/// How many slices are written at once, of our own and of pingora's: a chunk has three.
const MOST_SLICES: usize = 8;

/// Where the bytes below go when pingora closes a connection before it read the whole request:
/// their owner has to read on, so that the client sees the answer.
pub(super) type Slot = Arc<Mutex<Option<Io>>>;

#[derive(Debug)]
pub(super) struct Wire {
    /// Always there, until it is dropped.
    io: Option<Io>,
    tls: Option<Arc<SslDigest>>,
    deadlines: Arc<Deadlines>,
    unread: Slot,
    /// Read from the peer, and not by pingora yet.
    held: BytesMut,
    /// How many bytes pingora may still read: those of this request.
    allowance: Allowance,
    /// Of a body; what follows an upgrade may rest as long as it likes.
    pace: Option<Pace>,
    /// Written by pingora, and not to the peer yet.
    out: Vec<u8>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// How many writes in a row the client must take at once until it is known to keep up.
    behind: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowance {
    Bytes(u64),
    Unbounded,
}

/// How long was waited for how much of a body.
#[derive(Debug, Default)]
struct Pace {
    since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Wire {
    pub(super) fn new(io: Io, tls: Option<Arc<SslDigest>>, deadlines: Arc<Deadlines>) -> Self {
        Self {
            io: Some(io),
            tls,
            deadlines,
            unread: Slot::default(),
            held: BytesMut::new(),
            allowance: Allowance::Bytes(0),
            pace: None,
            out: Vec::new(),
            stalled: None,
            behind: 0,
        }
    }

    /// Where the bytes below will be once this is dropped in the middle of a request.
    pub(super) fn slot(&self) -> Slot {
        Arc::clone(&self.unread)
    }

    /// What was read and belongs to no request yet.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Reads some more of what follows; 0 at the end.
    pub(super) async fn read_more(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_hold(cx)).await
    }

    /// Lets pingora read this request, and nothing beyond it.
    pub(super) fn begin(&mut self, head: Head) {
        self.held.advance(head.blank.min(self.held.len()));
        self.stalled = None;
        (self.allowance, self.pace) = match head.body {
            Body::Length(body) => (
                Allowance::Bytes(body.saturating_add(head.length as u64)),
                Some(Pace::default()),
            ),
            Body::Chunked => (Allowance::Unbounded, Some(Pace::default())),
            Body::Upgrade => (Allowance::Unbounded, None),
        };
    }

    /// Lets pingora read whatever comes, as HTTP/2 needs it.
    pub(super) fn begin_unbounded(&mut self) {
        (self.allowance, self.pace) = (Allowance::Unbounded, None);
    }

    /// Whether all of the request was read, so that another can follow.
    pub(super) fn ended(&self) -> bool {
        matches!(self.allowance, Allowance::Bytes(0) | Allowance::Unbounded)
    }

    /// Answers without pingora and ends our side.
    pub(super) async fn answer_and_close(mut self: Box<Self>, answer: &[u8]) -> io::Result<Io> {
        self.write_all(answer).await?;
        self.flush().await?;
        AsyncWriteExt::shutdown(&mut self).await?;
        self.io.take().ok_or_else(gone)
    }

    fn io(&mut self) -> io::Result<&mut Io> {
        self.io.as_mut().ok_or_else(gone)
    }

    /// Reads one piece into what is held. The piece is on the stack while it is read, and what is
    /// held as large as what came, so that waiting costs no memory.
    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [const { MaybeUninit::<u8>::uninit() }; PIECE];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(self.io()?).poll_read(cx, &mut piece))?;
        self.held.extend_from_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    }

    /// The application asks for more than its request, to see whether the client is still there.
    /// It learns of the end only; what comes belongs to the next request.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() && ready!(self.poll_hold(cx))? == 0 {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        let most = match self.allowance {
            Allowance::Bytes(left) => usize::try_from(left).unwrap_or(usize::MAX).min(room),
            Allowance::Unbounded => room,
        };
        let length = if !self.held.is_empty() {
            let length = self.held.len().min(most);
            buf.put_slice(self.held.get(..length).unwrap_or_default());
            self.held.advance(length);
            if self.held.is_empty() {
                self.held = BytesMut::new();
            }
            length
        } else if most == room {
            let read = Pin::new(self.io()?).poll_read(cx, buf);
            let length = room - buf.remaining();
            self.keep_pace(&read, length)?;
            ready!(read)?;
            length
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
            let read = Pin::new(self.io()?).poll_read(cx, &mut part);
            let length = part.filled().len();
            self.keep_pace(&read, length)?;
            ready!(read)?;
            buf.advance(length);
            length
        };
        if let Allowance::Bytes(left) = &mut self.allowance {
            *left = left.saturating_sub(length as u64);
        }
        Poll::Ready(Ok(()))
    }

    fn keep_pace(&mut self, read: &Poll<io::Result<()>>, length: usize) -> io::Result<()> {
        match &mut self.pace {
            Some(pace) => pace.note(read, length, &self.deadlines),
            None => Ok(()),
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        let result = loop {
            let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) else {
                break Poll::Ready(Ok(()));
            };
            let Some(io) = self.io.as_mut() else {
                break Poll::Ready(Err(gone()));
            };
            match Pin::new(io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(failure)) => break Poll::Ready(Err(failure)),
                Poll::Pending => break Poll::Pending,
            }
        };
        if written == self.out.len() {
            self.out = Vec::new();
        } else {
            drop(self.out.drain(..written));
        }
        result
    }

    /// Turns waiting to write into an error where it takes too long.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let limit = self.deadlines.write;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        let what = "the client takes no more of the answer";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }

    /// Has TLS hold little where the client takes its answer more slowly than it comes.
    fn adapt(&mut self, waits: bool) {
        let before = self.behind;
        self.behind = if waits {
            KEEPS_UP
        } else {
            before.saturating_sub(1)
        };
        let most = match (before, self.behind) {
            (0, 1..) => NARROW,
            (1.., 0) => WIDE,
            _ => return,
        };
        if let Some(io) = &mut self.io {
            io.hold_at_most(most);
        }
    }

    fn poll_put(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() + bytes.len() <= TOGETHER {
            if self.out.capacity() == 0 {
                // Most answers are a head of some 300 bytes and a small body.
                self.out.reserve(1024);
            }
            self.out.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if self.out.is_empty() {
            return Pin::new(self.io()?).poll_write(cx, bytes);
        }
        self.poll_put_all(cx, &[IoSlice::new(bytes)])
    }

    /// Writes what was put together, and `bytes` after it, in as few records and system calls as
    /// they need: a chunk of a body would otherwise take three.
    fn poll_put_all(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bytes.iter().map(|slice| slice.len()).sum();
        if self.out.len() + length <= TOGETHER {
            for slice in bytes {
                self.out.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        loop {
            let ahead = self.out.len();
            let io = self.io.as_mut().ok_or_else(gone)?;
            let mut slices = [IoSlice::new(&[]); MOST_SLICES];
            let own = [IoSlice::new(&self.out)];
            let all = own.iter().chain(bytes);
            let mut count = 0;
            for (to, from) in slices.iter_mut().zip(all) {
                *to = *from;
                count += 1;
            }
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(io).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if written < ahead {
                drop(self.out.drain(..written));
                continue;
            }
            self.out = Vec::new();
            if written > ahead {
                return Poll::Ready(Ok(written - ahead));
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.allowance != Allowance::Bytes(0) {
            *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = self.io.take();
        }
    }
}

impl Pace {
    /// Errs where the body came too slowly until now. Only waiting counts, not the time that the
    /// application takes.
    fn note(
        &mut self,
        read: &Poll<io::Result<()>>,
        length: usize,
        deadlines: &Deadlines,
    ) -> io::Result<()> {
        if read.is_pending() {
            self.since.get_or_insert_with(Instant::now);
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(length as u64);
        let Some(since) = self.since.take() else {
            return Ok(());
        };
        self.waited += since.elapsed();
        let earned = self.bytes / deadlines.body_rate.max(1);
        if self.waited <= deadlines.body_gap + Duration::from_secs(earned) {
            return Ok(());
        }
        let what = "the client sends its body too slowly";
        Err(io::Error::new(io::ErrorKind::TimedOut, what))
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.allowance == Allowance::Bytes(0) {
            self.poll_end(cx)
        } else {
            self.poll_body(cx, buf)
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.poll_put(cx, bytes);
        self.adapt(result.is_pending());
        self.in_time(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.poll_put_all(cx, bytes);
        self.adapt(result.is_pending());
        self.in_time(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if connection::waits() {
            return Poll::Ready(Ok(()));
        }
        let result = match self.poll_drain(cx) {
            Poll::Ready(Ok(())) => Pin::new(self.io()?).poll_flush(cx),
            waiting @ (Poll::Pending | Poll::Ready(Err(_))) => waiting,
        };
        self.in_time(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = match self.poll_drain(cx) {
            Poll::Ready(Ok(())) => Pin::new(self.io()?).poll_shutdown(cx),
            waiting @ (Poll::Pending | Poll::Ready(Err(_))) => waiting,
        };
        self.in_time(cx, result)
    }
}

#[async_trait::async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        if let Err(failure) = AsyncWriteExt::shutdown(self).await {
            tracing::debug!("closing a connection: {failure}");
        }
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        match &self.io {
            Some(Io::Plain(io)) => io.socket().id(),
            Some(Io::Tls(io)) => io.get_ref().0.socket().id(),
            None => -1,
        }
    }
}

impl Ssl for Wire {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        match &self.io {
            Some(Io::Tls(io)) if io.get_ref().1.alpn_protocol() == Some(b"h2") => Some(ALPN::H2),
            Some(Io::Tls(_) | Io::Plain(_)) | None => None,
        }
    }
}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        match &self.io {
            Some(Io::Plain(io)) => io.socket().get_socket_digest(),
            Some(Io::Tls(io)) => io.get_ref().0.socket().get_socket_digest(),
            None => None,
        }
    }
}

impl Peek for Wire {}
