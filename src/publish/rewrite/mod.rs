//! Internal names into public ones on the way out, and back on the way in: pure functions over
//! heads, and a [`Scanner`] for JSON as it streams by. Nothing here decides whether a request may
//! pass, and nothing opens a socket.
//!
//! A route's [`Names`] are made once. For each exchange, [`request`] gives the edits of the
//! request's head and a [`Pending`], whose [`Pending::response`] gives the edits of the answer's
//! head and says whether its body goes through a [`Scanner`].

mod arrival;
mod cookie;
mod edit;
mod forward;
mod hosts;
mod link;
mod media;
mod names;
mod origin;
mod prefix;
mod reference;
mod request;
mod response;
mod scanner;
mod sweep;
mod tag;

pub use arrival::Arrival;
pub use edit::{Edit, Edits};
pub use hosts::Pair;
pub use names::{Names, NamesError};
pub use origin::{Base, Origin, Scheme};
pub use request::{Pending, Request, request};
pub use response::{Body, Leak, Response};
pub use scanner::Scanner;

/// How much of an exchange is put into other words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Heads and JSON bodies.
    Github,
    /// Heads only.
    Host,
    /// Nothing but what every proxy must write: `Host`, the forwarded address, hop-by-hop fields.
    None,
}

/// What kind of place a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// REST, GraphQL and the LFS API: answers are JSON, nobody has a session.
    Api,
    /// Git, LFS objects, archives and release assets: bytes that nobody may alter, no session.
    Git,
    /// Whatever else: pages for browsers, with their cookies.
    Page,
}

#[cfg(test)]
mod tests;
