//! Internal services under public names: what may be done through them, and how what they say of
//! themselves is put into the words of the outside.

pub mod asked;
pub mod graphql;
pub mod json;
pub mod learn;
pub mod never;
pub mod operation;
pub mod path;
pub mod profile;
mod refusal;
pub mod rewrite;
pub mod scope;
mod tree;

pub use refusal::Refusal;

use crate::edge::source::From;
use crate::types::{Host, Name, RouteKey, SecretSource};
use http::HeaderName;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// `[[publish]]`, checked.
#[derive(Debug, Clone)]
pub struct Route {
    /// Host and path; its identity everywhere.
    pub key: RouteKey,
    /// Where it is, inside and outside: `url` and `to`, then the pairs of `hosts`. Never empty.
    pub places: Vec<Place>,
    /// The authorities that the service's certificate may come from; none: the system's.
    pub ca: Option<PathBuf>,
    /// Who may use it.
    pub from: From,
    /// What may be done.
    pub allow: Allow,
    /// The rules of that, ready to decide.
    pub policy: Arc<profile::Policy>,
    /// The repositories that it is limited to.
    pub limit: Option<scope::Limit>,
    /// What kind of service it is.
    pub service: Service,
    /// Where internal addresses become public ones.
    pub rewrite: Rewrite,
    /// Whether it is learned what a profile would need.
    pub learn: bool,
    /// A header that every request must carry.
    pub require_header: Option<(HeaderName, SecretSource)>,
    /// What becomes of pages for employees' browsers.
    pub browser: Browser,
    /// How long the service may say nothing.
    pub timeout: Duration,
    /// Whether WebSocket connections pass.
    pub websocket: bool,
    /// The App as which requests go on; none: with the caller's own credentials.
    pub app: Option<Name>,
}

/// One host of a service: how it is called outside, and inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The public host.
    pub host: Host,
    /// The public address; its path ends with no `/` unless it is the root.
    pub public: Url,
    /// The internal address, likewise.
    pub internal: Url,
}

/// What may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// Whatever is not denied for all.
    Everything,
    /// What one of these profiles allows and none denies.
    Profiles(Vec<Name>),
}

/// What kind of service is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A GitHub Enterprise Server.
    Github,
    /// Any other.
    Other,
}

/// Where internal addresses become public ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// In headers and JSON.
    Github,
    /// In headers.
    Host,
    /// Nowhere.
    None,
}

/// What becomes of pages for employees' browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// They are judged like everything else.
    Judge,
    /// They are sent to the internal address.
    Redirect,
}
