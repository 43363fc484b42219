//! One target's client: a request out, an answer back, within the target's time-out.

use super::Target;
use super::dial::{DialError, Dialer, Dialled, Resolve};
use super::guard::Guard;
use crate::spool::Header;
use crate::types::{Name, RequestId, SecretError};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// The most of a target's answer that is read.
const MOST_ANSWER: usize = 64 << 10;
/// How long an idle connection is kept; shorter than what most servers keep theirs.
const IDLE: Duration = Duration::from_secs(20);
/// How many idle connections are kept. What passes through is not held to the target's
/// `concurrency`: with fewer kept than are in use, each burst would dial most of them anew.
const KEPT: usize = 256;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The request that brought it.
    pub request: RequestId,
    /// The headers to pass on.
    pub headers: Arc<[Header]>,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// The address that answered.
    pub address: Option<SocketAddr>,
}

/// The body of an answer. A delivery's fate hangs on the status alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// It is longer than 64 KiB, and was not read to its end.
    TooLarge,
    /// It broke off.
    Broken,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Not within the target's `timeout`.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl SendError {
    /// Whether the target took too long.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// Why a target cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// One of its secrets cannot be read.
    #[error("target `{target}`: {source}")]
    Secret {
        /// The target.
        target: Name,
        /// Why.
        source: SecretError,
    },
    /// A secret cannot be the value of a header.
    #[error("target `{target}`: the secret for the header {header} has bytes no header may have")]
    Header {
        /// The target.
        target: Name,
        /// The header.
        header: HeaderName,
    },
    /// Its authorities cannot be loaded.
    #[error("target `{target}`: cannot use the certificates in `{path}`: {why}")]
    Authorities {
        /// The target.
        target: Name,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system trusts nobody, as in an image without certificates.
    #[error(
        "target `{target}`: this system has no certificate authorities; install `ca-certificates` or name a file in the target's `ca`"
    )]
    NoAuthorities {
        /// The target.
        target: Name,
    },
}

/// What carries a parcel to a target; a trait, so that schedules are tested without sockets.
#[async_trait]
pub trait Carry: Send + Sync + std::fmt::Debug {
    /// Sends it, as the `attempt`th try.
    ///
    /// # Errors
    /// Where no answer came.
    async fn carry(&self, parcel: &Parcel, attempt: u32) -> Result<Answer, SendError>;
}

/// The client of one target. Connections are its own: another target's trust is never reused.
pub struct Sender {
    target: Name,
    url: Uri,
    timeout: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
    resign: Option<hmac::Key>,
    client: Client<Dialer, Full<Bytes>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// A client for `target`; its secrets and certificates are read now.
    ///
    /// # Errors
    /// Where one of them cannot be used.
    pub fn new(target: &Target, resolve: Arc<dyn Resolve>) -> Result<Self, BuildError> {
        let secret = |source| BuildError::Secret {
            target: target.name.clone(),
            source,
        };
        let mut headers = Vec::with_capacity(target.headers.len());
        for (name, value) in &target.headers {
            let value = value.read().map_err(secret)?;
            let Ok(mut value) = HeaderValue::from_bytes(value.expose()) else {
                return Err(BuildError::Header {
                    target: target.name.clone(),
                    header: name.clone(),
                });
            };
            value.set_sensitive(true);
            headers.push((name.clone(), value));
        }
        let resign = match &target.resign {
            None => None,
            Some(source) => {
                let key = source.read().map_err(secret)?;
                Some(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
            }
        };
        let https = target.url.scheme_str() == Some("https");
        let dialer = Dialer {
            guard: Arc::new(Guard::new(
                &target.allow,
                target.url.host().unwrap_or_default(),
            )),
            resolve,
            tls: if https {
                Some(connector(target)?)
            } else {
                None
            },
            timeout: target.timeout,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(target.concurrency.max(KEPT))
            .retry_canceled_requests(true)
            .build(dialer);
        Ok(Self {
            target: target.name.clone(),
            url: target.url.clone(),
            timeout: target.timeout,
            headers,
            resign,
            client,
        })
    }

    /// The target's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.target
    }

    fn request(&self, parcel: &Parcel, attempt: u32) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(parcel.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.reserve(parcel.headers.len() + self.headers.len() + 4);
        for header in parcel.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&header.value)) {
                headers.append(name, value);
            }
        }
        if let Some(key) = &self.resign {
            let tag = hmac::sign(key, &parcel.body);
            let mut text = String::with_capacity(71);
            text.push_str("sha256=");
            for byte in tag.as_ref() {
                text.extend(
                    [byte >> 4, byte & 15]
                        .map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or_default()),
                );
            }
            headers.remove("x-hub-signature");
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert("x-hub-signature-256", value);
            }
        }
        if let Ok(id) = HeaderValue::from_str(&parcel.request.to_string()) {
            headers.insert("x-request-id", id);
        }
        headers.insert("x-hubgate-attempt", HeaderValue::from(attempt));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        request
    }

    async fn exchange(&self, parcel: &Parcel, attempt: u32) -> Result<Answer, SendError> {
        let answer = self
            .client
            .request(self.request(parcel, attempt))
            .await
            .map_err(cause)?;
        let address = answer
            .extensions()
            .get::<Dialled>()
            .map(|Dialled(address)| *address);
        let (head, body) = answer.into_parts();
        // An answer that is too long or breaks off has still said what matters: its status.
        let body = match Limited::new(body, MOST_ANSWER).collect().await {
            Ok(body) => Body::Whole(body.to_bytes()),
            Err(fault) if fault.is::<LengthLimitError>() => Body::TooLarge,
            Err(_) => Body::Broken,
        };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            address,
        })
    }
}

#[async_trait]
impl Carry for Sender {
    async fn carry(&self, parcel: &Parcel, attempt: u32) -> Result<Answer, SendError> {
        match tokio::time::timeout(self.timeout, self.exchange(parcel, attempt)).await {
            Ok(ended) => ended,
            Err(_) => Err(SendError::Timeout(self.timeout)),
        }
    }
}

/// The client wraps our own errors; what an operator needs is the innermost.
fn cause(fault: hyper_util::client::legacy::Error) -> SendError {
    let mut text = fault.to_string();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(&fault);
    while let Some(inner) = source {
        if let Some(dial) = inner.downcast_ref::<DialError>() {
            return SendError::Dial(dial.again());
        }
        text = inner.to_string();
        source = inner.source();
    }
    SendError::Broken(text)
}

fn connector(target: &Target) -> Result<TlsConnector, BuildError> {
    let mut roots = rustls::RootCertStore::empty();
    match &target.ca {
        Some(path) => {
            let unusable = |why: String| BuildError::Authorities {
                target: target.name.clone(),
                path: path.clone(),
                why,
            };
            let found =
                CertificateDer::pem_file_iter(path).map_err(|fault| unusable(fault.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|fault| unusable(fault.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|fault| unusable(fault.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("there is none in it".to_owned()));
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            let (added, ignored) = roots.add_parsable_certificates(native.certs);
            tracing::debug!(added, ignored, "the system's certificate authorities");
            if roots.is_empty() {
                return Err(BuildError::NoAuthorities {
                    target: target.name.clone(),
                });
            }
        }
    }
    let mut tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(tls)))
}
