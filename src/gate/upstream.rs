//! Where a published service is dialled: its addresses, remembered for a moment, and what its
//! certificate must show.

use super::tunnel::Tunnel;
use crate::webhook::deliver::Resolve;
use arc_swap::ArcSwapOption;
use pingora::prelude::HttpPeer;
use pingora::protocols::ALPN;
use pingora::protocols::tls::CaType;
use pingora::upstreams::peer::HttpUpstreamRequestPolicy;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

/// For each address that is dialled; a service in the next room answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(4);
/// With TLS.
const HANDSHAKE: Duration = Duration::from_secs(8);
/// How long a service may take nothing of what is sent, unless it may be silent for less.
const STALLED: Duration = Duration::from_mins(1);
/// Connections are kept for this long without use, which is less than GHES's own 75 s, so that a
/// request never meets a connection that is being closed.
const IDLE: Duration = Duration::from_secs(50);
/// How long a name's addresses are good without asking again.
const FRESH: Duration = Duration::from_secs(10);
/// How long they are good where the resolver does not answer.
const STALE: Duration = Duration::from_mins(10);
/// How long the resolver is waited for.
const RESOLVING: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
pub const MOST_ADDRESSES: usize = 4;

/// One host of a service.
#[derive(Debug)]
pub struct Upstream {
    /// What its certificate must be for.
    name: Box<str>,
    /// What is resolved and dialled: itself, or the proxy by which it is reached.
    dialled: Dialled,
    via: Option<Via>,
    authorities: Option<Authorities>,
    resolver: Arc<dyn Resolve>,
    known: ArcSwapOption<Known>,
    /// How long it may say nothing.
    silence: Duration,
    websocket: bool,
}

/// A host and a port.
#[derive(Debug)]
struct Dialled {
    name: Box<str>,
    literal: Option<IpAddr>,
    port: u16,
}

/// A way through a proxy.
#[derive(Debug)]
struct Via {
    tunnel: Arc<Tunnel>,
    /// Connections to the same proxy lead to different ports of a name.
    group: u64,
}

/// Who may have issued a service's certificate.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Arc<CaType>,
    /// Connections that were made under other authorities are not shared.
    group: u64,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<IpAddr>,
    since: Instant,
}

/// Why a service cannot be dialled.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file of authorities is of no use.
    #[error("the authorities in `{path}` cannot be used: {why}")]
    Authorities {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system trusts nobody.
    #[error(
        "the system has no certificate authorities; install `ca-certificates`, or name some in `ca`"
    )]
    NoAuthorities,
    /// The proxy is not spoken to in plain HTTP.
    #[error(
        "`{0}` is no proxy for what callers ask; expected `http://HOST:PORT`, by which TLS passes"
    )]
    Proxy(String),
    /// The address has no host or no port.
    #[error("`{0}` cannot be dialled")]
    Address(String),
}

impl Authorities {
    /// Those in a PEM file, or the system's.
    ///
    /// # Errors
    /// Where there are none.
    pub fn load(path: Option<&Path>) -> Result<Self, BuildError> {
        let certificates: Vec<CertificateDer<'static>> = match path {
            Some(path) => {
                let wrong = |why: String| BuildError::Authorities {
                    path: path.display().to_string(),
                    why,
                };
                let found = CertificateDer::pem_file_iter(path)
                    .map_err(|fault| wrong(fault.to_string()))?
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|fault| wrong(fault.to_string()))?;
                let usable = |der: &CertificateDer<'static>| wrapped(der).is_some();
                if found.is_empty() || !found.iter().all(usable) {
                    return Err(wrong("it does not hold certificates alone".to_owned()));
                }
                found
            }
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut hasher = DefaultHasher::new();
        certificates.hash(&mut hasher);
        // What cannot be read as an authority would fail every handshake, not its own alone.
        let good = |der: &&CertificateDer<'static>| {
            rustls::RootCertStore::empty().add((*der).clone()).is_ok()
        };
        let roots: Vec<WrappedX509> = certificates
            .iter()
            .filter(good)
            .filter_map(wrapped)
            .collect();
        if roots.is_empty() {
            return Err(BuildError::NoAuthorities);
        }
        Ok(Self {
            roots: Arc::from(roots),
            group: hasher.finish(),
        })
    }
}

/// A certificate as pingora has them. Its reader panics on what is none.
fn wrapped(der: &CertificateDer<'static>) -> Option<WrappedX509> {
    x509_parser::parse_x509_certificate(der).ok()?;
    let bytes = der.to_vec();
    std::panic::catch_unwind(move || WrappedX509::new(bytes, parse_x509)).ok()
}

impl Dialled {
    fn of(url: &Url) -> Result<Self, BuildError> {
        let wrong = || BuildError::Address(url.to_string());
        let (name, literal) = match url.host().ok_or_else(wrong)? {
            Host::Domain(name) => (name.to_owned(), None),
            Host::Ipv4(ip) => (ip.to_string(), Some(IpAddr::V4(ip))),
            Host::Ipv6(ip) => (ip.to_string(), Some(IpAddr::V6(ip))),
        };
        Ok(Self {
            name: name.into(),
            literal,
            port: url.port_or_known_default().ok_or_else(wrong)?,
        })
    }
}

impl Upstream {
    /// The service at `url`, with `authorities` where it is https; how long it may be silent, and
    /// whether WebSocket connections pass.
    ///
    /// # Errors
    /// Where the address cannot be dialled.
    pub fn new(
        url: &Url,
        authorities: Option<Authorities>,
        resolver: Arc<dyn Resolve>,
        (silence, websocket): (Duration, bool),
    ) -> Result<Self, BuildError> {
        let dialled = Dialled::of(url)?;
        Ok(Self {
            name: dialled.name.clone(),
            dialled,
            via: None,
            authorities,
            resolver,
            known: ArcSwapOption::empty(),
            silence,
            websocket,
        })
    }

    /// The same, reached by the proxy at `proxy`, which resolves its name.
    ///
    /// # Errors
    /// Where the proxy cannot be dialled, or is not spoken to in plain HTTP.
    pub fn through(self, proxy: &Url) -> Result<Self, BuildError> {
        if proxy.scheme() != "http" {
            return Err(BuildError::Proxy(proxy.to_string()));
        }
        let mut hasher = DefaultHasher::new();
        (proxy.as_str(), self.dialled.port).hash(&mut hasher);
        let via = Via {
            tunnel: Arc::new(Tunnel::to(&self.name, self.dialled.port)),
            group: hasher.finish(),
        };
        Ok(Self {
            dialled: Dialled::of(proxy)?,
            via: Some(via),
            ..self
        })
    }

    /// Whom to dial at the given attempt, from 0; `None` where all addresses were tried or there
    /// is none.
    pub async fn peer(&self, attempt: usize) -> Option<HttpPeer> {
        let addresses = self.addresses().await?;
        let address = addresses.get(attempt % addresses.len().max(1))?;
        let tls = self.authorities.is_some();
        let at = SocketAddr::new(*address, self.dialled.port);
        let mut peer = HttpPeer::new(at, tls, self.name.to_string());
        let options = &mut peer.options;
        options.connection_timeout = Some(CONNECT);
        options.total_connection_timeout = Some(HANDSHAKE);
        options.read_timeout = Some(self.silence);
        options.write_timeout = Some(STALLED.min(self.silence));
        options.idle_timeout = Some(IDLE);
        options.alpn = ALPN::H1;
        if !self.websocket {
            options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        }
        if let Some(authorities) = &self.authorities {
            options.ca = Some(authorities.roots.clone());
            peer.group_key = authorities.group;
        }
        if let Some(via) = &self.via {
            peer.options.custom_l4 = Some(via.tunnel.clone());
            peer.group_key ^= via.group;
        }
        Some(peer)
    }

    /// How many addresses there are to try.
    pub fn choices(&self) -> usize {
        self.known
            .load()
            .as_ref()
            .map_or(1, |known| known.addresses.len())
    }

    async fn addresses(&self) -> Option<Vec<IpAddr>> {
        if let Some(literal) = self.dialled.literal {
            return Some(vec![literal]);
        }
        let known = self.known.load_full();
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < FRESH) {
            return Some(known.addresses.clone());
        }
        let found = timeout(RESOLVING, self.resolver.resolve(&self.dialled.name)).await;
        match found {
            Ok(Ok(mut addresses)) if !addresses.is_empty() => {
                addresses.dedup();
                addresses.truncate(MOST_ADDRESSES);
                self.known.store(Some(Arc::new(Known {
                    addresses: addresses.clone(),
                    since: Instant::now(),
                })));
                Some(addresses)
            }
            failed => {
                let why = match failed {
                    Ok(Ok(_)) => "it has no address".to_owned(),
                    Ok(Err(fault)) => fault.to_string(),
                    Err(_) => "the resolver did not answer".to_owned(),
                };
                tracing::warn!(host = %self.dialled.name, "cannot resolve a published service: {why}");
                known
                    .filter(|known| known.since.elapsed() < STALE)
                    .map(|known| known.addresses.clone())
            }
        }
    }
}
