//! Listening sockets that a service manager kept while the process was exchanged: what knocked
//! meanwhile waits in them and is served, none is refused.

use listenfd::ListenFd;
use std::net::{SocketAddr, TcpListener};

/// Sockets that were handed to this process as systemd does it, see `sd_listen_fds(3)`.
#[derive(Debug, Default)]
pub struct Kept {
    found: Vec<(SocketAddr, TcpListener)>,
    names: Vec<String>,
}

impl Kept {
    /// Those that were handed over; `names` is what `LISTEN_FDNAMES` says. To be called once,
    /// before there is a second thread: the variables that tell of them are taken out of the
    /// environment.
    #[must_use]
    pub fn inherited(names: &str) -> Self {
        let mut sockets = ListenFd::from_env();
        let mut kept = Self::default();
        for number in 0..sockets.len() {
            // What is no listening socket is nothing that was put there by this program.
            let socket = sockets.take_tcp_listener(number).ok().flatten();
            kept.found.extend(socket.and_then(|socket| {
                let address = socket.local_addr().ok()?;
                Some((address, socket))
            }));
        }
        if sockets.len() > 0 {
            kept.names = names.split(':').map(str::to_owned).collect();
            kept.names.sort();
            kept.names.dedup();
        }
        kept
    }

    /// Under which names they were kept.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The one that listens there.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let at = self.found.iter().position(|(at, _)| *at == address)?;
        Some(self.found.swap_remove(at).1)
    }
}
