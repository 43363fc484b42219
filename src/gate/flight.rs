//! How many bytes of bodies are held at once: a bound on memory that a bound on requests is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that may be held, shared by all requests.
#[derive(Debug)]
pub struct Flight {
    held: AtomicU64,
    most: u64,
}

impl Flight {
    /// Room for `most` bytes.
    #[must_use]
    pub const fn new(most: u64) -> Self {
        Self {
            held: AtomicU64::new(0),
            most,
        }
    }

    /// A request's share, empty as yet.
    #[must_use]
    pub const fn board(self: Arc<Self>) -> Seat {
        Seat {
            flight: self,
            bytes: 0,
        }
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    flight: Arc<Flight>,
    bytes: u64,
}

impl Seat {
    /// Takes room for `bytes` more; `None` where there is none.
    #[must_use]
    pub fn take(&mut self, bytes: u64) -> Option<()> {
        let before = self.flight.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.flight.most {
            self.flight.held.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        self.bytes += bytes;
        Some(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.flight.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
