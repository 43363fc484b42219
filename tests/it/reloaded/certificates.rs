//! `[[certificate]]` of files, and one that is made here.

use super::{Group, Running, rows, see};
use crate::acme::trusting;
use crate::harness::{HOST, SECRET, Site, private};
use crate::world::Authority;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

rows! {
    Certificates:
    "certificate.hosts" => hosts,
    "certificate.chain" => chain,
    "certificate.key" => key,
    "certificate.self_signed" => self_signed,
}

const OTHER: &str = "other.example.test";

/// A gateway with a certificate for one of two names.
pub struct Certificates {
    running: Running,
    authority: Authority,
}

impl Group for Certificates {
    fn running(&self) -> &Running {
        &self.running
    }
}

impl Certificates {
    async fn open() -> Self {
        let (site, authority) = (Site::new(), Authority::new("Both names"));
        site.configure(&format!(
            r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:{SECRET}"]
[[webhook.to]]
name = "tool"
url = "http://127.0.0.1:9/in"
"#
        ));
        let key = KeyPair::generate().unwrap();
        let fresh = KeyPair::generate().unwrap();
        // Two certificates of one key, and one of another.
        for (file, key) in [("chain", &key), ("renewed", &key), ("fresh", &fresh)] {
            let names = [HOST.to_owned(), OTHER.to_owned()];
            let asked = CertificateParams::new(names).unwrap();
            let made = authority.sign(asked, key);
            std::fs::write(site.path(&format!("{file}.pem")), made).unwrap();
        }
        for (file, key) in [("key.pem", &key), ("fresh.key", &fresh)] {
            std::fs::write(site.path(file), key.serialize_pem()).unwrap();
            private(&site.path(file));
        }
        let running = Running::start(site).await;
        Self { running, authority }
    }

    /// The certificate that a client is shown who asks for this name and trusts the authority; none
    /// where it is not content.
    async fn shown(&self, name: &'static str) -> Option<Vec<u8>> {
        let tls = TlsConnector::from(trusting(&self.authority.pem(), &[]));
        let plain = TcpStream::connect(self.running.gate.address).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let stream = tls.connect(name, plain).await.ok()?;
        let (_, session) = stream.get_ref();
        Some(session.peer_certificates()?.first()?.to_vec())
    }

    /// The certificate in this file.
    fn file(&self, name: &str) -> Vec<u8> {
        use rustls_pki_types::pem::PemObject as _;
        let path = self.running.site.path(name);
        let read = rustls_pki_types::CertificateDer::from_pem_file(path);
        read.unwrap().to_vec()
    }
}

async fn hosts(certificates: &Certificates) {
    let shown = certificates.file("chain.pem");
    assert_eq!(certificates.shown(HOST).await.as_ref(), Some(&shown));
    assert_eq!(certificates.shown(OTHER).await, None);
    let (one, both) = (
        format!("[\"{HOST}\"]"),
        format!("[\"{HOST}\", \"{OTHER}\"]"),
    );
    certificates.running.change(&[(&one, &both)]);
    assert_eq!(certificates.shown(OTHER).await, Some(shown));
}

async fn chain(certificates: &Certificates) {
    let (old, new) = (
        certificates.file("chain.pem"),
        certificates.file("renewed.pem"),
    );
    assert_eq!(certificates.shown(HOST).await, Some(old));
    certificates.running.change(&[("chain.pem", "renewed.pem")]);
    assert_eq!(certificates.shown(HOST).await, Some(new));
}

async fn key(certificates: &Certificates) {
    let fresh = certificates.file("fresh.pem");
    let chain = ("chain.pem", "fresh.pem");
    // A certificate of another key than the one that is named.
    let out = certificates
        .running
        .reload(&certificates.running.with(&[chain]));
    assert_eq!(out.status.code(), Some(1));
    assert_ne!(certificates.shown(HOST).await.as_ref(), Some(&fresh));
    certificates
        .running
        .change(&[chain, ("key.pem", "fresh.key")]);
    // The handshake is signed with the key.
    assert_eq!(certificates.shown(HOST).await, Some(fresh));
}

async fn self_signed(certificates: &Certificates) {
    assert!(certificates.shown(HOST).await.is_some());
    let text = certificates.running.with(&[]);
    let (before, after) = text.split_once("chain = ").unwrap();
    let (_, after) = after.split_once("[[source]]").unwrap();
    let own = format!("{before}self_signed = true\n[[source]]{after}");
    assert!(certificates.running.reload(&own).status.success());
    // No authority has signed it.
    assert_eq!(certificates.shown(HOST).await, None);
    let said = certificates.running.shown(&["cert"]);
    assert_eq!(said[0]["origin"], "self_signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_certificate_is_said_to_be_takes_effect() {
    see(&Certificates::open().await, ROWS).await;
}
