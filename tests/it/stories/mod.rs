//! What people do with a GitHub server, told once: the same holds inside, where there is no gate,
//! and outside, through it.

pub mod api;
pub mod git;
pub mod large;
pub mod recordings;
