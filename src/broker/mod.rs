//! Tokens of GitHub Apps for callers who proved who they are. The keys stay at the gate.
//!
//! [`Credential::of`] reads what a request presents, [`Roster::identify`] says whose it is,
//! [`Grant`] says what that caller may have, and [`Tokens`] has it: from memory, or minted. A
//! caller is judged on every request, before anything that is remembered is looked at. What GitHub
//! allows an App is shared by [`Budget`]; [`Cache`] has answers that GitHub confirms.

pub mod budget;
pub mod cache;
pub mod caller;
mod credential;
pub mod grant;
pub mod oidc;
mod rate;
mod refusal;
mod request;
pub mod tally;
pub mod ticket;
pub mod token;

pub use budget::{Budget, Demand, Draw, Purse, Resource};
pub use cache::Cache;
pub use caller::{Caller, Proof, Roster};
pub use credential::{Credential, KeyDigest, NoChance, fresh_key};
pub use grant::{Digest, Extent, Grant, Reach, Uses};
pub use rate::{Rate, Rates};
pub use refusal::Refusal;
pub use request::{Narrowed, TokenRequest, narrowed};
pub use tally::{Tallies, Tally};
pub use ticket::{Ticket, Tickets};
pub use token::{Held, Mint, Need, Tokens};
