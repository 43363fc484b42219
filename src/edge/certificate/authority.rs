//! An authority that issues certificates by itself, as `acme` names it.

use super::HostPattern;
use crate::types::{Secret, SecretSource};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::CertificateDer;
use std::path::PathBuf;
use url::Url;

/// `acme = { … }` of a `[[certificate]]`.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its directory (RFC 8555 section 7.1.1).
    pub directory: Url,
    /// Whom it may write to: an e-mail address.
    pub contact: String,
    /// Who vouches for the directory's own certificate; none: the system's authorities.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// What binds our account there to one that it knows already.
    pub binding: Option<Binding>,
    /// Where accounts, certificates and keys are kept.
    pub place: PathBuf,
}

/// `eab = { … }`: external account binding (RFC 8555 section 7.3.4).
#[derive(Debug, Clone)]
pub struct Binding {
    /// The key's name at the authority.
    pub kid: String,
    /// The key, in base64url.
    pub key: SecretSource,
}

impl Binding {
    /// The key's bytes, of its text in base64url.
    ///
    /// # Errors
    /// Where it is not that. The text is not repeated.
    pub fn decoded(text: &Secret) -> Result<Secret, String> {
        let text = text.expose().trim_ascii();
        let text = text
            .strip_suffix(b"==")
            .or_else(|| text.strip_suffix(b"="))
            .unwrap_or(text);
        match BASE64_URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(Secret::new(bytes)),
            Ok(_) | Err(_) => Err(
                "the key of `eab` is not base64url; give it as the authority \
                                   shows it"
                    .to_owned(),
            ),
        }
    }
}

impl Authority {
    /// Whether two are one in all that matters to an order.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let binding = match (&self.binding, &other.binding) {
            (None, None) => true,
            (Some(one), Some(other)) => one.kid == other.kid && is_same(&one.key, &other.key),
            (Some(_), None) | (None, Some(_)) => false,
        };
        binding
            && self.directory == other.directory
            && self.contact == other.contact
            && self.roots == other.roots
            && self.place == other.place
    }

    /// Where our account is kept. Another contact or binding is another account.
    #[must_use]
    pub fn account_file(&self) -> PathBuf {
        let kid = self.binding.as_ref().map_or("", |binding| &binding.kid);
        let name = short_digest(&[self.directory.as_str(), &self.contact, kid]);
        self.place.join(format!("account-{name}.json"))
    }

    /// Where the certificate for these hosts is kept, with its key.
    #[must_use]
    pub fn certificate_file(&self, hosts: &[HostPattern]) -> PathBuf {
        let mut names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        let mut parts = vec![self.directory.as_str()];
        parts.extend(names.iter().map(String::as_str));
        let name = short_digest(&parts);
        let first: String = names
            .first()
            .map_or("", |name| name)
            .chars()
            .take(64)
            .collect();
        self.place.join(format!("{first}-{name}.pem"))
    }
}

fn is_same(one: &SecretSource, other: &SecretSource) -> bool {
    match (one, other) {
        (SecretSource::File(one), SecretSource::File(other)) => one == other,
        (SecretSource::Held(one), SecretSource::Held(other)) => one.expose() == other.expose(),
        (SecretSource::File(_), SecretSource::Held(_))
        | (SecretSource::Held(_), SecretSource::File(_)) => false,
    }
}

/// Sixteen hexadecimal digits that stand for these.
fn short_digest(parts: &[&str]) -> String {
    let text = parts.join("\n");
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
