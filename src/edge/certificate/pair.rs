//! One chain and its key: read and checked, or made. What is wrong is said with the file and the
//! way to mend it.

use super::{Authority, Certificate, HostPattern, Origin, issued};
use crate::types::{Secret, SecretError, SecretSource, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// How long a certificate made at start is good for.
const SELF_SIGNED_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// How far a client's clock may be behind ours for it to take such a certificate.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// A `[[certificate]]` that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("certificate for {hosts}: {problem}")]
pub struct Fault {
    /// Which entry, from 0, in the order of the configuration.
    pub entry: usize,
    /// Its hosts, for people.
    pub hosts: String,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("cannot read the chain `{}`: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}` holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)", path.display())]
    NoCertificate { path: PathBuf },
    #[error("`{}` is not a PEM chain: {what}", path.display())]
    NotPem { path: PathBuf, what: String },
    #[error(transparent)]
    Key(#[from] SecretError),
    #[error("the key {key} is not an unencrypted PEM private key; convert it with `openssl pkey`")]
    NotAKey { key: String },
    #[error(
        "the key {key} does not belong to the first certificate of `{}`; put the leaf first, \
         and give the key that it was issued for", chain.display()
    )]
    Mismatch { key: String, chain: PathBuf },
    #[error("`{}` cannot be served: {what}", path.display())]
    Unfit { path: PathBuf, what: String },
    #[error(
        "`{}` is not valid for `{host}`, only for {names}; no client would accept it: correct \
         `hosts`, or have it issued for that name", path.display()
    )]
    WrongHost {
        path: PathBuf,
        host: HostPattern,
        names: String,
    },
    #[error("cannot make a certificate: {0}")]
    Unmade(#[from] rcgen::Error),
    #[error("the certificate that was made cannot be served")]
    Unusable,
    #[error("what was issued cannot be served: {0}")]
    Issued(String),
    #[error("`{host}` is claimed by another [[certificate]] already; name it in one only")]
    Claimed { host: HostPattern },
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Particulars {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) serial: String,
    pub(super) issuer: String,
}

/// A chain and its key, ready to be served.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) particulars: Particulars,
    /// The certificate in PEM, where it was made here and others are to trust it.
    pub(super) pem: Option<String>,
    /// Whether it only stands in until an authority has issued one.
    pub(super) stands_in: bool,
}

/// Reads or makes what `certificate` asks for.
pub(super) fn obtain(certificate: &Certificate, now: Timestamp) -> Result<Pair, Problem> {
    match &certificate.origin {
        Origin::Files { chain, key } => read(chain, key, &certificate.hosts),
        Origin::SelfSigned => make(&certificate.hosts, now),
        Origin::Acme(authority) => match kept(authority, &certificate.hosts) {
            Some(pair) => Ok(pair),
            None => Ok(Pair {
                pem: None,
                stands_in: true,
                ..make(&certificate.hosts, now)?
            }),
        },
    }
}

/// What was issued before a restart. What cannot be read is asked for anew.
fn kept(authority: &Authority, hosts: &[HostPattern]) -> Option<Pair> {
    let path = authority.certificate_file(hosts);
    let read = issued::read(&path).map_err(|fault| fault.to_string());
    let pair = read.and_then(|found| {
        let pair = found.map(|bytes| issued(&bytes, hosts));
        pair.transpose().map_err(|problem| problem.to_string())
    });
    pair.unwrap_or_else(|why| {
        tracing::error!("{why} (`{}`); another is asked for", path.display());
        None
    })
}

/// Key and chain as an authority issued them, or why they cannot be served.
pub(super) fn issued(bytes: &Secret, hosts: &[HostPattern]) -> Result<Pair, Problem> {
    let wrong = |what: &str| Problem::Issued(what.to_owned());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(bytes.expose())
        .collect::<Result<_, _>>()
        .map_err(|failure| wrong(&format!("the chain is not PEM: {failure}")))?;
    let leaf = chain.first().cloned();
    let leaf = leaf.ok_or_else(|| wrong("there is no certificate in it"))?;
    let pair = certify(chain, bytes).map_err(|failure| match failure {
        Unfit::Key => wrong("the key cannot be used"),
        Unfit::Mismatch => wrong("the certificate is for another key"),
        Unfit::Chain(what) => wrong(&what),
    })?;
    covers(&leaf, hosts).map_err(|host| {
        let names = names(&leaf);
        wrong(&format!("it is not valid for `{host}`, only for {names}"))
    })?;
    Ok(pair)
}

/// When the first certificate among these ends; none where there is none.
pub(super) fn ends(bytes: &Secret) -> Option<Timestamp> {
    let leaf = CertificateDer::pem_slice_iter(bytes.expose()).next()?;
    let particulars = particulars(&leaf.ok()?).ok()?;
    Some(particulars.not_after)
}

/// Whether a pair is good for these hosts, and now.
pub(super) fn is_good_for(pair: &Pair, hosts: &[HostPattern], now: Timestamp) -> bool {
    let leaf = pair.key.cert.first();
    pair.particulars.not_after > now && leaf.is_some_and(|leaf| covers(leaf, hosts).is_ok())
}

fn read(chain: &Path, key: &SecretSource, hosts: &[HostPattern]) -> Result<Pair, Problem> {
    let path = || chain.to_owned();
    let text = std::fs::read(chain).map_err(|source| Problem::Unreadable {
        path: path(),
        source,
    })?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|failure| Problem::NotPem {
            path: path(),
            what: failure.to_string(),
        })?;
    let Some(leaf) = certificates.first().cloned() else {
        return Err(Problem::NoCertificate { path: path() });
    };
    let secret = key.read()?;
    let key_name = key.path().map_or_else(
        || "given in the configuration".to_owned(),
        |path| format!("`{}`", path.display()),
    );
    let pair = certify(certificates, &secret).map_err(|failure| match failure {
        Unfit::Key => Problem::NotAKey {
            key: key_name.clone(),
        },
        Unfit::Mismatch => Problem::Mismatch {
            key: key_name.clone(),
            chain: path(),
        },
        Unfit::Chain(what) => Problem::Unfit { path: path(), what },
    })?;
    covers(&leaf, hosts).map_err(|host| Problem::WrongHost {
        path: path(),
        host,
        names: names(&leaf),
    })?;
    Ok(pair)
}

enum Unfit {
    Key,
    Mismatch,
    Chain(String),
}

fn certify(chain: Vec<CertificateDer<'static>>, key: &Secret) -> Result<Pair, Unfit> {
    let particulars = chain
        .first()
        .ok_or_else(|| Unfit::Chain("it is empty".to_owned()))
        .and_then(|leaf| particulars(leaf))?;
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.expose()) else {
        return Err(Unfit::Key);
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is left of rustls's errors here says that it cannot use the key"
    )]
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|failure| match failure {
        rustls::Error::InconsistentKeys(_) => Unfit::Mismatch,
        rustls::Error::InvalidCertificate(_) => Unfit::Chain(failure.to_string()),
        _ => Unfit::Key,
    })?;
    Ok(Pair {
        key: Arc::new(key),
        particulars,
        pem: None,
        stands_in: false,
    })
}

fn particulars(leaf: &CertificateDer<'_>) -> Result<Particulars, Unfit> {
    let (_, parsed) = X509Certificate::from_der(leaf)
        .map_err(|failure| Unfit::Chain(format!("its first certificate is broken: {failure}")))?;
    let moment = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_millis(time.timestamp().saturating_mul(1000))
    };
    let validity = parsed.validity();
    Ok(Particulars {
        not_before: moment(validity.not_before),
        not_after: moment(validity.not_after),
        serial: parsed.raw_serial_as_string(),
        issuer: parsed.issuer().to_string(),
    })
}

/// Whether the leaf is valid for every host; else the first that it is not.
fn covers(leaf: &CertificateDer<'_>, hosts: &[HostPattern]) -> Result<(), HostPattern> {
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(leaf) else {
        return hosts.first().cloned().map_or(Ok(()), Err);
    };
    let covered = |host: &HostPattern| {
        // A wildcard stands for one label: any will do to ask.
        let name = if host.wildcard {
            format!("any.{}", host.name)
        } else {
            host.name.to_string()
        };
        ServerName::try_from(name)
            .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
    };
    match hosts.iter().find(|host| !covered(host)) {
        Some(host) => Err(host.clone()),
        None => Ok(()),
    }
}

/// The names that a leaf is valid for, for people.
fn names(leaf: &CertificateDer<'_>) -> String {
    let names: Vec<String> = X509Certificate::from_der(leaf)
        .ok()
        .and_then(|(_, parsed)| {
            let names = parsed.subject_alternative_name().ok()??;
            Some(
                names
                    .value
                    .general_names
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            )
        })
        .unwrap_or_default();
    if names.is_empty() {
        "no name at all (it has no subject alternative names)".to_owned()
    } else {
        names.join(", ")
    }
}

fn make(hosts: &[HostPattern], now: Timestamp) -> Result<Pair, Problem> {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut asked = rcgen::CertificateParams::new(names)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |moment: Timestamp| moment.since(Timestamp::default());
    asked.not_before = epoch + since(now.before(CLOCK_SKEW));
    asked.not_after = epoch + since(now.after(SELF_SIGNED_FOR));
    asked
        .distinguished_name
        .push(rcgen::DnType::CommonName, "hubgate self-signed, for trials");
    let made = asked.self_signed(&key)?;
    let secret = Secret::new(key.serialize_pem().into_bytes());
    let Ok(pair) = certify(vec![made.der().clone()], &secret) else {
        return Err(Problem::Unusable);
    };
    Ok(Pair {
        pem: Some(made.pem()),
        ..pair
    })
}
