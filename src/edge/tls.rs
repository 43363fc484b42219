//! The TLS that we speak: versions, protocols, resumption, and which certificate for which name.

use super::Clients;
use super::acme::{CHALLENGE_PROTOCOL, Challenges};
use super::certificate::Store;
use super::read_ahead::ReadAhead;
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, version};
use rustls_pki_types::CertificateDer;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use x509_parser::extensions::GeneralName;

/// Sessions kept for TLS 1.2 clients that resume by id, as few still do; tickets keep nothing
/// here.
const SESSIONS: usize = 1_024;

/// Names of one client certificate that are looked at.
const MOST_NAMES: usize = 64;

/// A fatal alert of this kind, in a record of its own (RFC 8446 section 6.2).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The same, where there is no protocol in common (RFC 7301 section 3.2).
const NO_APPLICATION_PROTOCOL: [u8; 7] = [21, 3, 3, 0, 2, 2, 120];

/// The TLS of all doors.
#[derive(Debug)]
pub struct Tls {
    store: Arc<Store>,
    challenges: Arc<Challenges>,
    clients: Option<Clients>,
    configs: ArcSwap<Configs>,
}

#[derive(Debug)]
struct Configs {
    /// The store's generation that they were made for.
    generation: u64,
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Something that the library needs is not there.
    #[error("cannot set up TLS: {0}")]
    Library(#[from] rustls::Error),
    /// The certificates of `client_ca` are no authorities.
    #[error("cannot use the authorities of `client_ca`: {0}")]
    Clients(String),
}

impl Tls {
    /// TLS with the certificates of `store`, asking for those of `clients`. Authorities are
    /// answered by `challenges`.
    ///
    /// # Errors
    /// Where the cryptographic library has no randomness for ticket keys, or the authorities of
    /// clients cannot be used.
    pub fn new(
        store: Arc<Store>,
        clients: Option<Clients>,
        challenges: Arc<Challenges>,
    ) -> Result<Arc<Self>, TlsError> {
        let configs = ArcSwap::from_pointee(Configs::new(&store, clients.as_ref())?);
        Ok(Arc::new(Self {
            store,
            challenges,
            clients,
            configs,
        }))
    }

    /// The configuration of this moment. One that was made for other certificates is made anew, so that
    /// a ticket never outlives the certificate under which it was given.
    fn config(&self, h2: bool) -> Arc<ServerConfig> {
        let mut configs = self.configs.load_full();
        if configs.generation != self.store.generation() {
            match Configs::new(&self.store, self.clients.as_ref()) {
                Ok(new) => {
                    configs = Arc::new(new);
                    self.configs.store(Arc::clone(&configs));
                }
                Err(failure) => tracing::error!("{failure}; the one before stays in use"),
            }
        }
        Arc::clone(if h2 { &configs.http2 } else { &configs.http1 })
    }

    /// The server's part of a handshake. A client that asks for a name without a certificate, or
    /// for none, is told `unrecognized_name`: no certificate is shown to who does not know its
    /// name. An authority that looks whether a name leads here is shown a certificate made for it,
    /// and there is nothing more to be had on its connection. For a stranger there is nothing else.
    pub(super) async fn accept(
        &self,
        io: ReadAhead,
        h2: bool,
        stranger: bool,
    ) -> Result<Option<Box<TlsStream<ReadAhead>>>, Failed> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), io);
        let mut start = hello.await.map_err(|failure| Failed::from(&failure))?;
        let protocols = start.client_hello().alpn();
        if protocols.is_some_and(|mut offered| offered.any(|name| name == CHALLENGE_PROTOCOL)) {
            return self.prove(start).await.map(|()| None);
        }
        if stranger {
            return Err(Failed::Stranger);
        }
        let known = start
            .client_hello()
            .server_name()
            .is_some_and(|name| self.store.find(name).is_some());
        if !known {
            tell(&mut start.io, &UNRECOGNIZED_NAME).await;
            return Err(Failed::UnknownName);
        }
        match start.into_stream(self.config(h2)).await {
            Ok(stream) => Ok(Some(Box::new(stream))),
            Err(failure) => Err(Failed::from(&failure)),
        }
    }

    /// Shows the certificate of a challenge, where one waits for the name.
    async fn prove(&self, mut start: StartHandshake<ReadAhead>) -> Result<(), Failed> {
        let hello = start.client_hello();
        let name = hello.server_name();
        let Some(pair) = name.and_then(|name| self.challenges.tls(name)) else {
            tell(&mut start.io, &NO_APPLICATION_PROTOCOL).await;
            return Err(Failed::UnknownChallenge);
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12]);
        let Ok(builder) = builder else {
            return Err(Failed::Other);
        };
        let shown = Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&pair)));
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown);
        config.alpn_protocols = vec![CHALLENGE_PROTOCOL.to_vec()];
        let stream = start.into_stream(Arc::new(config)).await;
        let mut stream = stream.map_err(|failure| Failed::from(&failure))?;
        if let Err(failure) = stream.shutdown().await {
            tracing::debug!("the authority closed first: {failure}");
        }
        Ok(())
    }
}

/// A last word in clear, to one with whom nothing is agreed.
async fn tell(io: &mut ReadAhead, alert: &[u8]) {
    let told = async {
        io.write_all(alert).await?;
        io.shutdown().await
    };
    if let Err(failure) = told.await {
        tracing::debug!("the client went before it was told: {failure}");
    }
}

impl Configs {
    fn new(store: &Arc<Store>, clients: Option<&Clients>) -> Result<Self, TlsError> {
        let generation = store.generation();
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_client_cert_verifier(verifier(clients)?)
            .with_cert_resolver(Arc::clone(store) as _);
        config.ignore_client_order = true;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut http2 = config.clone();
        http2.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            generation,
            http1: Arc::new(config),
            http2: Arc::new(http2),
        })
    }
}

/// What is offered, the first of it that the client knows too: AES with 128 bits before 256, which
/// cost more, and last what is for machines without AES of their own.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// Who judges clients' certificates.
fn verifier(clients: Option<&Clients>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(clients) = clients else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let wrong = |why: String| TlsError::Clients(why);
    let mut roots = RootCertStore::empty();
    for authority in &clients.authorities {
        let added = roots.add(authority.clone());
        added.map_err(|why| wrong(why.to_string()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if clients.required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map_err(|why| wrong(why.to_string()))
}

/// The URI and DNS names of a client's certificate, whose chain was verified in the handshake.
pub(super) fn names(certificates: Option<&[CertificateDer<'static>]>) -> Box<[Box<str>]> {
    let Some(leaf) = certificates.and_then(<[_]>::first) else {
        return Box::default();
    };
    let Ok((_, leaf)) = x509_parser::parse_x509_certificate(leaf) else {
        return Box::default();
    };
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Box::default();
    };
    let each = names.value.general_names.iter();
    let mut found = Vec::new();
    for name in each.take(MOST_NAMES) {
        if let GeneralName::URI(text) = name {
            found.push(Box::from(*text));
        } else if let GeneralName::DNSName(text) = name {
            found.push(text.to_ascii_lowercase().into_boxed_str());
        }
    }
    found.into_boxed_slice()
}

/// Why a handshake failed, as metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    UnknownName,
    /// An authority asked for a challenge that does not wait for it.
    UnknownChallenge,
    /// It was let in for such a challenge, and wanted something else.
    Stranger,
    /// The client went away.
    Closed,
    /// What came is not TLS.
    NotTls,
    /// No version, cipher or protocol in common.
    NothingInCommon,
    /// The client refused: often it does not trust the certificate.
    RefusedByClient,
    Other,
}

impl Failed {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::UnknownName => "unknown_server_name",
            Self::UnknownChallenge => "unknown_challenge",
            Self::Stranger => "source_not_allowed",
            Self::Closed => "closed",
            Self::NotTls => "not_tls",
            Self::NothingInCommon => "nothing_in_common",
            Self::RefusedByClient => "refused_by_client",
            Self::Other => "other",
        }
    }

    fn from(failure: &io::Error) -> Self {
        let Some(cause) = failure
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        else {
            return Self::Closed;
        };
        tracing::debug!("TLS handshake failed: {cause}");
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "rustls may add errors, and they count as others"
        )]
        match cause {
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => {
                Self::NothingInCommon
            }
            rustls::Error::AlertReceived(_) => Self::RefusedByClient,
            _ => Self::Other,
        }
    }
}
