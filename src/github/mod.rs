//! The little of GitHub's API that we call ourselves. Knows neither doors nor routes: it is given
//! plain values and hands lists back.

pub mod client;
mod credential;
#[cfg(test)]
pub(crate) mod fake;
mod fault;
pub mod meta;
mod rate;
mod site;
mod token;

pub use client::{Client, Installation, Listed, Registration};
pub use credential::{Credential, Jwt};
pub use fault::Fault;
pub use rate::{Allowance, Excess, Forbidden, forbidden, is_plain_excess};
pub use site::{Product, Site};
pub use token::{Allowed, MOST_REPOSITORIES, Minted, Repositories, Scope};
