//! The little of GitHub's API that we call ourselves. Knows neither doors nor routes: it is given
//! plain values and hands lists back.

pub mod meta;
mod site;
mod token;

pub use site::{Product, Site};
pub use token::{Allowed, MOST_REPOSITORIES, Minted, Repositories, Scope};
