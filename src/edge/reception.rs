//! A connection from pingora's listener: greeted in front, then served.

use super::front::Front;
use super::serve::serve;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::server::ShutdownWatch;
use std::sync::Arc;

/// pingora's service wants to own its application; ours is shared by the tasks of connections.
pub(super) struct Shared<A>(pub(super) Arc<Front<A>>);

#[async_trait::async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Shared<A> {
    /// Runs the connection in a task of its own: pingora's holds the room for a handshake of its
    /// own for as long as it lives, some 10 KiB.
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let front = Arc::clone(&self.0);
        let socket = stream.into_any().downcast::<Socket>().ok()?;
        let connections = front.connections.clone();
        connections.run(receive(front, socket, shutdown.clone()));
        None
    }
}

async fn receive<A>(front: Arc<Front<A>>, socket: Box<Socket>, shutdown: ShutdownWatch)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    front.meters.open.increment(1);
    // In a box, so that what a handshake needs is given back when it is done.
    if let Some(guest) = Box::pin(front.greet(*socket, shutdown)).await {
        serve(&front, guest).await;
    }
    front.meters.open.decrement(1);
}
