//! Who may ask: anybody who can open the socket; over TCP whoever shows the token, or, where none
//! is configured, this machine, and no web page that made a name of its own point to it.

use super::failure::Refusal;
use crate::types::{Host, Secret};
use aws_lc_rs::{constant_time, digest};
use http::{HeaderMap, Request, header};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// By which door a request came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    Socket,
    Tcp { peer: SocketAddr },
}

/// The rules of the TCP door. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    token: Option<Token>,
}

/// The token's digest: two digests are compared, so that not even a length is told.
#[derive(Debug, Clone)]
struct Token(Arc<[u8]>);

impl Token {
    fn new(secret: &[u8]) -> Self {
        Self(digest::digest(&digest::SHA256, secret).as_ref().into())
    }

    fn is(&self, shown: &[u8]) -> bool {
        let shown = digest::digest(&digest::SHA256, shown);
        constant_time::verify_slices_are_equal(&self.0, shown.as_ref()).is_ok()
    }
}

/// Whether the one who asks may know more than that the gateway lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Everything.
    Trusted,
    /// Only the bare word of the health paths, and pages whose address they know.
    Stranger,
}

impl Guard {
    pub(super) fn new(token: Option<&Secret>) -> Self {
        Self {
            token: token.map(|secret| Token::new(secret.expose())),
        }
    }

    /// Who asks, or why not. `open` paths are answered to strangers too.
    pub(super) fn admit<B>(
        &self,
        request: &Request<B>,
        door: Door,
        open: bool,
    ) -> Result<Standing, Refusal> {
        let Door::Tcp { peer } = door else {
            return Ok(Standing::Trusted);
        };
        self.origin(request)?;
        match &self.token {
            Some(token) if bearer(request.headers()).is_some_and(|shown| token.is(shown)) => {
                Ok(Standing::Trusted)
            }
            Some(_) if open => Ok(Standing::Stranger),
            Some(_) => Err(Refusal::Unauthorized),
            None if !peer.ip().to_canonical().is_loopback() => Err(Refusal::NotLoopback),
            None => Ok(Standing::Trusted),
        }
    }

    /// A browser sends `Host` and, with everything but plain links, `Origin`. With a token
    /// neither could do harm, but an origin that is not ours has no business here.
    fn origin<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let said = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = match (request.uri().authority(), said) {
            (Some(target), Some(said)) if target.as_str() != said => {
                return Err(Refusal::ForeignHost);
            }
            (Some(target), _) => target.as_str(),
            (None, Some(said)) => said,
            (None, None) => return Err(Refusal::ForeignHost),
        };
        if self.token.is_none() && !is_literal(host) {
            return Err(Refusal::ForeignHost);
        }
        let mut origins = request.headers().get_all(header::ORIGIN).into_iter();
        let same = origins.all(|origin| {
            let origin = origin.as_bytes();
            let rest = origin
                .strip_prefix(b"http://")
                .or_else(|| origin.strip_prefix(b"https://"));
            rest == Some(host.as_bytes())
        });
        if same {
            Ok(())
        } else {
            Err(Refusal::ForeignOrigin)
        }
    }
}

/// A page can make its own name resolve to this machine, but neither an address nor `localhost`.
fn is_literal(authority: &str) -> bool {
    Host::from_authority(authority)
        .is_ok_and(|host| host.as_str() == "localhost" || host.as_str().parse::<IpAddr>().is_ok())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let shown = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = shown.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}
