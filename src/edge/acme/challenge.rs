//! What authorities are answered while they look whether a name leads here. Asking takes no lock.

use crate::types::Host;
use arc_swap::ArcSwap;
use bytes::Bytes;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use std::collections::HashMap;
use std::sync::Arc;

/// The protocol by which an authority asks for a challenge's certificate (RFC 8737 section 3).
pub(in crate::edge) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The challenges that wait for an answer, of all orders.
#[derive(Debug, Default)]
pub struct Challenges(ArcSwap<Table>);

#[derive(Debug, Default, Clone)]
struct Table {
    /// By host, then token. Hosts are few, and each has one at a time.
    http: HashMap<Box<str>, (Box<str>, Bytes)>,
    tls: HashMap<Box<str>, Arc<CertifiedKey>>,
}

/// A challenge that is answered for as long as this lives.
#[derive(Debug)]
pub(super) struct Answered {
    challenges: Arc<Challenges>,
    host: Box<str>,
    what: What,
}

#[derive(Debug)]
enum What {
    Http(Box<str>),
    Tls(Arc<CertifiedKey>),
}

impl Challenges {
    /// The answer to a request for a token, where there is one.
    pub(in crate::edge) fn http(&self, host: &Host, token: &str) -> Option<Bytes> {
        let table = self.0.load();
        let (known, answer) = table.http.get(host.as_str())?;
        (**known == *token).then(|| answer.clone())
    }

    /// The certificate for a handshake by [`PROTOCOL`], where there is one.
    pub(in crate::edge) fn tls(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let table = self.0.load();
        table.tls.get(&*name.to_ascii_lowercase()).cloned()
    }

    /// Whether such a handshake may come now, from wherever.
    pub(in crate::edge) fn expects_handshakes(&self) -> bool {
        !self.0.load().tls.is_empty()
    }

    /// Answers `http-01` for a host.
    pub(super) fn answer_http(self: &Arc<Self>, host: &str, token: &str, answer: &str) -> Answered {
        let answer = Bytes::copy_from_slice(answer.as_bytes());
        self.change(|table| {
            table
                .http
                .insert(host.into(), (token.into(), answer.clone()));
        });
        self.answered(host, What::Http(token.into()))
    }

    /// Answers `tls-alpn-01` for a host: with a certificate that holds the digest.
    pub(super) fn answer_tls(
        self: &Arc<Self>,
        host: &str,
        digest: &[u8],
    ) -> Result<Answered, rcgen::Error> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut asked = rcgen::CertificateParams::new(vec![host.to_owned()])?;
        asked.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
        let made = asked.self_signed(&key)?;
        let Ok(private) = PrivateKeyDer::try_from(key.serialize_der()) else {
            return Err(rcgen::Error::CouldNotParseKeyPair);
        };
        let provider = aws_lc_rs::default_provider();
        let signing = provider.key_provider.load_private_key(private);
        let Ok(signing) = signing else {
            return Err(rcgen::Error::CouldNotParseKeyPair);
        };
        let pair = Arc::new(CertifiedKey::new(vec![made.der().clone()], signing));
        self.change(|table| {
            table.tls.insert(host.into(), Arc::clone(&pair));
        });
        Ok(self.answered(host, What::Tls(pair)))
    }

    fn answered(self: &Arc<Self>, host: &str, what: What) -> Answered {
        Answered {
            challenges: Arc::clone(self),
            host: host.into(),
            what,
        }
    }

    fn change(&self, change: impl Fn(&mut Table)) {
        self.0.rcu(|table| {
            let mut table = Table::clone(table);
            change(&mut table);
            table
        });
    }
}

impl Drop for Answered {
    /// Another order for the same host may have begun: what is its own stays.
    fn drop(&mut self) {
        self.challenges.change(|table| match &self.what {
            What::Http(token) => {
                if table
                    .http
                    .get(&self.host)
                    .is_some_and(|(known, _)| known == token)
                {
                    table.http.remove(&self.host);
                }
            }
            What::Tls(pair) => {
                if table
                    .tls
                    .get(&self.host)
                    .is_some_and(|known| Arc::ptr_eq(known, pair))
                {
                    table.tls.remove(&self.host);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]

    use super::*;

    #[test]
    fn a_token_is_answered_for_its_host_and_while_its_order_lasts() {
        let challenges = Arc::<Challenges>::default();
        let host = |name: &str| -> Host { name.parse().unwrap() };
        let answered = challenges.answer_http("a.example.com", "token", "token.thumb");
        let asked = |name: &str, token: &str| challenges.http(&host(name), token);
        assert_eq!(asked("A.example.com", "token").unwrap(), "token.thumb");
        for (name, token) in [
            ("b.example.com", "token"),
            ("a.example.com", "toke"),
            ("a.example.com", ""),
        ] {
            assert_eq!(asked(name, token), None, "{name} {token}");
        }
        // A later order's answer outlasts the end of an earlier one.
        let later = challenges.answer_http("a.example.com", "other", "other.thumb");
        drop(answered);
        assert_eq!(asked("a.example.com", "token"), None);
        assert_eq!(asked("a.example.com", "other").unwrap(), "other.thumb");
        drop(later);
        assert_eq!(asked("a.example.com", "other"), None);
    }

    #[test]
    fn a_handshake_is_expected_for_its_host_and_while_its_order_lasts() {
        let challenges = Arc::<Challenges>::default();
        assert!(!challenges.expects_handshakes());
        let answered = challenges.answer_tls("a.example.com", &[7; 32]).unwrap();
        assert!(challenges.expects_handshakes());
        let leaf = challenges.tls("A.Example.com").unwrap().cert[0].clone();
        let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 1);
        // RFC 8737 section 3: critical, and an octet string of the digest.
        let oid = x509_parser::oid_registry::asn1_rs::oid!(1.3.6.1.5.5.7.1.31);
        let proof = parsed.get_extension_unique(&oid).unwrap().unwrap();
        assert!(proof.critical);
        assert_eq!(proof.value, [&[4, 32][..], &[7; 32]].concat());
        assert!(challenges.tls("b.example.com").is_none());
        drop(answered);
        assert!(!challenges.expects_handshakes());
        assert!(challenges.tls("a.example.com").is_none());
    }
}
