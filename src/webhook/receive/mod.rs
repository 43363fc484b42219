//! From a request to a verified payload.

mod filter;

pub use filter::{Filter, FilterError};
