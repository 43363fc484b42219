//! The outside: real clients that know public names only, and the wire between them and the gate,
//! where everything that left the gate is kept and searched.

pub mod client;
pub mod exchange;
pub mod languages;
pub mod search;
pub mod wire;

pub use client::{Client, run};
pub use exchange::Exchange;
pub use wire::Wire;
